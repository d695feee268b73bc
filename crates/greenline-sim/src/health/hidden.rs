//! The platform's thresholds, which it tells nobody (QL-06): drawn per seed.

use serde::{Deserialize, Serialize};

use super::tally::{Feedback, WEEK_MS};
use crate::rng::Rng;
use crate::unclear::Unclear;

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colour {
    Green,
    Yellow,
    Red,
}

impl Colour {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::Red => "RED",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Green, Self::Yellow, Self::Red]
            .into_iter()
            .find(|colour| colour.name() == name)
    }
}

/// A step of the general ladder (ENF-00).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A warning.
    Warning,
    /// So many days without templates.
    Templates(u8),
    /// So many days without any message.
    Messages(u8),
    /// A lock.
    Lock,
    /// A lock, and disabled after so many days unless an appeal succeeds.
    LockThenDisable(u8),
}

/// The hidden thresholds. Shares are bad reactions, by what they count, of what arrived.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// How much the oldest of the seven days counts, compared with the newest.
    pub oldest_counts: f64,
    /// How much a report counts; a block counts 1.
    pub report_counts: f64,
    /// How much a mute counts.
    pub mute_counts: f64,
    /// How much an archived chat counts.
    pub archive_counts: f64,
    /// How much a stop by WhatsApp's own switch counts.
    pub native_stop_counts: f64,
    /// So many must have arrived within seven days for a number to be rated.
    pub rated_from: f64,
    /// From this share on a number is YELLOW.
    pub yellow_at: f64,
    /// From this share on it is RED.
    pub red_at: f64,
    /// So much of a threshold it must fall to, to be rated better again.
    pub better_at: f64,
    /// So many must have arrived for a template to be rated.
    pub template_rated_from: f64,
    /// From this share on a template is YELLOW.
    pub template_yellow_at: f64,
    /// From this share on it is RED.
    pub template_red_at: f64,
    /// What each percent of readers below this share adds, in hundredths of a percent of bad reactions.
    pub template_unread_below: f64,
    /// So many hours of RED lead to the spam limit.
    pub spam_after_h: i64,
    /// So many templates a day it lets through.
    pub spam_a_day: u32,
    /// From this share on an account goes one step up the ladder.
    pub enforced_at: f64,
    /// So many must have arrived since the last step.
    pub enforced_from: f64,
    /// So many hours after a step nothing is looked at.
    pub grace_h: i64,
    /// The ladder.
    pub ladder: Vec<Step>,
    /// After so many hours without a step, it begins anew.
    pub forgiven_after_h: i64,
    /// So many of a paced template go before the rest is held.
    pub paced_first: u32,
    /// So long after the first was held it is decided.
    pub paced_for_s: i64,
    /// So long the platform takes to raise a portfolio's limit.
    pub raise_after_s: i64,
    /// So many wrong utility messages lead up the utility ladder.
    pub misuse_at: u32,
    /// So many utility templates a day the utility rate limit lets through.
    pub utility_a_day: u32,
}

impl Hidden {
    /// The thresholds of a seed.
    #[must_use]
    pub fn drawn(seed: u64, unclear: &Unclear) -> Self {
        let mut rng = Rng::about(seed, &["hidden"]);
        let yellow_at = rng.between(0.012, 0.025);
        let red_at = yellow_at * rng.between(1.6, 2.4);
        let template_yellow_at = rng.between(0.015, 0.03);
        let template_red_at = template_yellow_at * rng.between(1.6, 2.4);
        let mut ladder = vec![Step::Warning];
        if rng.chance(0.5) {
            ladder.push(Step::Templates(1));
        }
        ladder.push(Step::Templates(3));
        if rng.chance(0.5) {
            ladder.push(Step::Messages(5));
        }
        ladder.push(Step::Messages(7));
        if rng.chance(0.5) {
            ladder.push(Step::Messages(30));
        }
        let days = u8::try_from(rng.within(7, 30)).unwrap_or(7);
        ladder.push(if rng.chance(0.5) {
            Step::Lock
        } else {
            Step::LockThenDisable(days)
        });
        Self {
            oldest_counts: rng.between(0.1, 0.5),
            report_counts: rng.between(2.0, 4.0),
            mute_counts: rng.between(0.1, 0.4),
            archive_counts: rng.between(0.05, 0.2),
            native_stop_counts: if unclear.native_stop_counts {
                rng.between(0.1, 0.5)
            } else {
                0.0
            },
            rated_from: rng.between(15.0, 40.0),
            yellow_at,
            red_at,
            better_at: rng.between(0.6, 0.9),
            template_rated_from: rng.between(15.0, 40.0),
            template_yellow_at,
            template_red_at,
            template_unread_below: rng.between(0.1, 0.3),
            spam_after_h: rng.within(24, 96),
            spam_a_day: u32::try_from(rng.within(5, 50)).unwrap_or(5),
            enforced_at: red_at * rng.between(1.2, 2.0),
            enforced_from: rng.between(20.0, 60.0),
            grace_h: rng.within(12, 72),
            ladder,
            forgiven_after_h: 24 * rng.within(60, 120),
            paced_first: u32::try_from(rng.within(10, 60)).unwrap_or(10),
            paced_for_s: rng.within(900, 3_600),
            raise_after_s: rng.within(600, 6 * 3_600),
            misuse_at: u32::try_from(rng.within(5, 25)).unwrap_or(5),
            utility_a_day: u32::try_from(rng.within(10, 100)).unwrap_or(10),
        }
    }

    pub(crate) fn recency(&self, age_ms: i64) -> f64 {
        // A week in milliseconds is far below 2^53.
        #[expect(clippy::cast_precision_loss, reason = "a week is exact")]
        let age = age_ms as f64 / WEEK_MS as f64;
        1.0 - (1.0 - self.oldest_counts) * age
    }

    pub(crate) fn counts(&self, kind: Feedback) -> f64 {
        match kind {
            Feedback::Block => 1.0,
            Feedback::Report => self.report_counts,
            Feedback::Mute => self.mute_counts,
            Feedback::Archive => self.archive_counts,
            Feedback::NativeStop => self.native_stop_counts,
            Feedback::StopWord => 0.0,
        }
    }

    /// The colour of a number.
    pub(crate) fn number(&self, bad_share: f64, before: Option<Colour>) -> Colour {
        self.colour(bad_share, before, self.yellow_at, self.red_at)
    }

    /// The colour of a template, whose readers count too (QL-08).
    pub(crate) fn template(
        &self,
        bad_share: f64,
        read_share: Option<f64>,
        before: Option<Colour>,
    ) -> Colour {
        let unread = read_share.map_or(0.0, |share| (self.template_unread_below - share).max(0.0));
        self.colour(
            bad_share + unread / 10.0,
            before,
            self.template_yellow_at,
            self.template_red_at,
        )
    }

    fn colour(&self, share: f64, before: Option<Colour>, yellow_at: f64, red_at: f64) -> Colour {
        // What was worse before stays so until it is clearly better.
        let line = |at: f64, colour: Colour| {
            if before.is_some_and(|before| before >= colour) {
                at * self.better_at
            } else {
                at
            }
        };
        if share >= line(red_at, Colour::Red) {
            Colour::Red
        } else if share >= line(yellow_at, Colour::Yellow) {
            Colour::Yellow
        } else {
            Colour::Green
        }
    }
}
