//! What people are like, and what they make of a message: drawn for each person and each message from the
//! seed, and bent by whether they agreed, how much they got, and whether they care.

use std::collections::VecDeque;

use serde::Serialize;

use super::tally::{Cause, Feedback, WEEK_MS};
use crate::config;
use crate::rng::Rng;

const MINUTE_MS: i64 = 60_000;
/// Somebody who takes it so badly takes it as badly as can be.
const IRRITATION_MAX: f64 = 3.0;
/// How much worse than usual something must be to be the reason.
const STANDS_OUT: f64 = 1.5;
/// What an ordinary template is worth to an ordinary person.
const USUAL_BORED: f64 = 0.9;

/// What a person is like.
#[derive(Clone, Debug, Serialize)]
pub struct Nature {
    /// Whether they truly agreed to marketing.
    pub agreed: bool,
    /// How many templates a week they bear.
    pub tolerance: f64,
    /// How readily they block and report.
    pub temper: f64,
    /// How much of what they get they read.
    pub reads: f64,
    /// How many marketing templates a day the platform lets them get, from all businesses (SND-30).
    pub marketing_a_day: u32,
    /// Whether they have no WhatsApp.
    pub unreachable: bool,
}

/// A person, as far as health goes.
#[derive(Clone, Debug)]
pub(crate) struct PersonBook {
    pub(crate) nature: Nature,
    /// When templates arrived within the last week.
    templates: VecDeque<i64>,
    /// When marketing arrived outside a window, within the last day.
    marketing: VecDeque<i64>,
    /// When the platform last held something back from them.
    held_back_ms: Option<i64>,
}

/// What kind of message it is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Marketing,
    Utility,
    Authentication,
    Answer,
}

impl Sort {
    pub(crate) fn of(category: Option<&str>) -> Self {
        match category {
            None => Self::Answer,
            Some("UTILITY") => Self::Utility,
            Some("AUTHENTICATION") => Self::Authentication,
            Some(_) => Self::Marketing,
        }
    }
}

/// What a person makes of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    /// Read so long after it arrived.
    pub(crate) read_after_ms: Option<i64>,
    /// Shown so long after, and why.
    pub(crate) felt: Option<(i64, Feedback, Cause)>,
    /// Answered so long after.
    pub(crate) answer: Option<(i64, String)>,
}

impl PersonBook {
    pub(crate) fn drawn(seed: u64, wa_id: &str, config: &config::Health) -> Self {
        let crowd = config
            .crowds
            .iter()
            .filter(|crowd| wa_id.starts_with(&crowd.prefix))
            .max_by_key(|crowd| crowd.prefix.len())
            .unwrap_or(&config.people);
        let mut rng = Rng::about(seed, &["nature", wa_id]);
        Self {
            nature: Nature {
                agreed: rng.chance(crowd.agreed_share),
                tolerance: rng.between(1.5, 6.0) * crowd.tolerance,
                temper: rng.between(0.3, 1.7) * crowd.temper,
                reads: rng.between(0.6, 1.15),
                marketing_a_day: u32::try_from(rng.within(2, 5)).unwrap_or(2),
                unreachable: rng.chance(crowd.unreachable_share),
            },
            templates: VecDeque::new(),
            marketing: VecDeque::new(),
            held_back_ms: None,
        }
    }

    /// A template arrived.
    pub(crate) fn got(&mut self, sort: Sort, window: bool, at_ms: i64) {
        if sort != Sort::Answer {
            self.templates.push_back(at_ms);
        }
        if sort == Sort::Marketing && !window {
            self.marketing.push_back(at_ms);
        }
    }

    /// Whether the platform holds a marketing template back from this person (SND-30, SND-32).
    pub(crate) fn holds_back(&mut self, seed: u64, wa_id: &str, now_ms: i64) -> bool {
        let day_ms = super::tally::DAY_MS;
        let again = now_ms >= RESENDS_BLOCKED_MS
            && self
                .held_back_ms
                .is_some_and(|held_ms| now_ms < held_ms + day_ms);
        while self
            .marketing
            .front()
            .is_some_and(|at| *at <= now_ms - day_ms)
        {
            self.marketing.pop_front();
        }
        let day = now_ms.div_euclid(day_ms).to_string();
        let others = Rng::about(seed, &["others", wa_id, &day]).below(2);
        let got = self.marketing.len() as u64 + others;
        let full = got >= u64::from(self.nature.marketing_a_day);
        if full || again {
            self.held_back_ms = Some(now_ms);
        }
        full || again
    }

    /// What they make of a message that arrives now.
    pub(crate) fn makes_of(
        &mut self,
        mut rng: Rng,
        sort: Sort,
        relevance: f64,
        now_ms: i64,
        answers: &[String],
    ) -> Made {
        while self
            .templates
            .front()
            .is_some_and(|at| *at <= now_ms - WEEK_MS)
        {
            self.templates.pop_front();
        }
        let nature = &self.nature;
        let usual = match sort {
            Sort::Marketing => 0.05,
            Sort::Utility => 0.02,
            Sort::Authentication => 0.005,
            Sort::Answer => 0.004,
        };
        let unasked = match sort {
            Sort::Marketing if !nature.agreed => 18.0,
            Sort::Utility if !nature.agreed => 5.0,
            _ => 1.0,
        };
        let week = u32::try_from(self.templates.len()).unwrap_or(u32::MAX);
        let often = if sort == Sort::Answer {
            1.0
        } else {
            (f64::from(week) / nature.tolerance).max(1.0)
        };
        let often = often * often;
        let bored = 1.6 - relevance;
        let irritation = (usual * unasked * often * bored).min(IRRITATION_MAX);
        let cause = [
            (unasked, Cause::NoConsent),
            (often, Cause::TooOften),
            (bored / USUAL_BORED, Cause::NotRelevant),
        ]
        .into_iter()
        .filter(|(ratio, _)| *ratio >= STANDS_OUT)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(Cause::Mood, |(_, cause)| cause);

        // Every draw is made, whatever the others gave: what bends one bends only that one.
        let reads = (0.85 * nature.reads - 0.25 * irritation).clamp(0.02, 0.98);
        let read = rng.chance(reads);
        let wait = rng.unit();
        #[expect(clippy::cast_possible_truncation, reason = "at most eight hours")]
        let read_after_ms = MINUTE_MS + (480.0 * wait * wait * wait * 60_000.0) as i64;
        let mut left = rng.unit();
        let mut kind = None;
        let marketing = sort == Sort::Marketing;
        for (feedback, share) in [
            (Feedback::Report, 0.01),
            (Feedback::Block, 0.05),
            (Feedback::Mute, 0.03),
            (Feedback::Archive, 0.04),
            (Feedback::NativeStop, if marketing { 0.05 } else { 0.0 }),
            (Feedback::StopWord, if marketing { 0.04 } else { 0.01 }),
        ] {
            left -= share * irritation * nature.temper;
            if left < 0.0 {
                kind = Some(feedback);
                break;
            }
        }
        let felt_after_ms = if read {
            read_after_ms + rng.within(1_000, 5 * MINUTE_MS)
        } else {
            rng.within(MINUTE_MS, 60 * MINUTE_MS)
        };
        let answers_it = rng.chance(0.08 * relevance) && read && kind.is_none();
        let answer = rng.below(answers.len() as u64);
        let answer_after_ms = read_after_ms + rng.within(5_000, 30 * MINUTE_MS);
        Made {
            read_after_ms: read.then_some(read_after_ms),
            felt: kind.map(|kind| (felt_after_ms, kind, cause)),
            answer: answers_it
                .then(|| answers.get(usize::try_from(answer).ok()?).cloned())
                .flatten()
                .map(|text| (answer_after_ms, text)),
        }
    }
}

/// Since the end of April 2026 sending again within a day is itself blocked (SND-32).
const RESENDS_BLOCKED_MS: i64 = 1_777_507_200_000;
/// Since 6 February 2024 marketing is bounded for each person (SND-30).
pub(crate) const BOUNDED_SINCE_MS: i64 = 1_707_177_600_000;

/// Whether the bound on marketing is not in force for this number (SND-33): EEA, UK, Japan, South Korea.
pub(crate) fn is_exempt(digits: &str) -> bool {
    const PREFIXES: [&str; 32] = [
        "30", "31", "32", "33", "34", "351", "352", "353", "354", "356", "357", "358", "359", "36",
        "370", "371", "372", "385", "386", "39", "40", "420", "421", "423", "43", "44", "45", "46",
        "47", "48", "49", "81",
    ];
    digits.starts_with("82") || PREFIXES.iter().any(|prefix| digits.starts_with(prefix))
}

/// What people answer when they are content.
pub(crate) const KIND_ANSWERS: [&str; 3] = ["Thank you", "👍", "Great, thanks!"];

/// How much people care for a template, from 0 to 1.
pub(crate) fn relevance(
    seed: u64,
    config: &config::Health,
    sort: Sort,
    name: &str,
    wa_id: &str,
) -> f64 {
    let own = config
        .relevance
        .get(name)
        .copied()
        .unwrap_or_else(|| match sort {
            Sort::Marketing => Rng::about(seed, &["relevance", name]).between(0.5, 0.9),
            Sort::Utility | Sort::Authentication => 0.95,
            Sort::Answer => 1.0,
        });
    // One person cares a little more than another.
    let taste = Rng::about(seed, &["taste", name, wa_id]).between(-0.1, 0.1);
    (own + taste).clamp(0.0, 1.0)
}
