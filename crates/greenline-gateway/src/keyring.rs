//! The keys that are Greenline's own: they sign links, sign the heads of the log, and hash what erasure keeps.
//!
//! They live in one file of their own and not in the store, so that a copy of the store alone can neither make
//! a link nor sign a log. Each has an id and a date. The newest key of a purpose is used for what is new; older
//! ones stay for what they signed, until they are retired by hand. The file is read again when it changes, so
//! that `greenline keys rotate` needs no restart.
//!
//! Beside a SQLite store the file is made at the first start. With Postgres it must be named, be there, and be
//! the same on every node: a node that made keys of its own would refuse every link of the others, so this
//! module never does it there. Secrets never print, and what does not read is told without quoting it.

mod file;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;

use crate::config::Config;

/// Bytes of every secret.
pub const SECRET_BYTES: usize = 32;

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// Signs preference links.
    Link,
    /// Signs the log's heads: the seed of an Ed25519 key.
    Log,
    /// Hashes the identifiers whose no outlives their erasure.
    Erasure,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Link, Self::Log, Self::Erasure];

    /// The name used in the file and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Log => "log",
            Self::Erasure => "erasure",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// One key. Prints without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Names it: its purpose and eight hexadecimal digits.
    pub id: Box<str>,
    /// What it is for.
    pub purpose: Purpose,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    secret: [u8; SECRET_BYTES],
}

impl Key {
    /// The secret in clear.
    #[must_use]
    pub fn reveal(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Every key of an installation, the newest of each purpose first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keyring(Vec<Key>);

impl Keyring {
    /// The keys of a purpose, newest first.
    pub fn of(&self, purpose: Purpose) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| key.purpose == purpose)
    }

    /// The key to use for what is new.
    #[must_use]
    pub fn newest(&self, purpose: Purpose) -> Option<&Key> {
        self.of(purpose).next()
    }

    /// The key of an id.
    #[must_use]
    pub fn find(&self, purpose: Purpose, id: &str) -> Option<&Key> {
        self.of(purpose).find(|key| &*key.id == id)
    }

    /// Every key, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    fn add(&mut self, purpose: Purpose, now_ms: i64) -> Result<Box<str>, KeysError> {
        let mut name = [0; 4];
        let mut secret = [0; SECRET_BYTES];
        fill(&mut name)?;
        fill(&mut secret)?;
        let id: Box<str> = format!("{}-{:08x}", purpose.as_str(), u32::from_be_bytes(name)).into();
        let key = Key {
            id: id.clone(),
            purpose,
            made_ms: now_ms,
            secret,
        };
        self.0.insert(0, key);
        Ok(id)
    }

    fn lacks(&self) -> Vec<Purpose> {
        let missing = |purpose: &Purpose| self.newest(*purpose).is_none();
        Purpose::ALL.into_iter().filter(missing).collect()
    }
}

/// Bytes nobody can guess.
///
/// # Errors
/// The system gives none.
pub fn fill(bytes: &mut [u8]) -> Result<(), KeysError> {
    ring::default_provider()
        .secure_random
        .fill(bytes)
        .map_err(|_| KeysError::NoChance)
}

/// Why there are no keys to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// With Postgres the file must be named.
    #[error(
        "keys.file: must name the file of keys with Postgres, the same on every node; `greenline keys create` makes it once"
    )]
    NotNamed,
    /// It must be made by hand there, once.
    #[error(
        "keys.file: `{}` is not there; make it once with `greenline keys create` and bring the same file to every node",
        .0.display()
    )]
    Missing(PathBuf),
    /// A purpose has no key.
    #[error(
        "keys.file: `{}` has no {use_} key; `greenline keys rotate {use_}` makes one, then bring the same file to every node",
        path.display(), use_ = lacks.as_str()
    )]
    Lacks {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        lacks: Purpose,
    },
    /// It is there already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// No key has that id, or it is the only one of its purpose.
    #[error("`{0}` names no key that can be retired: the newest of each purpose is in use")]
    NotRetirable(String),
    /// It cannot be read or written.
    #[error("keys.file: `{}` cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a file of keys.
    #[error("keys.file: `{}` does not read: {what}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong; never a value.
        what: &'static str,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoChance,
}

/// The keys as a running process sees them: read at the first need, and again when the file changes.
#[derive(Debug)]
pub struct Keys {
    path: Option<PathBuf>,
    /// Whether a file that is not there may be made.
    may_make: bool,
    seen: Mutex<Option<(file::Mark, Arc<Keyring>)>>,
}

impl Keys {
    /// The keys of a configuration. Touches nothing yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let beside = config.store.url.sqlite_path().map(|store| {
            let mut name = OsString::from(store);
            name.push(".keys");
            PathBuf::from(name)
        });
        let may_make = beside.is_some();
        let path = if config.keys.file.is_empty() {
            beside
        } else {
            Some(PathBuf::from(&config.keys.file))
        };
        Self {
            path,
            may_make,
            seen: Mutex::new(None),
        }
    }

    /// Where the file is.
    ///
    /// # Errors
    /// None is named, and there is no place for one.
    pub fn path(&self) -> Result<&Path, KeysError> {
        self.path.as_deref().ok_or(KeysError::NotNamed)
    }

    /// The keys as the file has them now. Beside a SQLite store, makes what is missing.
    ///
    /// # Errors
    /// There is no file and none may be made, or it cannot be read.
    pub fn open(&self, now_ms: i64) -> Result<Arc<Keyring>, KeysError> {
        let path = self.path()?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = file::mark(path)?;
        if let (Some(mark), Some((known, ring))) = (&mark, &*seen)
            && mark == known
        {
            return Ok(Arc::clone(ring));
        }
        let ring = match mark {
            None if !self.may_make => return Err(KeysError::Missing(path.to_owned())),
            None => create(path, now_ms)?,
            Some(_) => self.complete(path, file::read(path)?, now_ms)?,
        };
        let ring = Arc::new(ring);
        *seen = file::mark(path)?.map(|mark| (mark, Arc::clone(&ring)));
        Ok(ring)
    }

    /// A purpose may be newer than the file.
    fn complete(&self, path: &Path, mut ring: Keyring, now_ms: i64) -> Result<Keyring, KeysError> {
        let lacks = ring.lacks();
        match lacks.first() {
            None => return Ok(ring),
            Some(lacks) if !self.may_make => {
                return Err(KeysError::Lacks {
                    path: path.to_owned(),
                    lacks: *lacks,
                });
            }
            Some(_) => {}
        }
        for purpose in lacks {
            ring.add(purpose, now_ms)?;
        }
        file::replace(path, &ring)?;
        Ok(ring)
    }

    /// Looks without making anything: for checks. `None` where the file will be made at the first start.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn look(&self) -> Result<Option<Keyring>, KeysError> {
        let path = self.path()?;
        if file::mark(path)?.is_none() {
            return if self.may_make {
                Ok(None)
            } else {
                Err(KeysError::Missing(path.to_owned()))
            };
        }
        let ring = file::read(path)?;
        match ring.lacks().first() {
            Some(lacks) if !self.may_make => Err(KeysError::Lacks {
                path: path.to_owned(),
                lacks: *lacks,
            }),
            _ => Ok(Some(ring)),
        }
    }

    /// Whether others than the owner may read the file.
    ///
    /// # Errors
    /// As [`Self::path`], or the file's.
    pub fn is_open_to_others(&self) -> Result<bool, KeysError> {
        file::is_open_to_others(self.path()?)
    }

    /// Makes the file, with a key for each purpose.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub fn create(&self, now_ms: i64) -> Result<Keyring, KeysError> {
        let path = self.path()?;
        match file::mark(path)? {
            Some(_) => Err(KeysError::Exists(path.to_owned())),
            None => create(path, now_ms),
        }
    }

    /// Puts a new key before the others of a purpose; says its id.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn rotate(&self, purpose: Purpose, now_ms: i64) -> Result<Box<str>, KeysError> {
        let path = self.path()?;
        let mut ring = match file::mark(path)? {
            Some(_) => file::read(path)?,
            None => return Err(KeysError::Missing(path.to_owned())),
        };
        let id = ring.add(purpose, now_ms)?;
        file::replace(path, &ring)?;
        Ok(id)
    }

    /// Whether a key is an older one, so that it could be taken away.
    ///
    /// # Errors
    /// It is not, or the file cannot be read.
    pub fn check_retirable(&self, id: &str) -> Result<(), KeysError> {
        self.retirable(id).map(drop)
    }

    fn retirable(&self, id: &str) -> Result<Keyring, KeysError> {
        let ring = file::read(self.path()?)?;
        let newest = |key: &Key| {
            ring.newest(key.purpose)
                .is_some_and(|first| first.id == key.id)
        };
        if !ring.iter().any(|key| &*key.id == id && !newest(key)) {
            return Err(KeysError::NotRetirable(id.to_owned()));
        }
        Ok(ring)
    }

    /// Takes an older key away for good: what it signed is no longer known. Whoever asks sees to it that no
    /// erasure needs it.
    ///
    /// # Errors
    /// It is not an older key, or the file cannot be written.
    pub fn retire(&self, id: &str) -> Result<(), KeysError> {
        let path = self.path()?;
        let mut ring = self.retirable(id)?;
        ring.0.retain(|key| &*key.id != id);
        file::replace(path, &ring)
    }
}

fn create(path: &Path, now_ms: i64) -> Result<Keyring, KeysError> {
    let mut ring = Keyring::default();
    for purpose in Purpose::ALL {
        ring.add(purpose, now_ms)?;
    }
    if file::create(path, &ring)? {
        return Ok(ring);
    }
    // Another process was first; its keys are the ones.
    file::read(path)
}
