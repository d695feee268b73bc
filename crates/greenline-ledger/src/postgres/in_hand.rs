//! What this node has in hand of the work that must happen once.
//!
//! A claim is begun by noting here what is about to be claimed, so that one whose answer was lost is
//! finished by the next try, or by the next call, and nothing stays claimed by a node that does not know
//! of it. A claim holds while the node's lease does: a node that was cut off for longer than that has
//! nothing in hand any more, whatever it remembers, since another may have taken it over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::node::Seat;
use crate::types::Lane;

/// How long a delivery that was handed out is not handed out again.
pub(super) const CLAIM_MS: i64 = 10 * 60 * 1_000;
/// How long it may be begun with: enough is left for an attempt, and for nodes whose clocks differ.
const BEGIN_WITHIN: Duration = Duration::from_secs(8 * 60);
/// Noted claims before those that are over are looked for.
const SWEEP_AT: usize = 4_096;

/// A claim that is being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun {
    /// Names this claim and no other.
    pub(super) claim: i64,
    /// The node that makes it.
    pub(super) token: i64,
    /// Nodes that had some of it in hand and are dead. A token never comes back.
    pub(super) dead: Vec<i64>,
    /// Where the rows are …
    pub(super) shards: Vec<i64>,
    /// … their numbers …
    pub(super) seqs: Vec<i64>,
    /// … and the apps, for deliveries.
    pub(super) apps: Vec<String>,
    began: Option<Instant>,
}

impl Begun {
    /// One that names nothing yet.
    pub(super) fn new(claim: i64, token: i64) -> Self {
        Self {
            claim,
            token,
            began: Some(Instant::now()),
            ..Self::default()
        }
    }

    /// Whether it names something and may still be finished under this token.
    pub(super) fn stands(&self, token: i64) -> bool {
        let recent = self
            .began
            .is_some_and(|began| began.elapsed() < BEGIN_WITHIN);
        self.token == token && !self.seqs.is_empty() && recent
    }
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    claim: i64,
    token: i64,
    begin_by: Instant,
}

#[derive(Debug, Default)]
struct Hands {
    relays: FxHashMap<(i64, Arc<str>), Claim>,
    /// Claims of relays that may have been made without our knowing, by lane; the last are of replies and of held
    /// messages.
    begun: [Begun; 7],
}

/// What is in hand.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<Hands>);

/// Whose turn a claim is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Deliveries of a lane.
    Relays(Lane),
    /// Own replies.
    Replies,
    /// Held messages.
    Later,
}

impl Work {
    fn place(self) -> usize {
        match self {
            Self::Relays(Lane::Inbound) => 0,
            Self::Relays(Lane::Status) => 1,
            Self::Relays(Lane::Account) => 2,
            Self::Relays(Lane::Event) => 3,
            Self::Relays(Lane::Bulk) => 4,
            Self::Replies => 5,
            Self::Later => 6,
        }
    }
}

impl InHand {
    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an earlier call did not finish.
    pub(super) fn unfinished(&self, work: Work) -> Begun {
        let mut hands = self.lock();
        let begun = hands.begun.get_mut(work.place());
        begun.map(std::mem::take).unwrap_or_default()
    }

    /// A call could not finish its claim.
    pub(super) fn leave(&self, work: Work, left: Begun) {
        if let Some(begun) = self.lock().begun.get_mut(work.place()) {
            *begun = left;
        }
    }

    /// A delivery is handed out under a claim.
    pub(super) fn take(&self, begun: &Begun, inbox_seq: i64, app: Arc<str>) {
        let mut hands = self.lock();
        if hands.relays.len() >= SWEEP_AT {
            let now = Instant::now();
            hands.relays.retain(|_, claim| now < claim.begin_by);
        }
        let began = begun.began.unwrap_or_else(Instant::now);
        let claim = Claim {
            claim: begun.claim,
            token: begun.token,
            begin_by: began + BEGIN_WITHIN,
        };
        hands.relays.insert((inbox_seq, app), claim);
    }

    /// The claim under which a delivery was handed out, if it was.
    pub(super) fn claim(&self, inbox_seq: i64, app: &Arc<str>) -> Option<i64> {
        let hands = self.lock();
        let claim = hands.relays.get(&(inbox_seq, Arc::clone(app)));
        claim.map(|claim| claim.claim)
    }

    /// It is no longer in hand.
    pub(super) fn put_down(&self, inbox_seq: i64, app: &Arc<str>) {
        self.lock().relays.remove(&(inbox_seq, Arc::clone(app)));
    }

    /// Whether a delivery is this node's to hand on, and nobody else's.
    pub(super) fn has(&self, seat: &Seat, inbox_seq: i64, app: &Arc<str>) -> bool {
        let key = (inbox_seq, Arc::clone(app));
        let mut hands = self.lock();
        let Some(claim) = hands.relays.get(&key) else {
            return false;
        };
        let holds = Instant::now() < claim.begin_by && seat.is_held_by(claim.token);
        if !holds {
            hands.relays.remove(&key);
        }
        holds
    }
}
