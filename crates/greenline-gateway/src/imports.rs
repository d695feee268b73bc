//! Imports: lists of what people said, of any size.
//!
//! A file is taken as it comes and kept on this machine until it is done. Then it is read row by row, each made into
//! an event by the readers of the API, sorted, and handed to the ledger in pieces small enough that no send waits
//! long behind one. A dry run goes the same way to its end; the ledger takes back what it did. What became of each
//! row stands in a journal, so an import that was killed goes on where it was, and comes to the same end.
//!
//! A no is never undone here: a yes of a file never lifts one, and undoing an import keeps the noes it brought.

pub mod columns;
mod dates;
pub mod files;
pub mod number;
pub(crate) mod old;
pub mod options;
mod packed;
mod rehearse;
pub mod results;
mod row;
mod run;
mod sort;
pub(crate) mod source;
mod undo;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use greenline_ledger::import::RowOutcome;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::app::Shared;
use crate::config::Config;

use files::{Meta, Place, State};

/// Begins the name of an import.
const ID: &str = "imp_";

/// What may become of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Became {
    /// It could not be read.
    Rejected,
    /// The ledger's word.
    Row(RowOutcome),
    /// The same row stands in the file before.
    Duplicate,
}

impl Became {
    const ALL: [Self; 8] = [
        Self::Rejected,
        Self::Row(RowOutcome::NewYes),
        Self::Row(RowOutcome::NewNo),
        Self::Row(RowOutcome::Claimed),
        Self::Row(RowOutcome::Other),
        Self::Row(RowOutcome::Unchanged),
        Self::Row(RowOutcome::NoStays),
        Self::Duplicate,
    ];

    /// As it stands in the journal.
    #[must_use]
    pub fn code(self) -> u8 {
        let at = Self::ALL.iter().position(|one| *one == self);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or_default()
    }

    /// Reads [`Self::code`].
    #[must_use]
    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Row(RowOutcome::NewYes) => "new_yes",
            Self::Row(RowOutcome::NewNo) => "new_no",
            Self::Row(RowOutcome::Claimed) => "claimed",
            Self::Row(RowOutcome::Other) => "other",
            Self::Row(RowOutcome::Unchanged) => "unchanged",
            Self::Row(RowOutcome::NoStays) => "no_stays",
            Self::Duplicate => "duplicate",
        }
    }
}

/// How many rows became what. `rows` is the sum of all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows in the file, without the names and empty lines.
    pub rows: u64,
    /// A yes was recorded.
    pub new_yes: u64,
    /// A no was recorded.
    pub new_no: u64,
    /// A yes without evidence was recorded; it covers nothing.
    pub claimed: u64,
    /// A renewal or an end was recorded.
    pub other: u64,
    /// It was on record already.
    pub unchanged: u64,
    /// A yes that a no beats.
    pub no_stays: u64,
    /// The same row stands in the file before.
    pub duplicate: u64,
    /// It could not be read.
    pub rejected: u64,
}

impl Counts {
    /// One more row.
    pub fn add(&mut self, became: Became) {
        self.rows += 1;
        *match became {
            Became::Rejected => &mut self.rejected,
            Became::Row(RowOutcome::NewYes) => &mut self.new_yes,
            Became::Row(RowOutcome::NewNo) => &mut self.new_no,
            Became::Row(RowOutcome::Claimed) => &mut self.claimed,
            Became::Row(RowOutcome::Other) => &mut self.other,
            Became::Row(RowOutcome::Unchanged) => &mut self.unchanged,
            Became::Row(RowOutcome::NoStays) => &mut self.no_stays,
            Became::Duplicate => &mut self.duplicate,
        } += 1;
    }
}

/// An import that this process works on.
#[derive(Debug, Default)]
pub struct Live {
    /// Bytes of the file that were read.
    pub read: Arc<AtomicU64>,
    /// Rows that there are to do.
    pub rows: AtomicU64,
    /// Rows that are done.
    pub done: AtomicU64,
    /// Counts so far.
    counts: Mutex<Counts>,
    /// Somebody wants it worked on once more when this is through.
    again: AtomicBool,
}

impl Live {
    /// Counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_counts(&self, counts: Counts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

/// Every import of this machine.
#[derive(Debug)]
pub struct Imports {
    folder: PathBuf,
    /// Folders on the way there that lie where anybody may make one; outermost first.
    shared: Vec<PathBuf>,
    /// Those this process works on.
    live: Mutex<HashMap<String, Arc<Live>>>,
    /// One is worked on at a time.
    turn: Semaphore,
}

/// An import with how far it is.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What is known of it.
    pub meta: Meta,
    /// How far it is, when this process works on it.
    pub live: Option<Arc<Live>>,
}

impl Imports {
    /// Keeps nothing and makes nothing until there is an import.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let folder = folder_of(config, &config.imports.folder, "imports");
        let shared = match folder.parent().filter(|_| is_temporary(config)) {
            Some(parent) => vec![parent.to_owned(), folder.clone()],
            None => Vec::new(),
        };
        Self {
            folder,
            shared,
            live: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where imports are kept.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sure that no other user of this machine has a hand in the folder, as far as there is one.
    ///
    /// # Errors
    /// Somebody else may have.
    pub fn is_ours(&self) -> io::Result<()> {
        self.shared
            .iter()
            .try_for_each(|folder| files::only_ours(folder, "imports.folder"))
    }

    /// Makes the folder of an import.
    ///
    /// # Errors
    /// It cannot be made, or other users of this machine may have a hand in it.
    pub fn make(&self, place: &Place) -> io::Result<()> {
        for folder in &self.shared {
            files::private_folder(folder)?;
        }
        self.is_ours()?;
        place.make()
    }

    /// The place of an import of that name, whether there is one or not; `None` when it is no name.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<Place> {
        let is_id = id
            .strip_prefix(ID)
            .is_some_and(|rest| rest.len() == 24 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
        is_id.then(|| Place::of(&self.folder, id))
    }

    /// An import.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Seen> {
        let place = self.place(id)?;
        self.is_ours().ok()?;
        // First who works on it: whoever is done leaves only after writing down what came of it.
        let live = self.live().get(id).cloned();
        let meta = place.meta().ok()?;
        Some(Seen { meta, live })
    }

    /// Every import, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Seen> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(ID)).collect();
        names.sort_unstable_by(|one, other| other.cmp(one));
        names.iter().filter_map(|name| self.find(name)).collect()
    }

    /// An import of the same file in the same way that is not over.
    fn open_one(&self, like: &Meta) -> Option<Meta> {
        self.list().into_iter().map(|seen| seen.meta).find(|meta| {
            meta.state.is_open()
                && meta.undo.is_none()
                && meta.business == like.business
                && meta.sha256 == like.sha256
                && meta.options == like.options
        })
    }
}

/// Whether imports are kept among temporary files, because nothing else was said.
#[must_use]
pub fn is_temporary(config: &Config) -> bool {
    lies_open(config, &config.imports.folder)
}

/// Whether what has no folder of its own, or this one, is kept among temporary files.
pub(crate) fn lies_open(config: &Config, named: &str) -> bool {
    let url = config.store.url.reveal();
    named.is_empty() && greenline_ledger::address::sqlite_path(url).is_none()
}

/// The folder that was named; else beside a SQLite store, and with Postgres among temporary files, each database apart.
pub(crate) fn folder_of(config: &Config, named: &str, what: &str) -> PathBuf {
    if !named.is_empty() {
        return PathBuf::from(named);
    }
    let url = config.store.url.reveal();
    if let Some(path) = greenline_ledger::address::sqlite_path(url) {
        return PathBuf::from(format!("{path}-{what}"));
    }
    let hash = Sha256::digest(url.as_bytes());
    let name: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::env::temp_dir()
        .join(format!("greenline-{what}"))
        .join(name)
}

/// A new name: the moment, and something that no other import has.
///
/// # Errors
/// There is no chance to be had.
pub fn new_id(now_ms: i64) -> Result<String, crate::keyring::KeysError> {
    named(ID, now_ms)
}

/// As [`new_id`], of something else whose names begin so.
pub(crate) fn named(id: &str, now_ms: i64) -> Result<String, crate::keyring::KeysError> {
    let mut chance = [0; 6];
    crate::keyring::fill(&mut chance)?;
    let tail: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{id}{:012x}{tail}",
        u64::try_from(now_ms).unwrap_or(0)
    ))
}

/// Takes over a file that was received in `place` under `lock`, and begins. The same file that was begun in the same
/// way before, and is not over, is gone on with instead. The name of the import.
///
/// # Errors
/// What is known of it cannot be written.
pub fn begin(app: &Shared, place: &Place, meta: &Meta, lock: File) -> io::Result<String> {
    if let Some(open) = app.imports.open_one(meta) {
        place.remove();
        drop(lock);
        start(app, &open.id);
        return Ok(open.id);
    }
    place.put_meta(meta)?;
    // Only now: what is held by nobody and has no word about it is taken for never received.
    drop(lock);
    start(app, &meta.id);
    Ok(meta.id.clone())
}

/// Works on an import in the background, unless this process does so already.
pub fn start(app: &Shared, id: &str) {
    let Some(place) = app.imports.place(id) else {
        return;
    };
    let live = {
        let mut all = app.imports.live();
        if let Some(live) = all.get(id) {
            // It may be about to leave.
            live.again.store(true, Ordering::Relaxed);
            return;
        }
        let live = Arc::new(Live::default());
        all.insert(id.to_owned(), Arc::clone(&live));
        live
    };
    let (app, id) = (Arc::clone(app), id.to_owned());
    tokio::spawn(async move {
        loop {
            live.again.store(false, Ordering::Relaxed);
            if let Ok(_turn) = app.imports.turn.acquire().await {
                run::run(&app, &place, &live).await;
            }
            let mut all = app.imports.live();
            if !live.again.load(Ordering::Relaxed) {
                all.remove(&id);
                return;
            }
        }
    });
}

/// Goes on with what an earlier process left open. What was never received in full is thrown away; what cannot be
/// read is left as it is.
pub fn resume(app: &Shared) {
    if let Err(error) = app.imports.is_ours() {
        tracing::error!(%error, "no import is gone on with");
        return;
    }
    let entries = std::fs::read_dir(&app.imports.folder).into_iter().flatten();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(place) = name.to_str().and_then(|name| app.imports.place(name)) else {
            continue;
        };
        match place.meta() {
            Ok(meta) if meta.state.is_open() => {
                tracing::info!(import.id = meta.id, "an import that was left open goes on");
                start(app, &meta.id);
            }
            Ok(_) => {}
            // Still being received by another process, unless nobody holds it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Ok(Some(_lock)) = place.lock()
                    && is_missing(&place)
                {
                    place.remove();
                }
            }
            Err(error) => tracing::warn!(
                %error,
                folder = %place.path().display(),
                "what is known of an import cannot be read; it is left as it is"
            ),
        }
    }
}

/// Whether nothing was written down about an import.
fn is_missing(place: &Place) -> bool {
    matches!(place.meta(), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether an import is over, or nobody works on it.
#[must_use]
pub fn is_over(seen: &Seen) -> bool {
    !seen.meta.state.is_open()
}

/// Rows done and rows there are, as far as known.
#[must_use]
pub fn progress(seen: &Seen) -> (u64, u64) {
    match (&seen.live, seen.meta.state) {
        (Some(live), State::Waiting | State::Reading) => {
            (live.read.load(Ordering::Relaxed), seen.meta.bytes)
        }
        (Some(live), State::Writing | State::Undoing) => (
            live.done.load(Ordering::Relaxed),
            live.rows.load(Ordering::Relaxed),
        ),
        _ => (seen.meta.counts.rows, seen.meta.counts.rows),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nothing_is_kept_in_or_taken_from_a_folder_that_others_may_change() {
        let temporary = tempfile::tempdir().unwrap();
        let outer = temporary.path().join("greenline-imports");
        let imports = Imports {
            folder: outer.join("0011223344556677"),
            shared: vec![outer.clone(), outer.join("0011223344556677")],
            live: Mutex::default(),
            turn: Semaphore::new(1),
        };
        let id = "imp_000000000000000000000000";
        let place = imports.place(id).unwrap();
        imports.make(&place).unwrap();
        let meta = r#"{"id":"imp_000000000000000000000000","business":"acme","started_ms":7,"state":"waiting"}"#;
        std::fs::write(place.path().join("import.json"), meta).unwrap();
        assert!(imports.find(id).is_some());
        std::fs::set_permissions(&outer, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(imports.make(&place).is_err());
        assert!(imports.find(id).is_none());
        assert!(imports.list().is_empty());
    }
}
