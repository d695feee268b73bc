//! What is asked of the writer, what it answers, and how answers get back.
//!
//! Answers of a batch travel together: the writer wakes one caller on each thread that waits, and that
//! caller's answer carries the others of its thread, which are then woken from where it runs. So a batch
//! costs the writer few wakes, whatever its size, and no caller depends on another one's patience: an
//! answer that is dropped unread passes the rest on all the same.

use std::sync::Arc;
use std::thread::ThreadId;

use greenline_policy::identity::Identifier;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::erasure::{Erase, Erased};
use crate::error::LedgerError;
use crate::import::{ImportPiece, RowDone};
use crate::later::{Cancelled, DueMessage, HeldClaim, HeldStep};
use crate::prune::Prune;
use crate::question::{Previewed, Question};
use crate::seal::{NewSeal, RecordId};
use crate::subscription::{Replay, Replayed, Subscription};
use crate::types::{
    Admitted, Appended, Ask, BusinessIx, DecisionId, DecisionRecord, Delivery, DueReply, Effect,
    Ingested, NewEvent, PortfolioView, RelayDone, ReplyClaim, ReplyEnd, Spilled, Unrecorded,
};

/// What only the writer can do.
#[derive(Debug)]
pub(crate) enum Request {
    /// Decide and record.
    Admit(Arc<Ask>),
    /// Decide.
    Preview(Box<Ask>),
    /// Decide about many.
    PreviewAll(Vec<Question>),
    /// Decide and let go, to be recorded later; not to those who said stop.
    AdmitUnrecorded(Box<Ask>, Vec<Identifier>),
    /// Record what was decided that way.
    RecordSpilled(Vec<Spilled>),
    /// Append one event.
    Append(Box<NewEvent>),
    /// Append many.
    AppendAll(Vec<NewEvent>),
    /// A piece of an import.
    Import(Box<ImportPiece>),
    /// Take a delivery.
    Ingest(Box<Delivery>),
    /// Learn from traffic.
    Learn(BusinessIx, Vec<Effect>),
    /// Relay attempts ended.
    RelayDone(Vec<RelayDone>),
    /// Parked deliveries become due.
    RelayReplay(BusinessIx, Option<Box<str>>, i64),
    /// Bodies before then go.
    InboxPrune(i64),
    /// Preference links made so far count no more.
    RevokeLinks(BusinessIx, Identifier, i64),
    /// A person's data go.
    Erase(Box<Erase>),
    /// Append leaves to a log.
    Seal(Box<NewSeal>),
    /// Delete the salts of a record's fields.
    ForgetSalts(BusinessIx, RecordId, Box<[Box<str>]>),
    /// Write a subscription.
    PutSubscription(Box<Subscription>),
    /// Take one away.
    RemoveSubscription(BusinessIx, Box<str>),
    /// Notices become due once more.
    ReplayNotices(Box<Replay>),
    /// Delete what is old.
    Prune(Box<Prune>),
    /// Hand out own replies.
    RepliesDue(usize),
    /// An own reply is over, or did not go out.
    ReplyDone(ReplyClaim, ReplyEnd),
    /// Hand out held messages.
    HeldDue(i64, usize),
    /// What became of a held message in hand.
    HeldDone(HeldClaim, HeldStep, i64),
    /// How a business's portfolio stands.
    Portfolio(BusinessIx, i64),
    /// Cancel a held message.
    CancelHeld(BusinessIx, DecisionId, i64),
}

impl Request {
    /// Whether it changes the store; what does not is answered even while the store takes nothing.
    pub(crate) fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Preview(_)
                | Self::PreviewAll(_)
                | Self::Portfolio(..)
                | Self::AdmitUnrecorded(..)
        ) && !self.is_rehearsal()
    }

    /// Whether it changes decisions that are on record and may not be sealed yet.
    pub(crate) fn rewrites(&self) -> bool {
        matches!(self, Self::Erase(_))
    }

    /// Whether it is done and taken back, in a transaction of its own.
    pub(crate) fn is_rehearsal(&self) -> bool {
        matches!(self, Self::Import(piece) if piece.rehearsal)
    }
}

/// What the writer says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To [`Request::Admit`].
    Admitted(Admitted),
    /// To [`Request::Preview`].
    Previewed(Box<DecisionRecord>),
    /// To [`Request::PreviewAll`].
    PreviewedAll(Vec<Result<Previewed, LedgerError>>),
    /// To [`Request::AdmitUnrecorded`].
    Unrecorded(Option<Box<Unrecorded>>),
    /// To [`Request::Append`].
    Appended(Box<Appended>),
    /// To [`Request::AppendAll`].
    AppendedAll(Vec<Result<Appended, LedgerError>>),
    /// To [`Request::Import`].
    Imported(Vec<RowDone>),
    /// To [`Request::Ingest`].
    Ingested(Ingested),
    /// To [`Request::RepliesDue`].
    Replies(Vec<DueReply>),
    /// To [`Request::InboxPrune`]: bodies that went, and whether some that may go are left.
    Emptied { bodies: u64, more: bool },
    /// How many rows changed.
    Count(u64),
    /// Whether it was done.
    Sealed(bool),
    /// To [`Request::Erase`].
    Erased(Box<Erased>),
    /// To [`Request::ReplayNotices`].
    Replayed(Replayed),
    /// To [`Request::Portfolio`].
    Portfolio(PortfolioView),
    /// To [`Request::HeldDue`].
    HeldDue(Vec<DueMessage>),
    /// To [`Request::CancelHeld`].
    Cancelled(Cancelled),
    /// Done.
    Done,
}

/// An answer on its way, with those that wait behind it.
#[derive(Debug)]
pub(crate) struct Note {
    answer: Result<Answer, LedgerError>,
    rest: Rest,
}

impl Note {
    /// Lets the others go and takes the answer.
    pub(crate) fn open(self) -> Result<Answer, LedgerError> {
        drop(self.rest);
        self.answer
    }
}

/// Answers to be passed on; dropping passes them on.
#[derive(Debug, Default)]
pub(crate) struct Rest(Vec<(oneshot::Sender<Note>, Result<Answer, LedgerError>)>);

impl Drop for Rest {
    fn drop(&mut self) {
        for (caller, answer) in self.0.drain(..) {
            let _ = caller.send(Note {
                answer,
                rest: Self::default(),
            });
        }
    }
}

/// Gives a batch its answers.
pub(crate) fn answer_all(answers: impl Iterator<Item = (Caller, Result<Answer, LedgerError>)>) {
    let mut threads: SmallVec<[(ThreadId, Rest); 4]> = SmallVec::new();
    for (caller, answer) in answers {
        let at = threads
            .iter()
            .position(|(thread, _)| *thread == caller.thread)
            .unwrap_or_else(|| {
                threads.push((caller.thread, Rest::default()));
                threads.len() - 1
            });
        threads[at].1.0.push((caller.to, answer));
    }
    for (_, mut rest) in threads {
        if let Some((first, answer)) = rest.0.pop() {
            let _ = first.send(Note { answer, rest });
        }
    }
}

/// A request with the way back to its caller.
#[derive(Debug)]
pub(crate) struct Job {
    /// What is asked.
    pub(crate) request: Request,
    /// Who asks.
    pub(crate) caller: Caller,
}

/// Who asked, and from which thread.
#[derive(Debug)]
pub(crate) struct Caller {
    to: oneshot::Sender<Note>,
    thread: ThreadId,
}

impl Caller {
    /// A caller on this thread, and where its answer comes.
    pub(crate) fn here() -> (Self, oneshot::Receiver<Note>) {
        let (to, answer) = oneshot::channel();
        let thread = std::thread::current().id();
        (Self { to, thread }, answer)
    }
}
