//! The provable log, as it moves: here leaves stand together in blocks and marks say up to where records are
//! sealed, there each leaf stands by itself and each record that has none is marked.

use rusqlite::{Connection, OptionalExtension, Row};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::json;

use super::read::{Read, key, of};
use super::{Source, Taken, sql};
use crate::error::LedgerError;
use crate::moving::rows::{Leaves, LogHeads, LogNodes, Logs, Rows, Unsealed};
use crate::postgres::moving::shard_of_text;
use crate::seal::SealKind;
use crate::sqlite::rows::seq_column;
use crate::sqlite::seal::block;

/// What is sealed.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// By business: up to which event, and which decision.
    marks: FxHashMap<i64, (i64, i64)>,
    /// Records that came late or did not read, by business and number: whether they are sealed.
    late: FxHashMap<(i64, i64), bool>,
    /// By business: up to which timeline entry.
    entries: FxHashMap<i64, i64>,
    /// Entries before that which did not read.
    waiting: FxHashSet<(i64, i64)>,
}

impl Sealed {
    pub(super) fn load(connection: &Connection) -> Result<Self, LedgerError> {
        let mut sealed = Self::default();
        let mut statement = connection.prepare(sql::LOG_MARKS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sealed.marks.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
        }
        let mut statement = connection.prepare(sql::LATE)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sealed.late.insert((row.get(0)?, row.get(1)?), row.get(2)?);
        }
        let mut statement = connection.prepare(sql::ENTRY_MARKS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sealed.entries.insert(row.get(0)?, row.get(1)?);
        }
        let mut statement = connection.prepare(sql::ENTRIES_WAITING)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sealed.waiting.insert((row.get(0)?, row.get(1)?));
        }
        Ok(sealed)
    }

    pub(super) fn entry(&self, business: i64, seq: i64) -> bool {
        let mark = self.entries.get(&business);
        mark.is_some_and(|mark| seq <= *mark) && !self.waiting.contains(&(business, seq))
    }

    pub(super) fn event(&self, business: i64, seq: i64) -> bool {
        match self.late.get(&(business, seq)) {
            Some(is_sealed) => *is_sealed,
            None => self
                .marks
                .get(&business)
                .is_some_and(|marks| seq <= marks.0),
        }
    }

    pub(super) fn decision(&self, business: i64, seq: i64) -> bool {
        match self.late.get(&(business, seq)) {
            Some(is_sealed) => *is_sealed,
            None => self
                .marks
                .get(&business)
                .is_some_and(|marks| seq <= marks.1),
        }
    }
}

/// Marks a record that has no leaf.
pub(super) fn unsealed(
    source: &Source,
    taken: &mut Taken,
    kind: SealKind,
    (business, shard, seq): (i64, i64, i64),
) -> Result<(), LedgerError> {
    let is_sealed = match kind {
        SealKind::Event => source.sealed.event(business, seq),
        SealKind::Decision => source.sealed.decision(business, seq),
        // The other store marks the entry itself.
        SealKind::Timeline => true,
    };
    if !is_sealed {
        of!(taken, Unsealed).push((shard, kind.column(), seq, source.business(business)?));
    }
    Ok(())
}

/// The shard of a record, with which its leaf stands; of one that is gone any will do.
fn shard(source: &Source, kind: SealKind, seq: i64) -> Result<i64, LedgerError> {
    let sql = match kind {
        SealKind::Event => sql::SHARD_OF_EVENT,
        SealKind::Decision => sql::SHARD_OF_DECISION,
        SealKind::Timeline => {
            let mut statement = source.connection.prepare_cached(sql::SUBJECT_OF_ENTRY)?;
            let subject = statement.query_row([seq], |row| row.get::<_, String>(0));
            return Ok(subject.optional()?.map_or(0, |id| shard_of_text(&id)));
        }
    };
    let mut statement = source.connection.prepare_cached(sql)?;
    let found = statement.query_row([seq], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

pub(super) fn blocks(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (first, place): (i64, i64) = (row.get(0)?, row.get(2)?);
    let business = source.business(place)?;
    for leaf in block(row)? {
        let seq = seq_column(leaf.id.seq);
        of!(taken, Leaves).push((
            shard(source, leaf.id.kind, seq)?,
            leaf.id.kind.column(),
            seq,
            business.clone(),
            seq_column(leaf.index),
            leaf.hash.0.to_vec(),
            leaf.salts.to_bytes(),
        ));
    }
    Ok(key([json!(place), json!(first)]))
}

pub(super) fn logs(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let place: i64 = row.get(0)?;
    of!(taken, Logs).push((source.business(place)?, row.get(1)?));
    Ok(key([json!(place)]))
}

pub(super) fn nodes(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, level, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    of!(taken, LogNodes).push((source.business(place)?, level, at, row.get(3)?));
    Ok(key([json!(place), json!(level), json!(at)]))
}

pub(super) fn heads(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, size): (i64, i64) = (row.get(0)?, row.get(1)?);
    of!(taken, LogHeads).push((
        source.business(place)?,
        size,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ));
    Ok(key([json!(place), json!(size)]))
}
