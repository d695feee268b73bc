//! What truly happened, from the simulator's own timeline. Nothing here is known to a forecast.

use std::cmp::Ordering;

use greenline_sim::Transition;

/// What happened to one number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truly {
    /// When its rating fell.
    pub(crate) fell: Vec<i64>,
    /// When its account went a step up the ladder of enforcement.
    pub(crate) enforced: Vec<i64>,
    /// When its limit rose, or its portfolio's.
    pub(crate) raised: Vec<i64>,
    /// When its own limit fell, and to how many people.
    pub(crate) lowered: Vec<(i64, u32)>,
}

fn grade(rating: &str) -> u8 {
    match rating {
        "RED" => 2,
        "YELLOW" => 1,
        _ => 0,
    }
}

fn people(tier: &str) -> u32 {
    match tier {
        "TIER_250" => 250,
        "TIER_1K" => 1_000,
        "TIER_2K" => 2_000,
        "TIER_10K" => 10_000,
        "TIER_100K" => 100_000,
        _ => u32::MAX,
    }
}

impl Truly {
    pub(super) fn of(timeline: &[Transition], number: &str, account: &str) -> Self {
        let mut truly = Self::default();
        for change in timeline {
            let at_ms = change.at_ms;
            match (change.object, change.what) {
                ("number", "rating")
                    if change.id == number && grade(&change.to) > grade(&change.from) =>
                {
                    truly.fell.push(at_ms);
                }
                ("account", "step") if change.id == account => truly.enforced.push(at_ms),
                ("number" | "portfolio", "limit") => {
                    let (from, to) = (people(&change.from), people(&change.to));
                    match to.cmp(&from) {
                        Ordering::Greater => truly.raised.push(at_ms),
                        Ordering::Less => truly.lowered.push((at_ms, to)),
                        // The lowest has none below it.
                        Ordering::Equal => {}
                    }
                }
                _ => {}
            }
        }
        truly
    }
}
