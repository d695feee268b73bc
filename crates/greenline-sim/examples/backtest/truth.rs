//! What truly happened, from the simulator's own timeline. Nothing here is known to a forecast.

use std::cmp::Ordering;

use greenline_policy::quality::Score;
use greenline_sim::Transition;

/// Something that a forecast can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) at_ms: i64,
    /// How bad: of a rating, 1 for medium and 2 for low.
    pub(crate) grade: u8,
}

/// How bad a rating is.
pub(super) fn grade_of(score: Score) -> u8 {
    match score {
        Score::Red => 2,
        Score::Yellow => 1,
        Score::Green | Score::Unrated => 0,
    }
}

/// What happened to one number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truly {
    /// When its rating fell, and to which.
    pub(crate) fell: Vec<Happened>,
    /// When its account went a step up the ladder of enforcement.
    pub(crate) enforced: Vec<Happened>,
    /// When its limit rose, or its portfolio's.
    pub(crate) raised: Vec<i64>,
    /// When its own limit fell, and to how many people.
    pub(crate) lowered: Vec<(i64, u32)>,
}

fn grade(rating: &str) -> u8 {
    grade_of(Score::parse(rating))
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
                    let grade = grade(&change.to);
                    truly.fell.push(Happened { at_ms, grade });
                }
                ("account", "step") if change.id == account => {
                    truly.enforced.push(Happened { at_ms, grade: 1 });
                }
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
