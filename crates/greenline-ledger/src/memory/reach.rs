//! Who counts as reached: every send looked at again, each time somebody asks.

use greenline_policy::decide::{Intent, PersonFacts, Verdict};
use greenline_policy::reach::{MessagingLimit, PortfolioFacts, bound, counts, places_wanted};

use super::sends::{Send, Status};
use super::{All, Result};
use crate::types::{Ask, BusinessIx, Effect, PortfolioView, RecordedPerson};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What became of a send's message, once nobody can find its statuses any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Became {
    delivered_ms: Option<i64>,
    failed: bool,
}

impl All {
    fn portfolio_of(&self, business: BusinessIx) -> &str {
        let portfolio = self.portfolios.get(business.0 as usize);
        portfolio.map_or("", |portfolio| portfolio)
    }

    /// What became of a send's message.
    pub(super) fn became(&self, send: &Send) -> Became {
        if let Some(became) = send.became {
            return became;
        }
        let message_id = send.record.message_ids.first();
        let of_it = |status: &&Status| message_id == Some(&status.message_id);
        let about = || self.statuses.iter().filter(of_it);
        let delivered = about().filter(|status| &*status.status == "delivered");
        Became {
            delivered_ms: delivered.map(|status| status.at_ms).max(),
            failed: about().any(|status| &*status.status == "failed"),
        }
    }

    /// When a send reached those it counts for, as far as it did.
    fn reached_ms(&self, send: &Send) -> Option<i64> {
        let record = &send.record;
        let went = record.decision.verdict == Verdict::Allow || record.observed;
        if record.intent != Intent::Template || !went {
            return None;
        }
        let came_back = matches!(record.outcome.as_deref(), Some("rejected" | "not_sent"));
        let became = self.became(send);
        let sent_ms = (!came_back && !became.failed).then_some(record.at_ms);
        sent_ms.max(became.delivered_ms)
    }

    /// Everyone whom the portfolio of a business reached, and when last.
    fn who_was_reached(&self, business: BusinessIx) -> Vec<(usize, i64)> {
        let mut reached: Vec<(usize, i64)> = Vec::new();
        for send in &self.sends {
            if self.portfolio_of(send.business) != self.portfolio_of(business) {
                continue;
            }
            let Some(at_ms) = self.reached_ms(send) else {
                continue;
            };
            let people = send.record.people.iter();
            let people = people.filter(|person| counts(&person.facts(), send.record.at_ms));
            for person in people {
                let Some(person) = self.addressee(send.business, person) else {
                    continue;
                };
                // Whoever is the same person counts as one.
                let one = self.group(person).into_iter().min().unwrap_or(person);
                match reached.iter_mut().find(|(known, _)| *known == one) {
                    Some((_, last_ms)) => *last_ms = (*last_ms).max(at_ms),
                    None => reached.push((one, at_ms)),
                }
            }
        }
        reached.sort_by_key(|(_, last_ms)| *last_ms);
        reached
    }

    fn addressee(&self, business: BusinessIx, to: &RecordedPerson) -> Option<usize> {
        let known = to.person.and_then(|id| {
            let mut people = self.people.iter();
            people.position(|person| person.id == id)
        });
        known.or_else(|| self.find(business, &to.identifier.canonical().0))
    }

    /// What the platform said last of the limit of a business's portfolio.
    fn limit(&self, business: BusinessIx) -> Option<(MessagingLimit, &str, i64)> {
        let mut stands: Option<(MessagingLimit, &str, i64)> = None;
        for (of, news) in &self.news {
            let Effect::Limit {
                limit,
                origin,
                at_ms,
            } = news
            else {
                continue;
            };
            if self.portfolio_of(*of) != self.portfolio_of(business) {
                continue;
            }
            let is_stricter = |known: MessagingLimit| match (*limit, known) {
                (MessagingLimit::People(new), MessagingLimit::People(known)) => new < known,
                (MessagingLimit::People(_), MessagingLimit::Unlimited) => true,
                (MessagingLimit::Unlimited, _) => false,
            };
            let stands_over = stands.is_none_or(|(known, _, known_ms)| {
                *at_ms > known_ms || (*at_ms == known_ms && is_stricter(known))
            });
            if stands_over {
                stands = Some((*limit, origin, *at_ms));
            }
        }
        stands
    }

    /// What a decision is told of the portfolio; tells its people when they were reached.
    pub(super) fn portfolio_facts(
        &self,
        ask: &Ask,
        people: &mut [RecordedPerson],
    ) -> PortfolioFacts {
        if ask.intent != Intent::Template {
            return PortfolioFacts::default();
        }
        let limit = self.limit(ask.business).map(|(limit, ..)| limit);
        let mut reached = self.who_was_reached(ask.business);
        reached.retain(|(_, last_ms)| ask.now_ms - last_ms < DAY_MS);
        for to in &mut *people {
            let Some(person) = self.find(ask.business, &to.identifier.canonical().0) else {
                continue;
            };
            let group = self.group(person);
            let last = reached.iter().find(|(known, _)| group.contains(known));
            to.reached_at_ms = last.map(|(_, last_ms)| *last_ms);
        }
        let facts: Vec<PersonFacts<'_>> = people.iter().map(RecordedPerson::facts).collect();
        let wanted = places_wanted(&facts, ask.now_ms) as usize;
        let bound = bound(limit, ask.rules.portfolio_limit);
        let over = bound.map_or(0, |bound| {
            (reached.len() + wanted).saturating_sub(bound as usize)
        });
        let frees = reached.get(over.wrapping_sub(1));
        PortfolioFacts {
            limit,
            reached: u32::try_from(reached.len()).unwrap_or(u32::MAX),
            frees_at_ms: frees
                .filter(|_| wanted > 0)
                .map(|(_, last_ms)| last_ms + DAY_MS),
        }
    }

    pub(super) fn portfolio_view(
        &self,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<PortfolioView> {
        self.business(business)?;
        let known = self.limit(business);
        let mut reached = self.who_was_reached(business);
        reached.retain(|(_, last_ms)| now_ms - last_ms < DAY_MS);
        Ok(PortfolioView {
            limit: known.map(|(limit, ..)| limit),
            origin: known.map(|(_, origin, _)| origin.into()),
            at_ms: known.map(|(.., at_ms)| at_ms),
            reached: reached.len() as u64,
            frees_at_ms: reached.first().map(|(_, last_ms)| last_ms + DAY_MS),
        })
    }
}
