//! When a portfolio earns the first step of its limit by people: 2,000 within 30 days (QL-21).
//!
//! The span is worked out like that of other raises, over 30 days instead of seven. Who is counted falls out 30 days after
//! the last message that arrived.

use super::Takes;
use super::bands;
use super::growth::{DAY_HOURS, HOUR_MS, PARTS, RUNS, WEEK_HOURS, When, best, left};
use super::known::{MONTH_DAYS, Month, Reach};

/// The coming 30 days, in hours.
const MONTH_HOURS: u64 = MONTH_DAYS as u64 * DAY_HOURS;

/// When so many different people within 30 days are reached at the pace of the last seven. How long the platform takes
/// then is not said, so the span ends when they are reached.
pub(super) fn pace(month: &Month, reach: &Reach, takes: Takes, now_ms: i64) -> When {
    if month.people() >= takes.people {
        return When::Earned;
    }
    if reach.people < bands::PEOPLE_LEAST {
        return When::NotEnoughData;
    }
    let (people, needed) = (u64::from(reach.people), u64::from(takes.people));
    let mut hours = 1..=MONTH_HOURS;
    let near = hours
        .find(|hours| left(&month.days, *hours) * RUNS + best(reach, *hours) >= needed * PARTS);
    let mut hours = 1..=MONTH_HOURS;
    // Of a day like the average of the seven, those are new whom no other of these days reached.
    let far =
        hours.find(|hours| left(&month.days, *hours) * 7 + people * hours >= needed * WEEK_HOURS);
    let at = |hours: u64| {
        let hours = i64::try_from(hours).unwrap_or(0);
        now_ms.saturating_add(hours * HOUR_MS)
    };
    let together = reach.days.iter().map(|day| u64::from(*day)).sum::<u64>();
    let a_day = (needed * together.max(people)).div_ceil(MONTH_DAYS as u64 * people);
    match near {
        Some(near) => When::Within {
            from_ms: at(near),
            until_ms: far.map(at),
        },
        None => When::NotAtThisPace {
            takes_a_day: u32::try_from(a_day).unwrap_or(u32::MAX),
        },
    }
}
