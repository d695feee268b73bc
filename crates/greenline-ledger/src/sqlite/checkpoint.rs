//! Checkpoints: moving committed pages from the log into the database, off the writer's connection.
//!
//! The writer rings when the log has grown; a thread of its own does the moving. What is committed while that
//! runs is little, and the writer moves it itself between two commits: then all is moved, and its next commit
//! writes over the log's beginning. A log that never grows costs a sync much less, since the file system has
//! nothing to write down but the pages. A log that readers keep from starting over is cut when it has grown far
//! too long.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::connect;
use crate::error::LedgerError;

/// The log is moved each time so many bytes were committed.
const EVERY_BYTES: usize = 16 << 20;
/// The writer moves what is left if it is no more than so many pages: a reader may have kept most of the log from
/// being moved, and sends must not wait for that.
const REST_PAGES_MAX: i64 = 1_024;
/// Past so many pages the log is cut, for which the writer waits a moment.
const CUT_PAGES: i64 = 64 << 10;

/// The thread; dropping stops it.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    bell: Option<SyncSender<()>>,
    rest: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the writer rings.
#[derive(Clone, Debug)]
pub(crate) struct Bell {
    to: SyncSender<()>,
    bytes: usize,
    /// Most of the log is moved; the rest is the writer's to move.
    rest: Arc<AtomicBool>,
}

impl Bell {
    /// Says that about so many bytes were committed.
    pub(crate) fn committed(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= EVERY_BYTES {
            match self.to.try_send(()) {
                // One ring that is still unheard is as good as two.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {
                    self.bytes = 0;
                }
            }
        }
    }

    /// Moves the little that is left, if most of the log was moved just now. To be called by the writer, between
    /// two commits; it waits for no reader.
    pub(crate) fn move_rest(&self, connection: &Connection) {
        if self.rest.load(Ordering::Relaxed) && self.rest.swap(false, Ordering::Acquire) {
            checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        }
    }
}

impl Checkpointer {
    /// Starts the thread.
    pub(crate) fn start(path: &Path) -> Result<Self, LedgerError> {
        let connection = connect::checkpointer(path)?;
        let (bell, rung) = sync_channel(1);
        let rest = Arc::new(AtomicBool::new(false));
        let moved = Arc::clone(&rest);
        let thread = std::thread::Builder::new()
            .name("ledger-checkpoint".to_owned())
            .spawn(move || run(&connection, &rung, &moved))
            .map_err(|error| LedgerError::Unavailable(Arc::new(error)))?;
        Ok(Self {
            bell: Some(bell),
            rest,
            thread: Some(thread),
        })
    }

    /// The writer's end.
    pub(crate) fn bell(&self) -> Option<Bell> {
        self.bell.clone().map(|to| Bell {
            to,
            bytes: 0,
            rest: Arc::clone(&self.rest),
        })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, rung: &Receiver<()>, moved: &AtomicBool) {
    while rung.recv().is_ok() {
        let Some((pages, done)) = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)") else {
            continue;
        };
        if pages > CUT_PAGES {
            checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        } else if pages - done <= REST_PAGES_MAX {
            moved.store(true, Ordering::Release);
        }
    }
}

/// The log's pages, and how many of them are moved.
fn checkpoint(connection: &Connection, pragma: &str) -> Option<(i64, i64)> {
    match connection.query_row(pragma, [], |row| Ok((row.get(1)?, row.get(2)?))) {
        Ok(pages) => Some(pages),
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
            None
        }
    }
}
