//! Letting go of imports that were over long enough ago.
//!
//! With an import goes all that was kept of it: what became of each row, and from where undoing it would look. One
//! about which there is still something to do stays, however old it is: one that waits or runs, one that is being
//! taken back, and one that failed after it had recorded something, until that is taken back.

use std::fs;
use std::io;
use std::path::Path;

use crate::app::Shared;

use super::ID;
use super::files::{Meta, Place, State};

/// Begins the name of the folder of an import that is being thrown away.
const GONE: &str = "gone-";

/// Imports that began before a moment: some of them may have been over by then.
pub(crate) async fn among(app: &Shared, before_ms: i64) -> Vec<Place> {
    let app = app.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let folder = app.imports.folder();
        if app.imports.is_ours().is_err() {
            return Vec::new();
        }
        let names = names(folder);
        // Left by a process that was killed while it threw them away.
        for name in names.iter().filter(|name| name.starts_with(GONE)) {
            if let Err(error) = fs::remove_dir_all(folder.join(name)) {
                tracing::warn!(%error, folder = %folder.display(), "what is left of an old import cannot be thrown away");
            }
        }
        let old = names.iter().filter(|name| began_before(name, before_ms));
        old.filter_map(|name| app.imports.place(name)).collect()
    });
    looking.await.unwrap_or_default()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.collect()
}

/// A name tells when the import began, so that those of late need not be read each time.
fn began_before(name: &str, before_ms: i64) -> bool {
    let began_ms = name
        .strip_prefix(ID)
        .and_then(|rest| rest.get(..12))
        .and_then(|hex| i64::from_str_radix(hex, 16).ok());
    began_ms.is_some_and(|began_ms| began_ms < before_ms)
}

/// Throws an import away if there is nothing left to do about it and it was over before a moment; whose it was.
pub(crate) async fn throw_away(place: Place, before_ms: i64) -> io::Result<Option<String>> {
    tokio::task::spawn_blocking(move || throw(&place, before_ms))
        .await
        .map_err(io::Error::other)?
}

fn throw(place: &Place, before_ms: i64) -> io::Result<Option<String>> {
    let held = match place.lock() {
        // Whoever shares the folder was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        held => held?,
    };
    // What is known of it is believed only while nobody else works on it; what cannot be read is left.
    let (Some(held), Ok(meta)) = (held, place.meta()) else {
        return Ok(None);
    };
    if !was_over(&meta, before_ms) {
        return Ok(None);
    }
    let Some(name) = place.path().file_name().and_then(|name| name.to_str()) else {
        return Ok(None);
    };
    // At once and whole: nobody finds half of it, and nothing is begun on it any more.
    let gone = place.path().with_file_name(format!("{GONE}{name}"));
    fs::rename(place.path(), &gone)?;
    drop(held);
    match fs::remove_dir_all(&gone) {
        // Another node, which shares the folder, cleans up too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    Ok(Some(meta.business))
}

fn was_over(meta: &Meta, before_ms: i64) -> bool {
    let is_half_done = meta.state == State::Failed && meta.first_event.is_some();
    let ended_ms = meta.ended_ms.unwrap_or(meta.started_ms);
    !meta.state.is_open() && !is_half_done && ended_ms < before_ms
}
