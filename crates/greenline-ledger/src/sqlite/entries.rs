//! Timeline entries and the provable log: which are not sealed yet, what the leaf of one holds, what retention and an
//! erasure leave of it.
//!
//! Their numbers rise in the order in which they are written, so what comes after the newest that is sealed is still
//! to be sealed. Each has its place in the log noted; one that comes before and has none was slipped in.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{count_column, seq, seq_column};
use super::sql;
use super::write::Hand;
use crate::erasure::left_of_entry;
use crate::error::LedgerError;
use crate::prune::Prune;
use crate::seal::{RecordId, Recorded, SealKind, Unsealed, entry_fields};
use crate::types::{BusinessIx, TimelineEntry};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

fn id(number: i64) -> RecordId {
    RecordId {
        kind: SealKind::Timeline,
        seq: seq(number),
    }
}

/// An entry; the row holds its columns in their order.
pub(super) fn entry(row: &Row<'_>) -> Result<TimelineEntry> {
    Ok(TimelineEntry {
        seq: row.get(0)?,
        subject: row.get(1)?,
        subject_id: row.get(2)?,
        origin: row.get(3)?,
        event: row.get(4)?,
        at_ms: row.get(5)?,
        body: row.get(6)?,
    })
}

/// An entry, also one that does not read.
fn unsealed_entry(row: &Row<'_>, business: &str) -> Result<Unsealed> {
    let fields = entry(row).map(|entry| entry_fields(business, &entry));
    Unsealed::of(id(row.get(0)?), fields)
}

/// Entries that are not sealed: those that did not read before, then those after the newest that is sealed.
pub(super) fn unsealed(
    connection: &Connection,
    (row, business): (i64, &str),
    limit: usize,
) -> Result<Vec<Unsealed>> {
    let mut found = Vec::new();
    for sql in [sql::ENTRIES_WAITING, sql::ENTRIES_AFTER] {
        let room = count_column(limit.saturating_sub(found.len()));
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![row, room])?;
        while let Some(row) = rows.next()? {
            found.push(unsealed_entry(row, business)?);
        }
    }
    Ok(found)
}

/// An entry as it is stored.
pub(super) fn recorded(
    connection: &Connection,
    (row, business): (i64, &str),
    number: u64,
) -> Result<Recorded> {
    let mut statement = connection.prepare_cached(sql::ENTRY_OF)?;
    let mut rows = statement.query(params![row, seq_column(number)])?;
    let found = rows.next()?.map(entry).transpose()?;
    Ok(found.map_or(Recorded::Gone, |entry| {
        Recorded::Fields(entry_fields(business, &entry))
    }))
}

/// What is noted of an entry: nothing, that it waits, or its place in the log.
pub(super) fn noted(
    connection: &Connection,
    business: i64,
    number: i64,
) -> Result<Option<Option<i64>>> {
    let mut statement = connection.prepare_cached(sql::PLACE_OF_ENTRY)?;
    let noted = statement.query_row([business, number], |row| row.get(0));
    Ok(noted.optional()?)
}

/// Whether an entry is in the log, or is none that may come into it any more.
pub(super) fn is_sealed(connection: &Connection, business: i64, number: i64) -> Result<bool> {
    Ok(match noted(connection, business, number)? {
        Some(place) => place.is_some(),
        None => number <= mark(connection, business)?,
    })
}

/// The newest that is sealed.
pub(super) fn mark(connection: &Connection, business: i64) -> Result<i64> {
    let mut statement = connection.prepare_cached(sql::LAST_ENTRY)?;
    Ok(statement.query_row([business], |row| row.get(0))?)
}

/// Entries that stand before the newest that is sealed, and are in no log.
pub(super) fn unlogged(connection: &Connection, business: i64) -> Result<i64> {
    let mut statement = connection.prepare_cached(sql::COUNT_ENTRIES_UNLOGGED)?;
    Ok(statement.query_row([business], |row| row.get(0))?)
}

/// Leaves of entries.
pub(super) fn leaves(connection: &Connection, business: i64) -> Result<i64> {
    let mut statement = connection.prepare_cached(sql::COUNT_ENTRY_LEAVES)?;
    Ok(statement.query_row([business], |row| row.get(0))?)
}

impl Hand<'_> {
    /// Notes an entry's place in the log.
    pub(super) fn note_entry_sealed(&self, business: i64, number: i64, index: i64) -> Result<()> {
        self.connection
            .prepare_cached(sql::SEAL_ENTRY)?
            .execute([business, number, index])?;
        Ok(())
    }

    /// Notes that an entry does not read: it is sealed once it does.
    pub(super) fn note_entry_waits(&self, business: i64, number: i64) -> Result<()> {
        self.connection
            .prepare_cached(sql::ENTRY_WAITS)?
            .execute([business, number])?;
        Ok(())
    }

    /// Deletes old entries that are sealed; their leaves say that they were pruned.
    pub(super) fn prune_entries(&mut self, prune: &Prune) -> Result<u64> {
        let business = self.state.business(prune.business)?.row;
        let mut gone = BTreeSet::new();
        for (_, number) in &prune.rows {
            if noted(self.connection, business, *number)?
                .flatten()
                .is_none()
            {
                continue;
            }
            let deleted = self
                .connection
                .prepare_cached(sql::DELETE_ENTRY)?
                .execute([business, *number])?;
            if deleted > 0 {
                gone.insert(seq(*number));
            }
        }
        let count = gone.len() as u64;
        self.let_go(business, SealKind::Timeline, gone, prune.at_ms)?;
        Ok(count)
    }

    /// Takes out of an entry what it says of somebody who is written so.
    pub(super) fn wipe_entry(
        &mut self,
        (business, row): (BusinessIx, i64),
        number: i64,
        texts: &[String],
    ) -> Result<()> {
        let found = {
            let mut statement = self.connection.prepare_cached(sql::ENTRY_OF)?;
            let mut rows = statement.query([row, number])?;
            rows.next()?.map(entry).transpose()?
        };
        // Its days may have been over meanwhile.
        let Some(left) = found.and_then(|entry| left_of_entry(&entry, texts)) else {
            return Ok(());
        };
        let (subject_id, body, fields) = left;
        let fields: Vec<Box<str>> = fields.iter().map(|name| (*name).into()).collect();
        self.forget_salts(business, id(number), &fields)?;
        self.written += body.len();
        self.connection
            .prepare_cached(sql::ERASE_ENTRY)?
            .execute(params![number, &*subject_id, body])?;
        Ok(())
    }
}
