//! The ledger's verbs over this store that are more than a request to the writer.

use std::sync::Arc;

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use rusqlite::Connection;

use super::load::Loading;
use super::{Store, erase, reach, read, verify};
use crate::DecideFn;
use crate::codec::decode_head;
use crate::error::LedgerError;
use crate::expect_answer;
use crate::request::{Answer, Request};
use crate::state::people::head_at;
use crate::types::{
    BusinessIx, Counts, DecisionId, DecisionRecord, Lane, NUMBERS_AT_ONCE, NumberAsked,
    NumberKnown, NumberView, PersonView, PortfolioView, Relay, RelayDone, StoredEvent,
    TemplateView, TimelineEntry, Verification,
};

type Result<T> = std::result::Result<T, LedgerError>;

/// Runs a blocking read where it blocks nobody.
pub(super) async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    read: impl FnOnce(&Store) -> Result<T> + Send + 'static,
) -> Result<T> {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || read(&store)).await {
        Ok(done) => done,
        Err(_) => Err(LedgerError::Bug("a read ended in a panic")),
    }
}

pub(super) async fn reading<T: Send + 'static>(
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

impl Store {
    /// How a business's portfolio stands: the writer counts, and where there is none, whoever asks.
    pub(crate) async fn portfolio(
        self: &Arc<Self>,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<PortfolioView> {
        if self.writing.is_some() {
            let answer = self.ask(Request::Portfolio(business, now_ms)).await?;
            return expect_answer!(answer, Answer::Portfolio(view) => view);
        }
        blocking(self, move |store| {
            store.readers.with(|connection| {
                let mut world = Loading::new(connection, &store.configured)?;
                reach::load(connection, &mut world.state)?;
                world.state.portfolio_view(business, now_ms)
            })
        })
        .await
    }

    pub(crate) async fn person(
        self: &Arc<Self>,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<PersonView>> {
        let (canonical, spelling) = identifier.canonical();
        let (name, keys) = (self.business_id(business)?.to_owned(), self.erasure.clone());
        reading(self, business, move |connection, row| {
            let found = erase::find(connection, (row, &name), &keys, &canonical)?;
            let Some(id) = found else {
                return Ok(None);
            };
            let people = read::linked(connection, id)?;
            let (identifiers, history, windows) =
                read::person_parts(connection, &people, business)?;
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

    pub(crate) async fn decision(
        self: &Arc<Self>,
        id: DecisionId,
    ) -> Result<Option<DecisionRecord>> {
        blocking(self, move |store| {
            store
                .readers
                .with(|connection| read::decision(connection, id))
        })
        .await
    }

    pub(crate) async fn decisions(
        self: &Arc<Self>,
        business: Option<BusinessIx>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>> {
        let row = business
            .map(|business| self.business(business))
            .transpose()?;
        blocking(self, move |store| {
            store
                .readers
                .with(|connection| read::decisions(connection, row, before, limit))
        })
        .await
    }

    pub(crate) async fn stops(
        self: &Arc<Self>,
        business: BusinessIx,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        reading(self, business, move |connection, row| {
            read::stops(connection, row, business, limit)
        })
        .await
    }

    pub(crate) async fn export(
        self: &Arc<Self>,
        business: BusinessIx,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        reading(self, business, move |connection, row| {
            read::export(connection, row, business, after, limit)
        })
        .await
    }

    pub(crate) async fn numbers(self: &Arc<Self>, business: BusinessIx) -> Result<Vec<NumberView>> {
        reading(self, business, read::numbers).await
    }

    pub(crate) async fn number_known(
        self: &Arc<Self>,
        business: BusinessIx,
        number: &str,
        waba_id: &str,
    ) -> Result<NumberKnown> {
        let (number, waba_id) = (number.to_owned(), waba_id.to_owned());
        reading(self, business, move |connection, row| {
            read::number_known(connection, row, &number, &waba_id)
        })
        .await
    }

    pub(crate) async fn numbers_known(
        self: &Arc<Self>,
        asked: Vec<NumberAsked>,
    ) -> Result<Vec<NumberKnown>> {
        blocking(self, move |store| {
            let mut known = Vec::with_capacity(asked.len());
            // Page by page, so that none keeps the log from being copied back for long.
            for page in asked.chunks(NUMBERS_AT_ONCE) {
                store.readers.with(|connection| {
                    for one in page {
                        let row = store.business(one.business)?;
                        known.push(read::number_known(
                            connection,
                            row,
                            &one.number,
                            &one.waba_id,
                        )?);
                    }
                    Ok(())
                })?;
            }
            Ok(known)
        })
        .await
    }

    pub(crate) async fn templates(
        self: &Arc<Self>,
        business: BusinessIx,
        waba_id: Option<&str>,
    ) -> Result<Vec<TemplateView>> {
        let waba_id = waba_id.map(str::to_owned);
        reading(self, business, move |connection, row| {
            read::templates(connection, row, waba_id.as_deref())
        })
        .await
    }

    pub(crate) async fn timeline(
        self: &Arc<Self>,
        business: BusinessIx,
        subject: Option<(&str, &str)>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TimelineEntry>> {
        let subject = subject.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
        reading(self, business, move |connection, row| {
            let subject = subject
                .as_ref()
                .map(|(kind, id)| (kind.as_str(), id.as_str()));
            read::timeline(connection, row, subject, before, limit)
        })
        .await
    }

    pub(crate) async fn counts(
        self: &Arc<Self>,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<Counts> {
        reading(self, business, move |connection, row| {
            read::counts(connection, row, now_ms)
        })
        .await
    }

    pub(crate) async fn relay_due(
        self: &Arc<Self>,
        now_ms: i64,
        lane: Lane,
        limit: usize,
    ) -> Result<Vec<Relay>> {
        blocking(self, move |store| {
            store
                .readers
                .relay_due(now_ms, lane, limit, |row| store.business_at(row))
        })
        .await
    }

    pub(crate) async fn relay_waits(self: &Arc<Self>, relay: &Relay) -> Result<bool> {
        let (inbox_seq, app) = (relay.inbox_seq, Arc::clone(&relay.app));
        blocking(self, move |store| {
            store.readers.relay_waits(inbox_seq, &app)
        })
        .await
    }

    pub(crate) async fn verify(self: &Arc<Self>, decide: DecideFn) -> Result<Verification> {
        blocking(self, move |store| {
            store
                .readers
                .with(|connection| verify::verify(connection, decide))
        })
        .await
    }

    pub(crate) async fn close(self: &Arc<Self>) {
        let store = Arc::clone(self);
        // A panic of the writer is logged where it is joined.
        let _ = tokio::task::spawn_blocking(move || store.stop()).await;
    }

    /// Notes how relay attempts ended, and lets the deliveries be handed out again: also when it was not
    /// written, for then they are due again.
    pub(crate) async fn relay_done(&self, done: Vec<RelayDone>) -> Result<Answer> {
        let claims: Vec<(i64, Arc<str>)> = done
            .iter()
            .map(|done| (done.inbox_seq, Arc::clone(&done.app)))
            .collect();
        let answer = self.ask(Request::RelayDone(done)).await;
        for (inbox_seq, app) in &claims {
            self.readers.release(*inbox_seq, app);
        }
        answer
    }
}
