//! How people took what was sent: a walk over the decisions of seven days, a page at a time. What lies in other shards
//! (statuses by message, windows by person) is looked up for a whole page at once.

use greenline_policy::consent::EventKind;
use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::Store;
use super::connect::{Link, retrying};
use super::rows::{
    boxed, count_column, maybe_boxed, person, person_column, seq, shard, shard_of_text,
};
use super::sql;
use super::trouble::Trouble;
use crate::codec::taken::decode_taken;
use crate::error::LedgerError;
use crate::reception::{Became, Counted, Counting, Fold, Planning, STOPS_MAX, Stop};
use crate::types::PersonId;

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Decisions that one page walks over.
const PAGE_ROWS: i64 = 10_000;

/// A page, with what was looked up for it.
struct Page {
    /// The next one begins after this decision; none on the last page.
    next: Option<i64>,
    rows: Vec<Row>,
    statuses: FxHashMap<Box<str>, (Box<str>, Option<u32>)>,
    wrote: FxHashMap<(PersonId, Box<str>), i64>,
}

impl Store {
    pub(crate) async fn reception(&self, counting: Counting) -> Result<Counted> {
        let business = self.business(counting.business)?;
        let mut planning = Planning::default();
        let mut until = Counting::seq(counting.at_ms.saturating_add(1));
        for back in 0..counting.days() {
            let from = Counting::seq(counting.day_from_ms(back));
            let counted: i64 = retrying!(self.pool, link => {
                let rows = link.rows(sql::RECEPTION_COUNT, &[&business, &from, &until]).await?;
                rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
            })?;
            if !planning.day(seq(counted)) {
                break;
            }
            until = from;
        }
        let plan = planning.done(&counting);
        let (at_ms, mask) = (counting.at_ms, plan.mask());
        let mut fold = Fold::new(counting, plan);
        let limit = count_column(STOPS_MAX);
        let stops: Vec<(PersonId, Stop)> = retrying!(self.pool, link => {
            let rows = link
                .rows(sql::RECEPTION_STOPS, &[&business, &plan.from_ms, &at_ms, &mask, &limit])
                .await?;
            rows.iter().map(stop).collect()
        })?;
        for (person, stop) in stops {
            fold.stop(person, stop);
        }
        let mut after = Some(Counting::seq(plan.walked_from_ms) - 1);
        let until = Counting::seq(at_ms.saturating_add(1));
        while let Some(from) = after {
            let page: Page = retrying!(self.pool, link => {
                page(link, business, from, until, mask).await
            })?;
            for row in &page.rows {
                take(&mut fold, &page, row).map_err(Trouble::given_up)?;
            }
            after = page.next.filter(|next| *next < until);
        }
        Ok(fold.done())
    }
}

fn stop(row: &Row) -> Result<(PersonId, Stop), Trouble> {
    let stop = Stop {
        at_ms: row.try_get(3)?,
        kind: EventKind::parse(row.try_get(1)?)
            .ok_or_else(|| LedgerError::unreadable("the kind of an event"))?,
        in_thread: row.try_get(2)?,
    };
    Ok((person(row.try_get(0)?), stop))
}

fn code(row: &Row, at: usize) -> Result<Option<u32>, Trouble> {
    let code: Option<i64> = row.try_get(at)?;
    Ok(code.and_then(|code| u32::try_from(code).ok()))
}

async fn page(
    link: &mut Link,
    business: &str,
    after: i64,
    until: i64,
    mask: i64,
) -> Result<Page, Trouble> {
    let ends = link
        .rows(sql::RECEPTION_PAGE, &[&business, &after, &PAGE_ROWS])
        .await?;
    let next: Option<i64> = ends.first().map(|row| row.try_get(0)).transpose()?;
    let until = next.map_or(until, |next| until.min(next.saturating_add(1)));
    let rows = link
        .rows(sql::RECEPTION_SENDS, &[&business, &after, &until, &mask])
        .await?;
    let (mut shards, mut ids, mut people) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        if let Some(id) = row.try_get::<_, Option<&str>>(6)? {
            shards.push(shard_of_text(id));
            ids.push(id);
        }
        if let Some(to) = row.try_get::<_, Option<i64>>(2)? {
            people.push(person(to));
        }
    }
    let mut statuses = FxHashMap::default();
    for row in &link.rows(sql::RECEPTION_STATUSES, &[&shards, &ids]).await? {
        statuses.insert(boxed(row, 0)?, (boxed(row, 1)?, code(row, 2)?));
    }
    people.sort_unstable();
    people.dedup();
    let shards: Vec<i64> = people.iter().map(|to| shard(*to)).collect();
    let people: Vec<i64> = people.iter().map(|to| person_column(*to)).collect();
    let mut wrote = FxHashMap::default();
    for row in &link.rows(sql::WINDOWS_OF, &[&shards, &people]).await? {
        if let Some(at_ms) = row.try_get::<_, Option<i64>>(2)? {
            wrote.insert((person(row.try_get(0)?), boxed(row, 1)?), at_ms);
        }
    }
    Ok(Page {
        next,
        rows,
        statuses,
        wrote,
    })
}

/// Takes one message.
fn take(fold: &mut Fold, page: &Page, row: &Row) -> Result<(), Trouble> {
    let Some(to) = row.try_get::<_, Option<i64>>(2)?.map(person) else {
        return Ok(());
    };
    let outcome = maybe_boxed(row, 4)?;
    let status = row
        .try_get::<_, Option<&str>>(6)?
        .and_then(|id| page.statuses.get(id));
    let became = Became {
        outcome: outcome.as_deref(),
        code: code(row, 5)?,
        status: status.map(|(status, _)| &**status),
        status_code: status.and_then(|(_, code)| *code),
    };
    let taken = decode_taken(row.try_get(3)?)?;
    let wrote_ms = page.wrote.get(&(to, taken.number.as_ref().into())).copied();
    fold.take(to, row.try_get(1)?, &taken, became, wrote_ms);
    Ok(())
}
