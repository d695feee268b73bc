//! The store's address, which may hold a password and so never prints in full.

use std::fmt;
use std::path::Path;

use greenline_ledger::address;
use serde::{Deserialize, Deserializer};

/// `store.url`. Shown and debugged without its password; the full text leaves only by
/// [`StoreUrl::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    text: String,
    /// It stands in the configuration's file itself.
    pub(super) in_file: bool,
}

impl StoreUrl {
    /// An address.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            in_file: false,
        }
    }

    /// The address in full, with its password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether it names a database of Postgres, which many nodes can use at once.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        address::is_postgres(&self.text)
    }

    /// The file of a SQLite store, if it names one.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        address::sqlite_path(&self.text).map(Path::new)
    }

    /// Whether its password can be read by whoever reads the configuration's file.
    #[must_use]
    pub fn is_password_in_file(&self) -> bool {
        self.in_file && address::has_password(&self.text)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&address::shown(&self.text))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
