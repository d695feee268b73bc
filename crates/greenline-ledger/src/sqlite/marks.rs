//! What went to people of late, in the store: logged as it comes, one row a commit, and read as a whole at start.
//!
//! A table with a row for each message would cost every send a page of its own. A person's marks are only ever read
//! from memory, so a log is enough; it is as long as the sends of the last weeks.

use greenline_policy::pace::{COUNTED_MS, Limited};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{count_column, person, person_column, seq, seq_column};
use super::sql;
use super::write::Hand;
use crate::codec::decode_record;
use crate::error::LedgerError;
use crate::state::State;
use crate::state::limited::{LimitedBy, USER_LIMIT, is_marketing};
use crate::state::marks::load_row;
use crate::state::pairs::PAIR_LIMIT;
use crate::state::people::Slot;
use crate::types::{BusinessIx, DecisionId, DecisionRecord, PersonId, PersonShard};

/// Rows after which old ones are let go: twice as many at most, so that the log keeps to its length.
const ROWS: usize = 64;

/// Reads what counts and who is limited.
pub(super) fn load(
    connection: &Connection,
    state: &mut State,
    slot: impl Fn(PersonId) -> Option<Slot>,
) -> Result<(), LedgerError> {
    let newest: Option<i64> =
        connection.query_row(sql::NEWEST_MARK, [], |row| row.get::<_, Option<i64>>(0))?;
    let since_ms = newest.unwrap_or(0).saturating_sub(COUNTED_MS);
    let mut statement = connection.prepare(sql::LOAD_MARKS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let topics: Option<Box<str>> = row.get(0)?;
        let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        load_row(state, entries, topics.as_deref(), since_ms, &slot)
            .ok_or_else(|| LedgerError::unreadable("the log of what went to people"))?;
    }
    let mut statement = connection.prepare(sql::LOAD_LIMITED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let limited = Limited {
            at_ms: row.get(1)?,
            times: row.get(2)?,
        };
        let by = seq(row.get(3)?);
        state.limited.set(person(row.get(0)?), Some((limited, by)));
    }
    Ok(())
}

impl Hand<'_> {
    /// Logs what this batch marked and took back, and lets go of what is too old.
    pub(super) fn keep_marks(&mut self) -> Result<(), LedgerError> {
        let Some(row) = self.state.marks.row() else {
            return Ok(());
        };
        self.written += row.entries.len();
        self.connection
            .prepare_cached(sql::LOG_MARKS)?
            .execute(params![row.newest_ms, row.topics, row.entries])?;
        self.state.marks.rows += 1;
        if self.state.marks.rows >= ROWS && row.newest_ms > 0 {
            self.state.marks.rows = 0;
            self.connection.prepare_cached(sql::PRUNE_MARKS)?.execute([
                row.newest_ms.saturating_sub(COUNTED_MS),
                count_column(2 * ROWS),
            ])?;
        }
        Ok(())
    }

    /// The decision of a send, with its business.
    fn sent(&self, number: i64) -> Result<Option<(BusinessIx, DecisionRecord)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(sql::RECORD_WITH_BUSINESS)?;
        let found: Option<(i64, i64, String)> = statement
            .query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((row, at_ms, text)) = found else {
            return Ok(None);
        };
        let mut businesses = (0..).zip(&self.state.businesses);
        let Some((ix, _)) = businesses.find(|(_, known)| known.row == row) else {
            return Ok(None);
        };
        let id = DecisionId {
            shard: PersonShard(0),
            seq: seq(number),
        };
        let record = decode_record(id, "", at_ms, &text)?;
        Ok(Some((BusinessIx(ix), record)))
    }

    /// What a status of a message changes in what counts.
    pub(super) fn status_counts(
        &mut self,
        number: i64,
        status: &str,
        (at_ms, code): (i64, Option<u32>),
    ) -> Result<(), LedgerError> {
        match status {
            "failed" => self.did_not_reach(seq(number), code, Some(at_ms)),
            "delivered" | "read" | "played" => self.reached(number),
            _ => Ok(()),
        }
    }

    /// A message did not reach whoever it went to, for the platform's reason if it gave one, which it gave then.
    pub(super) fn did_not_reach(
        &mut self,
        id: u64,
        code: Option<u32>,
        told_ms: Option<i64>,
    ) -> Result<(), LedgerError> {
        let Some((business, record)) = self.sent(seq_column(id))? else {
            return Ok(());
        };
        self.state.unmark(business, &record);
        self.did_not_pace(business, &record, code, told_ms);
        if code == Some(USER_LIMIT) && is_marketing(&record) {
            let at_ms = record.at_ms.max(told_ms.unwrap_or(record.at_ms));
            for person in self.state.people_of(business, &record) {
                let before = self.state.limited.get(person);
                if before.is_some_and(|(_, by)| by == id) {
                    continue;
                }
                let again = Limited::again(before.map(|(limited, _)| limited), at_ms);
                self.limit(person, (again, id))?;
            }
        }
        Ok(())
    }

    /// A message that was rejected, or did not go out, takes nothing from the pace. One that failed later had been
    /// taken, unless because of that very pace.
    fn did_not_pace(
        &mut self,
        business: BusinessIx,
        record: &DecisionRecord,
        code: Option<u32>,
        told_ms: Option<i64>,
    ) {
        let is_refused = code == Some(PAIR_LIMIT);
        if is_refused || told_ms.is_none() {
            let at_ms = record.at_ms.max(told_ms.unwrap_or(record.at_ms));
            let refused_ms = is_refused.then_some(at_ms);
            self.state.paces_not(business, record, refused_ms);
        }
    }

    /// A message was delivered. Where it is marketing to somebody whom the platform had limited before it went, the
    /// next wait is a short one again.
    pub(super) fn reached(&mut self, number: i64) -> Result<(), LedgerError> {
        if self.state.limited.is_empty() || !self.may_be_eased(number)? {
            return Ok(());
        }
        let Some((business, record)) = self.sent(number)? else {
            return Ok(());
        };
        if !is_marketing(&record) {
            return Ok(());
        }
        // Of two addressees the first: a wait that is longer than it need be does no harm.
        for person in self.state.people_of(business, &record).into_iter().take(1) {
            if let Some((limited, by)) = self.state.limited.get(person)
                && limited.times > 0
                && record.at_ms > limited.at_ms
            {
                if record.at_ms >= limited.until_ms() {
                    // As if there had been none: the next one is a first one either way.
                    self.forget_limit(person)?;
                    continue;
                }
                self.limit(
                    person,
                    (
                        Limited {
                            times: 0,
                            ..limited
                        },
                        by,
                    ),
                )?;
            }
        }
        Ok(())
    }

    /// Whether the first addressee of a send may have a wait to be made short again: nearly nobody has, and most
    /// statuses need no more than this. Whoever was not known then is looked for in the record.
    fn may_be_eased(&self, number: i64) -> Result<bool, LedgerError> {
        let mut statement = self.connection.prepare_cached(sql::FIRST_PERSON_OF)?;
        let found: Option<Option<i64>> =
            statement.query_row([number], |row| row.get(0)).optional()?;
        let Some(Some(column)) = found else {
            return Ok(found.is_some());
        };
        let limited = self.state.limited.get(person(column));
        Ok(limited.is_some_and(|(limited, _)| limited.times > 0))
    }

    fn limit(&mut self, person: PersonId, limited: LimitedBy) -> Result<(), LedgerError> {
        self.state.limit(person, limited);
        self.connection
            .prepare_cached(sql::PUT_LIMITED)?
            .execute(params![
                person.shard().0,
                person_column(person),
                limited.0.at_ms,
                limited.0.times,
                seq_column(limited.1)
            ])?;
        Ok(())
    }

    /// Nothing that went to these people counts any more.
    pub(super) fn forget_sent(
        &mut self,
        slots: &[Slot],
        people: &[PersonId],
    ) -> Result<(), LedgerError> {
        for slot in slots {
            self.state.forget_marks(*slot);
        }
        for person in people {
            self.state.forget_pairs(*person);
            self.forget_limit(*person)?;
        }
        Ok(())
    }

    fn forget_limit(&mut self, person: PersonId) -> Result<(), LedgerError> {
        self.state.unlimit(person);
        self.connection
            .prepare_cached(sql::DELETE_LIMITED)?
            .execute(params![person.shard().0, person_column(person)])?;
        Ok(())
    }
}
