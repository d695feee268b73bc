//! Which changes of its tables a store has had, and how it gets those it has not.
//!
//! A server does this by itself when it starts. To do it before, or only to look, is for those who replace many
//! servers one by one.

use std::path::Path;

use crate::address;
use crate::error::LedgerError;
use crate::postgres::at_url;
use crate::sqlite::connect;

/// The store's changes, by name, in the order they are made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Migrations {
    /// Those it had before.
    pub done: Vec<String>,
    /// Those it had not.
    pub missing: Vec<String>,
}

/// Which migrations the store at `url` has had; changes nothing. A store that is not there has had none.
///
/// # Errors
/// `Unavailable` when it cannot be reached, `Conflict` when a newer release wrote it, `NotFound` when the address
/// names no store.
pub async fn look(url: &str) -> Result<Migrations, LedgerError> {
    if let Some(path) = address::sqlite_path(url) {
        return connect::migrations(Path::new(path));
    }
    of_postgres(url)?;
    at_url::migrations(url).await
}

/// Makes those that are missing. Two who do this at once do each one once.
///
/// # Errors
/// As [`look`]; `Unavailable` also when a server has the SQLite store open.
pub async fn run(url: &str) -> Result<Migrations, LedgerError> {
    if let Some(path) = address::sqlite_path(url) {
        return connect::migrate_at(Path::new(path));
    }
    of_postgres(url)?;
    at_url::migrate(url).await
}

fn of_postgres(url: &str) -> Result<(), LedgerError> {
    if address::is_postgres(url) {
        return Ok(());
    }
    Err(LedgerError::NotFound("a store of that kind"))
}
