//! How far it is to the next limit, what stands in the way, and when it comes at the present pace.
//!
//! The pace gives a span, not a day. Its near end takes every coming day to be like the best run of days up to now, and
//! everybody reached then to be somebody new. Its far end takes the coming days to be like the average of all seven, and
//! people to be reached again as often as in these seven. What neither reaches within seven days is not reached at this
//! pace at all, because from then on a day falls out of the count for each that comes in.

use std::cmp::Reverse;

use crate::health::state::Origin;
use crate::health::{Can, Cause, Seen, What, capabilities};
use crate::number::NumberStatus;
use crate::quality::Score;
use crate::reach::MessagingLimit;

use super::known::{DAY_MS, DAYS, Deferral, Reach};
use super::{Era, Newest, Rated, Takes, bands, month};

pub(super) const HOUR_MS: i64 = 60 * 60 * 1_000;
/// A day, and seven, in hours.
pub(super) const DAY_HOURS: u64 = 24;
pub(super) const WEEK_HOURS: u64 = 7 * DAY_HOURS;
/// What each of 1 to 7 days divides, so that averages over them stay whole.
pub(super) const RUNS: u64 = 420;
/// Parts of a person that are counted in.
pub(super) const PARTS: u64 = RUNS * DAY_HOURS;
/// Since October 2025 a raise is there within this time (QL-22).
pub const RAISED_WITHIN_MS: i64 = 6 * HOUR_MS;
/// Until then it came after a day (QL-16); before 2022 after two at the soonest (QL-15).
pub const RAISED_AFTER_MS: i64 = DAY_MS;

/// The limit above the present one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// This one.
    Step(MessagingLimit),
    /// There is none.
    Top,
    /// The present one is not known.
    Unknown,
}

/// When the next limit comes at the present pace, if nothing stands in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Between these moments; without the second, at the slower pace not at all.
    Within {
        /// At the soonest, Unix milliseconds.
        from_ms: i64,
        /// At the latest.
        until_ms: Option<i64>,
    },
    /// Not at this pace.
    NotAtThisPace {
        /// So many different people a day would be enough.
        takes_a_day: u32,
    },
    /// Too few people were reached to tell a pace, or nobody counted.
    NotEnoughData,
    /// So many were reached as the first step takes; when the platform raises it then is not said (QL-21).
    Earned,
    /// There is no higher limit.
    Top,
    /// The present limit is not known.
    Unknown,
}

/// Something that stands between a number and the next limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Obstacle {
    /// Nothing can be started at present.
    Closed,
    /// The number is flagged: until October 2025 nothing was raised meanwhile.
    Flagged,
    /// It is not connected.
    NotConnected,
    /// It is rated low.
    RatedLow,
    /// Another number of the portfolio is.
    OtherRatedLow,
    /// A template is.
    TemplateLow,
    /// It is rated medium; whether that is good is not said.
    RatedMedium,
    /// Another number is.
    OtherRatedMedium,
    /// A template is.
    TemplateMedium,
    /// It has no rating.
    NotRated,
    /// Another number has none.
    OtherNotRated,
    /// Its rating was not read of late.
    RatingOld,
    /// The platform said that a raise failed.
    RaiseFailed,
    /// It wants to know more first.
    MoreInfoWanted,
    /// It put a raise off.
    RaiseDeferred,
    /// The first step comes with verification, or with people.
    Verification,
    /// The business's own limit is so low that half of the platform's is never used.
    OwnLimit,
    /// Too few different people were reached.
    TooFewPeople,
}

/// An obstacle that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Which.
    pub what: Obstacle,
    /// `No`: nothing is raised while it stands. `Unknown`: nobody knows whether it matters.
    pub raises: Can,
    /// The other number or the template that it is about.
    pub of: Option<Box<str>>,
    /// What it was read from.
    pub seen: Option<Seen>,
    /// Until when, Unix milliseconds, where that is known.
    pub until_ms: Option<i64>,
}

/// The way to the next limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Growth {
    /// The next limit.
    pub next: Next,
    /// The people that it takes; `None` where the present limit is not known or there is no higher one.
    pub takes: Option<Takes>,
    /// So many were reached within as many days.
    pub reached: Option<u32>,
    /// The count by day, oldest first.
    pub days: Option<[u32; DAYS]>,
    /// Whether quality is good enough: `unknown` where the documents do not say (N13).
    pub quality: Can,
    /// What stands in the way, what is sure to first.
    pub in_the_way: Vec<Standing>,
    /// When it comes at the present pace.
    pub when: When,
}

impl Growth {
    /// How many more it takes.
    #[must_use]
    pub fn missing(&self) -> Option<u32> {
        Some(self.takes?.people.saturating_sub(self.reached?))
    }
}

pub(super) fn growth(
    told: &Newest<'_>,
    era: Era,
    limit: Option<MessagingLimit>,
    rating: Rated,
) -> Growth {
    let reach = told.reach(era);
    let next = match limit.map(|limit| era.above(limit)) {
        Some(Some(higher)) => Next::Step(higher),
        Some(None) => Next::Top,
        None => Next::Unknown,
    };
    let takes = limit.and_then(|limit| era.takes(limit));
    let by_month = takes.is_some_and(|takes| takes.days > DAYS);
    let of_month = told.known.month.filter(|_| by_month);
    let when = match (next, takes, reach) {
        (Next::Top, ..) => When::Top,
        (Next::Unknown, ..) | (Next::Step(_), None, _) => When::Unknown,
        (Next::Step(_), Some(_), None) => When::NotEnoughData,
        (Next::Step(_), Some(takes), Some(reach)) if by_month => of_month
            .map_or(When::NotEnoughData, |of_month| {
                month::pace(&of_month, &reach, takes, told.until_ms)
            }),
        (Next::Step(_), Some(takes), Some(reach)) => pace(reach, takes.people, era, told.until_ms),
    };
    let reached = if by_month {
        of_month.map(|of_month| of_month.people())
    } else {
        reach.map(|reach| reach.people)
    };
    let mut growth = Growth {
        next,
        takes,
        reached,
        days: reach.map(|reach| reach.days),
        quality: Can::Yes,
        in_the_way: Vec::new(),
        when,
    };
    if next == Next::Top {
        return growth;
    }
    let mut standing = Vec::new();
    quality(told, era, rating, &mut standing);
    let stands = standing.iter().map(|one| one.raises);
    growth.quality = stands.min().unwrap_or(Can::Yes);
    others(told, era, &growth, &mut standing);
    standing.sort_by(|one, other| {
        (one.raises, one.what, &one.of).cmp(&(other.raises, other.what, &other.of))
    });
    growth.in_the_way = standing;
    growth
}

fn stands(what: Obstacle, raises: Can, seen: Option<Seen>) -> Standing {
    Standing {
        what,
        raises,
        of: None,
        seen,
        until_ms: None,
    }
}

/// Whether quality is good: over everything since October 2025, of the number alone before.
fn quality(told: &Newest<'_>, era: Era, rating: Rated, standing: &mut Vec<Standing>) {
    let of_all = era == Era::Portfolio;
    let is_old = |seen: Seen| seen.at_ms < told.until_ms.saturating_sub(bands::RATING_FRESH_MS);
    match rating {
        Some((Score::Red, seen)) => {
            standing.push(stands(Obstacle::RatedLow, Can::No, Some(seen)));
        }
        Some((_, seen)) if is_old(seen) => {
            standing.push(stands(Obstacle::RatingOld, Can::Unknown, Some(seen)));
        }
        Some((Score::Yellow, seen)) if of_all => {
            standing.push(stands(Obstacle::RatedMedium, Can::Unknown, Some(seen)));
        }
        Some((Score::Yellow | Score::Green, _)) => {}
        Some((Score::Unrated, seen)) => {
            standing.push(stands(Obstacle::NotRated, Can::Unknown, Some(seen)));
        }
        None => standing.push(stands(Obstacle::NotRated, Can::Unknown, None)),
    }
    if !of_all {
        return;
    }
    for other in &told.known.others {
        let by_then = other.rating.filter(|(_, seen)| seen.at_ms <= told.until_ms);
        let seen = by_then.map(|(_, seen)| seen);
        let (what, raises) = match by_then.map(|(score, _)| score) {
            Some(Score::Red) => (Obstacle::OtherRatedLow, Can::No),
            Some(Score::Yellow) => (Obstacle::OtherRatedMedium, Can::Unknown),
            Some(Score::Green) => continue,
            Some(Score::Unrated) | None => (Obstacle::OtherNotRated, Can::Unknown),
        };
        standing.push(Standing {
            of: Some(other.id.clone()),
            ..stands(what, raises, seen)
        });
    }
    for template in &told.known.templates {
        let (what, raises) = match template.score {
            _ if template.seen.at_ms > told.until_ms || template.stopped => continue,
            Score::Red => (Obstacle::TemplateLow, Can::No),
            Score::Yellow => (Obstacle::TemplateMedium, Can::Unknown),
            Score::Green | Score::Unrated => continue,
        };
        standing.push(Standing {
            of: Some(template.name.clone()),
            ..stands(what, raises, Some(template.seen))
        });
    }
}

/// Everything but quality.
fn others(told: &Newest<'_>, era: Era, growth: &Growth, standing: &mut Vec<Standing>) {
    let matrix = capabilities(&told.known.state, told.at_ms);
    let starts = [
        What::StartMarketing,
        What::StartUtility,
        What::StartAuthentication,
    ];
    let cells: Vec<_> = starts
        .iter()
        .filter_map(|what| matrix.cell(*what))
        .collect();
    // A limit that is used up is how a limit comes to be raised.
    let closes = |cause: Cause| !matches!(cause, Cause::LimitReached | Cause::LimitUsedUp);
    if let Some(first) = cells.first()
        && cells.iter().all(|cell| cell.can == Can::No)
        && closes(first.cause)
    {
        standing.push(Standing {
            until_ms: first.until_ms,
            ..stands(Obstacle::Closed, Can::No, first.seen)
        });
    }
    if era != Era::Portfolio {
        let status = told.newest(|fact| match fact {
            crate::health::state::Told::Status(status) => Some(*status),
            _ => None,
        });
        match status {
            Some((NumberStatus::Flagged, seen)) => {
                standing.push(stands(Obstacle::Flagged, Can::No, Some(seen)));
            }
            Some((NumberStatus::Connected | NumberStatus::Restricted, _)) => {}
            Some((_, seen)) => {
                standing.push(stands(Obstacle::NotConnected, Can::Unknown, Some(seen)));
            }
            None => standing.push(stands(Obstacle::NotConnected, Can::Unknown, None)),
        }
    }
    if era == Era::Portfolio {
        let after_ms = told.until_ms.saturating_sub(bands::DEFERRED_MS);
        let deferrals = told.known.deferrals.iter();
        let newest = deferrals
            .filter(|(_, at_ms)| (after_ms..=told.until_ms).contains(at_ms))
            .max_by_key(|(deferral, at_ms)| (*at_ms, Reverse(*deferral)));
        if let Some((deferral, at_ms)) = newest {
            let what = match deferral {
                Deferral::Deferred => Obstacle::RaiseDeferred,
                Deferral::Failed => Obstacle::RaiseFailed,
                Deferral::NeedMoreInfo => Obstacle::MoreInfoWanted,
            };
            let seen = Seen {
                at_ms: *at_ms,
                origin: Origin::Webhook,
            };
            standing.push(stands(what, Can::Unknown, Some(seen)));
        }
    }
    let Some(takes) = growth.takes else {
        return;
    };
    // The first step comes without people too, for whoever is verified.
    let by_month = takes.days > DAYS;
    let raises = if by_month { Can::Unknown } else { Can::No };
    let is_short = growth.missing().is_none_or(|missing| missing > 0);
    if by_month && is_short {
        standing.push(stands(Obstacle::Verification, Can::Unknown, None));
    }
    let days = u32::try_from(takes.days).unwrap_or(u32::MAX);
    let own = told.known.own_limit;
    if own.is_some_and(|own| own.saturating_mul(days) < takes.people) {
        standing.push(stands(Obstacle::OwnLimit, raises, None));
    }
    if growth.missing().is_some_and(|missing| missing > 0) {
        standing.push(stands(Obstacle::TooFewPeople, raises, None));
    }
}

/// When so many different people within seven days are reached at the present pace.
fn pace(reach: Reach, takes: u32, era: Era, now_ms: i64) -> When {
    let (soonest_ms, latest_ms) = match era {
        Era::Portfolio => (0, RAISED_WITHIN_MS),
        Era::Number => (0, RAISED_AFTER_MS),
        Era::Early => (0, 2 * RAISED_AFTER_MS),
    };
    if reach.people >= takes {
        return When::Within {
            from_ms: now_ms.saturating_add(soonest_ms),
            until_ms: Some(now_ms.saturating_add(latest_ms)),
        };
    }
    if reach.people < bands::PEOPLE_LEAST {
        return When::NotEnoughData;
    }
    let (people, takes) = (u64::from(reach.people), u64::from(takes));
    let near = (1..=WEEK_HOURS).find(|hours| at_best(&reach, *hours) >= takes * PARTS);
    // Days never come to less than the whole.
    let together = reach.days.iter().map(|day| u64::from(*day)).sum::<u64>();
    let together = together.max(people);
    let far = (1..=WEEK_HOURS).find(|hours| {
        let coming = 7 * left(&reach.days, *hours) + together * hours;
        people * coming >= takes * together * WEEK_HOURS
    });
    let at = |hours: u64, then_ms: i64| {
        let hours = i64::try_from(hours).unwrap_or(0);
        now_ms
            .saturating_add(hours * HOUR_MS)
            .saturating_add(then_ms)
    };
    match near {
        Some(near) => When::Within {
            from_ms: at(near, soonest_ms),
            until_ms: far.map(|far| at(far, latest_ms)),
        },
        None => When::NotAtThisPace {
            takes_a_day: u32::try_from((takes * together).div_ceil(7 * people)).unwrap_or(u32::MAX),
        },
    }
}

/// People of the days that still count so many hours later, each day as if evenly spread. Each person is counted in 24 parts.
pub(super) fn left(days: &[u32], hours: u64) -> u64 {
    (0_u64..)
        .zip(days)
        .map(|(day, people)| {
            let gone = hours.saturating_sub(day * DAY_HOURS).min(DAY_HOURS);
            u64::from(*people) * (DAY_HOURS - gone)
        })
        .sum()
}

/// Different people so many hours later, if each coming day is like the best run up to now and everybody is new, in parts of
/// [`PARTS`].
fn at_best(reach: &Reach, hours: u64) -> u64 {
    let left = left(&reach.days, hours).min(u64::from(reach.people) * DAY_HOURS);
    left * RUNS + best(reach, hours)
}

/// People of so many coming hours that are like the best run up to now, in parts of [`PARTS`].
pub(super) fn best(reach: &Reach, hours: u64) -> u64 {
    let mut together = 0_u64;
    let mut best = 0_u64;
    for (days, people) in (1_u64..).zip(reach.days.iter().rev()) {
        together += u64::from(*people);
        best = best.max(together * hours * (RUNS / days));
    }
    best
}
