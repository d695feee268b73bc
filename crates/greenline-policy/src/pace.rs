//! How much one person gets: bounds of the business's own, and what is known of the platform's.
//!
//! Everything here is counted from a plain list of earlier messages by functions that know no clock but the moment
//! they are given. A window rolls exactly: it is so many milliseconds long wherever it begins, and knows no day of the
//! calendar. Messages from after the moment asked about count too, because clocks of two machines may differ: the
//! strict side holds.

use std::sync::Arc;

use crate::decide::{Intent, TemplateFacts};
use crate::scope::{Categories, Category, Scope};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Caps of one business at most.
pub const CAPS_MAX: usize = 8;
/// Messages that a cap may allow at most.
pub const CAP_MESSAGES_MAX: u16 = 1_000;
/// Hours that a cap may look back at most: earlier messages are not kept for this.
pub const CAP_HOURS_MAX: u16 = 31 * 24;
/// How long a message is kept to be counted.
pub const COUNTED_MS: i64 = CAP_HOURS_MAX as i64 * HOUR_MS;

/// The first wait after the platform's own bound for a person was met (SND-32).
pub const PLATFORM_WAIT_MS: i64 = 24 * HOUR_MS;
/// The longest one: each further time doubles the wait up to here.
pub const PLATFORM_WAIT_MAX_MS: i64 = 7 * 24 * HOUR_MS;

/// Until when messages to a person wait because of earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pace {
    /// By the business's own caps on this kind of message.
    pub capped_until_ms: Option<i64>,
    /// By the platform's bound on marketing, as it last told of it.
    pub limited_until_ms: Option<i64>,
    /// By the platform's limit on how fast one number writes to one person ([`crate::pair`]).
    pub paired_until_ms: Option<i64>,
}

/// What a message counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind<'a> {
    /// The platform's category, and that of the topic.
    pub categories: Categories,
    /// The topic.
    pub topic: Option<&'a Scope>,
}

impl<'a> Kind<'a> {
    /// What a message counts as; `None` for whatever only answers.
    #[must_use]
    pub fn of(intent: Intent, template: Option<&'a TemplateFacts>) -> Option<Self> {
        match intent {
            Intent::Template => {
                let template = template.unwrap_or(&TemplateFacts::UNKNOWN);
                let topic = template.topic.as_ref();
                let by_topic = topic.and_then(Scope::category);
                Some(Self {
                    categories: Categories::of([template.category].into_iter().chain(by_topic)),
                    topic,
                })
            }
            Intent::Call => Some(Self {
                categories: Categories::of([Category::Calls]),
                topic: None,
            }),
            Intent::FreeForm | Intent::Confirmation => None,
        }
    }
}

/// At most so many messages of a scope within so long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cap {
    /// What it is about.
    pub scope: Scope,
    /// How many; at least one.
    pub max: u16,
    /// Within how long, milliseconds.
    pub per_ms: i64,
}

impl Cap {
    /// Whether a message counts, and is bound. Codes, which go at the person's own request, count only where
    /// authentication itself is named.
    #[must_use]
    pub fn counts(&self, kind: Kind<'_>) -> bool {
        match &self.scope {
            Scope::All => kind.categories.meets(Categories::of([
                Category::Marketing,
                Category::Utility,
                Category::Calls,
            ])),
            Scope::Category(category) => kind.categories.holds(*category),
            topic @ Scope::Topic(..) => kind.topic == Some(topic),
        }
    }

    /// When another message of this kind may go, where as many as the cap allows lie within it.
    fn until_ms<'s>(
        &self,
        kind: Kind<'_>,
        now_ms: i64,
        sent: impl Iterator<Item = (i64, Kind<'s>)> + Clone,
    ) -> Option<i64> {
        if !self.counts(kind) {
            return None;
        }
        let ends = sent
            .filter(|(_, kind)| self.counts(*kind))
            .map(|(at_ms, _)| at_ms.saturating_add(self.per_ms))
            .filter(|end_ms| *end_ms > now_ms);
        let max = usize::from(self.max.max(1));
        if ends.clone().take(max).count() < max {
            return None;
        }
        let mut ends: Vec<i64> = ends.collect();
        // It passes once all but one less than the cap allows are out of the window.
        let at = ends.len().checked_sub(max)?;
        Some(*ends.select_nth_unstable(at).1)
    }
}

/// A business's caps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caps(Option<Arc<[Cap]>>);

impl Caps {
    /// These.
    #[must_use]
    pub fn of(caps: Vec<Cap>) -> Self {
        Self((!caps.is_empty()).then(|| caps.into()))
    }

    /// Each of them.
    #[must_use]
    pub fn all(&self) -> &[Cap] {
        self.0.as_deref().unwrap_or_default()
    }

    /// How far the one that looks back furthest looks back; `None` where there is none.
    #[must_use]
    pub fn longest_ms(&self) -> Option<i64> {
        self.all().iter().map(|cap| cap.per_ms).max()
    }

    /// When another message of this kind may go by all of them; `None` where it may go now. `sent` are the messages
    /// that went, in any order.
    #[must_use]
    pub fn until_ms<'s>(
        &self,
        kind: Kind<'_>,
        now_ms: i64,
        sent: &(impl Iterator<Item = (i64, Kind<'s>)> + Clone),
    ) -> Option<i64> {
        let caps = self.all().iter();
        caps.filter_map(|cap| cap.until_ms(kind, now_ms, sent.clone()))
            .max()
    }
}

/// The platform's bound on marketing to a person, as it was met (SND-30).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limited {
    /// When the message went that it last kept back.
    pub at_ms: i64,
    /// How often in a row, with nothing delivered in between.
    pub times: u16,
}

impl Limited {
    /// After the bound was met again by a message of that moment.
    #[must_use]
    pub fn again(before: Option<Self>, at_ms: i64) -> Self {
        let before = before.unwrap_or(Self {
            at_ms: i64::MIN,
            times: 0,
        });
        Self {
            at_ms: before.at_ms.max(at_ms),
            times: before.times.saturating_add(1),
        }
    }

    /// Until when nothing of marketing is to be tried: a day, twice as long each further time, up to a week.
    #[must_use]
    pub fn until_ms(self) -> i64 {
        let doublings = u32::from(self.times.saturating_sub(1)).min(16);
        let wait_ms = (PLATFORM_WAIT_MS << doublings).min(PLATFORM_WAIT_MAX_MS);
        self.at_ms.saturating_add(wait_ms)
    }
}
