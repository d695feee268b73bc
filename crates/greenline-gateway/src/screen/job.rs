//! Screenings of lists that were sent to a server: taken in, worked off one after the other, kept for some days.
//!
//! A list lies in a folder of its own until it is screened, and then what came of it does. It is screened by the one
//! function that `greenline screen` calls, on a thread that lets others go first. What was broken off, by a kill or
//! because the store did not answer, begins anew from the kept list; what came of it is there when all of it is.
//! Each node works off what it was sent itself, unless nodes share the folder.

pub(crate) mod kept;
pub(crate) mod old;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::Shared;
use crate::config::Config;
use crate::imports::{self, files};
use crate::keyring::KeysError;

use super::{Kept, Order, Planned, Unscreened, Watch, erased};
use kept::{Meta, Place, State};

/// Begins the name of a screening.
pub(crate) const ID: &str = "scr_";
/// The setting that says where they lie.
pub(crate) const FOLDER: &str = "screenings.folder";
/// How often one is begun anew for which the store did not answer, and how long lies between.
const TRIES_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_secs(5);

/// A screening that this process has in hand.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// How far it is, and whether it is still wanted.
    pub(crate) watch: Watch,
    /// Its turn has come.
    is_running: AtomicBool,
    /// Nobody wants it any more.
    is_gone: AtomicBool,
}

/// Every screening of this machine.
#[derive(Debug)]
pub struct Screenings {
    folder: PathBuf,
    /// Folders on the way there that lie where anybody may make one; outermost first.
    shared: Vec<PathBuf>,
    /// Those this process has in hand.
    live: Mutex<HashMap<String, Arc<Live>>>,
    /// Held while it is looked whether there is one of the same list, and the other is written down.
    beginning: Mutex<()>,
    /// One is worked on at a time.
    turn: Semaphore,
    /// So many may wait or be worked on.
    room: Arc<Semaphore>,
    /// One is compared with what was decided since at a time.
    comparing: Arc<Semaphore>,
    /// The process is about to end.
    is_ending: AtomicBool,
}

/// A screening with how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What is known of it.
    pub(crate) meta: Meta,
    /// How far it is, when this process has it in hand.
    pub(crate) live: Option<Arc<Live>>,
}

impl Seen {
    /// Whether this process works on it.
    pub(crate) fn is_running(&self) -> bool {
        let live = self.live.as_ref();
        live.is_some_and(|live| live.is_running.load(Ordering::Relaxed))
    }

    /// Bytes of the list that were read.
    pub(crate) fn read(&self) -> u64 {
        match (self.meta.state, &self.live) {
            (State::Waiting | State::Screening, Some(live)) => {
                live.watch.read.load(Ordering::Relaxed)
            }
            (State::Waiting | State::Screening, None) => 0,
            _ => self.meta.bytes,
        }
    }
}

/// Whether screenings are kept among temporary files, because nothing else was said.
#[must_use]
pub fn is_temporary(config: &Config) -> bool {
    imports::lies_open(config, &config.screenings.folder)
}

/// A new name.
///
/// # Errors
/// There is no chance to be had.
pub(crate) fn new_id(now_ms: i64) -> Result<String, KeysError> {
    imports::named(ID, now_ms)
}

impl Screenings {
    /// Keeps nothing and makes nothing until there is a screening.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let folder = imports::folder_of(config, &config.screenings.folder, "screenings");
        let shared = match folder.parent().filter(|_| is_temporary(config)) {
            Some(parent) => vec![parent.to_owned(), folder.clone()],
            None => Vec::new(),
        };
        Self {
            folder,
            shared,
            live: Mutex::default(),
            beginning: Mutex::default(),
            turn: Semaphore::new(1),
            room: Arc::new(Semaphore::new(config.screenings.waiting_max.max(1))),
            comparing: Arc::new(Semaphore::new(1)),
            is_ending: AtomicBool::new(false),
        }
    }

    /// Begins nothing more, and waits until what is being worked on was left: it begins anew at the next start.
    pub(crate) async fn pause(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        for live in self.live().values() {
            live.watch.end();
        }
        let _ = self.turn.acquire().await;
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where they are kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sure that no other user of this machine has a hand in the folder, as far as there is one.
    pub(crate) fn is_ours(&self) -> io::Result<()> {
        self.shared
            .iter()
            .try_for_each(|folder| files::only_ours(folder, FOLDER))
    }

    /// Makes the folder of a screening.
    pub(crate) fn make(&self, place: &Place) -> io::Result<()> {
        for folder in &self.shared {
            files::private_folder(folder)?;
        }
        self.is_ours()?;
        place.make()
    }

    /// Room for one more; `None` when as many wait as may.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// The one turn to compare a screening with what was decided since; `None` when another has it.
    pub(crate) fn comparing(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.comparing).try_acquire_owned().ok()
    }

    /// The place of a screening of that name, whether there is one or not; `None` when it is no name.
    pub(crate) fn place(&self, id: &str) -> Option<Place> {
        let is_id = id
            .strip_prefix(ID)
            .is_some_and(|rest| rest.len() == 24 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
        is_id.then(|| Place::of(&self.folder, id))
    }

    /// A screening.
    pub(crate) fn find(&self, id: &str) -> Option<Seen> {
        let place = self.place(id)?;
        self.is_ours().ok()?;
        // First who works on it: whoever is done leaves only after writing down what came of it.
        let live = self.live().get(id).cloned();
        let meta = place.meta().ok()?;
        Some(Seen { meta, live })
    }

    /// Every screening, newest first.
    pub(crate) fn list(&self) -> Vec<Seen> {
        let mut names = self.names();
        names.sort_unstable_by(|one, other| other.cmp(one));
        names.iter().filter_map(|name| self.find(name)).collect()
    }

    /// What lies in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with(ID)).collect()
    }

    /// A screening of the same list in the same way: by its key, or one that is not over.
    fn same(&self, like: &Meta) -> Option<Meta> {
        let mut all = self.list().into_iter().map(|seen| seen.meta);
        all.find(|meta| {
            let is_wanted = match &like.key {
                Some(key) => meta.key.as_ref() == Some(key),
                None => meta.state.is_open(),
            };
            is_wanted
                && meta.business == like.business
                && meta.sha256 == like.sha256
                && meta.wanted == like.wanted
        })
    }

    /// How many wait, and whether one is worked on, in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        let (mut running, mut waiting) = (0, 0);
        for live in self.live().values() {
            if live.is_running.load(Ordering::Relaxed) {
                running += 1;
            } else {
                waiting += 1;
            }
        }
        let mut text = String::new();
        for (name, help, value) in [
            (
                "greenline_screenings_running",
                "Lists that this node is screening now.",
                running,
            ),
            (
                "greenline_screenings_waiting",
                "Lists that wait on this node to be screened.",
                waiting,
            ),
        ] {
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
            );
        }
        text
    }
}

/// Takes over a list that was received in `place` under `lock`, and begins; or finds the screening of the same list
/// that there is. The name of the screening.
///
/// # Errors
/// What is known of it cannot be written.
pub(crate) fn begin(
    app: &Shared,
    place: &Place,
    meta: &Meta,
    lock: File,
    room: OwnedSemaphorePermit,
) -> io::Result<String> {
    let screenings = &app.screenings;
    let beginning = screenings.beginning.lock();
    let beginning = beginning.unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = screenings.same(meta) {
        place.remove();
        return Ok(same.id);
    }
    place.put_meta(meta)?;
    // Only now: what is held by nobody and has no word about it is taken for never received.
    drop(lock);
    drop(beginning);
    start(app, &meta.id, Some(room));
    Ok(meta.id.clone())
}

/// Works on a screening in the background, unless this process does so already.
fn start(app: &Shared, id: &str, room: Option<OwnedSemaphorePermit>) {
    let Some(place) = app.screenings.place(id) else {
        return;
    };
    let live = Arc::new(Live::default());
    {
        let mut all = app.screenings.live();
        if all.contains_key(id) {
            return;
        }
        all.insert(id.to_owned(), Arc::clone(&live));
    }
    let (app, id) = (Arc::clone(app), id.to_owned());
    tokio::spawn(async move {
        let _room = room;
        for tried in 1.. {
            let again = match app.screenings.turn.acquire().await {
                Ok(_turn) => {
                    live.is_running.store(true, Ordering::Relaxed);
                    run(&app, &place, &live, tried).await
                }
                Err(_) => false,
            };
            live.is_running.store(false, Ordering::Relaxed);
            if !again {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        app.screenings.live().remove(&id);
    });
}

/// Screens the list; whether it is to be done once more, after a while.
async fn run(app: &Shared, place: &Place, live: &Live, tried: u32) -> bool {
    // Held as long as there is work; another process may have it.
    let _lock: File = match place.lock() {
        Ok(Some(lock)) => lock,
        Ok(None) => return false,
        Err(error) => {
            tracing::warn!(%error, "a screening cannot be worked on");
            return false;
        }
    };
    let Ok(mut meta) = place.meta() else {
        return false;
    };
    if !meta.state.is_open() || live.watch.is_over() || app.screenings.is_ending() {
        return false;
    }
    meta.state = State::Screening;
    let done = match place.put_meta(&meta) {
        Ok(()) => {
            live.watch.read.store(0, Ordering::Relaxed);
            super::run(app, order(app, place, &meta), &live.watch).await
        }
        Err(error) => Err(Unscreened::Unavailable(format!(
            "what is known of it cannot be written: {error}"
        ))),
    };
    if live.is_gone.load(Ordering::Relaxed) {
        // Whoever deleted it may have been faster than the folder of results was made.
        place.remove();
        return false;
    }
    meta.problem = None;
    match done {
        Ok(report) => {
            meta.state = State::Done;
            meta.counts = report.counts();
            app.metrics.screenings_done.add();
        }
        // The process ends, and it begins anew at the next start.
        Err(Unscreened::Stopped) => return false,
        Err(_) if app.screenings.is_ending() => return false,
        Err(Unscreened::Unavailable(why)) if tried < TRIES_MAX => {
            tracing::warn!(screening.id = meta.id, why, "a screening begins anew");
            meta.state = State::Waiting;
            meta.problem = Some(why);
        }
        Err(Unscreened::Input(why) | Unscreened::Unavailable(why)) => {
            meta.state = State::Failed;
            meta.problem = Some(why);
            app.metrics.screenings_failed.add();
        }
    }
    let is_open = meta.state.is_open();
    if !is_open {
        meta.ended_ms = Some(app.clock.now_ms());
        tracing::info!(
            screening.id = meta.id,
            business.id = meta.business,
            rows = meta.counts.rows,
            state = ?meta.state,
            "a screening is over"
        );
    }
    let ended = {
        let (app, place, meta) = (Arc::clone(app), place.clone(), meta.clone());
        tokio::task::spawn_blocking(move || erased::end(&app, &place, &meta)).await
    };
    match ended.map_err(io::Error::other).flatten() {
        // Nothing is made of it any more.
        Ok(()) if !is_open => place.remove_list(),
        Ok(()) => {}
        Err(error) => {
            tracing::warn!(%error, screening.id = meta.id, "what became of a screening cannot be written");
        }
    }
    is_open
}

fn order(app: &Shared, place: &Place, meta: &Meta) -> Order {
    let wanted = meta.wanted.clone();
    Order {
        business: Some(meta.business.clone()),
        number: wanted.number,
        template: wanted.template,
        language: wanted.language,
        at_ms: wanted.at_ms,
        list: place.list(),
        out: place.results(),
        column: wanted.column,
        delimiter: wanted.delimiter,
        country: wanted.country,
        no_sharing: false,
        rows_max: Some(app.config.screenings.rows_max),
        kept: Some(Kept {
            id: meta.id.clone(),
            name: wanted.name.unwrap_or_else(|| "list".to_owned()),
        }),
        plan: Some(Planned {
            until_ms: wanted.until_ms,
            sha256: Some(meta.sha256.clone()),
        }),
    }
}

/// Throws a screening away, with its list and all that came of it, whether it is over or not.
///
/// # Errors
/// The disk's; nobody finds it any more even then.
pub(crate) fn delete(app: &Shared, seen: &Seen) -> io::Result<()> {
    if let Some(live) = &seen.live {
        live.is_gone.store(true, Ordering::Relaxed);
        live.watch.end();
    }
    let Some(place) = app.screenings.place(&seen.meta.id) else {
        return Ok(());
    };
    old::discard(&place)
}

/// Goes on with what an earlier process left open. What was never received in full is thrown away; what cannot be
/// read is left as it is.
pub(crate) fn resume(app: &Shared) {
    if let Err(error) = app.screenings.is_ours() {
        tracing::error!(%error, "no screening is gone on with");
        return;
    }
    let mut names = app.screenings.names();
    // Whoever came first is served first.
    names.sort_unstable();
    for name in names {
        let Some(place) = app.screenings.place(&name) else {
            continue;
        };
        match place.meta() {
            Ok(meta) if meta.state.is_open() => {
                tracing::info!(
                    screening.id = meta.id,
                    "a screening that was left open begins anew"
                );
                start(app, &meta.id, app.screenings.room());
            }
            Ok(meta) if meta.state == State::Done => {
                // A process that was killed may have been about to.
                place.remove_list();
                if let Err(error) = erased::go_on(app, &place) {
                    tracing::error!(%error, screening.id = meta.id, "what came of a screening cannot be cleaned of somebody who was erased; delete it");
                }
            }
            Ok(_) => place.remove_list(),
            // Still being received by another process, unless nobody holds it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Ok(Some(_lock)) = place.lock()
                    && matches!(place.meta(), Err(error) if error.kind() == io::ErrorKind::NotFound)
                {
                    place.remove();
                }
            }
            Err(error) => tracing::warn!(
                %error,
                folder = %place.path().display(),
                "what is known of a screening cannot be read; it is left as it is"
            ),
        }
    }
}
