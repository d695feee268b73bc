//! The hidden state, for those who measure how well somebody else guesses it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::hidden::Hidden;
use super::people::Nature;
use super::tally::{Cause, Feedback, WEEK_MS};
use crate::ids;
use crate::platform::Platform;

/// Everything hidden, at this moment.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// Whether there is a world of health.
    pub on: bool,
    /// The simulator's time, in Unix milliseconds.
    pub now_ms: i64,
    /// Whether limits are the numbers' own: until 6 October 2025.
    pub limits_are_numbers: bool,
    /// The thresholds.
    pub hidden: Hidden,
    /// The numbers.
    pub numbers: Vec<NumberTruth>,
    /// The templates that something is known of.
    pub templates: Vec<TemplateTruth>,
    /// The accounts.
    pub accounts: Vec<AccountTruth>,
    /// The portfolios.
    pub portfolios: Vec<PortfolioTruth>,
    /// How many things are still to happen.
    pub due: usize,
}

/// What people did in the last seven days.
#[derive(Clone, Debug, Serialize)]
pub struct Mood {
    /// Messages that arrived.
    pub delivered: u32,
    /// The same, newer ones counting more: what `rated_from` is compared with.
    pub delivered_weighed: f64,
    /// The share of bad reactions, by what they count: what the thresholds are compared with.
    pub bad_share: f64,
    /// Of those that had time to be read, the share that was.
    pub read_share: Option<f64>,
    /// The reactions.
    pub felt: BTreeMap<Feedback, u32>,
    /// Why.
    pub causes: BTreeMap<Cause, u32>,
}

/// A number.
#[derive(Clone, Debug, Serialize)]
pub struct NumberTruth {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Its rating.
    pub rating: String,
    /// What it rests on.
    pub mood: Mood,
    /// Its own limit, until October 2025.
    pub limit: String,
    /// Different people in the last 24 hours.
    pub reached_in_a_day: usize,
    /// Different people in the last seven days.
    pub reached_in_a_week: usize,
    /// Since when it is RED.
    pub red_since_ms: Option<i64>,
    /// Until when it is flagged.
    pub flagged_until_ms: Option<i64>,
    /// Whether the spam limit holds.
    pub spam_limited: bool,
}

/// A template.
#[derive(Clone, Debug, Serialize)]
pub struct TemplateTruth {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its score.
    pub score: String,
    /// Its status.
    pub status: String,
    /// What the score rests on, since the last pause.
    pub mood: Mood,
    /// How often it was paused.
    pub pauses: u32,
    /// How many messages are held back.
    pub held: usize,
}

/// An account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountTruth {
    /// Its id.
    pub id: String,
    /// How many steps of the ladder it went up.
    pub step: usize,
    /// How many of the utility ladder.
    pub utility_step: usize,
    /// Restrictions in force, with their ends in Unix seconds.
    pub restrictions: Vec<(String, i64)>,
    /// The number that a restriction of templates holds for alone.
    pub only_number: Option<String>,
    /// Whether it is locked.
    pub locked: bool,
    /// Whether it is disabled.
    pub disabled: bool,
    /// When it will be.
    pub disable_at_ms: Option<i64>,
    /// What people did since the last step.
    pub mood: Mood,
}

/// A portfolio.
#[derive(Clone, Debug, Serialize)]
pub struct PortfolioTruth {
    /// Its id.
    pub id: String,
    /// The limit.
    pub limit: String,
    /// Different people in the last 24 hours.
    pub reached_in_a_day: usize,
    /// Different people in the last seven days.
    pub reached_in_a_week: usize,
    /// When the limit will rise, if all stays well.
    pub rises_at_ms: Option<i64>,
}

fn mood(tally: &super::tally::Tally, now_ms: i64, since_ms: i64, hidden: &Hidden) -> Mood {
    let weight = tally.weigh(now_ms, since_ms, hidden);
    Mood {
        delivered: weight.delivered,
        delivered_weighed: weight.delivered_weighed,
        bad_share: weight.bad_share(),
        read_share: weight.read_share,
        felt: weight.felt,
        causes: weight.causes,
    }
}

impl Platform {
    /// The hidden state.
    pub(crate) fn truth(&self) -> Truth {
        let now_ms = self.clock.now_ms();
        let now_s = now_ms.div_euclid(1_000);
        let week_ms = now_ms - WEEK_MS;
        let state = self.world.read();
        let mut book = self.health.book();
        let hidden = book.hidden.clone();
        let mut numbers: Vec<NumberTruth> = state
            .numbers
            .values()
            .map(|shown| {
                let number = book.number(&shown.id);
                NumberTruth {
                    id: shown.id.clone(),
                    status: shown.status.clone(),
                    rating: shown.quality_rating.clone(),
                    mood: mood(&number.tally, now_ms, week_ms, &hidden),
                    limit: number.limit.clone(),
                    reached_in_a_day: number.reached.day.count(now_ms),
                    reached_in_a_week: number.reached.week.count(now_ms),
                    red_since_ms: number.red_since_ms,
                    flagged_until_ms: number.watch_until_ms,
                    spam_limited: number.is_spam_limited(now_ms),
                }
            })
            .collect();
        numbers.sort_by(|a, b| a.id.cmp(&b.id));
        let templates = book
            .templates
            .iter()
            .filter_map(|(id, template)| {
                let (_, shown) = state.template(*id)?;
                Some(TemplateTruth {
                    id: *id,
                    name: shown.name.clone(),
                    score: shown.quality.clone(),
                    status: shown.status.clone(),
                    mood: mood(&template.tally, now_ms, template.since_ms, &hidden),
                    pauses: shown.pauses,
                    held: template.held.len(),
                })
            })
            .collect();
        let mut accounts: Vec<AccountTruth> = state
            .accounts
            .values()
            .map(|shown| {
                let account = book.account(&shown.id);
                AccountTruth {
                    id: shown.id.clone(),
                    step: account.step,
                    utility_step: account.utility_step,
                    restrictions: shown
                        .restrictions
                        .iter()
                        .filter(|(_, end_s)| *end_s > now_s)
                        .cloned()
                        .collect(),
                    only_number: account.only_number.clone(),
                    locked: shown.locked,
                    disabled: shown.banned,
                    disable_at_ms: account.disable_at_ms,
                    mood: mood(&account.tally, now_ms, account.judged_from_ms, &hidden),
                }
            })
            .collect();
        accounts.sort_by(|a, b| a.id.cmp(&b.id));
        let portfolios = state
            .businesses
            .iter()
            .map(|business| {
                let portfolio = book.portfolio(&business.portfolio_id);
                PortfolioTruth {
                    id: business.portfolio_id.clone(),
                    limit: business.messaging_limit.clone(),
                    reached_in_a_day: portfolio.reached.day.count(now_ms),
                    reached_in_a_week: portfolio.reached.week.count(now_ms),
                    rises_at_ms: portfolio.raise_at_ms,
                }
            })
            .collect();
        Truth {
            on: self.health.is_on(),
            now_ms,
            limits_are_numbers: self.is_old_era(),
            hidden,
            numbers,
            templates,
            accounts,
            portfolios,
            due: self.health.agenda.count(),
        }
    }

    /// What a person is like; they are drawn now at the latest.
    pub(crate) fn nature(&self, person: &str) -> Nature {
        let wa_id = ids::wa_id(person);
        self.health.book().person(&wa_id).nature.clone()
    }

    /// Whether somebody truly agreed, from now on.
    pub(crate) fn set_agreed(&self, wa_id: &str, agreed: bool) {
        self.health.book().person(wa_id).nature.agreed = agreed;
    }
}
