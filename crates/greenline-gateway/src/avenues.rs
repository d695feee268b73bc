//! Ways out as this installation knows them: what the configuration says, who took them, what probes found.
//!
//! Decisions about asks look here (see `greenline_policy::avenue`): an ask goes only while a way out is open
//! that needs no notification. What is known is read from the ledger, so that every node and every command
//! answers alike, by a task beside the sends: a send looks at what was last read and waits for nothing. What was
//! read too long ago counts no more: then asks are refused, and only asks, until the store says again.
//!
//! A closing avenue is told loudly, once: in the log, in the metrics and on the pages.

pub mod probe;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use greenline_ledger::LedgerError;
use greenline_ledger::avenue::Walk;
use greenline_ledger::types::{BusinessIx, Effect};
use greenline_policy::avenue::{
    Api, Avenue, Finding, Known, OnlyNotifications, audit, only_notifications,
};
use greenline_policy::decide::Rules;
use greenline_policy::scope::Category;
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::config::Config;
use crate::directory::Business;
use crate::events::ways;

/// How often it is read again.
const FRESH: Duration = Duration::from_secs(5);
/// How long one reading may take, where the last one still counts if it takes longer.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// How long it may take where nothing was read before, for whoever decides without sending.
const FIRST_READ_WITHIN: Duration = Duration::from_secs(30);
/// Past this what was last read counts no more: asks are refused until it can be read again.
pub const STALE: Duration = Duration::from_secs(60);
/// How often the uses of one avenue are written down at most.
const USE_EVERY_MS: i64 = 60 * 60 * 1_000;
/// How often it is looked whether an avenue closed.
const WATCH_EVERY: Duration = Duration::from_secs(60);
/// How often every avenue is walked.
pub const PROBE_EVERY_MS: i64 = 6 * 60 * 60 * 1_000;

/// What is known of every business's ways out.
#[derive(Debug)]
pub struct Avenues {
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    kept: Mutex<Option<(Known, Instant)>>,
    /// When somebody last wrote, as this process heard it.
    heard_ms: AtomicI64,
}

impl Avenues {
    /// Nothing known yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let place = |_: &crate::config::Business| Place {
            kept: Mutex::new(None),
            heard_ms: AtomicI64::new(i64::MIN),
        };
        Self {
            places: config.business.iter().map(place).collect(),
        }
    }

    fn place(&self, business: BusinessIx) -> Option<&Place> {
        self.places.get(business.0 as usize)
    }
}

impl Place {
    fn kept(&self) -> Option<(Known, Instant)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut known, read_at) = kept.clone()?;
        self.add_heard(&mut known);
        Some((known, read_at))
    }

    fn keep(&self, known: &Known, read_at: Instant) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((known.clone(), read_at));
    }

    fn add_heard(&self, known: &mut Known) {
        let heard_ms = self.heard_ms.load(Ordering::Relaxed);
        if heard_ms > i64::MIN {
            known.inbound_ms = known.inbound_ms.max(Some(heard_ms));
        }
    }
}

/// What the configuration says; nothing proved.
fn configured(app: &App, business: &Business) -> Known {
    let config = &business.config;
    let served = |meta_app: &crate::config::MetaApp| {
        !meta_app.app_secret.is_empty() && meta_app.businesses.contains(&config.id)
    };
    Known {
        has_number: !config.number.is_empty(),
        hears: !config.app_secret.is_empty() || app.config.meta_app.iter().any(served),
        makes_links: !app.config.listen.public_url.is_empty(),
        page_is_published: !config.avenues.preference_page_published_at.is_empty(),
        staff_is_named: !config.avenues.staff.trim().is_empty(),
        api: match config.avenues.api {
            None => Api::Unsaid,
            Some(true) => Api::Used,
            Some(false) => Api::Unused,
        },
        ..Known::default()
    }
}

/// Everything known of a business's ways out, read now.
///
/// # Errors
/// The ledger's.
pub async fn read(app: &App, business: &Business) -> Result<Known, LedgerError> {
    let at = app.clock.instant();
    let mut known = configured(app, business);
    let numbers = &business.config.number;
    let numbers: Vec<&str> = numbers.iter().map(|n| n.phone_number_id.as_str()).collect();
    app.ledger
        .avenues(business.ix, &numbers, &mut known)
        .await?;
    if let Some(place) = app.avenues.place(business.ix) {
        place.keep(&known, at);
        place.add_heard(&mut known);
    }
    Ok(known)
}

/// The rules that a template is decided by, from what was last read; waits for nothing.
pub(crate) fn rules(app: &App, business: BusinessIx, now_ms: i64) -> Rules {
    let kept = app.avenues.place(business).and_then(Place::kept);
    let now = app.clock.instant();
    let known = kept.filter(|(_, read_at)| now.duration_since(*read_at) < STALE);
    Rules {
        only_notifications: match known {
            Some((known, _)) => only_notifications(&known, now_ms),
            // Nothing is known: not that any way out is open.
            None => OnlyNotifications::of(Category::ALL),
        },
        ..app.directory.business(business).rules
    }
}

/// Why something could not be read: the store said so, or said nothing.
type Unread = Box<dyn std::error::Error + Send + Sync>;

/// Reads what is known again unless that was just done, for whoever decides without sending: so that what they
/// are told is what a send is told. While the last look still counts it gives up soon, as sends do not wait either;
/// where there is none, as in a command that has only just begun, it waits as long as a command may.
///
/// # Errors
/// Nothing is known that counts, and the store did not say.
pub(crate) async fn freshen(app: &App, business: BusinessIx) -> Result<(), Unread> {
    let kept = app.avenues.place(business).and_then(Place::kept);
    let now = app.clock.instant();
    let age = kept.map(|(_, read_at)| now.duration_since(read_at));
    if age.is_some_and(|age| age < FRESH) {
        return Ok(());
    }
    // What counts now has to count until the decision is made.
    let counts = age.is_some_and(|age| age + READ_WITHIN * 2 < STALE);
    let business = app.directory.business(business);
    if counts {
        look(app, business).await;
        return Ok(());
    }
    read_within(app, business, FIRST_READ_WITHIN).await
}

/// One reading, within its time.
async fn read_within(app: &App, business: &Business, within: Duration) -> Result<(), Unread> {
    match tokio::time::timeout(within, read(app, business)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Box::new(error)),
        Err(late) => Err(Box::new(late)),
    }
}

/// One reading, within its time; the last one stays when it fails.
async fn look(app: &App, business: &Business) {
    if let Err(error) = read_within(app, business, READ_WITHIN).await {
        tracing::warn!(%error, business.id = %business.config.id, "the proofs of ways out could not be read");
    }
}

/// Reads what is known of every business once, before the first send asks.
pub async fn begin(app: &App) {
    look_at_all(app).await;
}

/// Side by side: a store that hangs holds up none of the others.
async fn look_at_all(app: &App) {
    let looks = app
        .directory
        .businesses()
        .map(|business| look(app, business));
    futures_util::future::join_all(looks).await;
}

/// Keeps what is known fresh, until told to stop.
async fn refresh(app: &App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(FRESH) => {}
            _ = stop.changed() => return,
        }
        look_at_all(app).await;
    }
}

/// The latest moment at which somebody wrote to a number of the business, among what a webhook taught.
pub(crate) fn last_written(business: &Business, effects: &[Effect]) -> Option<i64> {
    let is_ours = |number: &str| {
        let mut ours = business.config.number.iter();
        ours.any(|known| known.phone_number_id == number)
    };
    let wrote = |effect: &Effect| match effect {
        Effect::Wrote { at_ms, number, .. } if is_ours(number) => Some(*at_ms),
        _ => None,
    };
    effects.iter().filter_map(wrote).max()
}

/// Somebody wrote to a number, and that is on disk.
pub(crate) fn heard(app: &App, business: BusinessIx, at_ms: Option<i64>) {
    if let (Some(place), Some(at_ms)) = (app.avenues.place(business), at_ms) {
        place.heard_ms.fetch_max(at_ms, Ordering::Relaxed);
    }
}

/// A person's no came by this avenue, and that is on disk. Never fails: the no is what counts.
pub(crate) async fn used(app: &App, business: BusinessIx, avenue: Avenue) {
    let now_ms = app.clock.now_ms();
    let place = app.avenues.place(business);
    let last_ms = place
        .and_then(Place::kept)
        .and_then(|(known, _)| known.track(avenue).used_ms);
    if last_ms.is_some_and(|last_ms| now_ms < last_ms.saturating_add(USE_EVERY_MS)) {
        return;
    }
    proved(app, business, &[(avenue, Walk::Used)], now_ms).await;
}

/// Writes proofs down and has the next look read them.
async fn proved(app: &App, business: BusinessIx, walks: &[(Avenue, Walk)], at_ms: i64) -> bool {
    let written = app.ledger.prove_avenues(business, walks, at_ms).await;
    if let Err(error) = &written {
        tracing::warn!(%error, "that a way out was taken could not be written down");
    }
    let business = app.directory.business(business);
    written.is_ok() && read(app, business).await.is_ok()
}

/// Whether notifications would be the only way out of anything.
#[must_use]
pub fn is_shut_in(known: &Known, now_ms: i64) -> bool {
    only_notifications(known, now_ms) != OnlyNotifications::default()
}

/// Whether nothing is proved because nothing has begun: nobody wrote, nothing was to be sent, nothing is broken.
///
/// # Errors
/// The ledger's.
pub async fn is_new(app: &App, business: &Business, known: &Known) -> Result<bool, LedgerError> {
    if !known.is_untried() {
        return Ok(false);
    }
    let sent = app.ledger.decisions(Some(business.ix), None, 1).await?;
    Ok(sent.is_empty())
}

/// Avenues that count and are open.
fn open_ones(findings: &[Finding]) -> BTreeSet<Avenue> {
    findings
        .iter()
        .filter(|finding| finding.open && finding.counts)
        .map(|finding| finding.avenue)
        .collect()
}

/// Keeps what is known fresh, watches every avenue and walks them in turn, until told to stop.
pub async fn run(app: Shared, stop: watch::Receiver<bool>) {
    tokio::join!(refresh(&app, stop.clone()), watch_all(&app, stop));
}

async fn watch_all(app: &Shared, mut stop: watch::Receiver<bool>) {
    let mut before: Vec<Option<BTreeSet<Avenue>>> = vec![None; app.avenues.places.len()];
    loop {
        tokio::select! {
            () = tokio::time::sleep(WATCH_EVERY) => {}
            _ = stop.changed() => return,
        }
        for (business, before) in app.directory.businesses().zip(&mut before) {
            if let Err(error) = watch_one(app, business, before).await {
                tracing::warn!(%error, business.id = %business.config.id, "ways out could not be looked at");
            }
        }
    }
}

/// Looks at one business: probes what is due, and tells what closed since the last look.
///
/// # Errors
/// The ledger's.
pub async fn watch_one(
    app: &Shared,
    business: &Business,
    before: &mut Option<BTreeSet<Avenue>>,
) -> Result<(), LedgerError> {
    let mut known = read(app, business).await?;
    let now_ms = app.clock.now_ms();
    // The newest probe on record keeps other nodes from probing too; two at once do no harm.
    let last_ms = known.tracks.iter().flat_map(|t| [t.probed_ms, t.failed_ms]);
    let due = last_ms
        .flatten()
        .max()
        .is_none_or(|last_ms| now_ms >= last_ms.saturating_add(PROBE_EVERY_MS));
    if due {
        probe::all(app, business).await;
        known = read(app, business).await?;
    }
    let findings = audit(&known, now_ms);
    let open = open_ones(&findings);
    // Of many nodes one is told that it closed.
    for avenue in ways::tell(app, business, &open, &findings).await? {
        closed(business, avenue, &findings);
    }
    if open.is_empty() && before.as_ref().is_none_or(|before| !before.is_empty()) {
        tracing::warn!(
            business.id = %business.config.id,
            "notifications would be the only way out: every ask is refused; `greenline avenues` says what is missing"
        );
    }
    *before = Some(open);
    Ok(())
}

/// Tells the operator that an avenue closed; subscribers were told by [`ways::tell`].
fn closed(business: &Business, avenue: Avenue, findings: &[Finding]) {
    let missing = findings
        .iter()
        .find(|finding| finding.avenue == avenue)
        .and_then(|finding| finding.missing);
    tracing::warn!(
        business.id = %business.config.id,
        avenue = avenue.as_str(),
        missing = missing.map_or("", |missing| missing.as_str()),
        "a way out closed"
    );
}

/// `greenline_avenue_open`, of those businesses whose ways out were looked at, in the text format of
/// Prometheus.
pub(crate) fn gauges(app: &App) -> String {
    let mut text = String::from(
        "# HELP greenline_avenue_open Whether a way out is open.\n# TYPE greenline_avenue_open gauge\n",
    );
    let now_ms = app.clock.now_ms();
    for business in app.directory.businesses() {
        let kept = app.avenues.place(business.ix).and_then(Place::kept);
        let Some((known, _)) = kept else { continue };
        let findings = audit(&known, now_ms);
        for avenue in Avenue::ALL {
            let open = findings.iter().any(|f| f.avenue == avenue && f.open);
            let _ = writeln!(
                text,
                "greenline_avenue_open{{business=\"{}\",avenue=\"{}\"}} {}",
                business.config.id,
                avenue.as_str(),
                u8::from(open)
            );
        }
    }
    text
}
