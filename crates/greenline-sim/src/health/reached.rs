//! How many different people were reached lately, and what the limit is.

use std::collections::{HashMap, VecDeque};

use super::tally::{DAY_MS, WEEK_MS};

/// When the limit became the portfolio's: 7 October 2025, 00:00 UTC (QL-17).
pub(crate) const PORTFOLIO_ERA_MS: i64 = 1_759_795_200_000;

/// The limits until then, and since then.
const OLD_TIERS: [&str; 5] = [
    "TIER_250",
    "TIER_1K",
    "TIER_10K",
    "TIER_100K",
    "TIER_UNLIMITED",
];
const NEW_TIERS: [&str; 5] = [
    "TIER_250",
    "TIER_2K",
    "TIER_10K",
    "TIER_100K",
    "TIER_UNLIMITED",
];

fn tiers(old: bool) -> [&'static str; 5] {
    if old { OLD_TIERS } else { NEW_TIERS }
}

/// How many people a day a limit allows; none for no limit.
pub(crate) fn people(tier: &str) -> Option<usize> {
    usize::try_from(crate::changes::conversations(tier)).ok()
}

/// The next limit above.
pub(crate) fn above(tier: &str, old: bool) -> Option<&'static str> {
    let allowed = people(tier)?;
    tiers(old)
        .into_iter()
        .find(|above| people(above).is_none_or(|more| more > allowed))
}

/// The next limit below.
pub(crate) fn below(tier: &str) -> Option<&'static str> {
    let allowed = people(tier);
    OLD_TIERS
        .into_iter()
        .rev()
        .find(|below| match (people(below), allowed) {
            (Some(fewer), Some(allowed)) => fewer < allowed,
            (Some(_), None) => true,
            (None, _) => false,
        })
}

/// What a limit that was given without an era is called in the old one.
pub(crate) fn in_old_words(tier: &str) -> &str {
    if tier == "TIER_2K" { "TIER_1K" } else { tier }
}

/// Different people within so long, each by the newest time.
#[derive(Debug)]
pub(crate) struct Window {
    length_ms: i64,
    newest: HashMap<String, i64>,
    order: VecDeque<(i64, String)>,
}

impl Window {
    pub(crate) fn new(length_ms: i64) -> Self {
        Self {
            length_ms,
            newest: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(crate) fn reach(&mut self, who: &str, at_ms: i64) {
        match self.newest.get_mut(who) {
            Some(newest) => *newest = at_ms.max(*newest),
            None => {
                self.newest.insert(who.to_owned(), at_ms);
            }
        }
        self.order.push_back((at_ms, who.to_owned()));
    }

    pub(crate) fn count(&mut self, now_ms: i64) -> usize {
        self.forget(now_ms);
        self.newest.len()
    }

    pub(crate) fn holds(&mut self, who: &str, now_ms: i64) -> bool {
        self.forget(now_ms);
        self.newest.contains_key(who)
    }

    /// Takes somebody out whose place was taken at this very moment.
    pub(crate) fn give_back(&mut self, who: &str, at_ms: i64) {
        if self.newest.get(who) == Some(&at_ms) {
            self.newest.remove(who);
        }
    }

    /// When the first place is free again.
    pub(crate) fn frees_ms(&mut self, now_ms: i64) -> Option<i64> {
        self.forget(now_ms);
        self.newest
            .values()
            .min()
            .map(|newest| newest + self.length_ms)
    }

    fn forget(&mut self, now_ms: i64) {
        while let Some((at_ms, _)) = self.order.front()
            && *at_ms <= now_ms - self.length_ms
        {
            if let Some((at_ms, who)) = self.order.pop_front()
                && self.newest.get(&who) == Some(&at_ms)
            {
                self.newest.remove(&who);
            }
        }
    }
}

/// The people that a number or a portfolio began something with.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) day: Window,
    pub(crate) week: Window,
    pub(crate) month: Window,
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            day: Window::new(DAY_MS),
            week: Window::new(WEEK_MS),
            month: Window::new(30 * DAY_MS),
        }
    }
}

impl Reached {
    /// Somebody counts against the limit.
    pub(crate) fn takes_place(&mut self, who: &str, at_ms: i64) {
        self.day.reach(who, at_ms);
    }

    /// Something was delivered to somebody.
    pub(crate) fn delivered(&mut self, who: &str, at_ms: i64) {
        self.day.reach(who, at_ms);
        self.week.reach(who, at_ms);
        self.month.reach(who, at_ms);
    }

    pub(crate) fn forget(&mut self, now_ms: i64) {
        self.day.forget(now_ms);
        self.week.forget(now_ms);
        self.month.forget(now_ms);
    }
}
