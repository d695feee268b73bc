//! How fast one number may write to one person: the platform's pair limit (SND-45).
//!
//! One message is paid for by every six seconds. Until a first one is paid for more may go, up to 45 in all: they borrow
//! from the time after them, six seconds each. Once 45 are owed the next message waits until all of them are paid for.
//!
//! The platform's page may be read to say that after a smaller burst one has to wait as well. A bot that answers with
//! three messages and is asked again at once would then be kept from answering, without the platform having said a
//! word; so that is left to the platform. Where it itself says that the pair is too fast, nothing is tried for four seconds, and four times as
//! long after each further try that it answers so.
//!
//! A message that was rejected, or certainly did not go out, takes nothing: it is left out of what is counted.

/// What one message takes.
pub const EVERY_MS: i64 = 6_000;
/// Messages that a burst may have.
pub const BURST_MAX: u16 = 45;
/// How long the longest burst takes to be paid: earlier messages matter no more.
pub const PAID_WITHIN_MS: i64 = EVERY_MS * BURST_MAX as i64;
/// Refusals in a row after which the wait grows no longer.
pub const REFUSALS_MAX: u32 = 6;
/// The longest wait after refusals of the platform, 4^6 seconds, and how long refusals count as in a row.
pub const REFUSED_MS_MAX: i64 = wait_ms(REFUSALS_MAX);
/// How long what becomes of a message may be open: one that ends a row of refusals may yet turn out to be one.
const OPEN_MS: i64 = 60_000;

/// How long nothing is tried after so many refusals in a row.
const fn wait_ms(refusals: u32) -> i64 {
    let refusals = if refusals > REFUSALS_MAX {
        REFUSALS_MAX
    } else {
        refusals
    };
    1_000 << (2 * refusals)
}

/// One message of a pair that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Went {
    /// When it was let go, Unix milliseconds.
    pub at_ms: i64,
    /// When the platform said that the pair is too fast for it (131056), if it did: it took nothing then.
    pub refused_ms: Option<i64>,
}

/// Where a pair stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pair {
    /// The first message of the latest burst, which may be its only one; how many it has.
    burst: Option<(i64, u16)>,
    /// When the platform last refused one, and how often in a row.
    refused: Option<(i64, u32)>,
}

impl Pair {
    /// After these messages, in the order in which they were let go.
    #[must_use]
    pub fn after(messages: impl IntoIterator<Item = Went>) -> Self {
        let mut pair = Self::default();
        for message in messages {
            match message.refused_ms {
                Some(refused_ms) => pair.was_refused(message.at_ms, refused_ms),
                None => pair.went(message.at_ms),
            }
        }
        pair
    }

    /// Until when another message has to wait; `None` where it may go now.
    #[must_use]
    pub fn until_ms(&self, now_ms: i64) -> Option<i64> {
        let unpaid = self.paid_ms().filter(|_| !self.may_borrow());
        let untried = self.tried_again_ms();
        unpaid.max(untried).filter(|until_ms| *until_ms > now_ms)
    }

    /// Whether this message, one of those that led here, still matters then. What does not is forgotten from the oldest
    /// on, and never from between others.
    #[must_use]
    pub fn looks_at(&self, message: Went, now_ms: i64) -> bool {
        match message.refused_ms {
            Some(refused_ms) => {
                let for_ms = match self.refused {
                    Some(_) => REFUSED_MS_MAX,
                    None => OPEN_MS,
                };
                now_ms < refused_ms.saturating_add(for_ms)
            }
            None => {
                let began = self
                    .burst
                    .is_none_or(|(began_ms, _)| message.at_ms >= began_ms);
                began && self.paid_ms().is_some_and(|paid_ms| now_ms < paid_ms)
            }
        }
    }

    /// When the latest burst is paid for.
    fn paid_ms(&self) -> Option<i64> {
        self.burst
            .map(|(began_ms, messages)| began_ms.saturating_add(EVERY_MS * i64::from(messages)))
    }

    /// Whether the latest burst may take one more.
    fn may_borrow(&self) -> bool {
        self.burst.is_some_and(|(_, messages)| messages < BURST_MAX)
    }

    /// When something may be tried again after what the platform said.
    fn tried_again_ms(&self) -> Option<i64> {
        self.refused
            .map(|(refused_ms, times)| refused_ms.saturating_add(wait_ms(times)))
    }

    fn went(&mut self, at_ms: i64) {
        self.refused = None;
        if self.paid_ms().is_none_or(|paid_ms| at_ms >= paid_ms) {
            self.burst = Some((at_ms, 1));
        } else if self.may_borrow()
            && let Some((_, messages)) = &mut self.burst
        {
            *messages += 1;
        }
        // What went although it was too fast, because nobody was bound, makes nothing wait longer.
    }

    /// A message that was under way before the last refusal was known says nothing new.
    fn was_refused(&mut self, at_ms: i64, refused_ms: i64) {
        let again = self.tried_again_ms();
        let (before_ms, times) = self.refused.unwrap_or((i64::MIN, 0));
        let is_new = again.is_none_or(|again_ms| at_ms >= again_ms);
        self.refused = Some((
            before_ms.max(refused_ms).max(at_ms),
            times.saturating_add(u32::from(is_new)),
        ));
    }
}
