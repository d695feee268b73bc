//! What is asked of the writer, what it answers, and how answers get back.
//!
//! Answers of a batch travel together: the writer wakes one caller, and that caller's answer carries
//! the others, which are then woken from where it runs. So a batch costs the writer one wake, whatever
//! its size, and no caller depends on another one's patience: an answer that is dropped unread passes
//! the rest on all the same.

use tokio::sync::oneshot;

use crate::error::LedgerError;
use crate::types::{
    Admitted, Appended, Ask, BusinessIx, DecisionId, DecisionRecord, Delivery, DueReply, Effect,
    Ingested, NewEvent, RelayDone,
};

/// What only the writer can do.
#[derive(Debug)]
pub(crate) enum Request {
    /// Decide and record.
    Admit(Ask),
    /// Decide.
    Preview(Box<Ask>),
    /// Append one event.
    Append(Box<NewEvent>),
    /// Append many.
    AppendAll(Vec<NewEvent>),
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
    /// Hand out own replies.
    RepliesDue(usize),
    /// An own reply is over.
    ReplyDone(i64, Option<DecisionId>),
}

/// What the writer says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To [`Request::Admit`].
    Admitted(Admitted),
    /// To [`Request::Preview`].
    Previewed(Box<DecisionRecord>),
    /// To [`Request::Append`].
    Appended(Box<Appended>),
    /// To [`Request::AppendAll`].
    AppendedAll(Vec<Result<Appended, LedgerError>>),
    /// To [`Request::Ingest`].
    Ingested(Ingested),
    /// To [`Request::RepliesDue`].
    Replies(Vec<DueReply>),
    /// How many rows changed.
    Count(u64),
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
pub(crate) fn answer_all(mut answers: Vec<(oneshot::Sender<Note>, Result<Answer, LedgerError>)>) {
    let Some((first, answer)) = answers.pop() else {
        return;
    };
    let _ = first.send(Note {
        answer,
        rest: Rest(answers),
    });
}

/// A request with the way back to its caller.
#[derive(Debug)]
pub(crate) struct Job {
    /// What is asked.
    pub(crate) request: Request,
    /// Who asks.
    pub(crate) caller: oneshot::Sender<Note>,
}
