//! What decisions need, resident in memory: a projection of the store, owned by the one writer.
//!
//! It holds heads, windows, templates, numbers and sends under way, never evidence or bodies. Every
//! change within a batch is journalled, so that a batch whose commit failed leaves no trace here
//! either. It never reads or writes the store itself.

pub(crate) mod facts;
pub(crate) mod flights;
pub(crate) mod journal;
pub(crate) mod limited;
pub(crate) mod links;
pub(crate) mod marks;
pub(crate) mod messages;
pub(crate) mod pairs;
pub(crate) mod people;
pub(crate) mod platform;
pub(crate) mod reach;
pub(crate) mod unsettled;

use rustc_hash::FxHashSet;

use crate::erasure::Keys;
use crate::error::LedgerError;
use crate::subscription::Takes;
use crate::types::{BusinessIx, PersonId};
use flights::Flights;
use journal::{Change, Journal};
use limited::AllLimited;
use links::Links;
use marks::Marks;
use messages::Messages;
use pairs::Pairs;
use people::{Group, Known};
use platform::Platform;
use reach::Portfolio;
use unsettled::Unsettled;

/// One business's part.
#[derive(Debug, Default)]
pub(crate) struct Business {
    /// The store's number for it.
    pub(crate) row: i64,
    /// Its `id`.
    pub(crate) id: Box<str>,
    /// Who is known under which identifier.
    pub(crate) known: Known,
    /// What the platform said of numbers, accounts and templates.
    pub(crate) platform: Platform,
    /// Subscriptions that take changes of consent, also those that get nothing now: a replay gives it to them.
    pub(crate) takers: Vec<(Box<str>, Takes)>,
    /// The place of its portfolio.
    pub(crate) portfolio: u32,
}

/// Everything in memory.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By [`BusinessIx`]; businesses that the configuration no longer names come last.
    pub(crate) businesses: Vec<Business>,
    /// Portfolios, each with those it reached.
    pub(crate) portfolios: Vec<Portfolio>,
    /// People, linked ones together.
    pub(crate) groups: Vec<Group>,
    /// Who was linked and who moved.
    pub(crate) links: Links,
    /// Bodies that must wait.
    pub(crate) unsettled: Unsettled,
    /// Sends under way, oldest first.
    pub(crate) flights: Flights,
    /// What went to people of late, kept at them; here what is to be written of it.
    pub(crate) marks: Marks,
    /// Whom the platform lets no more marketing through to.
    pub(crate) limited: AllLimited,
    /// What went from each number to each person in the last moments.
    pub(crate) pairs: Pairs,
    /// The newest decision.
    pub(crate) last_seq: u64,
    /// The newest consent event.
    pub(crate) last_event: u64,
    /// Which message belongs to which send, of late.
    pub(crate) messages: Messages,
    /// Messages whose status came before we knew them.
    pub(crate) strays: FxHashSet<Box<str>>,
    /// What this batch changed.
    pub(crate) journal: Journal,
    /// What identifiers of those erased were hashed with.
    pub(crate) erasure: Keys,
    /// Decisions about people who were erased in the last hour: what becomes of a send under way may not name its
    /// message. Some may turn out not to be erased; it is looked up.
    pub(crate) lately: FxHashSet<u64>,
}

/// How long a send may be under way, and longer.
const LATELY_MS: i64 = 60 * 60 * 1_000;

impl State {
    /// The business at a place of the configuration.
    pub(crate) fn business(&self, ix: BusinessIx) -> Result<&Business, LedgerError> {
        self.businesses.get(ix.0 as usize).ok_or(LedgerError::Bug(
            "a business that the ledger was not set up with",
        ))
    }

    /// As [`Self::business`], to change it.
    pub(crate) fn business_mut(&mut self, ix: BusinessIx) -> Result<&mut Business, LedgerError> {
        self.businesses
            .get_mut(ix.0 as usize)
            .ok_or(LedgerError::Bug(
                "a business that the ledger was not set up with",
            ))
    }

    /// What a subscription takes from now on; `None` when there is none of that id.
    pub(crate) fn set_taker(
        &mut self,
        business: BusinessIx,
        id: &str,
        takes: Option<Takes>,
    ) -> Result<(), LedgerError> {
        let takers = &mut self.business_mut(business)?.takers;
        let before = takers.clone();
        takers.retain(|(known, _)| **known != *id);
        takers.extend(
            takes
                .filter(|takes| takes.consents)
                .map(|takes| (id.into(), takes)),
        );
        self.journal.note(Change::Takers(business, before));
        Ok(())
    }

    /// The next decision's number: never below the clock, never twice.
    pub(crate) fn next_seq(&mut self, now_ms: i64) -> u64 {
        let floor = u64::try_from(now_ms).unwrap_or(0) << 20;
        self.last_seq = floor.max(self.last_seq + 1);
        self.last_seq
    }

    /// The next consent event's number.
    pub(crate) fn next_event(&mut self) -> u64 {
        self.last_event += 1;
        self.last_event
    }

    /// A decision's person was erased.
    pub(crate) fn erased_lately(&mut self, seq: u64, now_ms: i64) {
        let floor = u64::try_from(now_ms.saturating_sub(LATELY_MS)).unwrap_or(0) << 20;
        self.lately.retain(|seq| *seq >= floor);
        if seq >= floor {
            self.lately.insert(seq);
        }
    }

    /// Whether a decision may be one of those.
    pub(crate) fn was_erased_lately(&self, seq: u64) -> bool {
        self.lately.contains(&seq)
    }

    /// The shard a decision about this person is kept in.
    pub(crate) fn shard_of(person: Option<PersonId>) -> crate::types::PersonShard {
        person.map_or(crate::types::PersonShard(0), PersonId::shard)
    }
}
