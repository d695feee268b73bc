//! Alerts: telling people what they should look at, once for each time, with what to do.
//!
//! Which conditions stand is a pure function of what is known (`greenline_policy::alert`). Here the facts are gathered,
//! and what stands is held against what was told. How each condition was last told stands on the timeline, which every
//! node reads; who sees it otherwise writes the new standing and the notice in one transaction. The notice names the
//! entry that it contradicts, so two nodes that see the same write the same bytes, and the second one changes nothing;
//! and who finds that somebody told of a condition since it was looked up leaves it, for what it saw may be older. A
//! restart changes nothing either: nothing that counts is in memory.
//!
//! Of several nodes one looks at a business, the one that has its lease. Businesses are looked at one after the other,
//! spread over the pause between two looks, so that very many are no burst of questions to the store.
//!
//! The relay carries notices, with its leases, pauses and repetitions: to subscriptions as events, to Slack-compatible
//! endpoints and mailboxes as texts (`channel`). Nothing here is on the way of a send.

pub(crate) mod book;
pub(crate) mod channel;
mod facts;
pub(crate) mod gauges;
mod mail;
pub(crate) mod record;
pub(crate) mod settings;
mod slack;
pub(crate) mod token;
mod words;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::notice::Notice;
use greenline_ledger::types::{BusinessIx, Delivery, Effect, Lane, Relay};
use greenline_policy::alert::{self, Alert, Bounds};
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::Business;
use crate::events;
use crate::events::record::EventType;
use crate::polling;
use book::{Book, CLOSED, OPENED, ORIGIN, STANDING, SUBJECT, TOLD, key};
use channel::Channel;
use gauges::Glance;
use record::{Record, Told};

/// The header of a delivery that holds what is told.
pub(crate) const HEADER: &str = "alert";

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What this process knows of alerts; none of it has to be kept.
#[derive(Debug)]
pub struct Alerts {
    /// Since when it looks.
    since_ms: i64,
    channels: Vec<Arc<Channel>>,
    glances: Mutex<FxHashMap<BusinessIx, Glance>>,
    pub(crate) tokens: token::Tokens,
}

impl Alerts {
    /// The channels of the configuration.
    #[must_use]
    pub fn new(config: &Config, clock: &Clock) -> Self {
        Self {
            since_ms: clock.now_ms(),
            channels: channel::all(config),
            glances: Mutex::default(),
            tokens: token::Tokens::default(),
        }
    }

    /// The channels that a business's alerts go to.
    pub(crate) fn channels<'a>(
        &'a self,
        business: &'a Business,
    ) -> impl Iterator<Item = &'a Arc<Channel>> {
        let id = business.config.id.as_str();
        self.channels.iter().filter(move |one| one.serves(id))
    }

    /// A channel by the name that deliveries wait for it under.
    pub(crate) fn channel(&self, name: &str) -> Option<Arc<Channel>> {
        let mut all = self.channels.iter();
        all.find(|one| *one.name == *name).map(Arc::clone)
    }

    fn keep(&self, business: BusinessIx, glance: Glance) {
        let mut glances = self.glances.lock().unwrap_or_else(PoisonError::into_inner);
        glances.insert(business, glance);
    }

    fn forget(&self, business: BusinessIx) {
        let mut glances = self.glances.lock().unwrap_or_else(PoisonError::into_inner);
        glances.remove(&business);
    }
}

fn bounds(config: &Config) -> Bounds {
    let alerts = &config.alerts;
    let times = |count: u32, each_ms: i64| i64::from(count).saturating_mul(each_ms);
    Bounds {
        limit_near_percent: alerts.limit_near_percent,
        restriction_ends_ms: times(alerts.restriction_ends_hours, HOUR_MS),
        webhooks_silent_ms: times(alerts.webhooks_silent_minutes, MINUTE_MS),
        reads_failing_ms: times(alerts.reads_failing_minutes, MINUTE_MS),
        token_expiring_ms: times(alerts.token_expiring_days, DAY_MS),
        token_expires_soon_ms: times(alerts.token_expires_soon_days, DAY_MS),
    }
}

/// The pause before each of so many businesses, so that all are looked at once within a time.
fn share(every: Duration, businesses: usize) -> Duration {
    let businesses = u32::try_from(businesses).unwrap_or(u32::MAX);
    every / businesses.max(1)
}

/// Looks at a business if this node is the one that does.
async fn look_if_ours(app: &App, business: &Business) -> Result<(), LedgerError> {
    match polling::lease(app, business.ix).await {
        Some(true) => look(app, business).await,
        // Another node's monitoring shows it.
        Some(false) => {
            app.alerts.forget(business.ix);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Looks at every business in turn, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    let every = Duration::from_secs(app.config.alerts.look_every_s.max(1));
    let businesses = app.directory.businesses().count();
    if businesses == 0 {
        return;
    }
    let pause = share(every, businesses);
    loop {
        for business in app.directory.businesses() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => return,
            }
            let looked = tokio::select! {
                looked = look_if_ours(&app, business) => looked,
                _ = stop.changed() => return,
            };
            if let Err(error) = looked {
                tracing::warn!(%error, business.id = %business.config.id, "it could not be looked at what stands; it is looked again");
            }
        }
    }
}

/// Holds what stands now against what was told, and tells what changed.
///
/// # Errors
/// The ledger's.
pub async fn look(app: &App, business: &Business) -> Result<(), LedgerError> {
    let now_ms = app.clock.now_ms();
    let book = Book::read(app, business).await?;
    let gathered = facts::gather(app, business, &book, now_ms).await?;
    let standing = alert::standing(&gathered.facts, &bounds(&app.config));
    let mut glance = gathered.glance;
    glance.open.extend(standing.iter().map(|alert| alert.kind));
    app.alerts.keep(business.ix, glance);
    let cool_down_ms = i64::from(app.config.alerts.cool_down_minutes).saturating_mul(MINUTE_MS);
    let mut changed = false;
    for alert in &standing {
        let key = key(alert.kind, &alert.subject);
        let is_cooling = book
            .closed_ms(&key)
            .is_some_and(|closed_ms| now_ms < closed_ms.saturating_add(cool_down_ms));
        if !book.stands(&key) && !is_cooling {
            changed |= open(app, business, &book, (alert, &key), now_ms).await?;
        }
    }
    for (key, told) in book.standing() {
        let stands = |alert: &Alert| book::key(alert.kind, &alert.subject) == *key;
        if standing.iter().any(stands) {
            if told.is_old {
                restate(app, business, &told.record, now_ms).await?;
            }
        } else {
            changed |= close(app, business, &book, (key, &told.record), now_ms).await?;
        }
    }
    if changed {
        app.relay_due.notify_waiters();
    }
    Ok(())
}

async fn open(
    app: &App,
    business: &Business,
    book: &Book,
    (alert, key): (&Alert, &str),
    now_ms: i64,
) -> Result<bool, LedgerError> {
    let last = book::last(app, business, key).await?;
    if !book.knows(key, last.as_ref()) {
        return Ok(false);
    }
    let after = last.map_or(0, |last| last.seq);
    let notice = Notice::Alert {
        key: key.into(),
        open: true,
        after,
    };
    let id = record::id(&business.config.id, key, after);
    let record = words::record(business, alert, id, now_ms);
    tell(app, business, &notice, &record, now_ms).await
}

async fn close(
    app: &App,
    business: &Business,
    book: &Book,
    (key, opened): (&str, &Record),
    now_ms: i64,
) -> Result<bool, LedgerError> {
    let last = book::last(app, business, key).await?;
    if !book.knows(key, last.as_ref()) {
        return Ok(false);
    }
    let notice = Notice::Alert {
        key: key.into(),
        open: false,
        after: last.map_or(0, |last| last.seq),
    };
    let record = Record {
        closed_ms: Some(now_ms),
        ..opened.clone()
    };
    tell(app, business, &notice, &record, now_ms).await
}

/// Writes the new standing and hands the notice to everybody it goes to, in one transaction; whether this node did.
async fn tell(
    app: &App,
    business: &Business,
    notice: &Notice,
    record: &Record,
    now_ms: i64,
) -> Result<bool, LedgerError> {
    let is_open = record.closed_ms.is_none();
    let (event, kind) = if is_open {
        (OPENED, EventType::AlertOpened)
    } else {
        (CLOSED, EventType::AlertClosed)
    };
    let body = record.text();
    let entry = |subject_id: &str| entry(subject_id, event, &body, now_ms);
    let mut relay_to = events::active(app, business, kind).await?;
    let channels = app.alerts.channels(business);
    let takers = channels.filter(|channel| channel.takes(&record.kind));
    relay_to.extend(takers.map(|channel| Arc::clone(&channel.name)));
    let told = app
        .ledger
        .ingest(Delivery {
            business: business.ix,
            received_ms: now_ms,
            body: notice.encode()?.into(),
            headers: vec![(HEADER.into(), body.as_str().into())],
            lane: Lane::Event,
            relay_to,
            effects: vec![entry(&record.key()), entry(&business.config.id)],
        })
        .await?;
    if told.duplicate {
        return Ok(false);
    }
    if is_open {
        tracing::warn!(business.id = %business.config.id, alert.id = %record.id, alert.kind = %record.kind, alert.subject = %record.subject, "an alert opened: {}", record.title);
    } else {
        tracing::info!(business.id = %business.config.id, alert.id = %record.id, alert.kind = %record.kind, alert.subject = %record.subject, "an alert closed");
    }
    Ok(true)
}

fn entry(subject_id: &str, event: &str, body: &str, at_ms: i64) -> Effect {
    Effect::Timeline {
        subject: SUBJECT,
        subject_id: subject_id.into(),
        origin: ORIGIN.into(),
        event: event.into(),
        at_ms,
        body: body.into(),
    }
}

/// Says once more that it stands, so that it is found among the newest entries.
async fn restate(
    app: &App,
    business: &Business,
    record: &Record,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let again = entry(&business.config.id, STANDING, &record.text(), now_ms);
    app.ledger.learn(business.ix, vec![again]).await
}

/// What a delivery tells; `None` for one that is no alert.
pub(crate) fn told_by(relay: &Relay) -> Option<Record> {
    let mut headers = relay.headers.iter();
    let (_, value) = headers.find(|(name, _)| &**name == HEADER)?;
    Record::read(value)
}

/// Writes down that somebody was told. It is told at least once, so a failure here costs nothing but the record of it.
pub(crate) async fn was_told(app: &App, relay: &Relay) {
    let Some(record) = told_by(relay) else {
        return;
    };
    let at_ms = app.clock.now_ms();
    let told = Told {
        to: relay.app.to_string(),
        at_ms,
        closed: record.closed_ms.is_some(),
    };
    let told = entry(&record.id, TOLD, &told.text(), at_ms);
    if let Err(error) = app.ledger.learn(relay.business, vec![told]).await {
        tracing::warn!(%error, alert.id = %record.id, "who was told of an alert could not be written down");
    }
}
