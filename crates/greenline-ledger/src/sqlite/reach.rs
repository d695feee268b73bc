//! Who counts as reached, in the store: logged as it comes, one row a commit, and replayed at start.
//!
//! A row for each message would cost every send a page of its own; the count is only ever read from memory.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::sql;
use super::write::Hand;
use crate::codec::{decode_record, limit_number, limit_of};
use crate::error::LedgerError;
use crate::state::State;
use crate::state::messages::hash;
use crate::state::reach::{KnownLimit, decode, encode, latest_ms, useful_until_ms};
use crate::types::{BusinessIx, DecisionId, PersonShard};

/// Rows of the log after which some are looked at to let them go …
const LET_GO_EVERY: i64 = 16;
/// … and how many that are at most: more than have come, so that the log keeps to its length.
const LET_GO_MAX: i64 = 32;

/// Replays the log, and reads the limits.
pub(super) fn load(connection: &Connection, state: &mut State) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(sql::LOAD_REACH)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let portfolio = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        state.replay_reach(portfolio, &decode(entries)?);
    }
    let mut statement = connection.prepare(sql::LOAD_LIMITS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key: Box<str> = row.get(0)?;
        let known = KnownLimit {
            limit: limit_of(row.get(1)?),
            origin: row.get(2)?,
            at_ms: row.get(3)?,
        };
        let place = state.portfolio_at(&key);
        if let Some(portfolio) = state.portfolios.get_mut(place as usize) {
            portfolio.limit = Some(known);
        }
    }
    Ok(())
}

impl Hand<'_> {
    /// Logs what this batch changed, and lets go of what is too old.
    pub(super) fn keep_reach(&mut self) -> Result<(), LedgerError> {
        let changed = self.state.portfolios.iter();
        for portfolio in changed.filter(|one| !one.added.is_empty()) {
            let now_ms = portfolio.counted.newest_ms();
            let entries = encode(&portfolio.added);
            self.written += entries.len();
            let until_ms = useful_until_ms(latest_ms(&portfolio.added, now_ms));
            self.connection
                .prepare_cached(sql::LOG_REACH)?
                .execute(params![&*portfolio.key, until_ms, entries])?;
            if self.connection.last_insert_rowid() % LET_GO_EVERY == 0 {
                self.connection
                    .prepare_cached(sql::PRUNE_REACH)?
                    .execute([now_ms, LET_GO_MAX])?;
            }
        }
        Ok(())
    }

    /// What the platform says of the limit of a business's portfolio.
    pub(super) fn learn_limit(
        &mut self,
        business: BusinessIx,
        new: KnownLimit,
    ) -> Result<(), LedgerError> {
        let (people, origin, at_ms) = (limit_number(new.limit), new.origin.clone(), new.at_ms);
        if self.state.learn_limit(business, new)? {
            let key = &self.state.portfolio(business)?.key;
            self.connection
                .prepare_cached(sql::PUT_LIMIT)?
                .execute(params![&**key, people, &*origin, at_ms])?;
        }
        Ok(())
    }

    /// What a status says of who counts, of a message whose send is known.
    pub(super) fn status_reaches(
        &mut self,
        business: BusinessIx,
        number: i64,
        status: &str,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let seq = super::rows::seq(number);
        let sent_ms = i64::try_from(seq >> 20).unwrap_or(i64::MAX);
        if self.state.reach_status(seq, status, at_ms)
            || status != "delivered"
            || !self.state.reach_may_forget(business, sent_ms)
        {
            return Ok(());
        }
        // Sent so long ago that it was forgotten here; those it reaches only now count again.
        let mut statement = self.connection.prepare_cached(sql::RECORD)?;
        let found: Option<(i64, String)> = statement
            .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((sent_ms, text)) = found else {
            return Ok(());
        };
        let id = DecisionId {
            shard: PersonShard(0),
            seq,
        };
        for to in decode_record(id, "", sent_ms, &text)?.counted() {
            if let Some(slot) = self.state.find(business, &to.identifier.canonical().0)? {
                self.state.reaches(business, slot, seq, sent_ms)?;
            }
        }
        self.state.reach_status(seq, status, at_ms);
        Ok(())
    }

    /// What a status says of who counts, of a message whose send is not known yet.
    pub(super) fn stray_reaches(
        &mut self,
        business: BusinessIx,
        message_id: &str,
        status: &str,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        self.state
            .reach_stray(business, hash(message_id), status, at_ms)
    }

    /// What a decision that was made without the store says of who counts.
    pub(super) fn spilled_reaches(
        &mut self,
        business: &str,
        id: DecisionId,
        at_ms: i64,
        text: &str,
    ) -> Result<(), LedgerError> {
        let mut known = (0..).zip(&self.state.businesses);
        let Some((ix, _)) = known.find(|(_, known)| *known.id == *business) else {
            return Ok(());
        };
        let business = BusinessIx(ix);
        for to in decode_record(id, "", at_ms, text)?.counted() {
            if let Some(slot) = self.state.find(business, &to.identifier.canonical().0)? {
                self.state.reaches(business, slot, id.seq, at_ms)?;
            }
        }
        Ok(())
    }
}
