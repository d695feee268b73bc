//! Fills an empty database from another store, page by page.
//!
//! A page and the note of how far the move has come are one transaction, so that a move that was stopped at any
//! moment goes on where it was, and nothing is there twice. While a move is not finished no server runs here:
//! it would miss a stop that has not come over yet. The mover notes the move before it looks for servers, and a
//! server takes its place before it looks for moves, so that one of the two finds the other.

mod fill;
pub(super) mod sql;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;

use super::connect::{Link, Pool, retrying};
pub(crate) use super::rows::shard_of_text;
use super::trouble::Trouble;
use super::{Store, migrate};
use crate::Setup;
use crate::error::LedgerError;
use crate::moving::rows::{Cursor, Page};
use crate::types::Verification;

/// How often a page is tried again after the connection broke, and how long between two tries: a database that has
/// to recover from a crash takes minutes.
const TRIES_MAX: u32 = 300;
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait for servers that are gone to be known as gone: longer than a node's lease.
const LEASES: Duration = Duration::from_secs(12);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Heads compared at once.
const HEADS_PAGE: i64 = 5_000;
/// A page may take its time, and so may counting.
const FOR_LONG_WORK: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 600000";

/// How far a move has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Position {
    /// The step.
    pub(crate) step: i64,
    /// The last key of it, as JSON; empty before the first.
    pub(crate) after: String,
    /// Rows so far.
    pub(crate) moved: u64,
    /// Whether all is there and was checked.
    pub(crate) is_finished: bool,
}

/// A head, by shard, person and spelling.
pub(crate) type Head = ((i64, i64, i64), String);

/// The database that is filled.
pub(crate) struct Target {
    url: String,
    pool: Arc<Pool>,
    link: Option<Link>,
    source: String,
    last_seq: i64,
}

/// Whether servers must wait for a move to be finished.
pub(super) async fn check_finished(pool: &Pool) -> Result<(), LedgerError> {
    let open = retrying!(pool, link => link.rows(sql::UNFINISHED, &[]).await)?;
    if open.is_empty() {
        return Ok(());
    }
    Err(LedgerError::Conflict(
        "an installation is being moved into this database, and the move is not finished",
    ))
}

impl Target {
    /// Brings the database up to this release, and begins or takes up the move from the store named `source`.
    pub(crate) async fn open(
        url: &str,
        source: String,
        last_seq: i64,
    ) -> Result<(Self, Position), LedgerError> {
        let pool = Arc::new(Pool::new(url, Handle::current())?);
        migrate::migrate(&pool).await?;
        let mut target = Self {
            url: url.to_owned(),
            pool,
            link: None,
            source,
            last_seq,
        };
        let position = target.begin().await?;
        if !position.is_finished {
            target.nobody_serves().await?;
        }
        Ok((target, position))
    }

    /// A connection of its own, that may take its time.
    async fn link(&mut self) -> Result<&mut Link, Trouble> {
        if self.link.is_none() {
            let link = self.pool.connect().await?;
            link.batch(FOR_LONG_WORK).await?;
            self.link = Some(link);
        }
        self.link
            .as_mut()
            .ok_or(Trouble::Final(LedgerError::Bug("a connection just made")))
    }

    async fn position(&mut self) -> Result<Option<Position>, Trouble> {
        let source = self.source.clone();
        let rows = self.link().await?.rows(sql::POSITION, &[&source]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let moved: i64 = row.try_get(2)?;
        Ok(Some(Position {
            step: row.try_get(0)?,
            after: row.try_get(1)?,
            moved: u64::try_from(moved).unwrap_or(0),
            is_finished: row.try_get(3)?,
        }))
    }

    async fn begin(&mut self) -> Result<Position, LedgerError> {
        let work = async {
            if let Some(position) = self.position().await? {
                return Ok(position);
            }
            let source = self.source.clone();
            let link = self.link().await?;
            if !link.rows(sql::OTHER_MOVES, &[&source]).await?.is_empty() {
                return Err(Trouble::Final(LedgerError::Conflict(
                    "another store was moved into this database, or this one has changed since its move began",
                )));
            }
            for (_, sql) in sql::COUNTS {
                if count(link, sql).await? > 0 {
                    return Err(Trouble::Final(LedgerError::Conflict(
                        "the database to move to holds something already",
                    )));
                }
            }
            link.run(sql::BEGIN_MOVE, &[&source]).await?;
            let begun = self.position().await?;
            begun.ok_or(Trouble::Final(LedgerError::Bug("a move just begun")))
        };
        work.await.map_err(Trouble::given_up)
    }

    /// Waits for the leases of servers that are gone, and refuses if one is renewed.
    async fn nobody_serves(&mut self) -> Result<(), LedgerError> {
        let mut waited = Duration::ZERO;
        loop {
            let rows = retrying!(self.pool, link => link.rows(super::sql::LIVE_NODES, &[]).await)?;
            if !rows.iter().any(|row| row.try_get(1).unwrap_or(true)) {
                return Ok(());
            }
            if waited >= LEASES {
                return Err(LedgerError::busy(
                    "a server runs on the database to move to",
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
    }

    /// Writes a page and notes that it was written. Tried again when the connection breaks.
    pub(crate) async fn write(
        &mut self,
        at: &Position,
        page: &Page,
    ) -> Result<Position, LedgerError> {
        let next = at.after_page(page);
        let mut tries = 0;
        loop {
            let trouble = match self.page(at, &next, page).await {
                Ok(()) => return Ok(next),
                Err(trouble) => trouble,
            };
            self.link = None;
            if is_taken(&trouble) {
                return Err(LedgerError::Conflict(
                    "the database to move to holds something that this move did not write",
                ));
            }
            tries += 1;
            if matches!(trouble, Trouble::Final(_)) || tries >= TRIES_MAX {
                return Err(trouble.given_up());
            }
            tokio::time::sleep(PAUSE).await;
            // It may have been done, and only nobody told.
            match self.position().await {
                Ok(Some(now)) if now == next => return Ok(next),
                Ok(_) | Err(Trouble::Lost(_) | Trouble::Again(_)) => {}
                Err(trouble @ Trouble::Final(_)) => return Err(trouble.given_up()),
            }
        }
    }

    async fn page(&mut self, at: &Position, next: &Position, page: &Page) -> Result<(), Trouble> {
        let (source, last_seq) = (self.source.clone(), self.last_seq);
        let read = i64::try_from(page.read).unwrap_or(i64::MAX);
        let link = self.link().await?;
        link.batch("BEGIN").await?;
        let advanced = link
            .run(
                sql::ADVANCE,
                &[&source, &at.step, &at.after, &next.step, &next.after, &read],
            )
            .await?;
        if advanced == 0 {
            return Err(Trouble::Final(LedgerError::Conflict(
                "somebody else works at the same move",
            )));
        }
        for rows in &page.rows {
            fill::insert(link, rows, last_seq).await?;
        }
        link.batch("COMMIT").await
    }

    /// So that the database plans what follows knowing what it holds.
    pub(crate) async fn analyze(&mut self) -> Result<(), LedgerError> {
        let work = async { self.link().await?.batch(sql::ANALYZE).await };
        work.await.map_err(Trouble::given_up)
    }

    /// How much there is, by the names that the source counts under.
    pub(crate) async fn counts(&mut self) -> Result<Vec<(&'static str, u64)>, LedgerError> {
        let work = async {
            let link = self.link().await?;
            let mut counts = Vec::with_capacity(sql::COUNTS.len());
            for (name, sql) in sql::COUNTS {
                counts.push((*name, count(link, sql).await?));
            }
            Ok(counts)
        };
        work.await.map_err(Trouble::given_up)
    }

    /// How many names lead to people: as many as there are identifiers.
    pub(crate) async fn names(&mut self) -> Result<u64, LedgerError> {
        let work = async { count(self.link().await?, sql::NAMES_COUNT).await };
        work.await.map_err(Trouble::given_up)
    }

    /// The heads after one of them.
    pub(crate) async fn heads(&mut self, after: (i64, i64, i64)) -> Result<Vec<Head>, LedgerError> {
        let work = async {
            let link = self.link().await?;
            let rows = link
                .rows(
                    sql::HEADS_AFTER,
                    &[&after.0, &after.1, &after.2, &HEADS_PAGE],
                )
                .await?;
            let head = |row: &tokio_postgres::Row| {
                let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                Ok((key, row.try_get(3)?))
            };
            rows.iter().map(head).collect::<Result<_, Trouble>>()
        };
        work.await.map_err(Trouble::given_up)
    }

    /// Folds everything again.
    pub(crate) async fn verify(&self, setup: &Setup) -> Result<Verification, LedgerError> {
        let store = Arc::new(Store::open_unfinished(&self.url, setup).await?);
        let found = store.verify(setup.decide).await;
        store.close().await;
        found
    }

    /// Lets servers run here.
    pub(crate) async fn finish(&mut self) -> Result<(), LedgerError> {
        let source = self.source.clone();
        retrying!(self.pool, link => link.run(sql::FINISH, &[&source]).await)?;
        // Asked again, since of two tries the second finds nothing to change.
        match self.position().await.map_err(Trouble::given_up)? {
            Some(position) if position.is_finished => Ok(()),
            _ => Err(LedgerError::Conflict("the move is not there any more")),
        }
    }
}

impl Position {
    /// The key after which the next page begins.
    pub(crate) fn cursor(&self) -> Result<Cursor, LedgerError> {
        if self.after.is_empty() {
            return Ok(Cursor::new());
        }
        serde_json::from_str(&self.after)
            .map_err(|_| LedgerError::unreadable("how far a move has come"))
    }

    /// Where a move is after a page.
    pub(crate) fn after_page(&self, page: &Page) -> Self {
        let (step, after) = match &page.next {
            Some(key) => (self.step, serde_json::Value::from(key.clone()).to_string()),
            None => (self.step + 1, String::new()),
        };
        Self {
            step,
            after,
            moved: self.moved + page.read,
            is_finished: false,
        }
    }
}

async fn count(link: &mut Link, sql: &'static str) -> Result<u64, Trouble> {
    let rows = link.rows(sql, &[]).await?;
    let count: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(u64::try_from(count.unwrap_or(0)).unwrap_or(0))
}

/// Whether a key was taken: in an empty database only by somebody else.
fn is_taken(trouble: &Trouble) -> bool {
    let (Trouble::Again(cause) | Trouble::Lost(cause)) = trouble else {
        return false;
    };
    let error = cause.downcast_ref::<tokio_postgres::Error>();
    error.and_then(tokio_postgres::Error::code) == Some(&SqlState::UNIQUE_VIOLATION)
}

#[cfg(test)]
mod tests {
    use greenline_testdb::Database;

    use super::{Pool, migrate, retrying, sql};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_statement_of_a_move_is_prepared() {
        let database = Database::fresh();
        let pool = Pool::new(&database.url(), tokio::runtime::Handle::current()).unwrap();
        migrate::migrate(&pool).await.unwrap();
        for sql in sql::ALL {
            let prepared: Result<(), _> = retrying!(pool, link => link.ready(&[sql]).await);
            prepared.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        let named = include_str!("moving/sql.rs")
            .matches("pub(super) const ")
            .count();
        // The lists themselves, what counts, and what is no statement with parameters.
        assert_eq!(sql::ALL.len() + 3, named);
    }

    /// Tables that nothing is moved into.
    const OF_ITS_OWN: &[&str] = &["batches", "migrations", "nodes"];

    #[test]
    fn every_table_is_filled() {
        let text = include_str!("moving/sql.rs");
        let words: Vec<&str> = text.split_whitespace().collect();
        for (table, _) in crate::postgres::citus::TABLES {
            let is_filled = words.windows(2).any(|pair| pair == ["INTO", *table]);
            assert!(is_filled != OF_ITS_OWN.contains(table), "{table}");
        }
    }
}
