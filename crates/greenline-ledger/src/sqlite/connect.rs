//! Connections: how they are opened, what they promise, and the schema they find.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::error::LedgerError;
use crate::migrations::Migrations;

/// How long a statement waits for another connection's lock. Short: a store that cannot be written
/// must say so at once.
const BUSY: Duration = Duration::from_millis(500);
/// Statements kept prepared per connection.
const STATEMENTS: usize = 96;

/// The migrations, in order; a store's `user_version` counts those it has had.
pub(super) const MIGRATIONS: [&str; 16] = [
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_person_links.sql"),
    include_str!("migrations/0003_log.sql"),
    include_str!("migrations/0004_replies_in_hand.sql"),
    include_str!("migrations/0005_subscriptions.sql"),
    include_str!("migrations/0006_log_counts.sql"),
    include_str!("migrations/0007_inbox_full.sql"),
    include_str!("migrations/0008_relays_by_lane.sql"),
    include_str!("migrations/0009_held_messages.sql"),
    include_str!("migrations/0010_marks.sql"),
    include_str!("migrations/0011_reach.sql"),
    include_str!("migrations/0012_quality.sql"),
    include_str!("migrations/0013_identifiers_linked.sql"),
    include_str!("migrations/0014_spam.sql"),
    include_str!("migrations/0015_health.sql"),
    include_str!("migrations/0016_log_timeline.sql"),
];

/// Columns that a migration adds, by its number; a statement that does so cannot be run twice.
const COLUMNS: [(i64, &str, &str, &str); 8] = [
    (12, "numbers", "rating_at_ms", "INTEGER"),
    (12, "templates", "quality", "TEXT"),
    (14, "numbers", "spam_ms", "INTEGER"),
    (15, "numbers", "health", "TEXT"),
    (15, "numbers", "health_ms", "INTEGER"),
    (15, "numbers", "available_ms", "INTEGER"),
    (15, "numbers", "locked_ms", "INTEGER"),
    (15, "numbers", "policy_ms", "INTEGER"),
];

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            // A commit that a hook refused did not happen; it may the next time.
            Some(ffi::Error {
                extended_code: ffi::SQLITE_CONSTRAINT_COMMITHOOK,
                ..
            }) => {
                return Self::Unavailable(Arc::new(error));
            }
            Some(ffi::Error {
                code: ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase,
                ..
            }) => {
                return Self::Corrupt(Arc::new(error));
            }
            Some(ffi::Error {
                code: ErrorCode::ConstraintViolation | ErrorCode::ApiMisuse | ErrorCode::Unknown,
                ..
            }) => {
                tracing::error!(%error, "the store refused a statement");
                return Self::Bug("the store refused a statement");
            }
            Some(_) => return Self::Unavailable(Arc::new(error)),
            None => {}
        }
        match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Corrupt(Arc::new(error)),
            _ => {
                tracing::error!(%error, "a statement was misused");
                Self::Bug("a statement was misused")
            }
        }
    }
}

fn unavailable(error: std::io::Error) -> LedgerError {
    LedgerError::Unavailable(Arc::new(error))
}

/// Takes the store for this process. The lock goes with the file handle, whatever ends the process.
pub(super) fn lock(path: &Path) -> Result<File, LedgerError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(PathBuf::from(name))
        .map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(LedgerError::busy("another process writes to this store"))
        }
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

/// The connection that writes. Its commits are durable one by one, and it never checkpoints.
pub(super) fn writer(path: &Path) -> Result<Connection, LedgerError> {
    let connection = open(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192;",
    )?;
    #[cfg(debug_assertions)]
    if is_planted("GREENLINE_PLANT_UNSYNCED_COMMITS") {
        connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
    }
    Ok(connection)
}

/// Whether a defect is wanted, so that a test can show that it would be found. No release has any.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a defect is no setting")]
fn is_planted(defect: &str) -> bool {
    std::env::var_os(defect).is_some()
}

/// A connection that checkpoints.
pub(super) fn checkpointer(path: &Path) -> Result<Connection, LedgerError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    Ok(connection)
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection, LedgerError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("PRAGMA query_only = 1; PRAGMA cache_size = -16384;")?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn version(connection: &Connection) -> Result<usize, LedgerError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(version).map_err(|_| LedgerError::unreadable("the version of the store"))
}

/// Brings the schema up to date. Each migration is a transaction and safe to run again.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    let had = version(connection)?;
    if had > MIGRATIONS.len() {
        return Err(LedgerError::Conflict(
            "the store was written by a newer release",
        ));
    }
    for (number, migration) in (1..).zip(MIGRATIONS).skip(had) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        for (of, table, column, kind) in COLUMNS {
            if of == number {
                add_column(&transaction, table, column, kind)?;
            }
        }
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn add_column(
    connection: &Connection,
    table: &str,
    column: &str,
    kind: &str,
) -> Result<(), LedgerError> {
    let known = connection.query_row(
        "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2",
        [table, column],
        |row| row.get::<_, i64>(0),
    )?;
    if known == 0 {
        connection.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"))?;
    }
    Ok(())
}

/// Writes what is there already: the least that shows whether the store can be written.
pub(super) fn touch(connection: &Connection) -> Result<(), LedgerError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)?;
    Ok(())
}

/// Whether a store opened for reading has the schema that this release reads.
pub(super) fn check_version(connection: &Connection) -> Result<(), LedgerError> {
    match version(connection)? {
        had if had == MIGRATIONS.len() => Ok(()),
        had if had > MIGRATIONS.len() => Err(LedgerError::Conflict(
            "the store was written by a newer release",
        )),
        _ => Err(LedgerError::Conflict(
            "the store was written by an older release and must be migrated",
        )),
    }
}

/// Which migrations the store at `path` has had, by number; makes nothing.
pub(crate) fn migrations(path: &Path) -> Result<Migrations, LedgerError> {
    let had = if path.exists() {
        version(&reader(path)?)?
    } else {
        0
    };
    numbered(had)
}

/// Brings the store at `path` up to this release, and says which migrations it lacked.
pub(crate) fn migrate_at(path: &Path) -> Result<Migrations, LedgerError> {
    let _lock = lock(path)?;
    let mut connection = writer(path)?;
    let before = numbered(version(&connection)?)?;
    migrate(&mut connection)?;
    Ok(before)
}

fn numbered(had: usize) -> Result<Migrations, LedgerError> {
    if had > MIGRATIONS.len() {
        return Err(LedgerError::Conflict(
            "the store was written by a newer release",
        ));
    }
    let names = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| format!("{:04}", number + 1)).collect()
    };
    Ok(Migrations {
        done: names(0..had),
        missing: names(had..MIGRATIONS.len()),
    })
}
