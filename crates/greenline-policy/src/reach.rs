//! Who counts as reached by messages that the business began, and how many more people may be (QL-10, QL-17).
//!
//! The platform counts different people within any 24 hours, over all numbers of a portfolio, and only what goes
//! outside of a window that the person opened. Someone who is counted already may be sent to again: they take no
//! place of their own.

use crate::decide::{PersonFacts, window_open};

/// How long somebody counts after the newest message that reached them.
pub const REACH_MS: i64 = 24 * 60 * 60 * 1_000;

/// How many different people a portfolio may reach within [`REACH_MS`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessagingLimit {
    /// So many.
    People(u32),
    /// As many as there are.
    Unlimited,
}

impl MessagingLimit {
    /// Whether this one allows fewer than another.
    #[must_use]
    pub fn is_below(self, other: Self) -> bool {
        match (self, other) {
            (Self::People(one), Self::People(other)) => one < other,
            (Self::People(_), Self::Unlimited) => true,
            (Self::Unlimited, _) => false,
        }
    }
}

/// What is known of a portfolio when a message is decided about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortfolioFacts {
    /// The limit as the platform last told it; `None` while it has not.
    pub limit: Option<MessagingLimit>,
    /// How many people count as reached.
    pub reached: u32,
    /// When there is a place for this message, where there is none now. Unix milliseconds.
    pub frees_at_ms: Option<i64>,
}

/// The bound that counts: the platform's, or the business's own where that is lower.
#[must_use]
pub fn bound(platform: Option<MessagingLimit>, own: Option<u32>) -> Option<u32> {
    let platform = match platform {
        Some(MessagingLimit::People(people)) => Some(people),
        Some(MessagingLimit::Unlimited) | None => None,
    };
    platform.into_iter().chain(own).min()
}

/// Until when somebody counts who was last reached then; from that millisecond on they no longer do.
#[must_use]
pub fn counts_until_ms(reached_at_ms: i64) -> i64 {
    reached_at_ms.saturating_add(REACH_MS)
}

/// Whether a template to this person counts: it goes outside of an open window.
#[must_use]
pub fn counts(person: &PersonFacts<'_>, now_ms: i64) -> bool {
    !window_open(person, now_ms)
}

/// How many places a template to these people takes that are not theirs already.
#[must_use]
pub fn places_wanted(people: &[PersonFacts<'_>], now_ms: i64) -> u32 {
    let is_new = |person: &&PersonFacts<'_>| {
        let is_reached = person
            .reached_at_ms
            .is_some_and(|at_ms| now_ms < counts_until_ms(at_ms));
        counts(person, now_ms) && !is_reached
    };
    u32::try_from(people.iter().filter(is_new).count()).unwrap_or(u32::MAX)
}
