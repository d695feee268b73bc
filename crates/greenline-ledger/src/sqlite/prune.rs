//! Letting go of old rows: found on a connection that reads, deleted by the writer, a few at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use greenline_proof::Salts;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{count_column, seq};
use super::seal::{block, marks, push_entry};
use super::verbs::reading;
use super::write::Hand;
use super::{Store, sql};
use crate::error::LedgerError;
use crate::prune::{BATCH_MAX, Prune, PruneKind, first_number};
use crate::seal::{RecordId, SealKind};
use crate::types::BusinessIx;

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Timeline entries in a batch at most: each may stand in another block of the log, which is written anew.
const ENTRIES_MAX: usize = 32;

/// Numbers up to the first row that is too young; the rows come with their number and time, oldest first.
fn old_rows(
    connection: &Connection,
    sql: &'static str,
    business: i64,
    before_ms: i64,
    most: usize,
) -> Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([business])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before_ms || found.len() == most {
            break;
        }
        if row.get(2)? {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

/// Entries that are old enough, by what they say and by when they came, and sealed.
fn entries(connection: &Connection, business: i64, before_ms: i64) -> Result<Vec<i64>> {
    let mut found = old_rows(
        connection,
        sql::OLD_TIMELINE,
        business,
        before_ms,
        ENTRIES_MAX,
    )?;
    found.retain(|number| *number < first_number(before_ms));
    Ok(found)
}

/// Decisions that are old enough and sealed.
fn decisions(connection: &Connection, business: i64, before_ms: i64) -> Result<Vec<i64>> {
    let sealed = marks(connection, business)?.decision.saturating_add(1);
    let before = first_number(before_ms).min(sealed);
    let mut statement = connection.prepare_cached(sql::OLD_DECISIONS)?;
    let columns = params![business, before, count_column(BATCH_MAX)];
    let rows = statement.query_map(columns, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The oldest run of message ids, if all it leads to is old.
fn run(connection: &Connection, before_ms: i64) -> Result<Vec<i64>> {
    let oldest: Option<i64> = connection
        .prepare_cached(sql::FIRST_MESSAGE_RUN)?
        .query_row([], |row| row.get(0))?;
    let Some(run) = oldest else {
        return Ok(Vec::new());
    };
    let is_young = connection
        .prepare_cached(sql::YOUNG_IN_RUN)?
        .exists(params![run, first_number(before_ms)])?;
    Ok(if is_young { Vec::new() } else { vec![run] })
}

impl Store {
    pub(crate) async fn prunable(
        self: &Arc<Self>,
        business: BusinessIx,
        kind: PruneKind,
        before_ms: i64,
    ) -> Result<Vec<(i64, i64)>> {
        reading(self, business, move |connection, row| {
            let rows = match kind {
                PruneKind::Decisions => decisions(connection, row, before_ms),
                PruneKind::Messages => run(connection, before_ms),
                PruneKind::Replies => {
                    old_rows(connection, sql::OLD_REPLIES, row, before_ms, BATCH_MAX)
                }
                PruneKind::Timeline => entries(connection, row, before_ms),
            }?;
            Ok(rows.into_iter().map(|number| (0, number)).collect())
        })
        .await
    }
}

impl Hand<'_> {
    /// Deletes old rows; says how many were there.
    pub(crate) fn prune(&mut self, prune: &Prune) -> Result<u64> {
        // Rows of this batch are not old, but their ranges must be there before any is changed.
        self.written += self.pending.write(self.connection)?;
        self.connection.pragma_update(None, "secure_delete", true)?;
        let done = match prune.kind {
            PruneKind::Decisions => self.prune_decisions(prune),
            PruneKind::Messages => self.prune_run(prune),
            PruneKind::Replies => self.delete_each(sql::DELETE_REPLY, &prune.rows),
            PruneKind::Timeline => self.prune_entries(prune),
        };
        self.connection
            .pragma_update(None, "secure_delete", false)?;
        done
    }

    fn delete_each(&mut self, sql: &'static str, rows: &[(i64, i64)]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut deleted = 0;
        for (_, number) in rows {
            deleted += statement.execute([number])?;
        }
        Ok(deleted as u64)
    }

    fn prune_decisions(&mut self, prune: &Prune) -> Result<u64> {
        let row = self.state.business(prune.business)?.row;
        let mut gone = BTreeSet::new();
        for (_, number) in &prune.rows {
            let verdict: Option<i64> = self
                .connection
                .prepare_cached(sql::VERDICT)?
                .query_row(params![number, row], |row| row.get(0))
                .optional()?;
            let Some(verdict) = verdict else { continue };
            let (allowed, others) = if verdict == 1 { (-1, 0) } else { (0, -1) };
            let first: i64 = self
                .connection
                .prepare_cached(sql::RANGE_AROUND)?
                .query_row([row, *number], |found| found.get(0))?;
            self.connection
                .prepare_cached(sql::COUNT_IN_RANGE)?
                .execute([row, first, allowed, others])?;
            self.connection
                .prepare_cached(sql::DELETE_EMPTY_RANGE)?
                .execute([row, first])?;
            for sql in [sql::DELETE_DECISION, sql::DELETE_SEND, sql::PRUNE_HELD] {
                self.connection.prepare_cached(sql)?.execute([number])?;
            }
            gone.insert(seq(*number));
        }
        self.connection
            .prepare_cached(sql::COUNT_PRUNED)?
            .execute(params![row, count_column(gone.len())])?;
        let count = gone.len() as u64;
        self.let_go(row, SealKind::Decision, gone, prune.at_ms)?;
        Ok(count)
    }

    /// The leaves of these records keep their hash and nothing that opens it.
    pub(super) fn let_go(
        &mut self,
        business: i64,
        kind: SealKind,
        mut gone: BTreeSet<u64>,
        at_ms: i64,
    ) -> Result<()> {
        let salts = Salts::Pruned(at_ms).to_bytes();
        while let Some(seq) = gone.pop_first() {
            let id = RecordId { kind, seq };
            let Some((first, leaves)) = self.block_with(business, id)? else {
                continue;
            };
            let mut entries = Vec::new();
            for leaf in leaves {
                let is_gone = leaf.id == id || (leaf.id.kind == kind && gone.remove(&leaf.id.seq));
                if is_gone {
                    push_entry(&mut entries, leaf.id, leaf.hash, &salts);
                } else {
                    push_entry(&mut entries, leaf.id, leaf.hash, &leaf.salts.to_bytes());
                }
            }
            self.written += entries.len();
            self.connection
                .prepare_cached(sql::UPDATE_BLOCK)?
                .execute(params![business, first, entries])?;
        }
        Ok(())
    }

    fn block_with(
        &self,
        business: i64,
        id: RecordId,
    ) -> Result<Option<(i64, Vec<crate::seal::SealedLeaf>)>> {
        let Some(leaf) = super::seal::place(self.connection, business, id)? else {
            return Ok(None);
        };
        let mut statement = self.connection.prepare_cached(sql::LOG_BLOCK_WITH)?;
        let index = super::rows::seq_column(leaf.index);
        let mut rows = statement.query(params![business, index])?;
        match rows.next()? {
            Some(row) => Ok(Some((row.get(0)?, block(row)?))),
            None => Ok(None),
        }
    }

    fn prune_run(&mut self, prune: &Prune) -> Result<u64> {
        let Some((_, run)) = prune.rows.first().copied() else {
            return Ok(0);
        };
        // What is still being gathered or written is not old.
        let open = self.state.messages.closing.as_ref();
        let first_open = open.map_or(self.state.messages.run, |closing| closing.run);
        if run >= first_open {
            return Ok(0);
        }
        let mut found = self.connection.prepare_cached(sql::IDS_IN_RUN)?;
        let rows = found.query_map(params![run, count_column(BATCH_MAX * 4)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let rows: Vec<(i64, i64)> = rows.collect::<Result<_, _>>()?;
        let mut delete = self.connection.prepare_cached(sql::DELETE_IN_RUN)?;
        for (hash, number) in &rows {
            delete.execute([run, *hash, *number])?;
        }
        Ok(rows.len() as u64)
    }
}
