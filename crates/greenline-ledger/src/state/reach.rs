//! Who counts as reached, by portfolio: the different people to whom messages went that the business began, within any
//! 24 hours (QL-10, QL-17).
//!
//! What changes the count are a few kinds of [`Entry`]. A store logs them as they come and replays what it logged
//! when it starts, so the count after a restart is the one before it. People are kept in the order of the newest
//! message that reached them, so the count is right at every millisecond and costs nothing as time passes.

mod counted;
mod entry;

use greenline_policy::decide::Intent;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts, REACH_MS, counts_until_ms};
use smallvec::SmallVec;

use super::State;
use super::journal::Change;
use super::people::Slot;
use crate::BusinessSetup;
use crate::error::LedgerError;
use crate::types::{BusinessIx, DecisionRecord, Outcome, PortfolioView, RecordedPerson};

pub(crate) use counted::{Counted, Undo};
pub(crate) use entry::{Entry, decode, encode, latest_ms, useful_until_ms};

/// What the platform said of a portfolio's limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KnownLimit {
    /// The limit.
    pub(crate) limit: MessagingLimit,
    /// Where it was read.
    pub(crate) origin: Box<str>,
    /// When the platform said so.
    pub(crate) at_ms: i64,
}

impl KnownLimit {
    /// Whether it stands over another: newer news does, and of two of one moment the stricter.
    pub(crate) fn stands_over(&self, other: &Self) -> bool {
        self.at_ms > other.at_ms || (self.at_ms == other.at_ms && self.limit.is_below(other.limit))
    }
}

/// A portfolio: one count for all its businesses and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Portfolio {
    /// Its name in stores.
    pub(crate) key: Box<str>,
    /// Its limit.
    pub(crate) limit: Option<KnownLimit>,
    /// Whom it reached.
    pub(crate) counted: Counted,
    /// What this batch changed of that, in order; logged by its commit.
    pub(crate) added: Vec<Entry>,
    /// Within what the message at hand was judged.
    asked: Option<Bounded>,
    /// Within what this batch let messages go: the lowest bound, at the earliest moment.
    pub(crate) bounded: Option<Bounded>,
}

/// How many people may count at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounded {
    pub(crate) people: u32,
    pub(crate) now_ms: i64,
}

impl Portfolio {
    /// A batch begins.
    pub(crate) fn begin(&mut self) {
        self.added.clear();
        (self.asked, self.bounded) = (None, None);
    }

    /// The message at hand goes.
    fn lets_go(&mut self) {
        if let Some(asked) = self.asked {
            let before = self.bounded.unwrap_or(asked);
            self.bounded = Some(Bounded {
                people: before.people.min(asked.people),
                now_ms: before.now_ms.min(asked.now_ms),
            });
        }
    }
}

/// A business's portfolio in stores: by its id, or one of its own.
pub(crate) fn portfolio_key(setup: &BusinessSetup) -> Box<str> {
    if setup.portfolio.is_empty() {
        format!("business/{}", setup.id).into()
    } else {
        setup.portfolio.as_str().into()
    }
}

/// What a decision is told of a portfolio, before it is known how many places it takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    pub(crate) limit: Option<MessagingLimit>,
    pub(crate) reached: u32,
    /// When there is room for one more, for two, …; where there is none now.
    frees_at_ms: SmallVec<[Option<i64>; 2]>,
}

impl Room {
    /// What a decision is told that takes so many places.
    pub(crate) fn facts(&self, wanted: u32) -> PortfolioFacts {
        let place = usize::try_from(wanted)
            .ok()
            .and_then(|wanted| wanted.checked_sub(1));
        let frees = place.and_then(|place| self.frees_at_ms.get(place));
        PortfolioFacts {
            limit: self.limit,
            reached: self.reached,
            frees_at_ms: frees.copied().flatten(),
        }
    }
}

impl State {
    /// The place of the portfolio of this name; made if there is none.
    pub(crate) fn portfolio_at(&mut self, key: &str) -> u32 {
        let known = self.portfolios.iter().position(|one| *one.key == *key);
        let place = known.unwrap_or_else(|| {
            self.portfolios.push(Portfolio {
                key: key.into(),
                ..Portfolio::default()
            });
            self.portfolios.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// A business's portfolio.
    pub(crate) fn portfolio(&self, business: BusinessIx) -> Result<&Portfolio, LedgerError> {
        let place = self.business(business)?.portfolio;
        let portfolio = self.portfolios.get(place as usize);
        portfolio.ok_or(LedgerError::Bug("a business without a portfolio"))
    }

    /// How much room a portfolio has for up to so many people more. `own` is the bound that the business sets.
    pub(crate) fn room(
        &mut self,
        business: BusinessIx,
        own: Option<u32>,
        now_ms: i64,
        wanted_max: usize,
    ) -> Result<Room, LedgerError> {
        let place = self.business(business)?.portfolio;
        let Some(portfolio) = self.portfolios.get_mut(place as usize) else {
            return Ok(Room::default());
        };
        let limit = portfolio.limit.as_ref().map(|known| known.limit);
        let reached = portfolio.counted.count(now_ms);
        let bound = greenline_policy::reach::bound(limit, own);
        portfolio.asked = bound.map(|people| Bounded { people, now_ms });
        let Some(bound) = bound else {
            return Ok(Room {
                limit,
                reached,
                ..Room::default()
            });
        };
        let wanted_max = u32::try_from(wanted_max).unwrap_or(u32::MAX);
        let counted = &mut portfolio.counted;
        let frees = |wanted: u32| {
            let too_many = reached.saturating_add(wanted).checked_sub(bound)?;
            counted.frees_at_ms(now_ms, too_many)
        };
        Ok(Room {
            limit,
            reached,
            frees_at_ms: (1..=wanted_max).map(frees).collect(),
        })
    }

    /// When a group was last reached, if that still counts.
    pub(crate) fn reached_at_ms(
        &self,
        business: BusinessIx,
        slot: Slot,
        now_ms: i64,
    ) -> Option<i64> {
        let members = &self.group(slot).members;
        let last_ms = self.portfolio(business).ok()?.counted.last_ms(members)?;
        (now_ms < counts_until_ms(last_ms)).then_some(last_ms)
    }

    fn take_entry(&mut self, place: u32, entry: Entry) {
        let Some(portfolio) = self.portfolios.get_mut(place as usize) else {
            return;
        };
        let journal = &mut self.journal;
        let note = &mut |undo| journal.note(Change::Reach(place, undo));
        portfolio.counted.apply(entry, note);
        portfolio.added.push(entry);
    }

    /// A message that counts goes out to a group.
    pub(crate) fn reaches(
        &mut self,
        business: BusinessIx,
        slot: Slot,
        seq: u64,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let place = self.business(business)?.portfolio;
        let members = &self.group(slot).members;
        let known = self.portfolio(business)?.counted.key(members);
        if let Some(person) = known.or_else(|| members.iter().min().copied()) {
            self.take_entry(place, Entry::Sent { seq, person, at_ms });
            if let Some(portfolio) = self.portfolios.get_mut(place as usize) {
                portfolio.lets_go();
            }
        }
        Ok(())
    }

    /// A message that counts, and was forgotten, went to those whom its decision names.
    pub(crate) fn reached_late(
        &mut self,
        business: BusinessIx,
        seq: u64,
        record: &DecisionRecord,
    ) -> Result<(), LedgerError> {
        let (place, at_ms) = (self.business(business)?.portfolio, record.at_ms);
        for person in record.counted().filter_map(|to| to.person) {
            let known = self.portfolio(business)?.counted.key(&[person]);
            let person = known.unwrap_or(person);
            self.take_entry(place, Entry::Sent { seq, person, at_ms });
        }
        Ok(())
    }

    /// Two groups of a business become one.
    pub(crate) fn joins_reached(&mut self, from: Slot, into: Slot) {
        let business = self.group(into).business;
        let Ok(portfolio) = self.portfolio(business) else {
            return;
        };
        let counted = &portfolio.counted;
        let keys = (
            counted.key(&self.group(into).members),
            counted.key(&self.group(from).members),
        );
        if let ((Some(into), Some(from)), Ok(of)) = (keys, self.business(business)) {
            let place = of.portfolio;
            self.take_entry(place, Entry::Joined { into, from });
        }
    }

    /// The portfolios that know a send; one, or none.
    fn that_know(&self, seq: u64) -> Option<u32> {
        let known = self
            .portfolios
            .iter()
            .position(|one| one.counted.knows(seq));
        known.and_then(|place| u32::try_from(place).ok())
    }

    /// What an outcome says of who counts.
    pub(crate) fn reach_settled(&mut self, seq: u64, outcome: &Outcome) {
        let refused = matches!(outcome, Outcome::Rejected { .. } | Outcome::NotSent);
        let may_matter = refused || self.portfolios.iter().any(|one| one.counted.refused > 0);
        if !may_matter {
            return;
        }
        if let Some(place) = self.that_know(seq) {
            let entry = if refused {
                Entry::Refused { seq }
            } else {
                Entry::Gone { seq }
            };
            self.take_if_news(place, seq, entry);
        }
    }

    /// Takes an entry about a send, unless it says what is known.
    fn take_if_news(&mut self, place: u32, seq: u64, entry: Entry) {
        let of = |state: &Self| {
            let portfolio = state.portfolios.get(place as usize)?;
            portfolio.counted.sends.get(&seq).cloned()
        };
        let before = of(self);
        self.take_entry(place, entry);
        let is_news = of(self) != before;
        let Some(portfolio) = self.portfolios.get_mut(place as usize) else {
            return;
        };
        if !is_news {
            portfolio.added.pop();
        } else if let Entry::Delivered { seq, at_ms } = entry {
            // Whoever reads only this finds the send in it: what tells of that alone may be gone by then.
            let again = portfolio.counted.sent_long_before(seq, at_ms);
            let at = portfolio.added.len() - 1;
            portfolio.added.splice(at..at, again);
        }
    }

    /// What a status says of who counts, of a message whose send is known; whether that was one that counts.
    pub(crate) fn reach_status(&mut self, seq: u64, status: &str, at_ms: i64) -> bool {
        let entry = match status {
            "delivered" => Entry::Delivered { seq, at_ms },
            "failed" => Entry::Failed { seq },
            _ => return true,
        };
        let Some(place) = self.that_know(seq) else {
            return false;
        };
        self.take_if_news(place, seq, entry);
        true
    }

    /// What a status says of a message whose send is not known yet.
    pub(crate) fn reach_stray(
        &mut self,
        business: BusinessIx,
        hash: i64,
        status: &str,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let entry = match status {
            "delivered" => Entry::StrayDelivered { hash, at_ms },
            "failed" => Entry::StrayFailed { hash, at_ms },
            _ => return Ok(()),
        };
        let place = self.business(business)?.portfolio;
        self.take_entry(place, entry);
        Ok(())
    }

    /// A send goes by a message id: what was heard of that before counts too.
    pub(crate) fn reach_named(&mut self, seq: u64, hash: i64) {
        if let Some(place) = self.that_know(seq) {
            self.take_entry(place, Entry::Named { seq, hash });
        }
    }

    /// Whether a send is so old that it may have been forgotten here.
    pub(crate) fn reach_may_forget(&self, business: BusinessIx, sent_ms: i64) -> bool {
        let newest_ms = self.portfolio(business).map(|one| one.counted.newest_ms());
        newest_ms.is_ok_and(|newest_ms| sent_ms < newest_ms.saturating_sub(REACH_MS))
    }

    /// Takes what the platform says of a limit; whether that is news.
    pub(crate) fn learn_limit(
        &mut self,
        business: BusinessIx,
        new: KnownLimit,
    ) -> Result<bool, LedgerError> {
        let place = self.business(business)?.portfolio;
        let portfolio = self.portfolios.get_mut(place as usize);
        let portfolio = portfolio.ok_or(LedgerError::Bug("a business without a portfolio"))?;
        if portfolio
            .limit
            .as_ref()
            .is_some_and(|known| !new.stands_over(known))
        {
            return Ok(false);
        }
        let before = portfolio.limit.replace(new);
        self.journal.note(Change::Limit(place, before));
        Ok(true)
    }

    /// Replays what a log holds of a portfolio.
    pub(crate) fn replay_reach(&mut self, key: &str, entries: &[Entry]) {
        let place = self.portfolio_at(key);
        if let Some(portfolio) = self.portfolios.get_mut(place as usize) {
            for entry in entries {
                portfolio.counted.apply(*entry, &mut |_| {});
            }
        }
    }

    /// How a business's portfolio stands.
    pub(crate) fn portfolio_view(
        &mut self,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<PortfolioView, LedgerError> {
        let place = self.business(business)?.portfolio;
        let portfolio = self.portfolios.get_mut(place as usize);
        let portfolio = portfolio.ok_or(LedgerError::Bug("a business without a portfolio"))?;
        let known = portfolio.limit.as_ref();
        Ok(PortfolioView {
            limit: known.map(|known| known.limit),
            origin: known.map(|known| known.origin.clone()),
            at_ms: known.map(|known| known.at_ms),
            reached: portfolio.counted.count(now_ms).into(),
            frees_at_ms: portfolio.counted.frees_at_ms(now_ms, 1),
        })
    }
}

impl DecisionRecord {
    /// Those of its addressees whom it counts for, if it went on.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &RecordedPerson> {
        let is_template = self.intent == Intent::Template;
        self.people.iter().filter(move |person| {
            is_template && greenline_policy::reach::counts(&person.facts(), self.at_ms)
        })
    }
}

#[cfg(test)]
mod tests;
