//! What went from each number to each person in the last moments, read again from the last decisions: nothing of it is
//! kept beside them.

use greenline_policy::identity::Identifier;
use rusqlite::{Connection, params};

use super::rows::{count_column, person, seq, seq_column};
use super::sql;
use crate::codec::decode_paced;
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::state::State;
use crate::state::pairs::{Message, PAIR_LIMIT};
use crate::types::{BusinessIx, PersonId};

/// How far back decisions are read.
const BACK_MS: i64 = 10 * 60 * 1_000;
/// How many are read at most, the newest first: what went before them is not known after a start.
const ROWS_MAX: usize = 1 << 16;

/// What became of a message, as far as a pace looks at it.
struct Became {
    outcome: Option<Box<str>>,
    code: Option<u32>,
    failed_ms: Option<i64>,
    failed_code: Option<u32>,
}

impl Became {
    fn read(row: &rusqlite::Row<'_>) -> Result<Self, LedgerError> {
        let status: Option<Box<str>> = row.get(7)?;
        let failed = status.as_deref() == Some("failed");
        Ok(Self {
            outcome: row.get(5)?,
            code: row.get(6)?,
            failed_ms: row.get::<_, Option<i64>>(8)?.filter(|_| failed),
            failed_code: row.get::<_, Option<u32>>(9)?.filter(|_| failed),
        })
    }

    /// Whether it counts, and when the platform said that the pair is too fast.
    fn counts(&self, at_ms: i64) -> Option<Option<i64>> {
        let is_rejected = matches!(self.outcome.as_deref(), Some("rejected"));
        if is_rejected && self.code == Some(PAIR_LIMIT) {
            return Some(Some(at_ms));
        }
        if is_rejected || self.outcome.as_deref() == Some("not_sent") {
            return None;
        }
        let refused = self
            .failed_ms
            .filter(|_| self.failed_code == Some(PAIR_LIMIT));
        Some(refused.map(|told_ms| told_ms.max(at_ms)))
    }
}

/// Reads what was let go in the last minutes before then, or before the newest decision.
pub(super) fn load(
    connection: &Connection,
    state: &mut State,
    now_ms: Option<i64>,
) -> Result<(), LedgerError> {
    let newest_ms = now_ms.unwrap_or_else(|| seq_column(state.last_seq) >> 20);
    let since = newest_ms.saturating_sub(BACK_MS).max(0) << 20;
    let mut statement = connection.prepare_cached(sql::LOAD_PAIRS)?;
    let mut rows = statement.query(params![since, count_column(ROWS_MAX)])?;
    while let Some(row) = rows.next()? {
        let at_ms: i64 = row.get(1)?;
        let Some(refused_ms) = Became::read(row)?.counts(at_ms) else {
            continue;
        };
        let of: i64 = row.get(2)?;
        let mut businesses = (0..).zip(&state.businesses);
        let Some((business, _)) = businesses.find(|(_, known)| known.row == of) else {
            continue;
        };
        let business = BusinessIx(business);
        // One that does not read is found by whoever seals or verifies; it keeps no store from being opened.
        let text = row.get_ref(4)?.as_str().ok();
        let Some(paced) = text.and_then(|text| decode_paced(text).ok()) else {
            continue;
        };
        if !paced.counts {
            continue;
        }
        let number = state.business_mut(business)?.platform.place(&paced.number);
        let message = Message {
            seq: seq(row.get(0)?),
            at_ms,
            refused_ms,
            number,
        };
        let first: Option<PersonId> = row.get::<_, Option<i64>>(3)?.map(person);
        for (at, to) in paced.people.into_iter().enumerate() {
            if to.too_fast || is_pseudonym(&to.identifier) {
                continue;
            }
            let named = || found(state, business, &to.identifier);
            let known = to.person.or_else(named).or(first.filter(|_| at == 0));
            if let Some(person) = known {
                state.pairs.add(person, message);
            }
        }
    }
    Ok(())
}

fn found(state: &State, business: BusinessIx, name: &Identifier) -> Option<PersonId> {
    let slot = state.find(business, &name.canonical().0).ok().flatten()?;
    state.group(slot).first()
}
