//! How people took what was sent: a walk over the decisions of seven days, a page at a time, so that no page keeps the
//! log from being copied back for long.

use std::sync::Arc;

use greenline_policy::consent::EventKind;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{count_column, person, person_column, seq};
use super::verbs::blocking;
use super::{Store, sql};
use crate::codec::taken::decode_taken;
use crate::error::LedgerError;
use crate::reception::{Became, Counted, Counting, Fold, Plan, Planning, STOPS_MAX, Stop};
use crate::types::PersonId;

type Result<T> = std::result::Result<T, LedgerError>;

/// Messages in one page.
const PAGE_ROWS: usize = 20_000;

/// How far the walk is: in the range that begins there, after that decision.
#[derive(Clone, Copy)]
struct At {
    range: i64,
    seq: i64,
    /// Decisions from there on are too late.
    until: i64,
}

impl Store {
    pub(crate) async fn reception(self: &Arc<Self>, counting: Counting) -> Result<Counted> {
        let business = self.business(counting.business)?;
        blocking(self, move |store| {
            let readers = &store.readers;
            let plan = readers.with(|connection| planned(connection, business, &counting))?;
            let mut fold = Fold::new(counting, plan);
            let mut at = readers.with(|connection| {
                stops(connection, business, plan, &mut fold)?;
                begin(connection, business, plan, &fold)
            })?;
            while let Some(from) = at {
                at =
                    readers.with(|connection| page(connection, business, plan, from, &mut fold))?;
            }
            Ok(fold.done())
        })
        .await
    }
}

fn planned(connection: &Connection, business: i64, counting: &Counting) -> Result<Plan> {
    let mut statement = connection.prepare_cached(sql::RECEPTION_COUNT)?;
    let mut planning = Planning::default();
    let mut until = Counting::seq(counting.at_ms.saturating_add(1));
    for back in 0..counting.days() {
        let from = Counting::seq(counting.day_from_ms(back));
        let counted: i64 = statement.query_row(params![business, from, until], |row| row.get(0))?;
        if !planning.day(seq(counted)) {
            break;
        }
        until = from;
    }
    Ok(planning.done(counting))
}

fn stops(connection: &Connection, business: i64, plan: Plan, fold: &mut Fold) -> Result<()> {
    let mut statement = connection.prepare_cached(sql::RECEPTION_STOPS)?;
    let until_ms = fold.counting().at_ms;
    let mut rows = statement.query(params![
        business,
        plan.from_ms,
        until_ms,
        plan.mask(),
        count_column(STOPS_MAX)
    ])?;
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let stop = Stop {
            at_ms: row.get(3)?,
            kind: EventKind::parse(&kind)
                .ok_or_else(|| LedgerError::unreadable("the kind of an event"))?,
            in_thread: row.get(2)?,
        };
        fold.stop(person(row.get(0)?), stop);
    }
    Ok(())
}

/// Where the walk begins: in the range that may hold the first decision.
fn begin(connection: &Connection, business: i64, plan: Plan, fold: &Fold) -> Result<Option<At>> {
    let from = Counting::seq(plan.walked_from_ms);
    let mut statement = connection.prepare_cached(sql::RANGE_AROUND)?;
    let around: Option<i64> = statement
        .query_row(params![business, from], |row| row.get(0))
        .optional()?;
    Ok(Some(At {
        range: around.unwrap_or(from),
        seq: from - 1,
        until: Counting::seq(fold.counting().at_ms.saturating_add(1)),
    }))
}

/// One page; where the next one begins, if there may be one.
fn page(
    connection: &Connection,
    business: i64,
    plan: Plan,
    from: At,
    fold: &mut Fold,
) -> Result<Option<At>> {
    let mut statement = connection.prepare_cached(sql::RECEPTION_SENDS)?;
    let mut wrote = connection.prepare_cached(sql::LAST_WROTE)?;
    let mut rows = statement.query(params![
        business,
        from.range,
        from.seq,
        from.until,
        plan.mask(),
        count_column(PAGE_ROWS)
    ])?;
    let (mut at, mut read) = (from, 0);
    while let Some(row) = rows.next()? {
        (at.range, at.seq, read) = (row.get(0)?, row.get(1)?, read + 1);
        let Some(to) = row.get::<_, Option<i64>>(3)?.map(person) else {
            continue;
        };
        let text = |at| -> Result<Option<&str>> {
            let value = row.get_ref(at)?;
            Ok(value.as_str_or_null().map_err(rusqlite::Error::from)?)
        };
        let became = Became {
            outcome: text(5)?,
            code: row.get(6)?,
            status: text(7)?,
            status_code: row.get(8)?,
        };
        let taken = decode_taken(text(4)?.unwrap_or_default())?;
        let wrote_ms = last_wrote(&mut wrote, to, &taken.number)?;
        fold.take(to, row.get(2)?, &taken, became, wrote_ms);
    }
    Ok((read == PAGE_ROWS).then_some(at))
}

/// When a person last wrote to a number.
fn last_wrote(
    statement: &mut rusqlite::CachedStatement<'_>,
    to: PersonId,
    number: &str,
) -> Result<Option<i64>> {
    let key = params![to.shard().0, person_column(to), number];
    let found: Option<Option<i64>> = statement.query_row(key, |row| row.get(0)).optional()?;
    Ok(found.flatten())
}
