//! Letting go of screenings: those that were over long enough ago, and those that nobody wants.

use std::fs;
use std::io;

use crate::app::Shared;

use super::ID;
use super::kept::{Meta, Place};

/// Begins the name of the folder of a screening that is being thrown away.
const GONE: &str = "gone-";

/// Screenings that began before a moment: some of them may have been over by then.
pub(crate) async fn among(app: &Shared, before_ms: i64) -> Vec<Place> {
    let app = app.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let folder = app.screenings.folder();
        if app.screenings.is_ours().is_err() {
            return Vec::new();
        }
        // Left by a process that was killed while it threw them away.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(GONE)
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, folder = %folder.display(), "what is left of an old screening cannot be thrown away");
            }
        }
        let names = app.screenings.names();
        let old = names.iter().filter(|name| began_before(name, before_ms));
        old.filter_map(|name| app.screenings.place(name)).collect()
    });
    looking.await.unwrap_or_default()
}

/// A name tells when the screening began, so that those of late need not be read each time.
fn began_before(name: &str, before_ms: i64) -> bool {
    let began_ms = name
        .strip_prefix(ID)
        .and_then(|rest| rest.get(..12))
        .and_then(|hex| i64::from_str_radix(hex, 16).ok());
    began_ms.is_some_and(|began_ms| began_ms < before_ms)
}

/// Throws a screening away if it was over before a moment; whose it was.
pub(crate) async fn throw_away(place: Place, before_ms: i64) -> io::Result<Option<String>> {
    let throwing = tokio::task::spawn_blocking(move || {
        let Ok(meta) = place.meta() else {
            // What cannot be read is left; what is not there was thrown away by whoever shares the folder.
            return Ok(None);
        };
        if !was_over(&meta, before_ms) {
            return Ok(None);
        }
        discard(&place)?;
        Ok(Some(meta.business))
    });
    throwing.await.map_err(io::Error::other)?
}

fn was_over(meta: &Meta, before_ms: i64) -> bool {
    !meta.state.is_open() && meta.ended_ms.unwrap_or(meta.started_ms) < before_ms
}

/// Throws it away at once and whole: nobody finds half of it.
pub(crate) fn discard(place: &Place) -> io::Result<()> {
    let Some(name) = place.path().file_name().and_then(|name| name.to_str()) else {
        return Ok(());
    };
    let gone = place.path().with_file_name(format!("{GONE}{name}"));
    let ignored = |done: io::Result<()>| match done {
        // Somebody was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    };
    ignored(fs::rename(place.path(), &gone))?;
    ignored(fs::remove_dir_all(&gone))
}
