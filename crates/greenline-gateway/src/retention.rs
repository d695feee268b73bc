//! What is kept, for how long, and what finds it again.
//!
//! Consent events, their proof and every no are kept for good; there is no setting that would change it. Everything
//! else goes when its days are over, a batch at a time: between two batches it rests for longer than the batch
//! took, so that sends never wait for it. Of many nodes the one that seals a business's log does it; what a node
//! keeps of imports and screenings in its folders, each node itself. What is done and what is left is in the metrics and in the log.
//!
//! A kept no is found by a key, so a node must have every key as soon as any node erases with it: the file is
//! read again in short intervals, not only when this node is asked to erase.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::prune::PruneKind;
use greenline_ledger::types::{BusinessIx, Effect};
use serde_json::json;
use tokio::sync::watch;

use crate::admin::erase;
use crate::app::{App, Shared};
use crate::config::Retention;
use crate::imports;
use crate::screen::job as screenings;

/// How long a new key may stay unknown to a node.
const EVERY: Duration = Duration::from_secs(5);
/// How often it is looked for what is old, and for erasures that were broken off.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Between two batches at least.
const REST_MIN: Duration = Duration::from_millis(20);
/// How many times longer it rests than a batch took.
const REST_TIMES: u32 = 4;
/// How long a node keeps the others from pruning a business.
const LEASE_MS: i64 = 30_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What goes when its days are over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Rows of the store.
    Rows(PruneKind),
    /// What is kept of imports in this node's folder.
    Imports,
    /// What is kept of screenings in this node's folder.
    Screenings,
}

impl From<PruneKind> for Kind {
    fn from(kind: PruneKind) -> Self {
        Self::Rows(kind)
    }
}

impl Kind {
    fn all() -> impl Iterator<Item = Self> {
        let rows = PruneKind::ALL.into_iter().map(Self::Rows);
        rows.chain([Self::Imports, Self::Screenings])
    }

    /// Its name in the log, in metrics and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows(kind) => kind.as_str(),
            Self::Imports => "imports",
            Self::Screenings => "screenings",
        }
    }
}

/// What was pruned since this process began, and what is being pruned.
#[derive(Debug, Default)]
pub struct Progress {
    counted: Mutex<BTreeMap<Kind, Counted>>,
    untold: Mutex<BTreeMap<(u32, Kind), Untold>>,
}

/// What went of one business and kind and is not on the timeline yet: there, one sum a day is enough.
#[derive(Clone, Copy, Debug, Default)]
struct Untold {
    rows: u64,
    /// When the last sum was told, Unix milliseconds.
    told_ms: Option<i64>,
}

/// Of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    rows: u64,
    /// It is not done yet.
    running: bool,
    /// When it was last done to its end, Unix milliseconds.
    done_ms: Option<i64>,
}

impl Progress {
    fn change(&self, kind: Kind, change: impl FnOnce(&mut Counted)) {
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(kind).or_default());
    }

    /// When nothing old of a kind was left, Unix milliseconds; `None` before the first time.
    #[must_use]
    pub fn done_ms(&self, kind: impl Into<Kind>) -> Option<i64> {
        let all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&kind.into()).and_then(|counted| counted.done_ms)
    }

    fn untold<R>(
        &self,
        (business, kind): (BusinessIx, Kind),
        change: impl FnOnce(&mut Untold) -> R,
    ) -> R {
        let mut all = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry((business.0, kind)).or_default())
    }

    /// Nothing old of a kind is left.
    fn note_done(&self, app: &App, kind: Kind) {
        let done_ms = Some(app.clock.now_ms());
        self.change(kind, |counted| counted.done_ms = done_ms);
    }

    /// More of a kind went.
    fn add(&self, kind: Kind, rows: u64) {
        self.change(kind, |counted| {
            counted.rows += rows;
            counted.running = true;
        });
    }

    /// More of a kind went, and is to be put on a business's timeline.
    fn went(&self, business: BusinessIx, kind: Kind, rows: u64) {
        self.add(kind, rows);
        self.untold((business, kind), |untold| untold.rows += rows);
    }

    /// In the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        let all = self
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut text = String::new();
        let mut family = |name: &str, help: &str, kind: &str, value: fn(&Counted) -> i64| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for of in Kind::all() {
                let counted = all.get(&of).copied().unwrap_or_default();
                let _ = writeln!(
                    text,
                    "{name}{{kind=\"{}\"}} {}",
                    of.as_str(),
                    value(&counted)
                );
            }
        };
        family(
            "greenline_retention_pruned_rows_total",
            "Rows deleted since their days were over; of imports and screenings, whole ones.",
            "counter",
            |counted| i64::try_from(counted.rows).unwrap_or(i64::MAX),
        );
        family(
            "greenline_retention_running",
            "Whether old rows are being deleted now.",
            "gauge",
            |counted| i64::from(counted.running),
        );
        family(
            "greenline_retention_done_seconds",
            "When nothing old was left, Unix seconds; 0 before the first time.",
            "gauge",
            |counted| counted.done_ms.unwrap_or(0) / 1_000,
        );
        text
    }
}

/// Days that rows of a kind are kept; 0: for good.
fn days(settings: &Retention, kind: Kind) -> u32 {
    match kind {
        Kind::Rows(PruneKind::Decisions | PruneKind::Messages) => settings.decisions_days,
        Kind::Rows(PruneKind::Replies) => settings.replies_days,
        Kind::Rows(PruneKind::Timeline) => settings.timeline_days,
        Kind::Imports => settings.imports_days,
        Kind::Screenings => settings.screenings_days,
    }
}

/// Before which moment what is of a kind goes; `None`: never.
fn before_ms(settings: &Retention, kind: Kind, now_ms: i64) -> Option<i64> {
    let days = days(settings, kind);
    (days > 0).then(|| now_ms.saturating_sub(i64::from(days).saturating_mul(DAY_MS)))
}

/// What is kept for how many days, in words; `None`: for good.
pub(crate) fn kept(settings: &Retention) -> Vec<(&'static str, Option<u32>)> {
    let some = |days: u32| (days > 0).then_some(days);
    vec![
        ("consent events, with their evidence and their proof", None),
        ("how each kind of message stands", None),
        (
            "bodies of webhooks, once delivered",
            Some(settings.bodies_days),
        ),
        (
            "decisions, with what became of each message",
            some(settings.decisions_days),
        ),
        ("own replies, once over", some(settings.replies_days)),
        (
            "lists that were screened here, with what came of them, once over",
            some(settings.screenings_days),
        ),
        (
            "timeline entries, also of who asked for this file",
            some(settings.timeline_days),
        ),
    ]
}

/// Keeps the ledger's keys those of the file, and lets go of what is old, until told to stop.
pub async fn run(app: Shared, stop: watch::Receiver<bool>) {
    tokio::join!(keys(&app, stop.clone()), prune(&app, stop));
}

async fn keys(app: &Shared, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = erase::ready(app) {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                "the keys cannot be read; those known before are used"
            );
        }
    }
}

async fn prune(app: &Shared, mut stop: watch::Receiver<bool>) {
    loop {
        for business in app.directory.businesses() {
            let id = &business.config.id;
            match app
                .ledger
                .resume_erasures(business.ix, app.clock.now_ms())
                .await
            {
                Ok(0) => {}
                Ok(count) => {
                    tracing::warn!(business.id = %id, count, "erasures that were broken off were carried to their end");
                }
                Err(error) => {
                    tracing::error!(%error, business.id = %id, "an erasure that was broken off could not be ended");
                }
            }
            for kind in PruneKind::ALL {
                if *stop.borrow() {
                    return;
                }
                let done = prune_kind(app, business.ix, kind, &stop).await;
                app.retention
                    .change(kind.into(), |counted| counted.running = false);
                match done {
                    Ok(0) => {}
                    Ok(rows) => let_go(id, kind.into(), rows),
                    Err(error) => {
                        tracing::warn!(%error, business.id = %id, kind = kind.as_str(), "what is old could not be deleted; it is tried again");
                    }
                }
            }
        }
        for kind in [Kind::Imports, Kind::Screenings] {
            if let Err(error) = prune_folder(app, kind, &stop).await {
                tracing::warn!(%error, kind = kind.as_str(), "that old ones went could not be put on the timeline; it is tried again");
            }
            app.retention
                .change(kind, |counted| counted.running = false);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Deletes what is old of one kind, batch by batch; says how many rows that were.
///
/// # Errors
/// The ledger's; what was deleted before is.
pub async fn prune_kind(
    app: &App,
    business: BusinessIx,
    kind: PruneKind,
    stop: &watch::Receiver<bool>,
) -> Result<u64, LedgerError> {
    let now_ms = app.clock.now_ms();
    let Some(before_ms) = before_ms(&app.config.retention, kind.into(), now_ms) else {
        return Ok(0);
    };
    let mut rows = 0;
    while !*stop.borrow() && app.ledger.log_lease(business, LEASE_MS).await? {
        let began = app.clock.instant();
        let batch = app.ledger.prune(business, kind, before_ms, now_ms).await?;
        if batch == 0 {
            app.retention.note_done(app, kind.into());
            break;
        }
        rows += batch;
        app.retention.went(business, kind.into(), batch);
        rest(app.clock.instant().duration_since(began)).await;
    }
    if kind == PruneKind::Timeline {
        return Ok(rows);
    }
    tell_daily(app, business, kind.into(), (before_ms, now_ms)).await?;
    Ok(rows)
}

/// Throws away what is old of this node's imports, one by one; says how many those were.
///
/// # Errors
/// The ledger's, when it could not be put on the timeline. One that cannot be thrown away is left, and the log
/// says so.
pub async fn prune_imports(app: &Shared, stop: &watch::Receiver<bool>) -> Result<u64, LedgerError> {
    prune_folder(app, Kind::Imports, stop).await
}

/// As [`prune_imports`], of this node's screenings.
///
/// # Errors
/// As [`prune_imports`].
pub async fn prune_screenings(
    app: &Shared,
    stop: &watch::Receiver<bool>,
) -> Result<u64, LedgerError> {
    prune_folder(app, Kind::Screenings, stop).await
}

/// Something that lies in a folder of its own.
enum Place {
    Import(imports::files::Place),
    Screening(screenings::kept::Place),
}

impl Place {
    /// Those of a kind that began before a moment.
    async fn among(app: &Shared, kind: Kind, before_ms: i64) -> Vec<Self> {
        if kind == Kind::Screenings {
            let places = screenings::old::among(app, before_ms).await;
            return places.into_iter().map(Self::Screening).collect();
        }
        let places = imports::old::among(app, before_ms).await;
        places.into_iter().map(Self::Import).collect()
    }

    async fn throw_away(self, before_ms: i64) -> std::io::Result<Option<String>> {
        match self {
            Self::Import(place) => imports::old::throw_away(place, before_ms).await,
            Self::Screening(place) => screenings::old::throw_away(place, before_ms).await,
        }
    }
}

async fn prune_folder(
    app: &Shared,
    kind: Kind,
    stop: &watch::Receiver<bool>,
) -> Result<u64, LedgerError> {
    let now_ms = app.clock.now_ms();
    let Some(before_ms) = before_ms(&app.config.retention, kind, now_ms) else {
        return Ok(0);
    };
    let mut went: BTreeMap<String, u64> = BTreeMap::new();
    let mut is_whole = true;
    for place in Place::among(app, kind, before_ms).await {
        if *stop.borrow() {
            is_whole = false;
            break;
        }
        let began = app.clock.instant();
        match place.throw_away(before_ms).await {
            Ok(None) => continue,
            Ok(Some(whose)) => {
                // Those of a business that is configured no longer are counted too, but have no timeline.
                match app.directory.business_by_id(&whose) {
                    Some(business) => app.retention.went(business.ix, kind, 1),
                    None => app.retention.add(kind, 1),
                }
                *went.entry(whose).or_default() += 1;
            }
            Err(error) => {
                is_whole = false;
                tracing::warn!(%error, kind = kind.as_str(), "what is old could not be thrown away; it is tried again");
            }
        }
        rest(app.clock.instant().duration_since(began)).await;
    }
    if is_whole {
        app.retention.note_done(app, kind);
    }
    for (whose, rows) in &went {
        let_go(whose, kind, *rows);
    }
    for business in app.directory.businesses() {
        tell_daily(app, business.ix, kind, (before_ms, now_ms)).await?;
    }
    Ok(went.values().sum())
}

fn let_go(business: &str, kind: Kind, rows: u64) {
    tracing::info!(business.id = %business, kind = kind.as_str(), rows, "what had been kept long enough was deleted");
}

/// So long that nothing waits for it.
async fn rest(took: Duration) {
    tokio::time::sleep(REST_MIN.max(took * REST_TIMES)).await;
}

/// Puts on the timeline what went since the last time, once a day at most.
async fn tell_daily(
    app: &App,
    business: BusinessIx,
    kind: Kind,
    (before_ms, now_ms): (i64, i64),
) -> Result<(), LedgerError> {
    let of = (business, kind);
    let Untold { rows: sum, told_ms } = app.retention.untold(of, |untold| *untold);
    if sum > 0 && told_ms.is_none_or(|told_ms| now_ms.saturating_sub(told_ms) >= DAY_MS) {
        tell(app, business, kind, (sum, before_ms, now_ms)).await?;
        app.retention.untold(of, |untold| {
            untold.rows -= sum;
            untold.told_ms = Some(now_ms);
        });
    }
    Ok(())
}

/// Puts on the timeline what went since the last time.
async fn tell(
    app: &App,
    business: BusinessIx,
    kind: Kind,
    (rows, before_ms, at_ms): (u64, i64, i64),
) -> Result<(), LedgerError> {
    let id = &app.directory.business(business).config.id;
    let before = jiff::Timestamp::from_millisecond(before_ms);
    let before = before.map_or_else(|_| String::new(), |at| format!("{at:.0}"));
    let entry = Effect::Timeline {
        subject: "business",
        subject_id: id.as_str().into(),
        origin: "retention".into(),
        event: "pruned".into(),
        at_ms,
        body: json!({ "kind": kind.as_str(), "rows": rows, "before": before })
            .to_string()
            .into(),
    };
    app.ledger.learn(business, vec![entry]).await
}
