//! The ledger's reading verbs over this store.

use std::sync::Arc;

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use rusqlite::Connection;

use super::{Store, read, verify};
use crate::DecideFn;
use crate::codec::decode_head;
use crate::error::LedgerError;
use crate::state::people::head_at;
use crate::types::{
    BusinessIx, Counts, DecisionId, DecisionRecord, Lane, NumberView, PersonView, Relay,
    StoredEvent, TemplateView, TimelineEntry, Verification,
};

type Result<T> = std::result::Result<T, LedgerError>;

/// Runs a blocking read where it blocks nobody.
async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    read: impl FnOnce(&Store) -> Result<T> + Send + 'static,
) -> Result<T> {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || read(&store)).await {
        Ok(done) => done,
        Err(_) => Err(LedgerError::Bug("a read ended in a panic")),
    }
}

async fn reading<T: Send + 'static>(
    store: &Arc<Store>,
    business: BusinessIx,
    read: impl FnOnce(&Connection, i64) -> Result<T> + Send + 'static,
) -> Result<T> {
    let row = store.business(business)?;
    blocking(store, move |store| {
        store.readers.with(|connection| read(connection, row))
    })
    .await
}

pub(crate) async fn person(
    store: &Arc<Store>,
    business: BusinessIx,
    identifier: &Identifier,
) -> Result<Option<PersonView>> {
    let (canonical, spelling) = identifier.canonical();
    reading(store, business, move |connection, row| {
        let Some(id) = read::find(connection, row, &canonical)? else {
            return Ok(None);
        };
        let people = read::linked(connection, id)?;
        let (identifiers, history, windows) = read::person_parts(connection, &people, business)?;
        let head = read::head(connection, id, head_at(spelling))?;
        let head = head
            .map(|body| decode_head(&body))
            .transpose()?
            .unwrap_or_default();
        Ok(Some(PersonView {
            id,
            identifiers,
            head,
            history,
            windows,
        }))
    })
    .await
}

pub(crate) async fn decision(store: &Arc<Store>, id: DecisionId) -> Result<Option<DecisionRecord>> {
    blocking(store, move |store| {
        store
            .readers
            .with(|connection| read::decision(connection, id))
    })
    .await
}

pub(crate) async fn decisions(
    store: &Arc<Store>,
    business: Option<BusinessIx>,
    before: Option<DecisionId>,
    limit: usize,
) -> Result<Vec<DecisionRecord>> {
    let row = business
        .map(|business| store.business(business))
        .transpose()?;
    blocking(store, move |store| {
        store
            .readers
            .with(|connection| read::decisions(connection, row, before, limit))
    })
    .await
}

pub(crate) async fn stops(
    store: &Arc<Store>,
    business: BusinessIx,
    limit: usize,
) -> Result<Vec<StoredEvent>> {
    reading(store, business, move |connection, row| {
        read::stops(connection, row, business, limit)
    })
    .await
}

pub(crate) async fn export(
    store: &Arc<Store>,
    business: BusinessIx,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<StoredEvent>> {
    reading(store, business, move |connection, row| {
        read::export(connection, row, business, after, limit)
    })
    .await
}

pub(crate) async fn numbers(store: &Arc<Store>, business: BusinessIx) -> Result<Vec<NumberView>> {
    reading(store, business, read::numbers).await
}

pub(crate) async fn templates(
    store: &Arc<Store>,
    business: BusinessIx,
    waba_id: Option<&str>,
) -> Result<Vec<TemplateView>> {
    let waba_id = waba_id.map(str::to_owned);
    reading(store, business, move |connection, row| {
        read::templates(connection, row, waba_id.as_deref())
    })
    .await
}

pub(crate) async fn timeline(
    store: &Arc<Store>,
    business: BusinessIx,
    subject: Option<(&str, &str)>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<TimelineEntry>> {
    let subject = subject.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
    reading(store, business, move |connection, row| {
        let subject = subject
            .as_ref()
            .map(|(kind, id)| (kind.as_str(), id.as_str()));
        read::timeline(connection, row, subject, before, limit)
    })
    .await
}

pub(crate) async fn counts(
    store: &Arc<Store>,
    business: BusinessIx,
    now_ms: i64,
) -> Result<Counts> {
    reading(store, business, move |connection, row| {
        read::counts(connection, row, now_ms)
    })
    .await
}

pub(crate) async fn relay_due(
    store: &Arc<Store>,
    now_ms: i64,
    lane: Lane,
    limit: usize,
) -> Result<Vec<Relay>> {
    blocking(store, move |store| {
        store
            .readers
            .relay_due(now_ms, lane, limit, |row| store.business_at(row))
    })
    .await
}

pub(crate) async fn verify(store: &Arc<Store>, decide: DecideFn) -> Result<Verification> {
    blocking(store, move |store| {
        store
            .readers
            .with(|connection| verify::verify(connection, decide))
    })
    .await
}

pub(crate) async fn close(store: &Arc<Store>) {
    let store = Arc::clone(store);
    // A panic of the writer is logged where it is joined.
    let _ = tokio::task::spawn_blocking(move || store.close()).await;
}
