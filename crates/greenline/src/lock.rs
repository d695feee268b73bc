//! Two processes never write one SQLite store: whoever opens it holds a lock on a file beside it.
//!
//! On Postgres there is nothing to hold: any number of nodes may use one database at once, and each
//! command is one more of them.
//!
//! The file also says who the holder is and where it answers, so that a command finds the server that
//! runs on the same store and asks it instead. The operating system drops the lock with the process,
//! however that ends; what stands in the file counts only while the lock is held.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenline_gateway::config::Config;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How long to wait for a holder to finish, or to begin to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Between looks at a lock that is held.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// Who holds a store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The command.
    pub(crate) command: String,
    /// Its process.
    pub(crate) process: u32,
    /// Where its private listener answers; nothing for a command that is soon done.
    pub(crate) private: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`greenline {}` (process {})", self.command, self.process)
    }
}

/// A store that may be used, until this is dropped.
#[derive(Debug)]
pub(crate) struct StoreLock {
    /// Nothing where many may use it at once.
    held: Option<Held>,
}

/// A SQLite store, held.
#[derive(Debug)]
struct Held {
    file: File,
    path: PathBuf,
    command: &'static str,
}

/// What trying for a store gave.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is ours.
    Ours(StoreLock),
    /// Another process has it; who, where that can be read.
    Held(Option<Holder>),
}

/// Where the lock is; the ledger keeps one of its own beside it, that says nothing of who holds it.
fn path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".holder");
    PathBuf::from(name)
}

/// Tries once for the configuration's store.
pub(crate) fn try_take(config: &Config, command: &'static str) -> Result<Taken, Failure> {
    let Some(store) = config.store.url.sqlite_path() else {
        return Ok(Taken::Ours(StoreLock { held: None }));
    };
    let path = path(store);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(|error| {
        Failure::unavailable(format!("the lock of the store, `{}`, cannot be opened", path.display()))
            .because(error)
            .help("The folder of the store must be there, must be writable, and its disk must have space; `store.url` in the configuration names it.")
    })?;
    match file.try_lock() {
        Ok(()) => {
            let held = Held {
                file,
                path,
                command,
            };
            held.write(None)?;
            Ok(Taken::Ours(StoreLock { held: Some(held) }))
        }
        Err(TryLockError::WouldBlock) => Ok(Taken::Held(holder(&path))),
        Err(TryLockError::Error(error)) => Err(Failure::unavailable(format!(
            "`{}` cannot be locked",
            path.display()
        ))
        .because(error)),
    }
}

/// Takes the store for a server. Waits for a command that is soon done, not for another server.
pub(crate) async fn take(config: &Config, command: &'static str) -> Result<StoreLock, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        match try_take(config, command)? {
            Taken::Ours(lock) => return Ok(lock),
            Taken::Held(Some(holder)) if holder.private.is_some() => {
                return Err(held(config, Some(&holder)));
            }
            Taken::Held(holder) if waited >= PATIENCE => return Err(held(config, holder.as_ref())),
            Taken::Held(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
}

/// The failure to get a store that another process holds.
pub(crate) fn held(config: &Config, holder: Option<&Holder>) -> Failure {
    let who = holder.map_or_else(|| "another process".to_owned(), ToString::to_string);
    Failure::unavailable(format!("the store `{}` is held by {who}", config.store.url))
        .help("Only one process at a time may write a store. Stop that one, or name another store in `store.url`.")
}

fn holder(path: &Path) -> Option<Holder> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

impl StoreLock {
    /// Says where the holder answers.
    pub(crate) fn announce(&self, private: &str) -> Result<(), Failure> {
        match &self.held {
            Some(held) => held.write(Some(private.to_owned())),
            None => Ok(()),
        }
    }
}

impl Held {
    fn write(&self, private: Option<String>) -> Result<(), Failure> {
        let holder = Holder {
            command: self.command.to_owned(),
            process: std::process::id(),
            private,
        };
        let text = serde_json::json!(holder).to_string();
        let mut file = &self.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|error| {
                Failure::unavailable(format!("`{}` cannot be written", self.path.display()))
                    .because(error)
                    .help("The store's folder must be writable and its disk must have space.")
            })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // So that nobody takes the next holder for this one; the lock itself goes with the file.
        let _ = self.file.set_len(0);
    }
}
