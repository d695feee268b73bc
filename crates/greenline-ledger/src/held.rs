//! Everything that is held about one person, for whoever they ask to see it.
//!
//! First who they are ([`Ledger::holding`]), then what there is of each kind, a page at a time
//! ([`Ledger::held`]), so that however much there is, little of it is in memory at once. It is found as an erasure
//! finds it: by the person where a record names them, by every way they may be written where it does not. A
//! record may speak of others too; leaving those out is up to whoever hands it on.

use greenline_policy::identity::Identifier;

use crate::erasure::{is_pseudonym, mentions, spellings};
use crate::error::LedgerError;
use crate::later::HeldMessage;
use crate::types::{BusinessIx, DecisionRecord, Lane, OwnReply, PersonId, TimelineEntry};
use crate::{Backend, Ledger, on};

/// Rows that one page looks at.
pub(crate) const LOOKED_MAX: usize = 2_000;
/// Records in one page.
pub(crate) const FOUND_MAX: usize = 100;
/// Bytes of deliveries in one page; one delivery may be larger by itself.
pub(crate) const FOUND_BYTES_MAX: usize = 4 << 20;

/// A kind of what is held beside consent events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldKind {
    /// Decisions, with what became of them.
    Decisions,
    /// Webhooks whose bodies are still kept.
    Deliveries,
    /// Replies that Greenline owed them itself.
    Replies,
    /// Messages to them that are held until they may go, or were.
    Messages,
    /// Entries of the timeline that speak of them.
    Timeline,
}

impl HeldKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Decisions,
        Self::Deliveries,
        Self::Replies,
        Self::Messages,
        Self::Timeline,
    ];
}

/// Where a page goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldAt(pub(crate) i64, pub(crate) i64);

impl HeldAt {
    /// Where the first page begins.
    pub const START: Self = Self(i64::MIN, i64::MIN);
}

/// An answer about calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallAnswer {
    /// The number asked from.
    pub number: Box<str>,
    /// When they answered.
    pub at_ms: i64,
    /// Until when calls are allowed; `None` when declined.
    pub until_ms: Option<i64>,
}

/// Who a person is: everyone they turned out to be, also by a move to here. Whoever has a number that the person left
/// is told nothing of where they went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Entries of the ledger that are this person; the one asked for first.
    pub people: Vec<PersonId>,
    /// Every identifier; of someone erased, what stands in its place.
    pub identifiers: Vec<Identifier>,
    /// Answers about calls.
    pub calls: Vec<CallAnswer>,
    /// How often preference links were revoked.
    pub links_revoked: u64,
    /// When that was last.
    pub links_revoked_ms: Option<i64>,
    /// Every way in which they may be written.
    pub texts: Vec<String>,
    /// Every way in which whoever left by a move may be written where they are now: of no concern to who is here.
    pub elsewhere: Vec<String>,
}

/// How those who left may be written and those who are here may not, in order.
pub(crate) fn elsewhere<'i>(
    left: impl Iterator<Item = &'i Identifier>,
    here: &[String],
) -> Vec<String> {
    let left = left.filter(|id| !is_pseudonym(id)).flat_map(spellings);
    let mut texts: Vec<String> = left.filter(|text| !here.contains(text)).collect();
    texts.sort();
    texts.dedup();
    texts
}

impl Holding {
    /// Somebody whom nobody is known as: single records may name them all the same.
    #[must_use]
    pub fn of_nobody(identifier: &Identifier) -> Self {
        Self {
            people: Vec::new(),
            identifiers: Vec::new(),
            calls: Vec::new(),
            links_revoked: 0,
            links_revoked_ms: None,
            texts: spellings(&identifier.canonical().0),
            elsewhere: Vec::new(),
        }
    }

    /// Whether bytes name this person.
    #[must_use]
    pub fn is_named_in(&self, bytes: &[u8]) -> bool {
        mentions(bytes, &self.texts)
    }

    /// Whether bytes name somebody who left, as they are known now.
    #[must_use]
    pub fn is_named_elsewhere_in(&self, bytes: &[u8]) -> bool {
        mentions(bytes, &self.elsewhere)
    }
}

/// One thing held.
#[derive(Clone, PartialEq, Debug)]
pub enum Held {
    /// A decision about a send to them.
    Decision(Box<DecisionRecord>),
    /// A webhook.
    Delivery {
        /// When it came.
        received_ms: i64,
        /// Its lane.
        lane: Lane,
        /// The raw body.
        body: Vec<u8>,
    },
    /// An own reply.
    Reply {
        /// The number it is sent from.
        number: Box<str>,
        /// What it says.
        reply: OwnReply,
        /// When the message that it answers was written.
        at_ms: i64,
        /// Whether it is over.
        is_over: bool,
        /// The decision it was sent by.
        decision: Option<u64>,
    },
    /// A message that is held until it may go, or was.
    Message {
        /// The message.
        message: Box<HeldMessage>,
        /// What it says, as the app sent it; none once it is over.
        body: Option<Vec<u8>>,
    },
    /// An entry of the timeline.
    Timeline(TimelineEntry),
}

/// Some of what is held, and where to go on; there may be more although there is nothing here.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct HeldPage {
    /// What was found.
    pub records: Vec<Held>,
    /// Where to go on; `None` when that was all.
    pub next: Option<HeldAt>,
}

impl Ledger {
    /// Who the person with this identifier is, for [`Self::held`]; `None` when the business has no such person.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn holding(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<Holding>, LedgerError> {
        on!(self, store => store.holding(business, identifier).await)
    }

    /// A page of what is held about a person.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn held(
        &self,
        business: BusinessIx,
        of: &Holding,
        kind: HeldKind,
        after: HeldAt,
    ) -> Result<HeldPage, LedgerError> {
        on!(self, store => store.held(business, of, kind, after).await)
    }
}
