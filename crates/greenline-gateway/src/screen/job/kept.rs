//! What is kept of a screening on this machine, in a folder of its own: what is known of it, the list until it is
//! screened, and what came of it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use greenline_proof::PlanCounts;
use serde::{Deserialize, Serialize};

use crate::imports::files::{private, private_folder};
use crate::screen::results::put;

const META: &str = "screening.json";
const LIST: &str = "list";
const RESULTS: &str = "results";
const LOCK: &str = "lock";
const ERASED: &str = "erased.json";
const ERASING: &str = "erasing.lock";

/// Where a screening stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It waits for its turn, or for whoever runs it to be started again.
    Waiting,
    /// The list is being screened.
    Screening,
    /// Over.
    Done,
    /// The list cannot be screened.
    Failed,
}

impl State {
    /// Whether there is work left.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Screening)
    }
}

/// What was asked.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// The template's name.
    pub(crate) template: String,
    /// Its language.
    pub(crate) language: Option<String>,
    /// The phone_number_id to send from.
    pub(crate) number: Option<String>,
    /// The moment, Unix milliseconds; when its turn comes if left out.
    pub(crate) at_ms: Option<i64>,
    /// The moment from which sends are no longer those of its plan.
    pub(crate) until_ms: Option<i64>,
    /// The column that names people.
    pub(crate) column: Option<String>,
    /// What stands between values.
    pub(crate) delimiter: Option<char>,
    /// Country of numbers that are written without one.
    pub(crate) country: Option<String>,
    /// What the list is called.
    pub(crate) name: Option<String>,
}

/// What is known of a screening. A member that is new in a release is not in the files of earlier ones, so each has a
/// value to fall back on, but for those without which there is no screening.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// Its name.
    pub(crate) id: String,
    /// Whose.
    pub(crate) business: String,
    /// Who asked.
    #[serde(default)]
    pub(crate) actor: String,
    /// Makes a repetition harmless.
    #[serde(default)]
    pub(crate) key: Option<String>,
    /// What was asked.
    #[serde(default)]
    pub(crate) wanted: Wanted,
    /// When the list came, Unix milliseconds.
    pub(crate) started_ms: i64,
    /// When it was over.
    #[serde(default)]
    pub(crate) ended_ms: Option<i64>,
    /// SHA-256 of the list as it came.
    #[serde(default)]
    pub(crate) sha256: String,
    /// Its length.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// Where it stands.
    pub(crate) state: State,
    /// Why it failed, or waits once more.
    #[serde(default)]
    pub(crate) problem: Option<String>,
    /// Where the rows went, once it is over.
    #[serde(default)]
    pub(crate) counts: PlanCounts,
}

/// The folder of one screening.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    /// The folder of a screening.
    pub(crate) fn of(folder: &Path, id: &str) -> Self {
        Self(folder.join(id))
    }

    /// Makes it.
    pub(crate) fn make(&self) -> io::Result<()> {
        private_folder(&self.0)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the list lies as it came.
    pub(crate) fn list(&self) -> PathBuf {
        self.0.join(LIST)
    }

    /// Where what came of it lies, once all of it is there.
    pub(crate) fn results(&self) -> PathBuf {
        self.0.join(RESULTS)
    }

    /// What is known of the screening.
    pub(crate) fn meta(&self) -> io::Result<Meta> {
        let text = fs::read(self.0.join(META))?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    }

    /// Writes that down, all of it or nothing.
    pub(crate) fn put_meta(&self, meta: &Meta) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(meta).map_err(io::Error::other)?;
        put(&self.0.join(META), &text)
    }

    /// Keeps every other process from working on it for as long as the file is open; `None` when another does.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        let file = private(&self.0.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// The turn to do to it what an erasure asks for: nobody ends it meanwhile, in this process or another.
    pub(crate) fn erasing(&self) -> io::Result<File> {
        let file = private(&self.0.join(ERASING))?;
        file.lock()?;
        Ok(file)
    }

    /// Notes who was erased, in every way they may be written, until what came of it is cleaned of them.
    pub(crate) fn note_erased(&self, texts: &[String]) -> io::Result<()> {
        let mut all = self.noted_erased()?;
        all.extend_from_slice(texts);
        all.sort_unstable();
        all.dedup();
        let text = serde_json::to_vec(&all).map_err(io::Error::other)?;
        put(&self.0.join(ERASED), &text)
    }

    /// Who was noted so.
    pub(crate) fn noted_erased(&self) -> io::Result<Vec<String>> {
        match fs::read(self.0.join(ERASED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => serde_json::from_slice(&text?).map_err(io::Error::other),
        }
    }

    /// All of that is done.
    pub(crate) fn forget_noted(&self) -> io::Result<()> {
        match fs::remove_file(self.0.join(ERASED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Throws everything away.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.0);
    }

    /// Throws the list away.
    pub(crate) fn remove_list(&self) {
        let _ = fs::remove_file(self.list());
    }
}
