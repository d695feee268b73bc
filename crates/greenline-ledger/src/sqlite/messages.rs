//! Message ids in the store: logged as they come, sorted in runs.

use rusqlite::{Connection, OptionalExtension, params};

use super::sql;
use super::write::Hand;
use crate::error::LedgerError;
use crate::state::messages::{Messages, RUNS_READ_MAX, hash};

/// Bytes of one logged id: its hash and its decision.
const ENTRY_BYTES: usize = 16;

/// What is known of a message's delivery: its decision, the last status and when.
pub(super) type Delivery = (i64, Option<String>, Option<i64>);

/// Reads what no run holds yet.
pub(super) fn load(connection: &Connection) -> Result<Messages, LedgerError> {
    let last: i64 = connection.query_row(sql::LAST_MESSAGE_RUN, [], |row| row.get(0))?;
    let mut messages = Messages::of_run(last + 1);
    let mut statement = connection.prepare(sql::LOAD_MESSAGE_LOG)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        messages.load(row.get(0)?, entries.chunks_exact(ENTRY_BYTES).map(entry));
    }
    Ok(messages)
}

fn entry(bytes: &[u8]) -> (i64, i64) {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_le_bytes);
    let (hash, seq) = bytes.split_at(ENTRY_BYTES / 2);
    (number(hash), number(seq))
}

impl Hand<'_> {
    /// The send that a message came of.
    pub(super) fn find_message(&self, message_id: &str) -> Result<Option<Delivery>, LedgerError> {
        let hash = hash(message_id);
        if let Some(seq) = self.state.messages.get(hash)
            && let Some(found) = self.delivery(seq, message_id)?
        {
            return Ok(Some(found));
        }
        let newest = self.state.messages.run;
        let mut statement = self.connection.prepare_cached(sql::FIND_IN_RUN)?;
        for run in (newest.saturating_sub(RUNS_READ_MAX).max(1)..newest).rev() {
            let seq: Option<i64> = statement
                .query_row([run, hash], |row| row.get(0))
                .optional()?;
            if let Some(seq) = seq
                && let Some(found) = self.delivery(seq, message_id)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn delivery(&self, seq: i64, message_id: &str) -> Result<Option<Delivery>, LedgerError> {
        let mut statement = self.connection.prepare_cached(sql::SEND_STATUS)?;
        Ok(statement
            .query_row(params![seq, message_id], |row| {
                Ok((seq, row.get(0)?, row.get(1)?))
            })
            .optional()?)
    }

    /// Logs what this batch added, and writes the next slice of a closed run.
    pub(super) fn keep_messages(&mut self) -> Result<(), LedgerError> {
        let messages = &mut self.state.messages;
        if !messages.added.is_empty() {
            let mut entries = Vec::with_capacity(messages.added.len() * ENTRY_BYTES);
            for (hash, seq) in &messages.added {
                entries.extend_from_slice(&hash.to_le_bytes());
                entries.extend_from_slice(&seq.to_le_bytes());
            }
            self.written += entries.len();
            self.connection
                .prepare_cached(sql::LOG_MESSAGES)?
                .execute(params![messages.run, entries])?;
        }
        let Some(closing) = &mut messages.closing else {
            return Ok(());
        };
        let until = closing
            .ids
            .len()
            .min(closing.written + messages.sizes.slice_ids);
        let mut statement = self.connection.prepare_cached(sql::INSERT_IN_RUN)?;
        for (hash, seq) in &closing.ids[closing.written..until] {
            statement.execute([closing.run, *hash, *seq])?;
        }
        self.written += (until - closing.written) * 2 * ENTRY_BYTES;
        closing.written = until;
        if until == closing.ids.len() {
            self.connection
                .prepare_cached(sql::CLEAR_MESSAGE_LOG)?
                .execute([closing.run])?;
        }
        Ok(())
    }
}

/// After a commit that held: what was written to its end is let go, and a full run begins to be written.
pub(super) fn committed(messages: &mut Messages) {
    if messages
        .closing
        .as_ref()
        .is_some_and(|closing| closing.written == closing.ids.len())
    {
        messages.closing = None;
    }
    if messages.is_full() {
        messages.close();
    }
}
