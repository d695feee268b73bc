//! Tells subscribers what changed on the timeline: `number.changed`.
//!
//! Entries come from many places: webhooks, reads, refusals. So nobody tells as they write; one node, which has the
//! business's lease, follows the timeline and tells each entry that changed something. The event is named by the entry,
//! so whoever tells it again, after a restart or on another node, writes the same bytes, and nothing happens. After a
//! start the last day is gone through once more.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::notice::Notice;
use greenline_ledger::types::{BusinessIx, Delivery, Lane, TimelineEntry};
use rustc_hash::FxHashMap;
use serde::Serialize;
use tokio::sync::watch;

use super::payload::NEWS;
use super::record::{EventType, Record};
use crate::admin::timeline::ChangeShape;
use crate::app::{App, Shared};
use crate::directory::Business;
use crate::timeline::{LOOKED_AT_MAX, Row, origin, rows};
use crate::{admin, polling};

/// Between two looks, when nothing rings.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How far back is looked after a start.
const BACK_MS: i64 = 24 * 60 * 60 * 1_000;
/// Entries read at once, and pages of them at most: what lies before was told or is older than anybody waited for.
const PAGE: usize = 200;
/// See [`PAGE`].
const PAGES_MAX: usize = 10;
/// Entries remembered as looked at.
const LOOKED_MAX: usize = 2 * PAGE * PAGES_MAX;

/// Entries that were looked at, by business.
type Looked = FxHashMap<BusinessIx, BTreeSet<i64>>;

/// What a subscriber reads of an entry.
#[derive(Serialize)]
struct News<'a> {
    /// The timeline entry.
    seq: i64,
    /// What it is about: `number`, `account`, `template` or `business`.
    subject: &'a str,
    /// Its id.
    id: &'a str,
    /// The business's numbers that it concerns.
    numbers: Vec<&'a str>,
    /// `webhook`, `read`, `refusal`, `staff` or `greenline`.
    origin: &'static str,
    /// The webhook's field, or where else it comes from.
    source: &'a str,
    /// What happened, in the platform's word.
    event: &'a str,
    /// When: as the platform said, or when it was read.
    at: String,
    /// What changed.
    changes: Vec<ChangeShape>,
}

/// Subscriptions that take it, each with when it was made.
async fn takers(
    app: &App,
    business: &Business,
) -> Result<Vec<(std::sync::Arc<str>, i64)>, LedgerError> {
    let all = app.ledger.subscriptions(business.ix).await?;
    let taker = |one: &greenline_ledger::subscription::Subscription| {
        let record = Record::read(&one.body).ok()?;
        let takes = one.takes.active && record.wish.takes(EventType::NumberChanged);
        takes.then(|| (std::sync::Arc::from(&*one.id), record.made_ms))
    };
    Ok(all.iter().filter_map(taker).collect())
}

/// Whether an entry is of a kind that is told.
fn is_told(entry: &TimelineEntry) -> bool {
    matches!(
        &*entry.subject,
        "number" | "account" | "business" | "template" | "thread"
    )
}

/// What is told of a row: nothing of what a first read found, which is no change.
fn news(row: &Row) -> Vec<ChangeShape> {
    let is_read = origin(&row.entry) == "read";
    let changes = row.changes.iter();
    let told = changes.filter(|change| !is_read || change.before.is_some());
    told.map(ChangeShape::from).collect()
}

/// The business's numbers that something is about.
fn concerned<'b>(business: &'b Business, entry: &TimelineEntry) -> Vec<&'b str> {
    let numbers = business.config.number.iter();
    let is_it = |number: &&crate::config::Number| match &*entry.subject {
        "number" | "thread" => *number.phone_number_id == *entry.subject_id,
        "account" => *number.waba_id == *entry.subject_id,
        _ => true,
    };
    numbers
        .filter(is_it)
        .map(|number| number.phone_number_id.as_str())
        .collect()
}

/// Entries that were not looked at yet, oldest first.
async fn fresh(
    app: &App,
    business: BusinessIx,
    looked: &BTreeSet<i64>,
    since_ms: i64,
) -> Result<Vec<TimelineEntry>, LedgerError> {
    let mut fresh = Vec::new();
    let mut before = None;
    for _ in 0..PAGES_MAX {
        let page = app.ledger.timeline(business, None, before, PAGE).await?;
        let is_last = page.len() < PAGE;
        before = page.last().map(|entry| entry.seq);
        let count = page.len();
        let came_ms = |entry: &TimelineEntry| entry.received_ms().unwrap_or(entry.at_ms);
        let new = page
            .into_iter()
            .filter(|entry| !looked.contains(&entry.seq));
        let new: Vec<_> = new.filter(|entry| came_ms(entry) >= since_ms).collect();
        let found = new.len();
        fresh.extend(new);
        if is_last || found < count {
            break;
        }
    }
    fresh.reverse();
    Ok(fresh)
}

async fn follow(app: &Shared, business: &Business, looked: &mut Looked) -> Result<(), LedgerError> {
    let takers = takers(app, business).await?;
    if takers.is_empty() || !polling::has_lease(app, business.ix).await {
        looked.remove(&business.ix);
        return Ok(());
    }
    let now_ms = app.clock.now_ms();
    let known = looked.entry(business.ix).or_default();
    let entries = fresh(app, business.ix, known, now_ms.saturating_sub(BACK_MS)).await?;
    let mut subjects: FxHashMap<(Box<str>, Box<str>), Vec<Row>> = FxHashMap::default();
    let mut is_told_of = false;
    for entry in entries {
        let seq = entry.seq;
        if is_told(&entry) {
            let key = (entry.subject.clone(), entry.subject_id.clone());
            if !subjects.contains_key(&key) {
                let of = Some((&*entry.subject, &*entry.subject_id));
                let newest = app
                    .ledger
                    .timeline(business.ix, of, None, LOOKED_AT_MAX)
                    .await?;
                subjects.insert(key.clone(), rows(newest));
            }
            let row = subjects.get(&key);
            let row = row.and_then(|rows| rows.iter().find(|row| row.entry.seq == seq));
            if let Some(row) = row {
                is_told_of |= tell(app, business, row, &takers).await?;
            }
        }
        known.insert(seq);
    }
    while known.len() > LOOKED_MAX {
        known.pop_first();
    }
    if is_told_of {
        app.relay_due.notify_waiters();
    }
    Ok(())
}

/// Tells one entry to those who subscribed before it came; whether there was anybody and anything to tell.
async fn tell(
    app: &App,
    business: &Business,
    row: &Row,
    takers: &[(std::sync::Arc<str>, i64)],
) -> Result<bool, LedgerError> {
    let entry = &row.entry;
    let changes = news(row);
    let came_ms = entry.received_ms().unwrap_or(i64::MAX);
    let relay_to: Vec<_> = takers
        .iter()
        .filter(|(_, made_ms)| *made_ms <= came_ms)
        .map(|(id, _)| std::sync::Arc::clone(id))
        .collect();
    if changes.is_empty() || relay_to.is_empty() {
        return Ok(false);
    }
    let news = News {
        seq: entry.seq,
        subject: &entry.subject,
        id: &entry.subject_id,
        numbers: concerned(business, entry),
        origin: origin(entry),
        source: &entry.origin,
        event: &entry.event,
        at: admin::shape::time(entry.at_ms),
        changes,
    };
    let news = serde_json::to_string(&news)
        .map_err(|_| LedgerError::Bug("news that does not serialise"))?;
    let notice = Notice::Timeline {
        name: format!("entry:{}", entry.seq).into(),
    };
    app.ledger
        .ingest(Delivery {
            business: business.ix,
            received_ms: app.clock.now_ms(),
            body: notice.encode()?.into(),
            headers: vec![(NEWS.into(), news.into())],
            lane: Lane::Event,
            relay_to,
            effects: Vec::new(),
        })
        .await?;
    Ok(true)
}

/// Follows every business's timeline, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    let mut looked = Looked::default();
    loop {
        for business in app.directory.businesses() {
            if let Err(error) = follow(&app, business, &mut looked).await {
                tracing::warn!(business.id = %business.config.id, %error, "what changed on the timeline could not be told yet");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = app.timeline_grew.notified() => {}
            _ = stop.changed() => return,
        }
    }
}
