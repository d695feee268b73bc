//! The one writer of a node: takes what has gathered, judges it over what the database holds, writes it in
//! one transaction, answers.
//!
//! Nothing is remembered from one batch to the next but which sends of this node are under way. A batch
//! that others got in the way of is loaded and judged again. A batch whose connection broke while it was
//! being written is looked up by its own id before anything is done twice.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join;
use greenline_policy::identity::Identifier;
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::connect::{Link, Pool, within};
use super::draft::{self, BatchId, Draft};
use super::flights::{Flights, Remotes};
use super::hand::{Counters, Hand};
use super::load::{self, Around, Businesses, NamesSeen};
use super::node::Seat;
use super::reach::{self, Reach};
use super::rows::person_column;
use super::settle::{self, Settled, settle};
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::DecideFn;
use crate::erasure::Keys;
use crate::error::{LedgerError, Plain};
use crate::flight::Watch;
use crate::ids::Ids;
use crate::queue::{Batch, Queue};
use crate::request::{Answer, Request, answer_all};
use crate::state::State;
use crate::types::{BusinessIx, PersonId};

/// How often one request is tried that others get in the way of. Whenever they do, one of them was written.
const TRIES_MAX: u32 = 24;
/// How often several are tried as one.
const TRIES_TOGETHER_MAX: u32 = 3;
/// Tries that follow at once; later ones wait a little, each node differently long.
const TRIES_AT_ONCE: u32 = 2;

type Owners = FxHashMap<(BusinessIx, Identifier), PersonId>;
type Answers = Vec<Result<Answer, LedgerError>>;

/// The writer and all it owns.
pub(super) struct Writer {
    pub(super) pool: Arc<Pool>,
    pub(super) runtime: Handle,
    pub(super) businesses: Businesses,
    pub(super) decide: DecideFn,
    pub(super) seat: Arc<Seat>,
    reach: Reach,
    remotes: Arc<Remotes>,
    flights: Flights,
    names: NamesSeen,
    erasure: Keys,
    counters: Counters,
    ids: Ids,
    link: Option<Link>,
}

impl Writer {
    /// A writer that has no connection yet.
    pub(super) fn new(
        pool: Arc<Pool>,
        runtime: Handle,
        businesses: Businesses,
        decide: DecideFn,
        (seat, reach): (Arc<Seat>, Reach),
        erasure: Keys,
    ) -> Self {
        Self {
            pool,
            runtime,
            businesses,
            decide,
            seat,
            reach,
            remotes: Arc::default(),
            flights: Flights::default(),
            names: NamesSeen::default(),
            erasure,
            counters: Counters::default(),
            ids: Ids::seeded(),
            link: None,
        }
    }

    /// Starts the thread. It ends when the queue is closed and empty.
    pub(super) fn start(mut self, queue: Arc<Queue>) -> Result<JoinHandle<()>, LedgerError> {
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
                let runtime = self.runtime.clone();
                let mut batch = Batch::default();
                while leave.0.take(&mut batch) {
                    runtime.block_on(self.serve(&mut batch, &leave.0));
                }
                runtime.block_on(self.leave());
            })
            .map_err(|error| LedgerError::Unavailable(Arc::new(error)))
    }

    async fn leave(&mut self) {
        let seat = Arc::clone(&self.seat);
        if let Ok(link) = self.link().await
            && let Err(trouble) = within(seat.leave(link)).await
        {
            tracing::debug!(
                ?trouble,
                "the node's number could not be given back; its lease runs out"
            );
        }
    }

    async fn serve(&mut self, batch: &mut Batch, queue: &Queue) {
        if batch.jobs.iter().any(|job| job.request.is_rehearsal()) {
            self.rehearse(batch).await;
            if batch.jobs.is_empty() && batch.settles.is_empty() {
                return;
            }
        }
        let jobs: Vec<&Request> = batch.jobs.iter().map(|job| &job.request).collect();
        let answers = match Settled::of(&batch.settles) {
            Ok(mut settled) => {
                let answers = self.answer(&jobs, &mut settled).await;
                if settled.is_empty() {
                    batch.settles.clear();
                }
                answers
            }
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        };
        if !batch.settles.is_empty() {
            tracing::warn!(
                outcomes = batch.settles.len(),
                "outcomes could not be written; they are kept for later"
            );
            queue.put_back(std::mem::take(&mut batch.settles));
        }
        let callers = batch.jobs.drain(..).map(|job| job.caller);
        answer_all(callers.zip(answers));
    }

    /// Does what is only to be tried, each by itself and writing nothing, and takes it out of the batch.
    async fn rehearse(&mut self, batch: &mut Batch) {
        let (tries, others): (Vec<_>, _) = std::mem::take(&mut batch.jobs)
            .into_iter()
            .partition(|job| job.request.is_rehearsal());
        batch.jobs = others;
        let mut answers = Answers::with_capacity(tries.len());
        for job in &tries {
            answers.extend(self.answer(&[&job.request], &mut Vec::new()).await);
        }
        answer_all(tries.into_iter().map(|job| job.caller).zip(answers));
    }

    /// Writes what became of sends, which leaves `settled` empty, and answers. What cannot be written as one is
    /// written by halves: neither something that cannot be done at all, nor a person about whom other nodes are
    /// busy too, may be to the cost of everybody who happens to be in the same batch.
    async fn answer(&mut self, jobs: &[&Request], settled: &mut Vec<Settled>) -> Answers {
        let mut answers = Answers::with_capacity(jobs.len());
        let mut open = vec![jobs];
        while let Some(part) = open.pop() {
            let trouble = match self.commit(part, settled).await {
                Ok(done) => {
                    answers.extend(done);
                    continue;
                }
                Err(trouble) => trouble,
            };
            let by_halves = match &trouble {
                Trouble::Again(_) => true,
                Trouble::Lost(_) => false,
                Trouble::Final(error) => !error.is_passing(),
            };
            if by_halves && part.len() > 1 {
                let (first, second) = part.split_at(part.len() / 2);
                open.extend([second, first]);
                continue;
            }
            let error = trouble.given_up();
            if error.is_passing() {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    requests = part.len(),
                    "a batch could not be written"
                );
            }
            answers.extend(part.iter().map(|_| Err(error.clone())));
        }
        answers
    }

    /// Does everything in one transaction, or nothing; again while others get in the way.
    async fn commit(
        &mut self,
        jobs: &[&Request],
        settled: &mut Vec<Settled>,
    ) -> Result<Answers, Trouble> {
        let wants = Wants::of(jobs);
        let tries_max = if jobs.len() > 1 {
            TRIES_TOGETHER_MAX
        } else {
            TRIES_MAX
        };
        let (mut tries, mut losses) = (0, 0);
        loop {
            let trouble = match self.attempt(&wants, jobs, settled).await {
                Ok(answers) => return Ok(answers),
                Err(trouble) => trouble,
            };
            match &trouble {
                Trouble::Again(_) => tries += 1,
                Trouble::Lost(_) => {
                    losses += 1;
                    self.link = None;
                }
                Trouble::Final(_) => return Err(trouble),
            }
            if tries >= tries_max || losses > 1 {
                return Err(trouble);
            }
            if tries > TRIES_AT_ONCE {
                let pause_ms = 1 + self.ids.next().0 % (1 << tries.min(6));
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
        }
    }

    /// One try: outcomes and loading in one round trip, writing in another.
    async fn attempt(
        &mut self,
        wants: &Wants,
        jobs: &[&Request],
        settled: &mut Vec<Settled>,
    ) -> Result<Answers, Trouble> {
        let seat = Arc::clone(&self.seat);
        let link = self.link().await?;
        if jobs.is_empty() {
            let reach = self.reach.settled(settled);
            let link = self.link().await?;
            within(settle(link, settled, &reach)).await?;
            settled.clear();
            return Ok(Answers::new());
        }
        let lease = within(seat.hold(link)).await?;
        (self.counters.node, self.counters.token) = (lease.node, lease.token);
        let mut reach = std::mem::take(&mut self.reach);
        let caught_up = match self.link().await {
            Ok(link) => {
                let writes = jobs.iter().any(|job| job.writes());
                reach.catch_up(link, wants, (lease.node, writes)).await
            }
            Err(trouble) => Err(trouble),
        };
        self.reach = reach;
        caught_up?;
        let mut lent = State::default();
        let judged = self.judge(wants, jobs, settled, &mut lent).await;
        let done = match judged {
            Ok((answers, draft, owners)) => {
                let written = match jobs.iter().any(|job| job.writes()) {
                    true => self.write(&draft).await,
                    false => Ok(()),
                };
                written.map(|()| (answers, draft, owners))
            }
            Err(trouble) => Err(trouble),
        };
        // What was judged counts once it is written, and only then.
        match (&done, jobs.iter().any(|job| job.writes())) {
            (Ok(_), true) => lent.begin(),
            _ => lent.undo(),
        }
        self.reach.take_back(&mut lent);
        let (answers, draft, owners) = done?;
        for (person, watch) in draft.flights {
            self.flights.take_off(person, watch);
        }
        // Whom a rehearsal made up, nobody will find.
        if !jobs.iter().any(|job| job.is_rehearsal()) {
            self.names.extend(owners);
        }
        Ok(answers)
    }

    async fn judge(
        &mut self,
        wants: &Wants,
        jobs: &[&Request],
        settled: &mut Vec<Settled>,
        lent: &mut State,
    ) -> Result<(Answers, Draft, Owners), Trouble> {
        let outcomes = self.reach.settled(settled);
        let Some(link) = &self.link else {
            return Err(Trouble::Final(LedgerError::Bug(
                "a batch without a connection",
            )));
        };
        let (remotes, pool, runtime) = (&self.remotes, &self.pool, &self.runtime);
        let remote = |shard, seq| -> Watch { remotes.watch(pool, runtime, (shard, seq)) };
        let around = Around {
            businesses: &self.businesses,
            names: &self.names,
            erasure: &self.erasure,
            flights: &self.flights,
            reach: Some(&self.reach),
            token: self.counters.token,
            remote: &remote,
        };
        // In this order on one connection: what is loaded has seen the outcomes.
        let both = join(
            settle(link, settled, &outcomes),
            load::load(link, wants, &around),
        );
        let (done, loaded) = within(async { Ok(both.await) }).await?;
        let is_late = done?;
        settled.clear();
        if is_late {
            return Err(Trouble::Again(Arc::new(Plain(
                "some outcomes came after what was loaded",
            ))));
        }
        let mut snapshot = loaded?;
        #[cfg(debug_assertions)]
        super::plant::trust_memory(&mut snapshot, jobs);
        if !self.reach.hear(&snapshot.heard)? {
            return Err(Trouble::Again(Arc::new(Plain(
                "more people were reached meanwhile than are read at once",
            ))));
        }
        self.reach.lend(&mut snapshot.state);
        let mut hand = Hand {
            snapshot,
            draft: Draft::default(),
            counters: &mut self.counters,
            ids: &mut self.ids,
            decide: self.decide,
            marked: false,
            importing_ms: None,
        };
        let mut answers = Answers::with_capacity(jobs.len());
        let mut failed = None;
        for job in jobs {
            match hand.answer(job) {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let Hand {
            snapshot,
            mut draft,
            ..
        } = hand;
        *lent = snapshot.state;
        match failed {
            Some(error) => Err(error.into()),
            None => {
                draft.reach = self.reach.appends(lent);
                Ok((answers, draft, snapshot.owners))
            }
        }
    }

    async fn write(&mut self, draft: &Draft) -> Result<(), Trouble> {
        let batch = BatchId {
            shard: draft.shard(),
            id: person_column(self.ids.next()),
        };
        let Some(link) = &self.link else {
            return Err(Trouble::Final(LedgerError::Bug(
                "a batch without a connection",
            )));
        };
        let lost = match draft.write(link, batch).await {
            Err(lost @ Trouble::Lost(_)) => lost,
            done => return done,
        };
        // Whether it was committed is asked of the database: whoever's note of the batch is there first
        // decides, and the other one can never be.
        self.link = None;
        let link = self.link().await?;
        match within(link.run(sql::BAR_BATCH, &[&batch.shard, &batch.id])).await? {
            0 => Ok(()),
            _ => Err(lost),
        }
    }

    /// The writer's connection, with everything it needs prepared.
    async fn link(&mut self) -> Result<&mut Link, Trouble> {
        if self.link.is_none() {
            let mut link = self.pool.connect().await?;
            within(async {
                link.ready(load::STATEMENTS).await?;
                link.ready(draft::STATEMENTS).await?;
                link.ready(settle::STATEMENTS).await?;
                link.ready(reach::STATEMENTS).await
            })
            .await?;
            self.link = Some(link);
        }
        self.link.as_mut().ok_or(Trouble::Final(LedgerError::Bug(
            "a connection that was just made",
        )))
    }
}
