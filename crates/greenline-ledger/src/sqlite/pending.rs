//! Decisions of the batch under way, written together: many rows with one statement, and one range for
//! each business, by which its pages and counts are found.
//!
//! An index over single decisions would cost each send as much as its record. A range costs each commit
//! a row, and counts what it holds.

use rusqlite::{Connection, OptionalExtension, Statement, params};
use smallvec::SmallVec;

use super::recent::{Batch, Recent};
use super::sql;
use crate::error::LedgerError;
use crate::seal::Cuts;

/// How many rows the statements write at once, the longest first.
pub(super) const AT_ONCE: [usize; 3] = [16, 4, 1];

/// A decision that waits to be written.
#[derive(Debug)]
pub(super) struct Row {
    /// Its number.
    pub(super) seq: i64,
    /// The business's row.
    pub(super) business: i64,
    /// The first addressee's shard.
    pub(super) shard: u16,
    /// The first addressee, if known.
    pub(super) person: Option<i64>,
    /// When.
    pub(super) at_ms: i64,
    /// 0 refused, 1 allowed, 2 would have been refused but went on.
    pub(super) verdict: i64,
}

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Of this batch.
    batch: Batch,
    /// How many of them are written.
    written: usize,
}

/// The decisions of one business in one commit.
#[derive(Clone, Copy, Debug)]
struct Range {
    business: i64,
    first: i64,
    last: i64,
    allowed: i64,
    others: i64,
}

impl Range {
    fn of(row: &Row) -> Self {
        let allowed = i64::from(row.verdict == 1);
        Self {
            business: row.business,
            first: row.seq,
            last: row.seq,
            allowed,
            others: 1 - allowed,
        }
    }
}

impl Pending {
    /// Forgets what a batch left behind.
    pub(super) fn clear(&mut self) {
        self.batch.clear();
        self.written = 0;
    }

    /// Hands everything over, so that it can be sealed without being read again.
    pub(super) fn hand_over(&mut self, recent: &Recent) {
        self.written = 0;
        self.batch = recent.push(std::mem::take(&mut self.batch));
    }

    /// Where the next decision's record is to be added.
    pub(super) fn record(&mut self) -> &mut Vec<u8> {
        // One that was begun and not added came to nothing.
        self.batch
            .records
            .truncate(self.batch.rows.last().map_or(0, |(.., end)| *end));
        &mut self.batch.records
    }

    /// Adds the decision whose record was added last.
    pub(super) fn add(&mut self, row: Row, cuts: Cuts) {
        self.batch.rows.push((row, cuts, self.batch.records.len()));
    }

    /// Writes what waits, and answers how many bytes of records that was.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<usize, LedgerError> {
        let mut ranges: SmallVec<[Range; 2]> = SmallVec::new();
        let (before, mut rest) = self.batch.rows.split_at(self.written);
        let start = before.last().map_or(0, |(.., end)| *end);
        let mut from = start;
        while let Some((now, later)) = chunk(rest) {
            let mut statement = connection.prepare_cached(insert(now.len()))?;
            for (n, (row, _, end)) in now.iter().enumerate() {
                let record = self.batch.records.get(from..*end).map(std::str::from_utf8);
                let Some(Ok(record)) = record else {
                    return Err(LedgerError::Bug("a record that is not text"));
                };
                from = *end;
                bind(&mut statement, n, row, record)?;
                include(&mut ranges, row);
            }
            statement.raw_execute()?;
            rest = later;
        }
        for range in &ranges {
            insert_range(connection, range)?;
        }
        self.written = self.batch.rows.len();
        Ok(from - start)
    }
}

/// The next rows that one statement writes.
pub(super) fn chunk<T>(rest: &[T]) -> Option<(&[T], &[T])> {
    let length = AT_ONCE.into_iter().find(|length| *length <= rest.len())?;
    rest.split_at_checked(length)
}

fn insert(rows: usize) -> &'static str {
    match rows {
        16 => sql::INSERT_16_DECISIONS,
        4 => sql::INSERT_4_DECISIONS,
        _ => sql::INSERT_DECISION,
    }
}

fn bind(
    statement: &mut Statement<'_>,
    place: usize,
    row: &Row,
    record: &str,
) -> Result<(), LedgerError> {
    let at = place * 7;
    statement.raw_bind_parameter(at + 1, row.seq)?;
    statement.raw_bind_parameter(at + 2, row.business)?;
    statement.raw_bind_parameter(at + 3, row.shard)?;
    statement.raw_bind_parameter(at + 4, row.person)?;
    statement.raw_bind_parameter(at + 5, row.at_ms)?;
    statement.raw_bind_parameter(at + 6, row.verdict)?;
    statement.raw_bind_parameter(at + 7, record)?;
    Ok(())
}

fn include(ranges: &mut SmallVec<[Range; 2]>, row: &Row) {
    let new = Range::of(row);
    match ranges
        .iter_mut()
        .find(|range| range.business == row.business)
    {
        // Numbers grow within a batch.
        Some(range) => {
            range.last = new.last;
            range.allowed += new.allowed;
            range.others += new.others;
        }
        None => ranges.push(new),
    }
}

fn insert_range(connection: &Connection, range: &Range) -> Result<(), LedgerError> {
    connection
        .prepare_cached(sql::INSERT_RANGE)?
        .execute(params![
            range.business,
            range.first,
            range.last,
            range.allowed,
            range.others
        ])?;
    Ok(())
}

/// Writes a decision that was made earlier, between others that are written already.
pub(super) fn write_late(
    connection: &Connection,
    row: &Row,
    record: &str,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare_cached(sql::INSERT_DECISION)?;
    bind(&mut statement, 0, row, record)?;
    statement.raw_execute()?;
    let range = Range::of(row);
    let around: Option<(i64, i64)> = connection
        .prepare_cached(sql::RANGE_AROUND)?
        .query_row([row.business, row.seq], |found| {
            Ok((found.get(0)?, found.get(1)?))
        })
        .optional()?;
    match around {
        Some((first, last)) if last >= row.seq => {
            connection.prepare_cached(sql::COUNT_IN_RANGE)?.execute([
                row.business,
                first,
                range.allowed,
                range.others,
            ])?;
            Ok(())
        }
        _ => insert_range(connection, &range),
    }
}
