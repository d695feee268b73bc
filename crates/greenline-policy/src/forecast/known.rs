//! What a forecast is made from: what the platform said, and what was counted over seven days.

use crate::health::Seen;
use crate::health::state::State;
use crate::quality::Score;
use crate::reach::MessagingLimit;
use crate::reception::Reception;

/// So many days are counted: those that a rating is made from (QL-02) and a limit grows by (QL-22).
pub const DAYS: usize = 7;
/// Days within which people earn the first step of a portfolio's limit (QL-21).
pub const MONTH_DAYS: usize = 30;
/// A day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What 24 hours came to for one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Day {
    /// Different people to whom something went that counts towards a limit (N11).
    pub people: u32,
    /// Messages that went out.
    pub sent: u32,
    /// Of those, the ones that arrived.
    pub delivered: u32,
    /// Of those that arrived, the ones old enough to tell whether anybody cares.
    pub ripe: u32,
    /// Of those, the ones neither read nor answered.
    pub unread: u32,
    /// Messages that failed because the person gets too much marketing or cares too little (131049).
    pub held_back: u32,
    /// Messages that failed because nobody was there (131026).
    pub unreachable: u32,
    /// People who turned marketing off in WhatsApp.
    pub native_stops: u32,
    /// People who stopped in another way: a stop word, the preference page, through staff.
    pub stop_words: u32,
}

impl Day {
    /// Two days as one; people are added as if they were all different.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            people: self.people.saturating_add(other.people),
            sent: self.sent.saturating_add(other.sent),
            delivered: self.delivered.saturating_add(other.delivered),
            ripe: self.ripe.saturating_add(other.ripe),
            unread: self.unread.saturating_add(other.unread),
            held_back: self.held_back.saturating_add(other.held_back),
            unreachable: self.unreachable.saturating_add(other.unreachable),
            native_stops: self.native_stops.saturating_add(other.native_stops),
            stop_words: self.stop_words.saturating_add(other.stop_words),
        }
    }

    /// People who stopped, by either way.
    #[must_use]
    pub fn stops(&self) -> u32 {
        self.native_stops.saturating_add(self.stop_words)
    }
}

/// What seven days came to for one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Week {
    /// Different people over all seven days; never more than the days together.
    pub people: u32,
    /// Messages that rested on weak consent: claimed, imported, or older than a year.
    pub weak: u32,
    /// One person in so many was looked at, and every count was multiplied by it; 0 is as good as 1.
    pub one_in: u32,
    /// Each 24 hours, oldest first; the last ends with the moment that is asked about.
    pub days: [Day; DAYS],
}

impl Week {
    /// All days as one.
    #[must_use]
    pub fn whole(&self) -> Day {
        let whole = self
            .days
            .iter()
            .fold(Day::default(), |all, day| all.and(*day));
        Day {
            people: self.people,
            ..whole
        }
    }

    /// Messages that went out and were truly looked at.
    #[must_use]
    pub fn looked_at(&self) -> u32 {
        self.whole().sent / self.one_in.max(1)
    }

    /// The newest days as one, people added.
    #[must_use]
    pub fn newest(&self, days: usize) -> Day {
        let newest = self.days.iter().rev().take(days);
        newest.fold(Day::default(), |all, day| all.and(*day))
    }

    /// The people alone.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach {
            people: self.people,
            days: self.days.map(|day| day.people),
        }
    }
}

impl From<&Reception> for Week {
    /// What was counted of a sample of people is multiplied.
    fn from(counted: &Reception) -> Self {
        let times = |count: u64| {
            let all = count.saturating_mul(u64::from(counted.one_in.max(1)));
            u32::try_from(all).unwrap_or(u32::MAX)
        };
        Self {
            people: times(counted.per_person.people_outside),
            weak: times(counted.weak().sent),
            one_in: counted.one_in,
            days: counted.days.map(|day| Day {
                people: times(day.people_outside),
                sent: times(day.sent.sent),
                delivered: times(day.sent.delivered),
                ripe: times(day.sent.judged),
                unread: times(day.sent.silent),
                held_back: times(day.sent.over_cap),
                unreachable: times(day.sent.unreachable),
                native_stops: times(day.sent.native_stops),
                stop_words: times(day.sent.stop_words.saturating_add(day.sent.other_stops)),
            }),
        }
    }
}

/// Different people within seven days, and within each 24 hours of them, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Over all seven days.
    pub people: u32,
    /// Within each.
    pub days: [u32; DAYS],
}

impl Reach {
    /// With those whom another business of the portfolio reached, taken for different people.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.people = self.people.saturating_add(other.people);
        for (day, more) in self.days.iter_mut().zip(other.days) {
            *day = day.saturating_add(more);
        }
        self
    }
}

/// Different people within 30 days to whom something arrived outside of a window that they had opened (QL-21).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Month {
    /// Each counted on the last day on which something arrived, oldest day first; the last ends with the moment that is
    /// asked about.
    pub days: [u32; MONTH_DAYS],
}

impl Default for Month {
    fn default() -> Self {
        Self {
            days: [0; MONTH_DAYS],
        }
    }
}

impl Month {
    /// All of them.
    #[must_use]
    pub fn people(&self) -> u32 {
        let all = self.days.iter();
        all.fold(0, |all, day| all.saturating_add(*day))
    }

    /// With those whom another business of the portfolio reached, taken for different people.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (day, more) in self.days.iter_mut().zip(other.days) {
            *day = day.saturating_add(more);
        }
        self
    }
}

/// A limit of the number's own, as the platform told it until October 2025.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitTold {
    /// The limit.
    pub limit: MessagingLimit,
    /// Where and when.
    pub seen: Seen,
}

/// Another number of the portfolio.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Other {
    /// Its id.
    pub id: Box<str>,
    /// Its rating, as last read.
    pub rating: Option<(Score, Seen)>,
}

/// A template of the portfolio that is in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// Its name.
    pub name: Box<str>,
    /// Its score.
    pub score: Score,
    /// Whether it is paused or disabled.
    pub stopped: bool,
    /// Whether the number sent it in the seven days; only then it says something of the number.
    pub sent_here: bool,
    /// Where and when that was said.
    pub seen: Seen,
}

/// Why the platform put a raise off (`account_alerts`, QL-24).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Deferral {
    /// `INCREASED_CAPABILITIES_ELIGIBILITY_FAILED`.
    Failed,
    /// `INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO`.
    NeedMoreInfo,
    /// `INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED`.
    Deferred,
}

impl Deferral {
    /// Reads the platform's word; `None` for an alert about something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("INCREASED_CAPABILITIES_ELIGIBILITY_")? {
            "DEFERRED" => Some(Self::Deferred),
            "FAILED" => Some(Self::Failed),
            "NEED_MORE_INFO" => Some(Self::NeedMoreInfo),
            _ => None,
        }
    }
}

/// Everything that a forecast looks at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// What was told of the number, its account and its portfolio.
    pub state: State,
    /// The number's own limits, in any order.
    pub number_limits: Vec<LimitTold>,
    /// The portfolio's other numbers.
    pub others: Vec<Other>,
    /// The portfolio's templates that are in use.
    pub templates: Vec<Template>,
    /// Raises that the platform put off, and when it said so.
    pub deferrals: Vec<(Deferral, i64)>,
    /// When the platform warned of misuse of the utility category.
    pub utility_warned: Vec<i64>,
    /// The limit that the business sets itself, people within 24 hours.
    pub own_limit: Option<u32>,
    /// What was counted of the number up to the date that is asked about, or to now where that is earlier.
    pub number: Option<Week>,
    /// Whom all numbers of the portfolio reached up to then.
    pub portfolio: Option<Reach>,
    /// The same within 30 days; counted only where the first step of the limit is still to come.
    pub month: Option<Month>,
}

impl Known {
    /// Nothing but what was told of the number.
    #[must_use]
    pub fn of(state: State) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }
}

/// A limit in an order, lowest first; the stricter of two of one moment counts.
pub(crate) fn ordered(limit: MessagingLimit) -> u32 {
    match limit {
        MessagingLimit::People(people) => people.min(u32::MAX - 1),
        MessagingLimit::Unlimited => u32::MAX,
    }
}

/// The limit of [`ordered`].
pub(crate) fn limit_of(ordered: u32) -> MessagingLimit {
    match ordered {
        u32::MAX => MessagingLimit::Unlimited,
        people => MessagingLimit::People(people),
    }
}
