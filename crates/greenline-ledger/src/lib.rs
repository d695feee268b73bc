//! What Greenline remembers: consent, decisions, deliveries, and what the platform said.
//!
//! The ledger is reached by verbs. A send is one verb, [`Ledger::admit`]: load what is known of the
//! people, call the pure `decide`, record, and hand out the flight, all in one step, so that a stop and a
//! send of the same person can never pass each other. What is acknowledged is on disk.
//!
//! # Stores
//!
//! Behind the verbs stands one store, chosen once, when the ledger is opened; only the macro `on!` below
//! knows which. What writes, or must not miss what is being written, is a `Request`, which every store
//! takes by `ask`, so that a store can do many at once; what only reads, claims or ends is a method that
//! every store has by the verb's name. What a store promises is what `tests/it/contract` asks of it,
//! and on generated histories it must answer as the one in memory does.
//!
//! Whatever has a number is named by its store: decisions, events, deliveries, replies, timeline entries.
//! The numbers of one kind can be handed back, to name something or to turn a page. Those of one person's
//! events and decisions grow as they are made. They are not dense, and need not come from one
//! counter: many nodes can make them side by side, each a moment with the node's own count below.
//!
//! This crate never speaks HTTP and holds no rule of what may be sent: the function that decides is
//! handed in.

pub mod address;
pub mod avenue;
mod codec;
mod compose;
pub mod crowd;
pub mod erasure;
pub mod error;
pub mod flight;
pub mod held;
mod ids;
pub mod import;
pub mod later;
mod memory;
pub mod migrations;
pub mod moving;
pub mod notice;
mod postgres;
mod preference;
pub mod prune;
pub mod question;
mod queue;
pub mod reception;
mod request;
pub mod seal;
mod sqlite;
mod state;
pub mod subscription;
mod then;
pub mod types;
pub mod view;

use std::path::Path;
use std::sync::Arc;

use greenline_policy::consent::EventId;
use greenline_policy::decide::{Decision, Facts, Intent, Rules};
use greenline_policy::identity::Identifier;

pub use error::LedgerError;
pub use postgres::{Database, examine};
pub use preference::LinkHolder;
#[doc(hidden)]
pub use sqlite::fault;

use erasure::{Erase, Erased, ErasureKey};
use fault::Faults;
use greenline_proof::{Known, NodeAt};
use import::{ImportPiece, PIECE_ROWS_MAX, RowDone};
use reception::{Counted, Counting};
use request::{Answer, Request};
use seal::{Form, NewSeal, RecordId, Recorded, SealedLeaf, StoredHead, Unsealed};
use types::{
    Admitted, Appended, Ask, BusinessIx, Counts, DecisionId, DecisionRecord, Delivery, DueReply,
    Effect, Ingested, Lane, NewEvent, NumberAsked, NumberKnown, NumberView, Outcome, PersonId,
    PersonView, PortfolioView, Relay, RelayDone, ReplyClaim, ReplyEnd, Spilled, StoredEvent,
    TemplateView, TimelineEntry, Unrecorded, Verification,
};

/// The function that decides; `greenline_policy::decide::decide` in earnest.
pub type DecideFn = fn(Intent, &Facts<'_>, &Rules, i64) -> Decision;

/// One business, as the ledger needs it.
#[derive(Clone, Debug)]
pub struct BusinessSetup {
    /// Its `id` in the configuration; what stores keep.
    pub id: String,
    /// The platform's portfolio, which shares one limit; empty for one that is the business's own.
    pub portfolio: String,
}

/// What a ledger is built with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The businesses; a [`BusinessIx`] is a place in this list.
    pub businesses: Vec<BusinessSetup>,
    /// Decides.
    pub decide: DecideFn,
    /// Requests waiting at most; past it the ledger answers `Unavailable` at once. In memory none waits.
    pub queue_max: usize,
    /// Requests in one transaction at most.
    pub batch_max: usize,
}

/// A handle on the ledger. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Ledger {
    backend: Backend,
    decide: DecideFn,
}

/// Chosen once, when the ledger is opened.
#[derive(Clone, Debug)]
enum Backend {
    Memory(Arc<memory::Store>),
    Sqlite(Arc<sqlite::Store>),
    Postgres(Arc<postgres::Store>),
}

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Turns to the chosen store. Every store has the same methods; nothing else asks which one it is.
macro_rules! on {
    ($ledger:expr, $store:ident => $call:expr) => {
        match &$ledger.backend {
            Backend::Memory($store) => $call,
            Backend::Sqlite($store) => $call,
            Backend::Postgres($store) => $call,
        }
    };
}

pub(crate) use on;

/// Takes the answer that belongs to a request.
macro_rules! expect_answer {
    ($answer:expr, $wanted:pat => $value:expr) => {
        match $answer {
            $wanted => Ok($value),
            _ => Err(LedgerError::Bug("an answer to another request")),
        }
    };
}

pub(crate) use expect_answer;

impl Ledger {
    /// A ledger in memory, empty, gone with its last handle: for tests and for demonstrations that are
    /// thrown away. It does what every store does, only slower the more it holds, and nothing is ever on
    /// disk, whatever the other verbs promise of that.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "opening takes the set-up over, whichever store it is"
    )]
    pub fn in_memory(setup: Setup) -> Self {
        Self {
            backend: Backend::Memory(Arc::new(memory::Store::new(&setup))),
            decide: setup.decide,
        }
    }

    /// Opens the SQLite store at `path`, creating or migrating it, and rebuilds what decisions need
    /// in memory. Only one process at a time may hold a store open this way.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened or another process holds it; `Corrupt` when it
    /// does not read.
    pub fn open_sqlite(path: &Path, setup: Setup) -> Result<Self> {
        Self::open_sqlite_with(path, setup, &Faults::default())
    }

    /// As [`Self::open_sqlite`], with commits that fail on purpose; for tests.
    ///
    /// # Errors
    /// As [`Self::open_sqlite`].
    #[doc(hidden)]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "opening takes the set-up over, whichever store it is"
    )]
    pub fn open_sqlite_with(path: &Path, setup: Setup, faults: &Faults) -> Result<Self> {
        let store = sqlite::Store::open(path, &setup, faults)?;
        Ok(Self {
            backend: Backend::Sqlite(Arc::new(store)),
            decide: setup.decide,
        })
    }

    /// Opens the store that `url` names, creating or migrating it: `sqlite:PATH` as
    /// [`Self::open_sqlite`] does, `postgres://…` for any number of nodes at once. There, what a node
    /// remembers is a hint, and the database is the authority.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached; `Corrupt` when it does not read; `NotFound` when
    /// the address names no store there is.
    pub async fn open(url: &str, setup: Setup) -> Result<Self> {
        if let Some(path) = address::sqlite_path(url) {
            return Self::open_sqlite(Path::new(path), setup);
        }
        if !address::is_postgres(url) {
            return Err(LedgerError::NotFound("a store of that kind"));
        }
        let store = postgres::Store::open(url, &setup).await?;
        Ok(Self {
            backend: Backend::Postgres(Arc::new(store)),
            decide: setup.decide,
        })
    }

    /// Opens the SQLite store at `path` for reading only, also while another process writes to it. Every
    /// verb that writes answers `Conflict`. On Postgres a look without a trace is [`examine`].
    ///
    /// # Errors
    /// As [`Self::open_sqlite`]; `NotFound` when there is no store.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "opening takes the set-up over, whichever store it is"
    )]
    pub fn open_reader(path: &Path, setup: Setup) -> Result<Self> {
        let store = sqlite::Store::open_reader(path, &setup)?;
        Ok(Self {
            backend: Backend::Sqlite(Arc::new(store)),
            decide: setup.decide,
        })
    }

    async fn ask(&self, request: Request) -> Result<Answer> {
        on!(self, store => store.ask(request).await)
    }

    /// Decides about one send and records it; the answer comes once the record is on disk.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full or the record could not be written.
    pub async fn admit(&self, ask: impl Into<Arc<Ask>>) -> Result<Admitted> {
        let ask = ask.into();
        if !ask.rules.hold.is_none() && ask.keep.is_none() && ask.release.is_none() {
            return Err(LedgerError::Bug(
                "a message that may be held and is not given",
            ));
        }
        expect_answer!(self.ask(Request::Admit(ask)).await?, Answer::Admitted(admitted) => admitted)
    }

    /// The decision that [`Self::admit`] would make; records nothing.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full.
    pub async fn preview(&self, ask: Ask) -> Result<DecisionRecord> {
        expect_answer!(self.ask(Request::Preview(Box::new(ask))).await?, Answer::Previewed(record) => *record)
    }

    /// Decides about one send without recording it, from what the store last held: for a store that takes
    /// nothing right now. The caller keeps the decision durably before the message goes, and hands it to
    /// [`Self::record_spilled`] later; only after that can its outcome be settled. `None` when it may not
    /// go, or when it goes to one of those `stopped`: people whose stop the store could not take.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full or closed.
    pub async fn admit_unrecorded(
        &self,
        ask: Ask,
        stopped: Vec<Identifier>,
    ) -> Result<Option<Unrecorded>> {
        let request = Request::AdmitUnrecorded(Box::new(ask), stopped);
        expect_answer!(self.ask(request).await?, Answer::Unrecorded(unrecorded) => unrecorded.map(|unrecorded| *unrecorded))
    }

    /// Records decisions made by [`Self::admit_unrecorded`]. Those on record already are left alone.
    ///
    /// # Errors
    /// `Unavailable` when they could not be written; none is then. `Corrupt` or `NotFound` when one does
    /// not read or its business is not known.
    pub async fn record_spilled(&self, spilled: Vec<Spilled>) -> Result<()> {
        expect_answer!(self.ask(Request::RecordSpilled(spilled)).await?, Answer::Done => ())
    }

    /// Notes what became of an allowed send. Does not wait: it is written with the next batch, and
    /// written again if that fails.
    pub fn settle(&self, id: DecisionId, outcome: Outcome) {
        on!(self, store => store.settle(id, outcome));
    }

    /// Appends a consent event.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn append(&self, event: NewEvent) -> Result<Appended> {
        expect_answer!(self.ask(Request::Append(Box::new(event))).await?, Answer::Appended(appended) => *appended)
    }

    /// Appends many events in one transaction, in order.
    ///
    /// # Errors
    /// `Unavailable` when they could not be written; none is then.
    pub async fn append_all(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Appended>>> {
        expect_answer!(self.ask(Request::AppendAll(events)).await?, Answer::AppendedAll(appended) => appended)
    }

    /// Does a piece of an import in one transaction, row by row in order, and says what became of each row. A
    /// rehearsal does the same and takes it back. The same rows again change nothing. Wait for the flights
    /// before answering.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written; nothing was then. `Conflict` when there are too many rows.
    pub async fn import(&self, piece: ImportPiece) -> Result<Vec<RowDone>> {
        if piece.rows.len() > PIECE_ROWS_MAX {
            return Err(LedgerError::Conflict(
                "a piece of an import has too many rows",
            ));
        }
        expect_answer!(self.ask(Request::Import(Box::new(piece))).await?, Answer::Imported(rows) => rows)
    }

    /// Takes a webhook delivery: the bytes, what is to be relayed, and everything it teaches, in one
    /// transaction. The same bytes again change nothing but answer with the flights to wait for.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn ingest(&self, delivery: Delivery) -> Result<Ingested> {
        expect_answer!(self.ask(Request::Ingest(Box::new(delivery))).await?, Answer::Ingested(ingested) => ingested)
    }

    /// Learns from traffic that passed through. With nothing to learn it only shows whether the store
    /// can be written.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn learn(&self, business: BusinessIx, effects: Vec<Effect>) -> Result<()> {
        expect_answer!(self.ask(Request::Learn(business, effects)).await?, Answer::Done => ())
    }

    /// A person with head, history and windows.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn person(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<PersonView>> {
        on!(self, store => store.person(business, identifier).await)
    }

    /// Whom a preference link that names this person is made out to; `None` when the business has no such
    /// person.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn link_holder(
        &self,
        business: BusinessIx,
        person: PersonId,
    ) -> Result<Option<LinkHolder>> {
        on!(self, store => store.link_holder(business, person).await)
    }

    /// Whom links to these identifiers are made out to, in order; `None` for each that nobody is known by.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn link_holders(
        &self,
        business: BusinessIx,
        identifiers: &[Identifier],
    ) -> Result<Vec<Option<LinkHolder>>> {
        on!(self, store => store.link_holders(business, identifiers).await)
    }

    /// Revokes every preference link made so far to the person with this identifier, and to everyone who is
    /// the same person; says to how many the ledger knew. Links made afterwards work.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn revoke_links(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
        at_ms: i64,
    ) -> Result<u64> {
        let request = Request::RevokeLinks(business, identifier.clone(), at_ms);
        expect_answer!(self.ask(request).await?, Answer::Count(people) => people)
    }

    /// The keys that identifiers of those erased are hashed with, newest first. To be given before anything
    /// is asked of a ledger: a no kept under a key that it has not cannot be found.
    pub fn use_erasure_keys(&self, keys: Vec<ErasureKey>) {
        on!(self, store => store.use_erasure_keys(keys));
    }

    /// Whether anything kept of erased people can be found only with the erasure key of this name.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn is_erasure_key_used(&self, key: &str) -> Result<bool> {
        on!(self, store => store.is_erasure_key_used(key).await)
    }

    /// Ends erasures that were recorded and broken off before everything was gone; says how many. Only where an
    /// erasure is more than one transaction can there be any.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written; it is to be asked again.
    pub async fn resume_erasures(&self, business: BusinessIx, now_ms: i64) -> Result<u64> {
        on!(self, store => store.resume_erasures(business, now_ms).await)
    }

    /// Erases a person: identifiers, evidence, whom decisions were about, message ids, windows, deliveries and
    /// replies go in one transaction; `event`, which names the person and is of the kind `erased`, stays
    /// without its person. Every no stays in force for each of their identifiers. Wait for the flights
    /// before answering.
    ///
    /// # Errors
    /// `NotFound` when nobody is known by that identifier or there is no key; `Unavailable` when it could not
    /// be written, and nothing was erased.
    pub async fn erase(&self, event: NewEvent) -> Result<Erased> {
        let Some(identifier) = event.person.first().cloned() else {
            return Err(LedgerError::Bug("an erasure of nobody"));
        };
        let erase = Erase {
            business: event.business,
            identifier,
            event,
            found: Default::default(),
        };
        let answer = on!(self, store => store.erase(erase).await)?;
        expect_answer!(answer, Answer::Erased(erased) => *erased)
    }

    /// A recorded decision.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn decision(&self, id: DecisionId) -> Result<Option<DecisionRecord>> {
        on!(self, store => store.decision(id).await)
    }

    /// Recorded decisions, newest first, of one business or all, from before a given one.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn decisions(
        &self,
        business: Option<BusinessIx>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>> {
        on!(self, store => store.decisions(business, before, limit).await)
    }

    /// The newest noes and native stops.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn stops(&self, business: BusinessIx, limit: usize) -> Result<Vec<StoredEvent>> {
        on!(self, store => store.stops(business, limit).await)
    }

    /// Consent events in the order of their names, which is that of their arrival where one node records
    /// them; from after a given one.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn export(
        &self,
        business: BusinessIx,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        on!(self, store => store.export(business, after, limit).await)
    }

    /// How a business's portfolio stands towards its limit.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn portfolio(&self, business: BusinessIx, now_ms: i64) -> Result<PortfolioView> {
        on!(self, store => store.portfolio(business, now_ms).await)
    }

    /// What is known of each number.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn numbers(&self, business: BusinessIx) -> Result<Vec<NumberView>> {
        on!(self, store => store.numbers(business).await)
    }

    /// What the platform said of a number and its account.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn number_known(
        &self,
        business: BusinessIx,
        number: &str,
        waba_id: &str,
    ) -> Result<NumberKnown> {
        on!(self, store => store.number_known(business, number, waba_id).await)
    }

    /// The same of many numbers, in the order in which they are asked about: a few statements for each thousand.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn numbers_known(&self, asked: Vec<NumberAsked>) -> Result<Vec<NumberKnown>> {
        on!(self, store => store.numbers_known(asked).await)
    }

    /// How people took what a business sent in the last seven days, each of its numbers by itself and all together, counted
    /// from what is recorded; by readers, so that no send waits for it.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn reception(&self, counting: Counting) -> Result<Counted> {
        on!(self, store => store.reception(counting).await)
    }

    /// What is known of the templates, of one account or all.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn templates(
        &self,
        business: BusinessIx,
        waba_id: Option<&str>,
    ) -> Result<Vec<TemplateView>> {
        on!(self, store => store.templates(business, waba_id).await)
    }

    /// The timeline, newest first; `subject` narrows it to one kind and id, `before` pages.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn timeline(
        &self,
        business: BusinessIx,
        subject: Option<(&str, &str)>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TimelineEntry>> {
        on!(self, store => store.timeline(business, subject, before, limit).await)
    }

    /// Counts for the status page.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn counts(&self, business: BusinessIx, now_ms: i64) -> Result<Counts> {
        on!(self, store => store.counts(business, now_ms).await)
    }

    /// Deliveries due in a lane, oldest first. What is handed out is not handed out again by this
    /// node until [`Self::relay_done`] or ten minutes later.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn relay_due(&self, now_ms: i64, lane: Lane, limit: usize) -> Result<Vec<Relay>> {
        on!(self, store => store.relay_due(now_ms, lane, limit).await)
    }

    /// Whether a delivery that was handed out is still this node's to hand on. To be asked before each attempt: of
    /// many nodes, one that was cut off from the database for long may have lost it to another.
    pub fn has_in_hand(&self, relay: &Relay) -> bool {
        match &self.backend {
            Backend::Memory(_) | Backend::Sqlite(_) => true,
            Backend::Postgres(store) => store.has_in_hand(relay),
        }
    }

    /// Whether a delivery that was handed out still waits for its app. What is told of people is taken back when
    /// they are erased, so it is to be asked right before each attempt to tell.
    ///
    /// # Errors
    /// `Unavailable` when the store does not read.
    pub async fn relay_waits(&self, relay: &Relay) -> Result<bool> {
        on!(self, store => store.relay_waits(relay).await)
    }

    /// Notes how relay attempts ended.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn relay_done(&self, done: Vec<RelayDone>) -> Result<()> {
        let answer = on!(self, store => store.relay_done(done).await);
        expect_answer!(answer?, Answer::Done => ())
    }

    /// Makes parked deliveries due again, of one app or all; returns how many.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn relay_replay(
        &self,
        business: BusinessIx,
        app: Option<&str>,
        now_ms: i64,
    ) -> Result<u64> {
        expect_answer!(self.ask(Request::RelayReplay(business, app.map(Into::into), now_ms)).await?, Answer::Count(replayed) => replayed)
    }

    /// Drops the bodies of deliveries that came before `before_ms` and that no app waits for; returns
    /// how many.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn inbox_prune(&self, before_ms: i64) -> Result<u64> {
        let mut emptied = 0;
        loop {
            let answer = self.ask(Request::InboxPrune(before_ms)).await?;
            let (bodies, more) =
                expect_answer!(answer, Answer::Emptied { bodies, more } => (bodies, more))?;
            emptied += bodies;
            if !more {
                return Ok(emptied);
            }
        }
    }

    /// Own replies that are due, each put into this caller's hand. A reply is sent by a decision that names its
    /// claim, and that decision's commit says that it was attempted: so none goes out twice, and one whose hand died
    /// before is handed out again.
    ///
    /// # Errors
    /// `Unavailable` when that could not be written.
    pub async fn replies_due(&self, limit: usize) -> Result<Vec<DueReply>> {
        expect_answer!(self.ask(Request::RepliesDue(limit)).await?, Answer::Replies(due) => due)
    }

    /// Notes that an own reply is over, or that what was decided did not go out.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written; `NotFound` when it is in no such hand.
    pub async fn reply_done(&self, claim: ReplyClaim, end: ReplyEnd) -> Result<()> {
        expect_answer!(self.ask(Request::ReplyDone(claim, end)).await?, Answer::Done => ())
    }

    /// Records of a business that its log does not hold yet, in the order to seal them in; as many as a
    /// seal may hold at most.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn unsealed(&self, business: BusinessIx, limit: usize) -> Result<Vec<Unsealed>> {
        on!(self, store => store.unsealed(business, limit).await)
    }

    /// How many people a business has erased; to be read before the records that a seal is made of.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_erasures(&self, business: BusinessIx) -> Result<u64> {
        on!(self, store => store.log_erasures(business).await)
    }

    /// Appends leaves and the head over them to a business's log; `false`, and nothing done, when the log
    /// no longer has the size that they are made for, holds one of the records already, or somebody was erased
    /// meanwhile. Read the size and the erasures before the records.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn seal(&self, seal: NewSeal) -> Result<bool> {
        expect_answer!(self.ask(Request::Seal(Box::new(seal))).await?, Answer::Sealed(done) => done)
    }

    /// Whether this process may seal a business's log for so long. It spares double work, no more: what
    /// keeps a log whole is that [`Self::seal`] compares the size.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer.
    pub async fn log_lease(&self, business: BusinessIx, for_ms: i64) -> Result<bool> {
        on!(self, store => store.log_lease(business, for_ms).await)
    }

    /// The newest head of a business's log, or the one of that size.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_head(
        &self,
        business: BusinessIx,
        size: Option<u64>,
    ) -> Result<Option<StoredHead>> {
        on!(self, store => store.log_head(business, size).await)
    }

    /// Heads of a business's log above a size, smallest first.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_heads(
        &self,
        business: BusinessIx,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredHead>> {
        on!(self, store => store.log_heads(business, after, limit).await)
    }

    /// Leaves of a business's log from a place on, in order.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_leaves(
        &self,
        business: BusinessIx,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedLeaf>> {
        on!(self, store => store.log_leaves(business, from, limit).await)
    }

    /// The records of these leaves as they are stored now, in the order asked for, each in the form in which it was
    /// sealed.
    ///
    /// # Errors
    /// `Unavailable` when the store does not read; what is unreadable of a record is its answer.
    pub async fn log_records(
        &self,
        business: BusinessIx,
        leaves: &[SealedLeaf],
    ) -> Result<Vec<Recorded>> {
        let records = leaves.iter().map(|leaf| (leaf.id, Form::of(&leaf.salts)));
        let records: Vec<_> = records.collect();
        on!(self, store => store.log_records(business, records).await)
    }

    /// Nodes of a business's log, for proofs.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_nodes(&self, business: BusinessIx, wanted: Vec<NodeAt>) -> Result<Known> {
        on!(self, store => store.log_nodes(business, wanted).await)
    }

    /// The leaf of a record; `None` while it is not sealed.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_place(
        &self,
        business: BusinessIx,
        id: RecordId,
    ) -> Result<Option<SealedLeaf>> {
        on!(self, store => store.log_place(business, id).await)
    }

    /// How many records of a business its log does not hold and will not: slipped in past the ledger.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn log_unlogged(&self, business: BusinessIx) -> Result<u64> {
        on!(self, store => store.log_unlogged(business).await)
    }

    /// Deletes the salts of a sealed record's fields, so that their values, once deleted too, cannot be
    /// found again from the log; `false` when the record is not sealed.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written; `Corrupt` when the record does not read.
    pub async fn forget_salts(
        &self,
        business: BusinessIx,
        id: RecordId,
        names: &[&str],
    ) -> Result<bool> {
        let names = names.iter().map(|name| (*name).into()).collect();
        let request = Request::ForgetSalts(business, id, names);
        expect_answer!(self.ask(request).await?, Answer::Sealed(done) => done)
    }

    /// Folds every person's events again and compares; checks that nothing is missing.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read at all.
    pub async fn verify(&self) -> Result<Verification> {
        on!(self, store => store.verify(self.decide).await)
    }

    /// Writes what is queued and stops the writer. Later requests are answered `Unavailable`.
    pub async fn close(&self) {
        on!(self, store => store.close().await);
    }
}
