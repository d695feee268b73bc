//! Reads, on connections of their own, so that no page and no export makes a send wait.

use std::collections::BTreeSet;

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use rustc_hash::FxHashMap;
use tokio::time::Instant;
use tokio_postgres::Row;

use super::Store;
use super::connect::{Link, retrying};
use super::flights::Flights;
use super::load::{self, Around, NamesSeen, Snapshot};
use super::rows::{
    boxed, category, count_column, maybe_boxed, person_column, seq, seq_column, shard,
    shard_of_text, stored_event,
};
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::codec::decode_record;
use crate::codec::rows::decode_list;
use crate::error::LedgerError;
use crate::expect_answer;
use crate::flight::{Flight, Watch};
use crate::request::{Answer, Request};
use crate::state::platform::{AccountRow, number_known};
use crate::types::{
    BusinessIx, Counts, DecisionId, DecisionRecord, NUMBERS_AT_ONCE, NumberAsked, NumberKnown,
    NumberView, PersonId, PersonShard, PersonView, PortfolioView, StoredEvent, TemplateView,
    TimelineEntry,
};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Whoever only reads waits for nobody.
pub(super) fn nobody(_: i64, _: i64) -> Watch {
    Flight::new(Instant::now().into_std()).watch()
}

impl Store {
    /// Reads with what loading for a batch needs.
    pub(super) async fn snapshot(
        &self,
        link: &mut Link,
        wants: &Wants,
        more: &[PersonId],
    ) -> Result<Snapshot, Trouble> {
        link.ready(load::STATEMENTS).await?;
        let around = Around {
            businesses: &self.businesses,
            names: &NamesSeen::default(),
            erasure: &self.erasure,
            flights: &Flights::default(),
            reach: None,
            token: 0,
            remote: &nobody,
        };
        load::load_with(link, wants, more, &around).await
    }

    /// How a business's portfolio stands, counted by the writer.
    pub(crate) async fn portfolio(
        &self,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<PortfolioView> {
        let answer = self.ask(Request::Portfolio(business, now_ms)).await?;
        expect_answer!(answer, Answer::Portfolio(view) => view)
    }

    pub(crate) async fn person(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<PersonView>> {
        self.business(business)?;
        let (canonical, spelling) = identifier.canonical();
        let mut wants = Wants::default();
        wants.names.insert((business, canonical.clone()));
        retrying!(self.pool, link => {
            let snapshot = self.snapshot(link, &wants, &[]).await?;
            let Some(slot) = snapshot.state.find(business, &canonical)? else {
                return Ok(None);
            };
            // Someone erased has only what was kept of that name.
            let kept = snapshot.state.kept_only(business, &canonical)?;
            let name = kept.map_or_else(|| canonical.clone(), |(kept, _)| kept);
            let Some(id) = snapshot.owners.get(&(business, name)).copied() else {
                return Ok(None);
            };
            let members = &snapshot.state.group(slot).members;
            let mut history = Vec::new();
            for member in members {
                let key = (shard(*member), person_column(*member));
                for row in link.rows(sql::WHOLE_EVENTS_OF, &[&key.0, &key.1]).await? {
                    history.push(stored_event(&row, business)?);
                }
            }
            history.sort_by_key(|stored| stored.id);
            let people = members.iter().filter_map(|member| snapshot.people.get(member));
            let mut identifiers: Vec<(Identifier, i64)> = people
                .clone()
                .flat_map(|known| &known.identifiers)
                .map(|row| (row.canonical.clone(), row.linked_at_ms.unwrap_or(row.known_ms)))
                .collect();
            identifiers.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
            let mut windows: FxHashMap<Box<str>, (i64, Option<i64>)> = FxHashMap::default();
            for (number, row) in people.flat_map(|known| &known.windows) {
                let Some(wrote_ms) = row.wrote_at_ms else { continue };
                let window = windows.entry(number.clone()).or_insert((wrote_ms, row.free_until_ms));
                *window = (window.0.max(wrote_ms), window.1.max(row.free_until_ms));
            }
            let mut windows: Vec<_> = windows
                .into_iter()
                .map(|(number, (wrote_ms, free_ms))| (number, wrote_ms, free_ms))
                .collect();
            windows.sort();
            Ok(Some(PersonView {
                id,
                identifiers,
                head: snapshot.state.head(slot, spelling).clone(),
                history,
                windows,
            }))
        })
    }

    pub(crate) async fn decision(&self, id: DecisionId) -> Result<Option<DecisionRecord>> {
        retrying!(self.pool, link => {
            let key = (i64::from(id.shard.0), seq_column(id.seq));
            let rows = link.rows(sql::DECISION, &[&key.0, &key.1]).await?;
            Ok(records(link, &rows).await?.pop())
        })
    }

    pub(crate) async fn decisions(
        &self,
        business: Option<BusinessIx>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>> {
        let business = business.map(|ix| self.business(ix)).transpose()?;
        let before = before.map_or(i64::MAX, |id| seq_column(id.seq));
        let limit = count_column(limit);
        retrying!(self.pool, link => {
            let rows = match business {
                Some(business) => link.rows(sql::DECISIONS_OF, &[&business, &before, &limit]).await?,
                None => link.rows(sql::DECISIONS, &[&before, &limit]).await?,
            };
            records(link, &rows).await
        })
    }

    pub(crate) async fn stops(
        &self,
        business: BusinessIx,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        let (id, limit) = (self.business(business)?, count_column(limit));
        retrying!(self.pool, link => {
            let rows = link.rows(sql::NEWEST_NOES, &[&id, &limit]).await?;
            rows.iter().map(|row| stored_event(row, business)).collect()
        })
    }

    pub(crate) async fn export(
        &self,
        business: BusinessIx,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        let (id, limit) = (self.business(business)?, count_column(limit));
        let after = after.map_or(0, |id| seq_column(id.0));
        retrying!(self.pool, link => {
            let rows = link.rows(sql::EXPORT, &[&id, &after, &limit]).await?;
            rows.iter().map(|row| stored_event(row, business)).collect()
        })
    }

    pub(crate) async fn numbers(&self, business: BusinessIx) -> Result<Vec<NumberView>> {
        let id = self.business(business)?;
        let mut numbers: Vec<NumberView> = retrying!(self.pool, link => {
            let mut views: FxHashMap<Box<str>, NumberView> = FxHashMap::default();
            for row in &link.rows(sql::NUMBERS, &[&id]).await? {
                let view = view(&mut views, boxed(row, 0)?);
                view.status = maybe_boxed(row, 1)?;
                view.rating = maybe_boxed(row, 2)?;
                view.at_ms = row.try_get(3)?;
            }
            for row in &link.rows(sql::INBOUND, &[&id]).await? {
                view(&mut views, boxed(row, 0)?).last_inbound_ms = row.try_get(1)?;
            }
            Ok(views.into_values().collect())
        })?;
        numbers.sort_by(|a, b| a.number.cmp(&b.number));
        Ok(numbers)
    }

    pub(crate) async fn number_known(
        &self,
        business: BusinessIx,
        number: &str,
        waba_id: &str,
    ) -> Result<NumberKnown> {
        let asked = NumberAsked {
            business,
            number: number.into(),
            waba_id: waba_id.into(),
        };
        let known = self.numbers_known(vec![asked]).await?;
        Ok(known.into_iter().next().unwrap_or_default())
    }

    pub(crate) async fn numbers_known(&self, asked: Vec<NumberAsked>) -> Result<Vec<NumberKnown>> {
        let mut known = Vec::with_capacity(asked.len());
        for page in asked.chunks(NUMBERS_AT_ONCE) {
            known.extend(self.page_of_numbers(page).await?);
        }
        Ok(known)
    }

    /// Three statements, however many numbers are asked about.
    async fn page_of_numbers(&self, asked: &[NumberAsked]) -> Result<Vec<NumberKnown>> {
        let businesses = asked.iter().map(|one| self.business(one.business));
        let businesses: Vec<&str> = businesses.collect::<Result<_>>()?;
        let numbers: Vec<&str> = asked.iter().map(|one| &*one.number).collect();
        let of_accounts = businesses.iter().zip(asked);
        let accounts: BTreeSet<(&str, &str)> = of_accounts
            .map(|(business, one)| (*business, &*one.waba_id))
            .collect();
        let (owners, accounts): (Vec<&str>, Vec<&str>) = accounts.into_iter().unzip();
        retrying!(self.pool, link => {
            let mut found_numbers = FxHashMap::default();
            for row in &link.rows(sql::FIND_NUMBERS, &[&businesses, &numbers]).await? {
                found_numbers.insert((boxed(row, 0)?, boxed(row, 1)?), load::number(row)?);
            }
            let mut found_accounts: FxHashMap<_, AccountRow> = FxHashMap::default();
            for row in &link.rows(sql::FIND_ACCOUNTS, &[&owners, &accounts]).await? {
                let account = found_accounts.entry((boxed(row, 0)?, boxed(row, 1)?)).or_default();
                (account.ban, account.ban_at_ms) = load::ban(row)?;
            }
            for row in &link.rows(sql::FIND_RESTRICTIONS, &[&owners, &accounts]).await? {
                let account = found_accounts.entry((boxed(row, 0)?, boxed(row, 1)?)).or_default();
                account.restrictions.push(load::restriction(row)?);
            }
            let known = businesses.iter().zip(asked).map(|(business, one)| {
                let of = |id: &str| (Box::from(*business), Box::from(id));
                let number = found_numbers.get(&of(&one.number)).cloned();
                let account = found_accounts.get(&of(&one.waba_id)).cloned();
                number_known(&one.number, number, account)
            });
            Ok(known.collect())
        })
    }

    pub(crate) async fn templates(
        &self,
        business: BusinessIx,
        waba_id: Option<&str>,
    ) -> Result<Vec<TemplateView>> {
        let id = self.business(business)?;
        let mut templates: Vec<TemplateView> = retrying!(self.pool, link => {
            let rows = link.rows(sql::TEMPLATES, &[&id, &waba_id]).await?;
            rows.iter().map(template).collect()
        })?;
        // The database's own order of texts depends on its settings.
        templates.sort_by(|a, b| {
            (&a.waba_id, &a.name, &a.language).cmp(&(&b.waba_id, &b.name, &b.language))
        });
        Ok(templates)
    }

    pub(crate) async fn timeline(
        &self,
        business: BusinessIx,
        subject: Option<(&str, &str)>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TimelineEntry>> {
        let (id, limit) = (self.business(business)?, count_column(limit));
        let before = before.unwrap_or(i64::MAX);
        retrying!(self.pool, link => {
            let rows = match subject {
                Some((subject, of)) => {
                    link.rows(sql::TIMELINE_OF, &[&id, &subject, &of, &before, &limit]).await?
                }
                None => link.rows(sql::TIMELINE, &[&id, &before, &limit]).await?,
            };
            rows.iter().map(timeline_entry).collect()
        })
    }

    pub(crate) async fn counts(&self, business: BusinessIx, now_ms: i64) -> Result<Counts> {
        let id = self.business(business)?;
        let since_ms = now_ms.saturating_sub(DAY_MS).max(0);
        let since_seq = since_ms << 20;
        retrying!(self.pool, link => {
            let people = counted(&link.rows(sql::COUNT_PEOPLE, &[&id]).await?)?;
            let decided = counted(&link.rows(sql::COUNT_DECISIONS, &[&id, &since_seq]).await?)?;
            let stops = counted(&link.rows(sql::COUNT_NOES, &[&id, &since_ms]).await?)?;
            let relays = counted(&link.rows(sql::COUNT_RELAYS, &[&id]).await?)?;
            Ok(Counts {
                people: people.0,
                allowed: decided.0,
                refused: decided.1,
                stops: stops.0,
                relay_waiting: relays.0,
                relay_parked: relays.1,
            })
        })
    }
}

fn counted(rows: &[Row]) -> Result<(u64, u64), Trouble> {
    let Some(row) = rows.first() else {
        return Ok((0, 0));
    };
    let second = if row.len() > 1 { row.try_get(1)? } else { 0 };
    Ok((seq(row.try_get(0)?), seq(second)))
}

fn view(views: &mut FxHashMap<Box<str>, NumberView>, number: Box<str>) -> &mut NumberView {
    views.entry(number.clone()).or_insert(NumberView {
        number,
        status: None,
        rating: None,
        at_ms: None,
        last_inbound_ms: None,
    })
}

fn template(row: &Row) -> Result<TemplateView, Trouble> {
    Ok(TemplateView {
        waba_id: boxed(row, 0)?,
        name: boxed(row, 1)?,
        language: boxed(row, 2)?,
        template_id: maybe_boxed(row, 3)?,
        category: category(row.try_get(4)?)?,
        status: maybe_boxed(row, 5)?,
        is_ask: row.try_get::<_, Option<bool>>(6)?.unwrap_or(false),
        quality: maybe_boxed(row, 8)?,
        at_ms: row.try_get(7)?,
    })
}

/// An entry of the timeline; the row begins with its columns in their order.
pub(super) fn timeline_entry(row: &Row) -> Result<TimelineEntry, Trouble> {
    Ok(TimelineEntry {
        seq: row.try_get(0)?,
        subject: boxed(row, 1)?,
        subject_id: boxed(row, 2)?,
        origin: boxed(row, 3)?,
        event: boxed(row, 4)?,
        at_ms: row.try_get(5)?,
        body: boxed(row, 6)?,
    })
}

/// Decisions with what became of them, and the latest status of each message.
pub(super) async fn records(link: &mut Link, rows: &[Row]) -> Result<Vec<DecisionRecord>, Trouble> {
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        records.push(record(row)?);
    }
    let ids: Vec<&str> = records
        .iter()
        .filter_map(|record| record.message_ids.first())
        .map(|id| &**id)
        .collect();
    if ids.is_empty() {
        return Ok(records);
    }
    let shards: Vec<i64> = ids.iter().map(|id| shard_of_text(id)).collect();
    let mut statuses: FxHashMap<Box<str>, Box<str>> = FxHashMap::default();
    for row in &link.rows(sql::STATUSES, &[&shards, &ids]).await? {
        statuses.insert(boxed(row, 0)?, boxed(row, 1)?);
    }
    for record in &mut records {
        record.status = record
            .message_ids
            .first()
            .and_then(|id| statuses.get(id))
            .cloned();
    }
    Ok(records)
}

fn record(row: &Row) -> Result<DecisionRecord, Trouble> {
    let shard: i64 = row.try_get(1)?;
    let id = DecisionId {
        shard: PersonShard(u16::try_from(shard).map_err(|_| LedgerError::unreadable("a shard"))?),
        seq: seq(row.try_get(0)?),
    };
    let mut record = decode_record(id, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?)?;
    record.outcome = maybe_boxed(row, 5)?;
    record.message_ids = maybe_boxed(row, 6)?.into_iter().collect();
    if let Some(more) = row.try_get::<_, Option<&str>>(7)? {
        record.message_ids.extend(decode_list(more)?);
    }
    Ok(record)
}
