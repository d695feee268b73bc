//! Replies while the store is down: `store.replies_when_down = "forward"` (law 11, open inward).
//!
//! A free-form reply inside a window that was open before may still go. It is decided from memory, which is
//! what the store last held; its decision is synced to a file of its own before the first byte goes out
//! (law 3), and read into the store once that is back, also by the next process. A stop that the store could
//! not take has not been acknowledged, yet whoever said it gets nothing that is decided here. What cannot be
//! kept durably does not go. Templates, calls and everything else outside a reply never go this way.

mod file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::held::Holding;
use greenline_ledger::types::{
    Admitted, Ask, BusinessIx, DecisionId, Effect, Outcome, Spilled, UNSETTLED_MS,
};
use greenline_policy::decide::{Intent, WINDOW_MS};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::config::{RepliesWhenDown, Store};
use file::{Line, SpillFile};

/// Between attempts to read the file into the store.
const READ_IN_EVERY: Duration = Duration::from_secs(1);
/// Decisions handed to the store at once.
const READ_IN_MAX: usize = 512;
/// Stops remembered; past it no reply goes.
const STOPS_MAX: usize = 10_000;

/// Where decisions are kept that the store did not take.
#[derive(Debug)]
pub struct Spill {
    /// Nothing where replies are refused.
    shelf: Option<Arc<Shelf>>,
}

#[derive(Debug)]
struct Shelf {
    kept: Mutex<Kept>,
    /// Something waits or is under way; spares the lock on every outcome. Set under the lock.
    busy: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    file: SpillFile,
    /// In the file and not yet in the store, oldest first.
    waiting: Vec<Spilled>,
    /// Outcomes of those.
    outcomes: FxHashMap<u64, Outcome>,
    /// People whose stop the store could not take, and when it came.
    stops: Vec<(BusinessIx, Identifier, i64)>,
    /// Bodies whose outcome is unknown, and until when they wait.
    unsettled: Vec<(Identifier, [u8; 16], i64)>,
    /// Sent and not settled: to whom and what.
    under_way: FxHashMap<u64, (Identifier, [u8; 16])>,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spill {
    /// Looks at what the last process left behind; nothing is opened where replies are refused.
    ///
    /// # Errors
    /// A folder that cannot be made or a file that cannot be read.
    pub fn open(store: &Store, businesses: &[&str]) -> std::io::Result<Self> {
        if store.replies_when_down == RepliesWhenDown::Refuse {
            return Ok(Self { shelf: None });
        }
        let (file, lines) = SpillFile::open(folder(store), store.spill_bytes_max)?;
        let mut kept = Kept {
            file,
            waiting: Vec::new(),
            outcomes: FxHashMap::default(),
            stops: Vec::new(),
            unsettled: Vec::new(),
            under_way: FxHashMap::default(),
        };
        for line in lines {
            match line {
                Line::Decision(spilled) => kept.waiting.push(spilled),
                Line::Outcome(id, outcome) => {
                    kept.outcomes.insert(id.seq, outcome);
                }
                Line::Stop(business, person, at_ms) => {
                    let place = businesses.iter().position(|id| *id == business);
                    if let Some(Ok(place)) = place.map(u32::try_from) {
                        kept.stops.push((BusinessIx(place), person, at_ms));
                    }
                }
            }
        }
        let shelf = Shelf {
            busy: AtomicBool::new(!kept.waiting.is_empty()),
            kept: Mutex::new(kept),
        };
        Ok(Self {
            shelf: Some(Arc::new(shelf)),
        })
    }

    /// Remembers stops that the store could not take.
    pub(crate) fn heard(&self, app: &App, effects: &[Effect], now_ms: i64) {
        let Some(shelf) = &self.shelf else { return };
        let mut kept = shelf.lock();
        kept.stops.retain(|(.., at_ms)| now_ms - at_ms < WINDOW_MS);
        if kept.stops.is_empty() && kept.waiting.is_empty() {
            // Best effort: a file that cannot be emptied refuses at its bound.
            let _ = kept.file.clear();
        }
        for effect in effects {
            let Effect::Consent(event) = effect else {
                continue;
            };
            // What closes a thread (A1).
            if !event.kind.is_no() || !(event.in_thread || event.scope == Scope::All) {
                continue;
            }
            let business = &app.directory.business(event.business).config.id;
            for identifier in &event.person {
                let known = |(of, who, _): &(BusinessIx, Identifier, i64)| {
                    *of == event.business && who == identifier
                };
                if kept.stops.iter().any(known) || kept.stops.len() >= STOPS_MAX {
                    continue;
                }
                kept.file.note_stop(business, identifier, now_ms);
                kept.stops
                    .push((event.business, identifier.clone(), now_ms));
            }
        }
    }
}

/// The folder that the configuration names, or one beside the store.
fn folder(store: &Store) -> PathBuf {
    if store.spill.is_empty() {
        // Only a SQLite store has a place beside it, and with others nothing is spilled.
        let mut path = OsString::from(store.url.sqlite_path().unwrap_or(Path::new("")));
        path.push("-spill");
        PathBuf::from(path)
    } else {
        PathBuf::from(&store.spill)
    }
}

/// Lets a reply go that the store could not take; `None` where it is to be refused, as anything else is.
pub(crate) async fn admit(app: &Shared, ask: &Ask, error: &LedgerError) -> Option<Admitted> {
    let shelf = app.spill.shelf.as_ref()?;
    // A reply of our own waits for the store: there alone its hand is on record.
    if ask.intent != Intent::FreeForm || ask.reply.is_some() || !error.is_passing() {
        return None;
    }
    let stopped = may_try(shelf, ask)?;
    let unrecorded = app
        .ledger
        .admit_unrecorded(ask.clone(), stopped)
        .await
        .ok()??;
    let (admitted, spilled) = (unrecorded.admitted, unrecorded.spilled);
    let id = admitted.id;
    let (into, ask) = (Arc::clone(shelf), ask.clone());
    let written = tokio::task::spawn_blocking(move || keep(&into, &ask, spilled)).await;
    match written {
        Ok(Ok(true)) => {
            app.metrics.replies_spilled.add();
            Some(admitted)
        }
        // They said stop while it was written down.
        Ok(Ok(false)) => {
            app.settle(id, Outcome::NotSent);
            None
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a reply could not be kept in the spill file; it does not go");
            None
        }
        Err(_) => None,
    }
}

/// Whose stops the ledger does not know; `None` where this reply is not even to be tried.
fn may_try(shelf: &Shelf, ask: &Ask) -> Option<Vec<Identifier>> {
    let kept = shelf.lock();
    let waits = kept.unsettled.iter().any(|(to, body, until_ms)| {
        *body == ask.body_hash && *until_ms > ask.now_ms && ask.to.contains(to)
    });
    if waits || kept.stops.len() >= STOPS_MAX {
        return None;
    }
    Some(kept.stopped(ask.business))
}

impl Kept {
    /// Empties the file but for the stops, which the platform may not have told again yet.
    fn empty(&mut self, app: &App) -> std::io::Result<()> {
        self.file.clear()?;
        for (of, who, at_ms) in &self.stops {
            let business = &app.directory.business(*of).config.id;
            self.file.note_stop(business, who, *at_ms);
        }
        Ok(())
    }

    fn stopped(&self, business: BusinessIx) -> Vec<Identifier> {
        self.stops
            .iter()
            .filter(|(of, ..)| *of == business)
            .map(|(_, who, _)| who.clone())
            .collect()
    }
}

/// Syncs a decision to the file; `false` where its person said stop meanwhile.
fn keep(shelf: &Shelf, ask: &Ask, spilled: Spilled) -> std::io::Result<bool> {
    let mut kept = shelf.lock();
    kept.file.keep(&spilled)?;
    shelf.busy.store(true, Ordering::Release);
    if let Some(to) = ask.to.first() {
        let under_way = (to.clone(), ask.body_hash);
        kept.under_way.insert(spilled.id.seq, under_way);
    }
    kept.waiting.push(spilled);
    let stopped = kept.stopped(ask.business);
    Ok(!ask.to.iter().any(|to| {
        stopped
            .iter()
            .any(|who| who.canonical().0 == to.canonical().0)
    }))
}

impl Spill {
    /// Deletes what was set aside of somebody who was erased.
    ///
    /// # Errors
    /// The file's.
    pub(crate) fn forget(&self, business: &str, person: &Holding) -> std::io::Result<usize> {
        let Some(shelf) = &self.shelf else {
            return Ok(0);
        };
        let of_business = format!("\"business\":\"{business}\"");
        let of_business = memchr::memmem::Finder::new(&of_business);
        let is_theirs = |line: &[u8]| of_business.find(line).is_some() && person.is_named_in(line);
        shelf.lock().file.forget(is_theirs)
    }
}

impl App {
    /// Notes what became of an allowed send, once its decision is in the store.
    pub(crate) fn settle(&self, id: DecisionId, outcome: Outcome) {
        let shelf = self.spill.shelf.as_ref();
        if let Some(shelf) = shelf.filter(|shelf| shelf.busy.load(Ordering::Acquire)) {
            let mut kept = shelf.lock();
            if let Some((to, body)) = kept.under_way.remove(&id.seq)
                && outcome == Outcome::Unknown
            {
                let now_ms = self.clock.now_ms();
                kept.unsettled.retain(|(.., until_ms)| *until_ms > now_ms);
                let until_ms = now_ms.saturating_add(UNSETTLED_MS);
                kept.unsettled.push((to, body, until_ms));
            }
            if kept.waiting.iter().rev().any(|spilled| spilled.id == id) {
                kept.file.note_outcome(id, &outcome);
                kept.outcomes.insert(id.seq, outcome);
                return;
            }
        }
        self.ledger.settle(id, outcome);
    }
}

/// Reads into the store what it could not take, once.
///
/// # Errors
/// The store's; what is not in it yet stays where it is.
pub async fn read_in(app: &App) -> Result<(), LedgerError> {
    let Some(shelf) = &app.spill.shelf else {
        return Ok(());
    };
    loop {
        let some: Vec<Spilled> = {
            let kept = shelf.lock();
            kept.waiting.iter().take(READ_IN_MAX).cloned().collect()
        };
        if some.is_empty() {
            return Ok(());
        }
        let count = some.len();
        match app.ledger.record_spilled(some.clone()).await {
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                tracing::error!(%error, decisions = count, "spilled decisions cannot be recorded together; they are tried one by one");
                one_by_one(app, shelf, &some).await?;
            }
            Ok(()) => {}
        }
        let mut kept = shelf.lock();
        kept.waiting.drain(..count);
        for spilled in &some {
            if let Some(outcome) = kept.outcomes.remove(&spilled.id.seq) {
                app.ledger.settle(spilled.id, outcome);
            }
        }
        tracing::info!(
            decisions = count,
            "spilled decisions were read into the store"
        );
        if kept.waiting.is_empty() {
            let under_way = !kept.under_way.is_empty();
            shelf.busy.store(under_way, Ordering::Release);
            if let Err(error) = kept.empty(app) {
                tracing::warn!(%error, "the spill file could not be emptied; what it holds is in the store");
            }
        }
    }
}

/// Records what can be; the rest is set aside for an operator.
async fn one_by_one(app: &App, shelf: &Shelf, some: &[Spilled]) -> Result<(), LedgerError> {
    for spilled in some {
        match app.ledger.record_spilled(vec![spilled.clone()]).await {
            Ok(()) => {}
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                let decision = crate::ids::decision(spilled.id);
                tracing::error!(decision.id = %decision, %error, "a spilled decision cannot be recorded; it is set aside");
                if let Err(error) = shelf.lock().file.set_aside(spilled) {
                    tracing::error!(decision.id = %decision, %error, "a spilled decision could not be set aside");
                }
            }
        }
    }
    Ok(())
}

/// Reads in whatever waits, until told to stop.
pub(crate) async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    if app.spill.shelf.is_none() {
        return;
    }
    let mut told = false;
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(READ_IN_EVERY) => {}
            _ = stop.changed() => break,
        }
        match read_in(&app).await {
            Ok(()) => told = false,
            Err(error) => {
                if !told {
                    tracing::warn!(%error, "spilled decisions wait for the store");
                }
                told = true;
            }
        }
    }
}
