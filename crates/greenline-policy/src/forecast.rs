//! What comes next for a number: how far it is to the next limit and when, what a flag costs, and how great the risk is
//! of a worse rating and of enforcement.
//!
//! Two sets of rules are told apart by the date that is asked about. Until 6 October 2025 a limit was the number's own
//! and a low rating took a step of it ([`Era::Number`]; before about May 2022 a raise took four times as much,
//! [`Era::Early`]); since 7 October 2025 it is the portfolio's, and quality decides only whether it grows
//! ([`Era::Portfolio`]).
//!
//! Meta publishes no thresholds (QL-06). What can be counted is counted ([`growth`]); what cannot is said in three words
//! with its drivers ([`risk`]), by [`bands`] that are ours and are called so. Nothing here gives a probability, and where
//! the documents leave a point open the answer is `unknown` (N11 to N13 of the rules on health).

pub mod bands;
pub mod growth;
pub mod known;
mod month;
pub mod risk;
pub mod watch;
mod words;

pub use growth::{Growth, Next, Obstacle, Standing, When};
pub use known::{Day, Deferral, Known, LimitTold, Month, Other, Reach, Template, Week};
pub use risk::{Driver, Level, Risk, Share, Sign, Strength};
pub use watch::Watch;
pub use words::Words;

use crate::health::Seen;
use crate::health::state::{Fact, Told};
use crate::pack::Day as Date;
use crate::reach::MessagingLimit;

/// Since about then half of the limit is enough, where it took twice the limit before (QL-15, QL-16).
pub const HALF_SINCE: Date = Date::new(2022, 5, 1);
/// Since then a limit is the portfolio's (QL-17).
pub const PORTFOLIO_SINCE: Date = Date::new(2025, 10, 7);

/// Whom a raise takes: so many different people within so many days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Takes {
    /// So many.
    pub people: u32,
    /// Seven days, or 30 for the first step of a portfolio (QL-21).
    pub days: usize,
}

/// Below this limit a portfolio's first step is still to come …
const FIRST_STEP_BELOW: u32 = 1_000;
/// … and takes so many people within 30 days (QL-21).
const FIRST_STEP_TAKES: u32 = 2_000;

/// Which rules hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Era {
    /// Until about May 2022: the number's limit; a raise takes twice the limit in people.
    Early,
    /// Until 6 October 2025: the number's limit; a raise takes half of it.
    Number,
    /// Since 7 October 2025: the portfolio's limit.
    Portfolio,
}

impl Era {
    /// The rules of a moment.
    #[must_use]
    pub fn at(at_ms: i64) -> Self {
        if at_ms < HALF_SINCE.start_ms() {
            Self::Early
        } else if at_ms < PORTFOLIO_SINCE.start_ms() {
            Self::Number
        } else {
            Self::Portfolio
        }
    }

    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Early => "number_until_2022",
            Self::Number => "number",
            Self::Portfolio => "portfolio",
        }
    }

    /// The steps of a limit, lowest first; above the last there is none.
    #[must_use]
    pub fn steps(self) -> &'static [u32] {
        match self {
            Self::Early => &[1_000, 10_000, 100_000],
            Self::Number => &[250, 1_000, 10_000, 100_000],
            Self::Portfolio => &[250, 2_000, 10_000, 100_000],
        }
    }

    /// The next limit above one; `None` where there is none.
    #[must_use]
    pub fn above(self, limit: MessagingLimit) -> Option<MessagingLimit> {
        let MessagingLimit::People(people) = limit else {
            return None;
        };
        let higher = self.steps().iter().find(|step| **step > people);
        Some(higher.map_or(MessagingLimit::Unlimited, |step| {
            MessagingLimit::People(*step)
        }))
    }

    /// The next limit below one; `None` where there is none.
    #[must_use]
    pub fn below(self, limit: MessagingLimit) -> Option<MessagingLimit> {
        let lower = |step: &&u32| match limit {
            MessagingLimit::People(people) => **step < people,
            MessagingLimit::Unlimited => true,
        };
        let lower = self.steps().iter().rev().find(lower);
        lower.map(|step| MessagingLimit::People(*step))
    }

    /// How many different people a raise takes, and within how many days; `None` where there is nothing to raise.
    #[must_use]
    pub fn takes(self, limit: MessagingLimit) -> Option<Takes> {
        let MessagingLimit::People(people) = limit else {
            return None;
        };
        let within_a_week = |people| Takes {
            people,
            days: known::DAYS,
        };
        Some(match self {
            Self::Early => within_a_week(people.saturating_mul(2)),
            // It comes with verification, or with so many people (QL-21).
            Self::Portfolio if people < FIRST_STEP_BELOW => Takes {
                people: FIRST_STEP_TAKES,
                days: known::MONTH_DAYS,
            },
            Self::Number | Self::Portfolio => within_a_week(people.div_ceil(2)),
        })
    }

    /// How it works, in one sentence, with the facts that say so.
    #[must_use]
    pub fn words(self) -> Words {
        match self {
            Self::Early => Words {
                id: self.as_str(),
                say: "The limit is the number's own: twice as many people as the limit within seven days raise it while the rating is not low; a low rating flags the number, and if it is still low after seven days the limit falls one step.",
                facts: &["QL-15"],
                remedy: "",
            },
            Self::Number => Words {
                id: self.as_str(),
                say: "The limit is the number's own: half of it used within seven days raises it while the rating is medium or high; a low rating flags the number, and if it is still low after seven days the limit falls one step. While it is flagged nothing is raised.",
                facts: &["QL-16", "QL-15"],
                remedy: "",
            },
            Self::Portfolio => Words {
                id: self.as_str(),
                say: "The limit belongs to the portfolio and all its numbers share it: a fall in quality no longer lowers it. Half of it used within seven days, with good quality over all numbers and templates, raises it one step within six hours; the first step, from 250, comes with verification or with 2,000 people within 30 days.",
                facts: &["QL-17", "QL-22", "QL-23", "QL-21"],
                remedy: "",
            },
        }
    }
}

/// The limit, and how much of it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Present {
    /// As the platform said last; `None` while it has said nothing.
    pub limit: Option<MessagingLimit>,
    /// Where and when that was said.
    pub seen: Option<Seen>,
    /// Different people within the last 24 hours, by our own count; what was sent past Greenline is not seen (N11).
    pub used: Option<u32>,
}

/// What comes next for a number, as of a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forecast {
    /// The date that is asked about, Unix milliseconds.
    pub at_ms: i64,
    /// Up to when was counted: that date, or the moment of asking where that is earlier.
    pub counted_to_ms: i64,
    /// The rules of that date.
    pub era: Era,
    /// The limit and its use.
    pub present: Present,
    /// The next limit.
    pub growth: Growth,
    /// Whether it stands to lose a step.
    pub watch: Watch,
    /// The risk of the next worse rating.
    pub rating: Risk,
    /// The risk of enforcement.
    pub enforcement: Risk,
}

/// What comes next, by what is known.
#[must_use]
pub fn forecast(known: &Known, at_ms: i64) -> Forecast {
    let era = Era::at(at_ms);
    let told = Newest::until(known, at_ms);
    let present = told.present(era);
    let rating = told.rating();
    Forecast {
        at_ms,
        counted_to_ms: told.until_ms,
        era,
        present,
        growth: growth::growth(&told, era, present.limit, rating),
        watch: watch::watch(&told, era, present.limit, rating),
        rating: risk::rating(&told, rating),
        enforcement: risk::enforcement(&told, rating),
    }
}

/// Whether a forecast for a date looks at 30 days: where the first step of a portfolio's limit is still to come.
#[must_use]
pub fn looks_at_a_month(known: &Known, at_ms: i64) -> bool {
    let era = Era::at(at_ms);
    let limit = Newest::until(known, at_ms).present(era).limit;
    let takes = limit.and_then(|limit| era.takes(limit));
    takes.is_some_and(|takes| takes.days > known::DAYS)
}

/// What had been told by a date.
pub(crate) struct Newest<'a> {
    pub(crate) known: &'a Known,
    pub(crate) at_ms: i64,
    /// The date, or the moment up to which anything is known.
    pub(crate) until_ms: i64,
}

/// A rating of the number, and where it is from.
pub(crate) type Rated = Option<(crate::quality::Score, Seen)>;

impl<'a> Newest<'a> {
    fn until(known: &'a Known, at_ms: i64) -> Self {
        Self {
            known,
            at_ms,
            until_ms: at_ms.min(known.state.as_of_ms),
        }
    }

    /// Facts that were told by then.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &'a Fact> {
        let until_ms = self.until_ms;
        let facts = self.known.state.facts.iter();
        facts.filter(move |fact| fact.at_ms <= until_ms)
    }

    /// The newest fact of a kind; of two of one moment the one that orders first, which is the stricter.
    pub(crate) fn newest<T: Ord>(&self, pick: impl Fn(&'a Told) -> Option<T>) -> Option<(T, Seen)> {
        let told = self.facts().filter_map(|fact| {
            let seen = Seen {
                at_ms: fact.at_ms,
                origin: fact.origin,
            };
            Some((pick(&fact.told)?, seen))
        });
        told.max_by(|(one, one_seen), (other, other_seen)| {
            let by_time = one_seen.at_ms.cmp(&other_seen.at_ms);
            by_time.then_with(|| other.cmp(one))
        })
    }

    fn rating(&self) -> Rated {
        self.newest(|told| match told {
            Told::Rating(score) => Some(*score),
            _ => None,
        })
    }

    /// How the number was rated by then, oldest first: each rating once, from when it was first told until another one was.
    pub(crate) fn ratings(&self) -> Vec<(crate::quality::Score, Seen)> {
        let told = self.facts().filter_map(|fact| match fact.told {
            Told::Rating(score) => {
                let (at_ms, origin) = (fact.at_ms, fact.origin);
                Some((score, Seen { at_ms, origin }))
            }
            _ => None,
        });
        let mut ratings: Vec<_> = told.collect();
        ratings.sort_by_key(|(score, seen)| (seen.at_ms, std::cmp::Reverse(*score)));
        ratings.dedup_by_key(|(score, _)| *score);
        ratings
    }

    fn present(&self, era: Era) -> Present {
        let of_portfolio = self.newest(|told| match told {
            Told::Limit(limit) => Some(known::ordered(*limit)),
            _ => None,
        });
        let of_number = || {
            let told = self.known.number_limits.iter();
            let told = told.filter(|told| told.seen.at_ms <= self.until_ms);
            let newest = told.max_by_key(|told| {
                let stricter = std::cmp::Reverse(known::ordered(told.limit));
                (told.seen.at_ms, stricter)
            });
            newest.map(|told| (known::ordered(told.limit), told.seen))
        };
        let limit = match era {
            Era::Portfolio => of_portfolio,
            // What was read with the number was its own then.
            Era::Early | Era::Number => of_number()
                .into_iter()
                .chain(of_portfolio)
                .max_by_key(|(_, seen)| seen.at_ms),
        };
        let counted = self.newest(|told| match told {
            Told::Reached { people, .. } => Some(*people),
            _ => None,
        });
        let by_day = || self.reach(era).and_then(|reach| reach.days.last().copied());
        let used = match counted {
            Some((people, seen)) if era == Era::Portfolio && seen.at_ms == self.until_ms => {
                Some(people)
            }
            _ => by_day(),
        };
        Present {
            limit: limit.map(|(limit, _)| known::limit_of(limit)),
            seen: limit.map(|(_, seen)| seen),
            used,
        }
    }

    /// The people who count where the limit is.
    pub(crate) fn reach(&self, era: Era) -> Option<Reach> {
        match era {
            Era::Portfolio => self.known.portfolio,
            Era::Early | Era::Number => self.known.number.map(|week| week.reach()),
        }
    }
}
