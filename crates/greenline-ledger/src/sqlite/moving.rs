//! Reads a whole store, a page at a time, for a move to another one.
//!
//! It takes the store's lock, so that no server can change what is being moved, and it writes nothing.

mod log;
mod read;
mod sql;

use std::fs::File;
use std::path::Path;

use rusqlite::types::{Value as Column, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use rustc_hash::FxHashMap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{connect, load};
use crate::error::LedgerError;
use crate::moving::rows::{Cursor, Page, Rows};
use log::Sealed;

/// Rows read at once, if nothing else is said.
pub(crate) const PAGE_ROWS: usize = 5_000;
/// Bytes read at once: reached by deliveries and decisions, before the rows are.
const PAGE_BYTES: usize = 4 << 20;

/// A store that is read from its beginning to its end.
pub(crate) struct Source {
    connection: Connection,
    businesses: FxHashMap<i64, Box<str>>,
    sealed: Sealed,
    page_rows: usize,
    _lock: File,
}

/// What is taken from one table of the store.
struct Step {
    /// What people call it.
    name: &'static str,
    sql: &'static str,
    /// How many numbers its key begins with, and how many texts follow.
    key: (usize, usize),
    read: Read,
}

/// Takes a row apart: into rows, and its key.
type Read = fn(&Source, &Row<'_>, &mut Taken) -> Result<Cursor, LedgerError>;

/// Rows of a page, as they are gathered.
type Taken = Vec<Rows>;

const fn step(name: &'static str, sql: &'static str, key: (usize, usize), read: Read) -> Step {
    Step {
        name,
        sql,
        key,
        read,
    }
}

impl Step {
    /// The key before every key.
    fn first(&self) -> Cursor {
        let numbers = std::iter::repeat_n(Value::from(i64::MIN), self.key.0);
        let texts = std::iter::repeat_n(Value::from(""), self.key.1);
        numbers.chain(texts).collect()
    }
}

/// The tables, in the order they are moved: people before what is said of them.
static STEPS: &[Step] = &[
    step("people", sql::PEOPLE, (2, 0), read::people),
    step("identifiers", sql::IDENTIFIERS, (4, 1), read::identifiers),
    step("links", sql::LINKS, (7, 1), read::links),
    step("consent events", sql::EVENTS, (1, 0), read::events),
    step("keys of events", sql::KEYS, (1, 1), read::keys),
    step("heads", sql::HEADS, (3, 0), read::heads),
    step("windows", sql::WINDOWS, (2, 1), read::windows),
    step(
        "preference links",
        sql::PERSON_LINKS,
        (2, 0),
        read::person_links,
    ),
    step("decisions", sql::DECISIONS, (1, 0), read::decisions),
    step("statuses", sql::STRAYS, (0, 1), read::strays),
    step("numbers", sql::NUMBERS, (1, 1), read::numbers),
    step("accounts", sql::ACCOUNTS, (1, 1), read::accounts),
    step(
        "restrictions",
        sql::RESTRICTIONS,
        (1, 2),
        read::restrictions,
    ),
    step("templates", sql::TEMPLATES, (1, 3), read::templates),
    step("limits", sql::LIMITS, (0, 1), read::limits),
    step("people reached", sql::REACH, (1, 0), read::reach),
    step("timeline", sql::TIMELINE, (1, 0), read::timeline),
    step("deliveries", sql::INBOX, (1, 0), read::inbox),
    step("relays", sql::RELAYS, (1, 1), read::relays),
    step("replies", sql::REPLIES, (1, 0), read::replies),
    step(
        "held messages",
        sql::HELD_MESSAGES,
        (1, 0),
        read::held_messages,
    ),
    step("log leaves", sql::LOG_BLOCKS, (2, 0), log::blocks),
    step("logs", sql::LOGS, (1, 0), log::logs),
    step("log nodes", sql::LOG_NODES, (3, 0), log::nodes),
    step("log heads", sql::LOG_HEADS, (2, 0), log::heads),
    step(
        "subscriptions",
        sql::SUBSCRIPTIONS,
        (1, 1),
        read::subscriptions,
    ),
];

/// Which step reads the heads.
pub(crate) const HEADS: usize = 5;

/// What one step is called; `None` past the last.
pub(crate) fn step_name(step: usize) -> Option<&'static str> {
    STEPS.get(step).map(|step| step.name)
}

impl Source {
    /// Takes the store at `path`, to be read so many rows at once.
    pub(crate) fn open(path: &Path, page_rows: usize) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::NotFound("the store to move from"));
        }
        let lock = connect::lock(path)?;
        let connection = connect::reader(path)?;
        connect::check_version(&connection)?;
        let businesses = load::businesses(&connection)?.into_iter().collect();
        Ok(Self {
            sealed: Sealed::load(&connection)?,
            connection,
            businesses,
            page_rows,
            _lock: lock,
        })
    }

    /// The businesses it knows.
    pub(crate) fn businesses(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.businesses.values().map(|id| id.to_string()).collect();
        ids.sort();
        ids
    }

    fn business(&self, row: i64) -> Result<Box<str>, LedgerError> {
        self.businesses
            .get(&row)
            .cloned()
            .ok_or_else(|| LedgerError::unreadable("a row of an unknown business"))
    }

    /// The newest decision.
    pub(crate) fn last_decision(&self) -> Result<i64, LedgerError> {
        let last: Option<i64> =
            self.connection
                .query_row(super::sql::LAST_DECISION, [], |row| row.get(0))?;
        Ok(last.unwrap_or(0))
    }

    /// What the other store must hold in the end.
    pub(crate) fn counts(&self) -> Result<Vec<(&'static str, u64)>, LedgerError> {
        let count = |(name, sql): &(&'static str, &str)| {
            let count: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
            Ok((*name, u64::try_from(count).unwrap_or(0)))
        };
        sql::COUNTS.iter().map(count).collect()
    }

    /// Names this store as it is: after a server has run on it, it has another name.
    pub(crate) fn fingerprint(&self, counts: &[(&str, u64)]) -> Result<String, LedgerError> {
        let mut digest = Sha256::new();
        for id in self.businesses() {
            digest.update(format!("business {id}\n"));
        }
        for (name, count) in counts {
            digest.update(format!("{name} {count}\n"));
        }
        for mark in sql::MARKS {
            let mark: Option<i64> = self.connection.query_row(mark, [], |row| row.get(0))?;
            digest.update(format!("{mark:?}\n"));
        }
        let digest: [u8; 32] = digest.finalize().into();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The page of a step after a key; an empty key is before all.
    pub(crate) fn page(&self, step: usize, after: &Cursor) -> Result<Page, LedgerError> {
        let step = STEPS
            .get(step)
            .ok_or(LedgerError::Bug("a step that there is not"))?;
        let first = step.first();
        let after = if after.is_empty() { &first } else { after };
        let limit = Column::Integer(i64::try_from(self.page_rows).unwrap_or(i64::MAX));
        let keys = after.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let mut statement = self.connection.prepare_cached(step.sql)?;
        let mut rows = statement.query(params_from_iter(std::iter::once(limit).chain(keys)))?;
        let mut page = Page {
            rows: Vec::new(),
            read: 0,
            next: None,
        };
        let (mut read, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            let key = (step.read)(self, row, &mut page.rows)?;
            page.next = Some(key);
            read += 1;
            bytes += size(row);
            if bytes > PAGE_BYTES {
                page.read = read as u64;
                return Ok(page);
            }
        }
        page.read = read as u64;
        if read < self.page_rows {
            page.next = None;
        }
        Ok(page)
    }
}

/// Bytes of the texts and blobs of a row.
fn size(row: &Row<'_>) -> usize {
    let columns = row.as_ref().column_count();
    let bytes = |at| match row.get_ref(at) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes.len(),
        _ => 8,
    };
    (0..columns).map(bytes).sum()
}

fn column(key: &Value) -> Result<Column, LedgerError> {
    match key {
        Value::String(text) => Ok(Column::Text(text.clone())),
        Value::Number(number) => number
            .as_i64()
            .map(Column::Integer)
            .ok_or_else(|| LedgerError::unreadable("how far a move has come")),
        _ => Err(LedgerError::unreadable("how far a move has come")),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{STEPS, connect};

    /// Tables that are not read by themselves, and why nothing of them is lost.
    const NOT_READ: &[(&str, &str)] = &[
        ("businesses", "every row names its business by its id"),
        ("decision_ranges", "follow from the decisions"),
        ("message_runs", "follow from the sends"),
        ("message_log", "follows from the sends"),
        ("mark_log", "follows from the decisions and their sends"),
        ("log_late", "says which decisions have no leaf"),
        ("log_timeline", "says which timeline entries have one"),
        (
            "log_counts",
            "is held against a seal under way, and against what leaves say",
        ),
    ];

    #[test]
    fn no_table_is_left_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        connect::migrate(&mut connection).unwrap();
        let tables =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(tables).unwrap();
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        for name in names.map(Result::unwrap) {
            let is_read = STEPS.iter().any(|step| {
                let mut words = step.sql.split_whitespace();
                words.any(|word| word == name)
            });
            let is_known = NOT_READ.iter().any(|(known, _)| *known == name);
            assert!(is_read != is_known, "`{name}` is not moved, or twice");
        }
    }
}
