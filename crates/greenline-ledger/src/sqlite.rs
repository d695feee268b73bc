//! The store on one machine: SQLite, one writer thread with group commit, readers beside it.
//!
//! Every commit is synced before anyone is told; checkpoints run on a connection of their own, so that
//! no send waits for one.

pub(crate) mod apply;
pub(crate) mod checkpoint;
pub(crate) mod connect;
mod crowd;
pub(crate) mod effects;
mod entries;
mod erase;
pub mod fault;
mod held;
mod import;
mod kept;
mod later;
pub(crate) mod load;
mod look;
mod marks;
pub(crate) mod messages;
pub(crate) mod moving;
mod notice;
mod pairs;
pub(crate) mod pending;
pub(crate) mod people;
#[cfg(test)]
mod plans;
mod preference;
mod prune;
mod reach;
pub(crate) mod read;
mod recent;
mod reception;
pub(crate) mod rows;
mod seal;
pub(crate) mod spill;
pub(crate) mod sql;
pub(crate) mod verbs;
pub(crate) mod verify;
pub(crate) mod write;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::Setup;
use crate::erasure::Keys;
use crate::error::LedgerError;
use crate::queue::Queue;
use crate::request::{Answer, Caller, Job, Request};
use crate::types::{BusinessIx, DecisionId, Outcome};
use checkpoint::Checkpointer;
use fault::Faults;
use read::Readers;
use recent::Recent;
use write::Writer;

/// A store.
#[derive(Debug)]
pub(crate) struct Store {
    /// Connections that read.
    pub(crate) readers: Readers,
    /// Rows of the configured businesses, by [`BusinessIx`].
    businesses: Vec<i64>,
    /// Their ids.
    ids: Vec<Box<str>>,
    /// The businesses as they are configured.
    configured: Vec<crate::BusinessSetup>,
    /// What identifiers of those erased were hashed with.
    erasure: Keys,
    /// What the writer wrote of late.
    recent: Option<Arc<Recent>>,
    /// Nothing in a store opened for reading.
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    queue: Arc<Queue>,
    /// Until the store is closed, though there may still be somebody who reads it.
    threads: Mutex<Option<Threads>>,
}

/// What writes to the file.
#[derive(Debug)]
struct Threads {
    writer: JoinHandle<()>,
    checkpointer: Checkpointer,
    /// Held as long as these are there: two writers would each believe their own memory.
    lock: File,
}

impl Store {
    /// Opens the store for writing.
    pub(crate) fn open(path: &Path, setup: &Setup, faults: &Faults) -> Result<Self, LedgerError> {
        let lock = connect::lock(path)?;
        let mut connection = connect::writer(path)?;
        connect::migrate(&mut connection)?;
        connection.execute(sql::REPLIES_DUE_AGAIN, [])?;
        let mut state = load::state(&connection, &setup.businesses, true)?;
        state.messages.sizes = faults.sizes;
        later::recover(&connection, rows::seq_column(state.last_seq >> 20))?;
        let businesses = state
            .businesses
            .iter()
            .take(setup.businesses.len())
            .map(|business| business.row)
            .collect();
        faults.watch(&mut connection)?;
        let checkpointer = Checkpointer::start(path)?;
        let queue = Queue::new(setup.queue_max, setup.batch_max);
        let queue = Arc::new(queue);
        let erasure = state.erasure.clone();
        let writer = Writer::new(connection, state, setup.decide, checkpointer.bell());
        let recent = writer.recent();
        let writer = writer.start(Arc::clone(&queue))?;
        Ok(Self {
            readers: Readers::open(path)?,
            businesses,
            ids: ids(setup),
            configured: setup.businesses.clone(),
            erasure,
            recent: Some(recent),
            writing: Some(Writing {
                queue,
                threads: Mutex::new(Some(Threads {
                    writer,
                    checkpointer,
                    lock,
                })),
            }),
        })
    }

    /// Opens the store for reading.
    pub(crate) fn open_reader(path: &Path, setup: &Setup) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::NotFound("the store"));
        }
        let readers = Readers::open(path)?;
        let businesses = readers.with(|connection| {
            connect::check_version(connection).and_then(|()| load::businesses(connection))
        })?;
        let row = |id: &str| {
            businesses
                .iter()
                .find(|(_, known)| &**known == id)
                .map_or(-1, |(row, _)| *row)
        };
        Ok(Self {
            readers,
            businesses: setup.businesses.iter().map(|b| row(&b.id)).collect(),
            ids: ids(setup),
            configured: setup.businesses.clone(),
            erasure: Keys::default(),
            recent: None,
            writing: None,
        })
    }

    /// The row of a business.
    pub(crate) fn business(&self, ix: BusinessIx) -> Result<i64, LedgerError> {
        self.businesses
            .get(ix.0 as usize)
            .copied()
            .ok_or(LedgerError::Bug(
                "a business that the ledger was not set up with",
            ))
    }

    /// The id of a business.
    fn business_id(&self, ix: BusinessIx) -> Result<&str, LedgerError> {
        let id = self.ids.get(ix.0 as usize);
        id.map(|id| &**id).ok_or(LedgerError::Bug(
            "a business that the ledger was not set up with",
        ))
    }

    /// The place of a business, from its row.
    pub(crate) fn business_at(&self, row: i64) -> Option<BusinessIx> {
        let at = self.businesses.iter().position(|known| *known == row)?;
        u32::try_from(at).ok().map(BusinessIx)
    }

    /// Asks the writer.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, LedgerError> {
        let writing = self
            .writing
            .as_ref()
            .ok_or(LedgerError::Conflict("this store is open for reading only"))?;
        let (caller, answer) = Caller::here();
        writing.queue.push(Job { request, caller })?;
        match answer.await {
            Ok(note) => note.open(),
            Err(_) => Err(LedgerError::busy("the writer has stopped")),
        }
    }

    /// Notes an outcome.
    pub(crate) fn settle(&self, id: DecisionId, outcome: Outcome) {
        if let Some(writing) = &self.writing {
            writing.queue.settle(id, outcome);
        }
    }

    /// Writes what is queued, stops the writer and leaves the file to another.
    pub(crate) fn stop(&self) {
        let Some(writing) = &self.writing else { return };
        writing.queue.close();
        let threads = writing
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(threads) = threads else { return };
        if threads.writer.join().is_err() {
            tracing::error!("the ledger's writer ended in a panic");
        }
        drop(threads.checkpointer);
        drop(threads.lock);
    }
}

fn ids(setup: &Setup) -> Vec<Box<str>> {
    let ids = setup.businesses.iter();
    ids.map(|business| business.id.as_str().into()).collect()
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}
