//! What only SQLite can be asked: files, their locks and their bytes, commits and their failures, and
//! the queue before the one writer.

mod crowd;
mod faults;
mod messages;
mod pair;
mod reach;
mod sends;
mod timeline;
mod verify;

use std::path::PathBuf;

use greenline_ledger::Ledger;
use greenline_ledger::fault::Faults;

use crate::support::setup;

/// A store in a directory of its own, whose commits fail when they are told to.
pub(crate) struct File {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) faults: Faults,
}

impl File {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        Self {
            _dir: dir,
            path,
            faults: Faults::planned(),
        }
    }

    pub(crate) fn open(&self) -> Ledger {
        Ledger::open_sqlite_with(&self.path, setup(), &self.faults).unwrap()
    }

    /// A connection past the ledger, to look or to tamper.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.path).unwrap()
    }
}
