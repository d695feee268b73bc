//! The store of many nodes: Postgres, and what speaks as it does.
//!
//! The database is the authority. Nothing here decides from what this node remembers: each batch loads the
//! people it names, judges them as the other stores do, and is written only if none of them has changed
//! since, which each person's version tells. So a stop that was acknowledged on any node is seen by every
//! decision that begins after it on any node, whatever the clocks say. What a stop must wait for on other
//! nodes it finds as sends without an outcome.
//!
//! It refuses to decide while the database is away: what was last seen is no ground to send on.

pub(crate) mod at_url;
mod citus;
mod connect;
mod crowd;
mod draft;
mod effects;
mod entries;
mod erase;
mod examine;
mod flights;
mod hand;
mod held;
mod import;
mod in_hand;
mod later;
mod load;
mod look;
mod marks;
mod migrate;
pub(crate) mod moving;
mod node;
mod notice;
mod pairs;
mod people;
mod pipeline;
#[cfg(test)]
mod plans;
#[cfg(debug_assertions)]
mod plant;
mod preference;
mod prune;
mod reach;
mod read;
mod reception;
mod relay;
mod rows;
mod seal;
mod settle;
mod sql;
mod tls;
mod trouble;
mod verify;
mod wants;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Runtime;

use crate::Setup;
use crate::erasure::Keys;
use crate::error::LedgerError;
use crate::queue::Queue;
use crate::request::{Answer, Caller, Job, Request};
use crate::state::reach::portfolio_key;
use crate::types::{BusinessIx, DecisionId, Outcome};
use connect::{Pool, retrying};
pub use examine::{Database, examine};
use in_hand::InHand;
use load::Businesses;
use node::{RENEW_EVERY, Seat};
use reach::Reach;
use write::Writer;

/// A store.
pub(crate) struct Store {
    pool: Arc<Pool>,
    /// Ids from the configuration, by [`BusinessIx`].
    businesses: Businesses,
    /// The names of their portfolios, in the same order.
    portfolios: Vec<Box<str>>,
    seat: Arc<Seat>,
    in_hand: InHand,
    /// What identifiers of those erased were hashed with.
    erasure: Keys,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
    /// Drives every connection; gone with the store.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store at `url`, and brings its tables up to this release. Refuses while an installation is being
    /// moved there.
    pub(crate) async fn open(url: &str, setup: &Setup) -> Result<Self, LedgerError> {
        let store = Self::open_unfinished(url, setup).await?;
        // After this node has its place, so that a move that begins now finds it.
        match moving::check_finished(&store.pool).await {
            Ok(()) => Ok(store),
            Err(error) => {
                Arc::new(store).close().await;
                Err(error)
            }
        }
    }

    /// As [`Self::open`], for the move itself.
    async fn open_unfinished(url: &str, setup: &Setup) -> Result<Self, LedgerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ledger-database")
            .enable_all()
            .build()
            .map_err(|error| LedgerError::Unavailable(Arc::new(error)))?;
        let handle = runtime.handle().clone();
        let businesses: Businesses = setup
            .businesses
            .iter()
            .map(|b| b.id.as_str().into())
            .collect();
        let store = Self {
            pool: Arc::new(Pool::new(url, handle.clone())?),
            businesses: Arc::clone(&businesses),
            portfolios: setup.businesses.iter().map(portfolio_key).collect(),
            seat: Arc::new(Seat::new()),
            in_hand: InHand::default(),
            erasure: Keys::default(),
            queue: Arc::new(Queue::new(setup.queue_max, setup.batch_max)),
            writer: Mutex::new(None),
            closed: AtomicBool::new(false),
            runtime: Some(runtime),
        };
        migrate::migrate(&store.pool).await?;
        retrying!(store.pool, link => store.seat.hold(link).await)?;
        let (pool, seat) = (Arc::clone(&store.pool), Arc::clone(&store.seat));
        let writer = Writer::new(
            pool,
            handle.clone(),
            businesses,
            setup.decide,
            (seat, Reach::of(&store.portfolios)),
            store.erasure.clone(),
        );
        let thread = writer.start(Arc::clone(&store.queue))?;
        *store.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        handle.spawn(live(
            Arc::downgrade(&store.pool),
            Arc::clone(&store.seat),
            Arc::clone(&store.queue),
        ));
        Ok(store)
    }

    fn business(&self, ix: BusinessIx) -> Result<&str, LedgerError> {
        let id = self.businesses.get(ix.0 as usize);
        id.map(|id| &**id).ok_or(LedgerError::Bug(
            "a business that the ledger was not set up with",
        ))
    }

    fn business_of(&self, id: &str) -> Option<BusinessIx> {
        let at = self.businesses.iter().position(|known| **known == *id)?;
        u32::try_from(at).ok().map(BusinessIx)
    }

    fn check_open(&self) -> Result<(), LedgerError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(LedgerError::busy("the ledger is closing"));
        }
        Ok(())
    }

    /// Does what is asked: what touches people by the writer, the rest beside it.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, LedgerError> {
        self.check_open()?;
        match request {
            Request::AdmitUnrecorded(..) => Err(LedgerError::busy(
                "on many nodes nothing is decided without the database",
            )),
            Request::RelayDone(done) => self.relay_done(done).await,
            Request::RelayReplay(business, app, now_ms) => {
                self.relay_replay(business, app.as_deref(), now_ms).await
            }
            Request::InboxPrune(before_ms) => self.inbox_prune(before_ms).await,
            Request::Erase(_) => Err(LedgerError::Bug("an erasure past its verb")),
            Request::Prune(prune) => self.prune(&prune).await,
            Request::Seal(seal) => self.seal(&seal).await,
            Request::ForgetSalts(business, id, names) => {
                self.forget_salts(business, id, &names).await
            }
            Request::RevokeLinks(business, identifier, at_ms) => {
                self.revoke_links(business, &identifier, at_ms).await
            }
            Request::PutSubscription(one) => self.put_subscription(&one).await,
            Request::RemoveSubscription(business, id) => {
                self.remove_subscription(business, &id).await
            }
            Request::ReplayNotices(replay) => self.replay_notices(&replay).await,
            Request::RepliesDue(limit) => self.replies_due(limit).await,
            Request::ReplyDone(claim, end) => self.reply_done(claim, end).await,
            Request::HeldDue(now_ms, limit) => self.held_due(now_ms, limit).await,
            Request::HeldDone(claim, step, now_ms) => self.held_done(claim, &step, now_ms).await,
            Request::CancelHeld(business, id, now_ms) => {
                self.cancel_held(business, id, now_ms).await
            }
            request => {
                let (caller, answer) = Caller::here();
                self.queue.push(Job { request, caller })?;
                match answer.await {
                    Ok(note) => note.open(),
                    Err(_) => Err(LedgerError::busy("the writer has stopped")),
                }
            }
        }
    }

    /// Notes an outcome.
    pub(crate) fn settle(&self, id: DecisionId, outcome: Outcome) {
        self.queue.settle(id, outcome);
    }

    /// Writes what is queued and stops the writer.
    pub(crate) async fn close(self: &Arc<Self>) {
        let store = Arc::clone(self);
        // A panic of the writer is logged where it is joined.
        let _ = tokio::task::spawn_blocking(move || store.stop()).await;
    }

    fn stop(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the ledger's writer ended in a panic");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Says that this node lives, until the store is gone.
async fn live(pool: std::sync::Weak<Pool>, seat: Arc<Seat>, queue: Arc<Queue>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        if queue.is_closing() {
            return;
        }
        if let Err(error) = retrying!(pool, link => seat.renew(link).await) {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "this node could not say that it lives");
        }
    }
}
