//! The one writer of a node: takes what has gathered, judges it over what the database holds, writes it in
//! one transaction, answers.
//!
//! Nothing is remembered from one batch to the next but which sends of this node are under way. A batch
//! that others got in the way of is loaded and judged again. A batch whose connection broke while it was
//! being written is looked up by its own id before anything is done twice.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::connect::{Link, Pool, within};
use super::draft::{self, BatchId, Draft};
use super::flights::{Flights, Remotes};
use super::hand::{Counters, Hand};
use super::load::{self, Around, Businesses, NamesSeen};
use super::node::Seat;
use super::rows::{person, person_column, seq_column, shard, shard_of_text};
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::DecideFn;
use crate::codec::rows::{decode_list, encode_list};
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::ids::Ids;
use crate::queue::{Batch, Queue};
use crate::request::{Answer, Request, answer_all};
use crate::types::{DecisionId, Outcome};

/// How often a batch is tried that others get in the way of.
const TRIES_MAX: u32 = 12;
/// Tries that follow at once; later ones wait a little, each node differently long.
const TRIES_AT_ONCE: u32 = 2;

/// Names remembered, so that they need no looking up.
const NAMES_MAX: usize = 100_000;

type Answers = Vec<Result<Answer, LedgerError>>;

/// The writer and all it owns.
pub(super) struct Writer {
    pub(super) pool: Arc<Pool>,
    pub(super) runtime: Handle,
    pub(super) businesses: Businesses,
    pub(super) decide: DecideFn,
    pub(super) seat: Arc<Seat>,
    remotes: Arc<Remotes>,
    flights: Flights,
    names: NamesSeen,
    counters: Counters,
    ids: Ids,
    link: Option<Link>,
}

/// An outcome, of all that was said of one decision.
struct Settled {
    shard: i64,
    seq: i64,
    outcome: &'static str,
    code: Option<i64>,
    message_id: Option<Box<str>>,
    more_ids: Option<String>,
}

impl Writer {
    /// A writer that has no connection yet.
    pub(super) fn new(
        pool: Arc<Pool>,
        runtime: Handle,
        businesses: Businesses,
        decide: DecideFn,
        seat: Arc<Seat>,
    ) -> Self {
        Self {
            pool,
            runtime,
            businesses,
            decide,
            seat,
            remotes: Arc::default(),
            flights: Flights::default(),
            names: NamesSeen::default(),
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
        let jobs: Vec<&Request> = batch.jobs.iter().map(|job| &job.request).collect();
        let settled = self.settle_all(&batch.settles).await;
        if settled.is_ok() {
            batch.settles.clear();
        }
        let answers = match settled {
            Ok(()) if jobs.is_empty() => Answers::new(),
            Ok(()) => self.answer(&jobs).await,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "outcomes could not be written"
                );
                queue.put_back(std::mem::take(&mut batch.settles));
                jobs.iter().map(|_| Err(error.clone())).collect()
            }
        };
        let callers = batch.jobs.drain(..).map(|job| job.caller);
        answer_all(callers.zip(answers));
    }

    async fn answer(&mut self, jobs: &[&Request]) -> Answers {
        let error = match self.commit(jobs).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        if jobs.len() > 1 && !error.is_passing() {
            // Something in the batch cannot be done at all: the others must not suffer for it.
            let mut answers = Answers::with_capacity(jobs.len());
            for job in jobs {
                let alone = self.commit(&[job]).await;
                answers.push(alone.and_then(|mut answers| {
                    answers
                        .pop()
                        .unwrap_or(Err(LedgerError::Bug("a request without an answer")))
                }));
            }
            return answers;
        }
        if error.is_passing() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                requests = jobs.len(),
                "a batch could not be written"
            );
        }
        jobs.iter().map(|_| Err(error.clone())).collect()
    }

    /// Does everything in one transaction, or nothing; again while others get in the way.
    async fn commit(&mut self, jobs: &[&Request]) -> Result<Answers, LedgerError> {
        let wants = Wants::of(jobs);
        let (mut tries, mut losses) = (0, 0);
        loop {
            let trouble = match self.attempt(&wants, jobs).await {
                Ok(answers) => return Ok(answers),
                Err(trouble) => trouble,
            };
            match &trouble {
                Trouble::Again(_) => tries += 1,
                Trouble::Lost(_) => {
                    losses += 1;
                    self.link = None;
                }
                Trouble::Final(_) => return Err(trouble.given_up()),
            }
            if tries >= TRIES_MAX || losses > 1 {
                return Err(trouble.given_up());
            }
            if tries > TRIES_AT_ONCE {
                let pause_ms = 1 + self.ids.next().0 % (1 << tries.min(6));
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
        }
    }

    async fn attempt(&mut self, wants: &Wants, jobs: &[&Request]) -> Result<Answers, Trouble> {
        let seat = Arc::clone(&self.seat);
        let lease = {
            let link = self.link().await?;
            within(seat.hold(link)).await?
        };
        (self.counters.node, self.counters.token) = (lease.node, lease.token);
        let (answers, draft, owners) = self.judge(wants, jobs).await?;
        if jobs.iter().any(|job| job.writes()) {
            self.write(&draft).await?;
        }
        for (person, watch) in draft.flights {
            self.flights.take_off(person, watch);
        }
        if self.names.len() > NAMES_MAX {
            self.names.clear();
        }
        self.names.extend(owners);
        Ok(answers)
    }

    async fn judge(
        &mut self,
        wants: &Wants,
        jobs: &[&Request],
    ) -> Result<(Answers, Draft, NamesSeen), Trouble> {
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
            flights: &self.flights,
            token: self.counters.token,
            remote: &remote,
        };
        let snapshot = within(load::load(link, wants, &around)).await?;
        let mut hand = Hand {
            snapshot,
            draft: Draft::default(),
            counters: &mut self.counters,
            ids: &mut self.ids,
            decide: self.decide,
            marked: false,
        };
        let mut answers = Answers::with_capacity(jobs.len());
        for job in jobs {
            answers.push(hand.answer(job)?);
        }
        Ok((answers, hand.draft, hand.snapshot.owners))
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
                link.ready(&[sql::SETTLE, sql::PUT_MESSAGES]).await
            })
            .await?;
            self.link = Some(link);
        }
        self.link.as_mut().ok_or(Trouble::Final(LedgerError::Bug(
            "a connection that was just made",
        )))
    }

    /// Writes what became of sends. May be done twice: it says the same then.
    async fn settle_all(&mut self, settles: &[(DecisionId, Outcome)]) -> Result<(), LedgerError> {
        if settles.is_empty() {
            return Ok(());
        }
        let settled = settled(settles)?;
        for last in [false, true] {
            let done = match self.link().await {
                Ok(link) => within(settle(link, &settled)).await,
                Err(trouble) => Err(trouble),
            };
            match done {
                Ok(()) => return Ok(()),
                Err(trouble @ Trouble::Final(_)) => return Err(trouble.given_up()),
                Err(trouble) if last => return Err(trouble.given_up()),
                Err(Trouble::Lost(_)) => self.link = None,
                Err(Trouble::Again(_)) => {}
            }
        }
        Ok(())
    }
}

/// The last word about each decision, and the ids that any word gave.
fn settled(settles: &[(DecisionId, Outcome)]) -> Result<Vec<Settled>, LedgerError> {
    let mut places: FxHashMap<u64, usize> = FxHashMap::default();
    let mut settled: Vec<Settled> = Vec::with_capacity(settles.len());
    for (id, outcome) in settles {
        let (outcome, code, ids): (_, Option<u32>, &[Box<str>]) = match outcome {
            Outcome::Accepted { message_ids } => ("accepted", None, message_ids),
            Outcome::Rejected { code } => ("rejected", Some(*code), &[]),
            Outcome::NotSent => ("not_sent", None, &[]),
            Outcome::Unknown => ("unknown", None, &[]),
        };
        let more_ids = match ids {
            [_, more @ ..] if !more.is_empty() => Some(encode_list(more.iter().map(|id| &**id))?),
            _ => None,
        };
        let mut new = Settled {
            shard: i64::from(id.shard.0),
            seq: seq_column(id.seq),
            outcome,
            code: code.map(i64::from),
            message_id: ids.first().cloned(),
            more_ids,
        };
        match places.get(&id.seq).and_then(|at| settled.get_mut(*at)) {
            Some(old) => {
                new.message_id = new.message_id.or_else(|| old.message_id.take());
                new.more_ids = new.more_ids.or_else(|| old.more_ids.take());
                *old = new;
            }
            None => {
                places.insert(id.seq, settled.len());
                settled.push(new);
            }
        }
    }
    Ok(settled)
}

async fn settle(link: &mut Link, settled: &[Settled]) -> Result<(), Trouble> {
    let shards: Vec<i64> = settled.iter().map(|one| one.shard).collect();
    let more = settle_in(link, &shards, settled.iter()).await?;
    let mut others: Vec<(i64, &Settled)> = Vec::new();
    for (seq, people) in more {
        let of = settled.iter().find(|one| one.seq == seq);
        for (other, of) in decode_list(&people)?.iter().zip(of.into_iter().cycle()) {
            let other: u64 = other
                .parse()
                .map_err(|_| LedgerError::unreadable("another addressee"))?;
            others.push((shard(person(other as i64)), of));
        }
    }
    if !others.is_empty() {
        let shards: Vec<i64> = others.iter().map(|(shard, _)| *shard).collect();
        settle_in(link, &shards, others.iter().map(|(_, of)| *of)).await?;
    }
    let mut named: Vec<&Settled> = settled
        .iter()
        .filter(|one| one.message_id.is_some())
        .collect();
    named.sort_by(|a, b| a.message_id.cmp(&b.message_id));
    named.dedup_by(|a, b| a.message_id == b.message_id);
    if named.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = named
        .iter()
        .filter_map(|one| one.message_id.as_deref())
        .collect();
    let id_shards: Vec<i64> = ids.iter().map(|id| shard_of_text(id)).collect();
    let (shards, seqs): (Vec<i64>, Vec<i64>) = named.iter().map(|one| (one.shard, one.seq)).unzip();
    link.change(sql::PUT_MESSAGES, &[&id_shards, &ids, &shards, &seqs])
        .await?;
    Ok(())
}

async fn settle_in(
    link: &Link,
    shards: &[i64],
    settled: impl Iterator<Item = &Settled> + Clone,
) -> Result<Vec<(i64, String)>, Trouble> {
    let seqs: Vec<i64> = settled.clone().map(|one| one.seq).collect();
    let outcomes: Vec<&str> = settled.clone().map(|one| one.outcome).collect();
    let codes: Vec<Option<i64>> = settled.clone().map(|one| one.code).collect();
    let ids: Vec<Option<&str>> = settled
        .clone()
        .map(|one| one.message_id.as_deref())
        .collect();
    let more: Vec<Option<&str>> = settled.map(|one| one.more_ids.as_deref()).collect();
    let rows = link
        .ask(
            sql::SETTLE,
            &[&shards, &seqs, &outcomes, &codes, &ids, &more],
        )
        .await?;
    let mut others = Vec::new();
    for row in &rows {
        if let Some(people) = row.try_get::<_, Option<String>>(1)? {
            others.push((row.try_get(0)?, people));
        }
    }
    Ok(others)
}
