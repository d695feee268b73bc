//! The one writer: takes what has gathered, does it in one transaction, syncs, answers.
//!
//! Memory changes as the batch goes, so that a send later in the batch sees a stop earlier in it; if
//! the commit does not hold, memory is taken back to what it was and nobody is told anything but that
//! the store is unavailable. The next batch tries anew, so a store that comes back is served without a
//! restart.

use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::checkpoint::Bell;
use super::pending::Pending;
use super::recent::Recent;
use super::rows::seq_column;
use super::{connect, messages};
use crate::DecideFn;
use crate::error::LedgerError;
use crate::ids::Ids;
use crate::queue::{Batch, Queue};
use crate::request::{Answer, Request, answer_all};
use crate::state::State;
use crate::types::{DecisionId, Outcome};

/// About what a commit writes to the log beyond the records themselves: a few pages.
const BATCH_OVERHEAD_BYTES: usize = 16 << 10;
/// About what anything but a send writes.
const REQUEST_BYTES: usize = 8 << 10;

/// The writer and all it owns.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    state: State,
    decide: DecideFn,
    ids: Ids,
    record: Vec<u8>,
    pending: Pending,
    recent: Arc<Recent>,
    bell: Option<Bell>,
}

/// The writer's hands on the store and on memory, within one transaction.
pub(crate) struct Hand<'w> {
    /// In a transaction, unless the batch only looks.
    pub(crate) connection: &'w Connection,
    /// What decisions need.
    pub(crate) state: &'w mut State,
    /// Where new people get their numbers from.
    pub(crate) ids: &'w mut Ids,
    /// The rules.
    pub(crate) decide: DecideFn,
    /// A decision record that is not for the store, or not yet.
    pub(crate) record: &'w mut Vec<u8>,
    /// Decisions made so far.
    pub(crate) pending: &'w mut Pending,
    /// Bytes of records written.
    pub(crate) written: usize,
    /// Identifiers were marked as left since the last fold.
    pub(crate) marked: bool,
    /// The moment of the piece of an import that is being done.
    pub(crate) importing_ms: Option<i64>,
}

type Settles = [(DecisionId, Outcome)];

impl Writer {
    /// A writer over a connection and the state loaded from it.
    pub(crate) fn new(
        connection: Connection,
        state: State,
        decide: DecideFn,
        bell: Option<Bell>,
    ) -> Self {
        let recent = Arc::new(Recent::after(seq_column(state.last_seq)));
        Self {
            recent,
            connection,
            state,
            decide,
            ids: Ids::seeded(),
            record: Vec::with_capacity(1 << 10),
            pending: Pending::default(),
            bell,
        }
    }

    /// What it wrote of late.
    pub(super) fn recent(&self) -> Arc<Recent> {
        Arc::clone(&self.recent)
    }

    /// Starts the thread. It ends when the queue is closed and empty.
    pub(crate) fn start(mut self, queue: Arc<Queue>) -> Result<JoinHandle<()>, LedgerError> {
        /// Whatever ends the thread, nobody waits for it after that.
        struct Leave(Arc<Queue>);
        impl Drop for Leave {
            fn drop(&mut self) {
                self.0.abandon();
            }
        }
        std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || {
                let leave = Leave(queue);
                let mut batch = Batch::default();
                while leave.0.take(&mut batch) {
                    self.serve(&mut batch, &leave.0);
                }
            })
            .map_err(|error| LedgerError::Unavailable(Arc::new(error)))
    }

    fn serve(&mut self, batch: &mut Batch, queue: &Queue) {
        if batch.jobs.iter().any(|job| job.request.is_rehearsal()) {
            self.rehearse(batch);
            if batch.jobs.is_empty() && batch.settles.is_empty() {
                return;
            }
        }
        let jobs: Vec<&Request> = batch.jobs.iter().map(|job| &job.request).collect();
        let answers = match self.commit(&batch.settles, &jobs) {
            Ok(answers) => {
                batch.settles.clear();
                answers
            }
            Err(error) if error.is_passing() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    requests = jobs.len(),
                    "a batch could not be written"
                );
                queue.put_back(std::mem::take(&mut batch.settles));
                jobs.iter()
                    .map(|job| self.without_store(job, &error))
                    .collect()
            }
            Err(_) => self.one_by_one(batch, queue),
        };
        let callers = batch.jobs.drain(..).map(|job| job.caller);
        answer_all(callers.zip(answers));
        if let Some(bell) = &self.bell {
            bell.move_rest(&self.connection);
        }
    }

    /// Does what is only to be tried, each in a transaction of its own that is taken back, and takes it out of the
    /// batch.
    fn rehearse(&mut self, batch: &mut Batch) {
        let (tries, others) = std::mem::take(&mut batch.jobs)
            .into_iter()
            .partition(|job| job.request.is_rehearsal());
        batch.jobs = others;
        let tries: Vec<crate::request::Job> = tries;
        let answers: Vec<_> = tries.iter().map(|job| self.tried(&job.request)).collect();
        answer_all(tries.into_iter().map(|job| job.caller).zip(answers));
    }

    fn tried(&mut self, request: &Request) -> Result<Answer, LedgerError> {
        self.state.begin();
        let begun = self
            .connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]));
        let done = match begun {
            Ok(_) => self.batch(&[], &[request], true),
            Err(error) => Err(error.into()),
        };
        self.state.undo();
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        done?
            .pop()
            .unwrap_or(Err(LedgerError::Bug("a request without an answer")))
    }

    /// The store takes nothing: only what needs nothing of it is answered.
    fn without_store(&mut self, job: &Request, error: &LedgerError) -> Result<Answer, LedgerError> {
        if job.writes() {
            return Err(error.clone());
        }
        let mut answers = self.commit(&[], &[job])?;
        answers.pop().unwrap_or_else(|| Err(error.clone()))
    }

    /// Something in the batch cannot be done at all: the others must not suffer for it.
    fn one_by_one(&mut self, batch: &mut Batch, queue: &Queue) -> Vec<Result<Answer, LedgerError>> {
        let mut unwritten = Vec::new();
        for settle in batch.settles.drain(..) {
            match self.commit(std::slice::from_ref(&settle), &[]) {
                Ok(_) => {}
                Err(error) if error.is_passing() => unwritten.push(settle),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(
                        error,
                        decision.seq = settle.0.seq,
                        "an outcome cannot be written"
                    );
                }
            }
        }
        if !unwritten.is_empty() {
            queue.put_back(unwritten);
        }
        let alone = |job: &crate::request::Job| {
            let mut answers = self.commit(&[], &[&job.request])?;
            answers
                .pop()
                .unwrap_or(Err(LedgerError::Bug("a request without an answer")))
        };
        batch.jobs.iter().map(alone).collect()
    }

    /// Does everything in one transaction, or nothing.
    fn commit(
        &mut self,
        settles: &Settles,
        jobs: &[&Request],
    ) -> Result<Vec<Result<Answer, LedgerError>>, LedgerError> {
        let writes = !settles.is_empty() || jobs.iter().any(|job| job.writes());
        let rewrites = jobs.iter().any(|job| job.rewrites());
        if rewrites {
            self.recent.close();
        }
        self.state.begin();
        let done = if writes {
            self.transaction(settles, jobs)
        } else {
            self.batch(settles, jobs, false)
        };
        match &done {
            Ok(_) => messages::committed(&mut self.state.messages),
            Err(_) => self.state.undo(),
        }
        if rewrites || (writes && done.is_err()) {
            // After a failure too: whatever the store holds of it is to be read from there.
            self.recent.close();
            self.recent.start_over(seq_column(self.state.last_seq));
        } else if writes {
            self.pending.hand_over(&self.recent);
        }
        done
    }

    fn transaction(
        &mut self,
        settles: &Settles,
        jobs: &[&Request],
    ) -> Result<Vec<Result<Answer, LedgerError>>, LedgerError> {
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])?;
        let done = self.batch(settles, jobs, true).and_then(|answers| {
            Ok(self
                .connection
                .prepare_cached("COMMIT")?
                .execute([])
                .map(|_| answers)?)
        });
        if done.is_err() && !self.connection.is_autocommit() {
            // SQLite may have rolled back by itself; if this fails too, so will the next `BEGIN`.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    fn batch(
        &mut self,
        settles: &Settles,
        jobs: &[&Request],
        writes: bool,
    ) -> Result<Vec<Result<Answer, LedgerError>>, LedgerError> {
        self.pending.clear();
        let mut hand = Hand {
            connection: &self.connection,
            state: &mut self.state,
            ids: &mut self.ids,
            decide: self.decide,
            record: &mut self.record,
            pending: &mut self.pending,
            written: 0,
            marked: false,
            importing_ms: None,
        };
        hand.settle(settles)?;
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            answers.push(hand.answer(job)?);
        }
        // Without a transaction every row would be a commit of its own.
        if writes {
            hand.keep_messages()?;
            hand.keep_reach()?;
            hand.keep_marks()?;
            hand.written += hand.pending.write(hand.connection)?;
        }
        let written = hand.written + BATCH_OVERHEAD_BYTES;
        if let Some(bell) = &mut self.bell {
            bell.committed(written);
        }
        Ok(answers)
    }
}

impl Hand<'_> {
    /// Does one request. The outer error fails the batch, the inner one only this request.
    fn answer(&mut self, request: &Request) -> Result<Result<Answer, LedgerError>, LedgerError> {
        if request.writes() && !matches!(request, Request::Admit(_)) {
            self.written += REQUEST_BYTES;
        }
        let done = match request {
            Request::Admit(ask) => self.admit(ask).map(Answer::Admitted),
            Request::Preview(ask) => self
                .preview(ask)
                .map(|record| Answer::Previewed(Box::new(record))),
            Request::PreviewAll(questions) => questions
                .iter()
                .map(|question| apart(self.preview_question(question)))
                .collect::<Result<_, _>>()
                .map(Answer::PreviewedAll),
            Request::AdmitUnrecorded(ask, stopped) => self
                .admit_unrecorded(ask, stopped)
                .map(|unrecorded| Answer::Unrecorded(unrecorded.map(Box::new))),
            Request::RecordSpilled(spilled) => self.record_spilled(spilled).map(|()| Answer::Done),
            Request::Append(event) => self
                .append(event)
                .map(|appended| Answer::Appended(Box::new(appended))),
            Request::AppendAll(events) => {
                self.written += events.len() << 10;
                events
                    .iter()
                    .map(|event| apart(self.append(event)))
                    .collect::<Result<_, _>>()
                    .map(Answer::AppendedAll)
            }
            Request::Import(piece) => self.import(piece).map(Answer::Imported),
            Request::Ingest(delivery) => self.ingest(delivery).map(Answer::Ingested),
            Request::Learn(_, effects) if effects.is_empty() => {
                connect::touch(self.connection).map(|()| Answer::Done)
            }
            Request::Learn(business, effects) => self
                .learn(*business, effects, &mut Default::default())
                .map(|()| Answer::Done),
            Request::RelayDone(done) => self.relay_done(done).map(|()| Answer::Done),
            Request::RelayReplay(business, app, now_ms) => self
                .relay_replay(*business, app.as_deref(), *now_ms)
                .map(Answer::Count),
            Request::InboxPrune(before_ms) => self.inbox_prune(*before_ms),
            Request::Erase(erase) => self
                .erase(erase)
                .map(|erased| Answer::Erased(Box::new(erased))),
            Request::Prune(prune) => self.prune(prune).map(Answer::Count),
            Request::Seal(seal) => self.seal(seal).map(Answer::Sealed),
            Request::ForgetSalts(business, id, names) => {
                self.forget_salts(*business, *id, names).map(Answer::Sealed)
            }
            Request::RevokeLinks(business, identifier, at_ms) => self
                .revoke_links(*business, identifier, *at_ms)
                .map(Answer::Count),
            Request::PutSubscription(one) => self.put_subscription(one).map(Answer::Sealed),
            Request::RemoveSubscription(business, id) => {
                self.remove_subscription(*business, id).map(Answer::Sealed)
            }
            Request::ReplayNotices(replay) => self.replay_notices(replay).map(Answer::Replayed),
            Request::RepliesDue(limit) => self.replies_due(*limit).map(Answer::Replies),
            Request::ReplyDone(claim, end) => self.reply_done(*claim, *end).map(|()| Answer::Done),
            Request::Portfolio(business, now_ms) => self
                .state
                .portfolio_view(*business, *now_ms)
                .map(Answer::Portfolio),
            Request::HeldDue(now_ms, limit) => self.held_due(*now_ms, *limit).map(Answer::HeldDue),
            Request::HeldDone(claim, step, now_ms) => {
                self.held_done(*claim, step, *now_ms).map(|()| Answer::Done)
            }
            Request::CancelHeld(business, id, now_ms) => self
                .cancel_held(*business, *id, *now_ms)
                .map(Answer::Cancelled),
        };
        match request {
            // Some of it may be written already: all of it is taken back.
            Request::Ingest(_)
            | Request::Import(_)
            | Request::Learn(..)
            | Request::RecordSpilled(_) => done.map(Ok),
            _ => apart(done),
        }
    }
}

/// A contradiction was found before anything was written: it concerns its request alone.
fn apart<T>(done: Result<T, LedgerError>) -> Result<Result<T, LedgerError>, LedgerError> {
    match done {
        Err(error @ (LedgerError::Conflict(_) | LedgerError::NotFound(_))) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(value) => Ok(Ok(value)),
    }
}
