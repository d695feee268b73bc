//! What people did lately with what a number, a template or an account sent, by the hour.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::hidden::Hidden;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
pub(crate) const WEEK_MS: i64 = 7 * DAY_MS;
/// Who has not read by then counts as one who does not.
const READ_BY_MS: i64 = 8 * HOUR_MS;

/// How a person shows what they think (QL-03), or that they want no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// Blocks the number.
    Block,
    /// Reports it, and blocks it too.
    Report,
    /// Mutes the chat.
    Mute,
    /// Archives the chat.
    Archive,
    /// Stops marketing by WhatsApp's own switch.
    NativeStop,
    /// Writes a stop word.
    StopWord,
}

impl Feedback {
    pub(crate) const ALL: [Self; 6] = [
        Self::Block,
        Self::Report,
        Self::Mute,
        Self::Archive,
        Self::NativeStop,
        Self::StopWord,
    ];
}

/// Why somebody took a message badly: the truth that nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// They never agreed.
    NoConsent,
    /// They got too much.
    TooOften,
    /// They do not care for this.
    NotRelevant,
    /// None of these: they were in that mood.
    Mood,
    /// A script had them do it.
    Script,
}

impl Cause {
    pub(crate) const ALL: [Self; 5] = [
        Self::NoConsent,
        Self::TooOften,
        Self::NotRelevant,
        Self::Mood,
        Self::Script,
    ];
}

/// Hours with what happened in them; a week of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    hours: VecDeque<Hour>,
}

#[derive(Clone, Debug)]
struct Hour {
    hour: i64,
    delivered: u32,
    read: u32,
    /// How many reactions there are below.
    reactions: u32,
    felt: [[u32; Cause::ALL.len()]; Feedback::ALL.len()],
}

/// What a tally comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weight {
    /// Messages that arrived.
    pub(crate) delivered: u32,
    /// The same, newer ones counting more.
    pub(crate) delivered_weighed: f64,
    /// Bad reactions, each by what it counts, newer ones counting more.
    pub(crate) bad_weighed: f64,
    /// Of those that had time to be read, the share that was.
    pub(crate) read_share: Option<f64>,
    pub(crate) felt: BTreeMap<Feedback, u32>,
    pub(crate) causes: BTreeMap<Cause, u32>,
}

impl Weight {
    pub(crate) fn bad_share(&self) -> f64 {
        if self.delivered_weighed > 0.0 {
            self.bad_weighed / self.delivered_weighed
        } else {
            0.0
        }
    }
}

impl Tally {
    pub(crate) fn delivered(&mut self, at_ms: i64) {
        self.hour(at_ms).delivered += 1;
    }

    /// Something that arrived then was read.
    pub(crate) fn read(&mut self, delivered_ms: i64) {
        let hour = delivered_ms.div_euclid(HOUR_MS);
        if let Some(entry) = self.hours.iter_mut().rfind(|entry| entry.hour == hour) {
            entry.read += 1;
        }
    }

    pub(crate) fn felt(&mut self, at_ms: i64, kind: Feedback, cause: Cause) {
        let hour = self.hour(at_ms);
        hour.reactions += 1;
        hour.felt[kind as usize][cause as usize] += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.hours.clear();
    }

    /// Forgets what is older than seven days (QL-02).
    pub(crate) fn forget(&mut self, now_ms: i64) {
        let oldest = (now_ms - WEEK_MS).div_euclid(HOUR_MS);
        while self.hours.front().is_some_and(|entry| entry.hour < oldest) {
            self.hours.pop_front();
        }
    }

    pub(crate) fn weigh(&self, now_ms: i64, since_ms: i64, hidden: &Hidden) -> Weight {
        let oldest = (now_ms - WEEK_MS).max(since_ms).div_euclid(HOUR_MS);
        let mut weight = Weight::default();
        let (mut old, mut old_read) = (0_u32, 0_u32);
        for hour in self.hours.iter().filter(|hour| hour.hour >= oldest) {
            let age_ms = (now_ms - hour.hour * HOUR_MS).clamp(0, WEEK_MS);
            let recency = hidden.recency(age_ms);
            weight.delivered += hour.delivered;
            weight.delivered_weighed += recency * f64::from(hour.delivered);
            if age_ms >= READ_BY_MS + HOUR_MS {
                old += hour.delivered;
                old_read += hour.read;
            }
            if hour.reactions == 0 {
                continue;
            }
            for kind in Feedback::ALL {
                for cause in Cause::ALL {
                    let count = hour.felt[kind as usize][cause as usize];
                    if count > 0 {
                        weight.bad_weighed += recency * hidden.counts(kind) * f64::from(count);
                        *weight.felt.entry(kind).or_default() += count;
                        *weight.causes.entry(cause).or_default() += count;
                    }
                }
            }
        }
        weight.read_share = (old > 0).then(|| f64::from(old_read) / f64::from(old));
        weight
    }

    fn hour(&mut self, at_ms: i64) -> &mut Hour {
        let hour = at_ms.div_euclid(HOUR_MS);
        let at = self.hours.partition_point(|entry| entry.hour < hour);
        if self.hours.get(at).is_none_or(|entry| entry.hour != hour) {
            self.hours.insert(
                at,
                Hour {
                    hour,
                    delivered: 0,
                    read: 0,
                    reactions: 0,
                    felt: Default::default(),
                },
            );
        }
        &mut self.hours[at]
    }
}
