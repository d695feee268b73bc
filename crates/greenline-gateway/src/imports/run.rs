//! Doing an import: reading and sorting, then piece by piece.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::import::{ImportPiece, ImportRow, RowDone};
use greenline_ledger::types::NewEvent;
use tokio::sync::mpsc;

use crate::admin::consents::lapse;
use crate::app::Shared;
use crate::directory::Business;

use super::files::{Journal, Meta, Note, Place, Rows, State};
use super::number::Country;
use super::packed::{self, Common};
use super::rehearse::Rehearsal;
use super::row::RowReader;
use super::sort::{RUN_BYTES, Sorted, Sorter};
use super::source::{self, Layout, Unfit};
use super::{Became, Counts, Live, undo};

/// How long the ledger may be busy with one piece: a send waits behind at most one.
const PIECE: Duration = Duration::from_millis(20);
/// Rows of a piece, at first, at least and at most.
const ROWS_FIRST: usize = 128;
const ROWS_MIN: usize = 32;
const ROWS_MAX: usize = 2_048;
/// Pieces made ready ahead.
const AHEAD: usize = 4;
/// How long to wait for a store that is down, and how often.
const PAUSE: Duration = Duration::from_secs(1);
const TRIES_MAX: u32 = 120;

/// Why an import did not come to its end.
pub(super) enum Stop {
    /// It never will: what is wrong.
    Failed(String),
    /// It can go on later.
    Later(String),
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::File(why) => Self::Failed(why),
            Unfit::Disk(error) => Self::Later(error.to_string()),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Later(error.to_string())
    }
}

/// Works on an import until it is over or cannot go on.
pub(super) async fn run(app: &Shared, place: &Place, live: &Arc<Live>) {
    // Held as long as there is work; another process may have it.
    let _lock: File = match place.lock() {
        Ok(Some(lock)) => lock,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(%error, "an import cannot be worked on");
            return;
        }
    };
    let Ok(mut meta) = place.meta() else { return };
    if !meta.state.is_open() {
        return;
    }
    let Some(business) = app.directory.business_by_id(&meta.business).cloned() else {
        tracing::warn!(
            import.id = meta.id,
            "the business of an import is no longer configured"
        );
        return;
    };
    let done = if meta.state == State::Undoing {
        undo::run(app, &business, &mut meta, live).await
    } else {
        let done = import(app, &business, place, &mut meta, live).await;
        // However it ends: what was recorded is told.
        meta.counts = live.counts();
        done
    };
    match done {
        Ok(()) => {}
        Err(Stop::Failed(why)) => {
            meta.state = State::Failed;
            meta.problem = Some(why);
        }
        Err(Stop::Later(why)) => {
            tracing::warn!(
                import.id = meta.id,
                why,
                "an import waits to be gone on with"
            );
            if meta.state != State::Undoing {
                meta.state = State::Waiting;
            }
        }
    }
    if !meta.state.is_open() {
        meta.ended_ms = Some(app.clock.now_ms());
        place.remove_rows();
        tracing::info!(
            import.id = meta.id,
            business.id = meta.business,
            rows = meta.counts.rows,
            state = ?meta.state,
            "an import is over"
        );
    }
    if let Err(error) = place.put_meta(&meta) {
        tracing::warn!(%error, import.id = meta.id, "what became of an import cannot be written");
    }
}

/// A file, read and sorted.
struct Prepared {
    sorted: Sorted,
    layout: Layout,
    /// Rows of the file.
    rows: u64,
    /// Rows that were done before, by the journal.
    done: Rows,
    /// What these became, and what cannot be read.
    counts: Counts,
}

async fn import(
    app: &Shared,
    business: &Arc<Business>,
    place: &Place,
    meta: &mut Meta,
    live: &Arc<Live>,
) -> Result<(), Stop> {
    meta.state = State::Reading;
    place.put_meta(meta)?;
    let prepared = {
        let (business, place, meta) = (Arc::clone(business), place.clone(), meta.clone());
        let (live, rows_max) = (Arc::clone(live), app.config.imports.rows_max);
        tokio::task::spawn_blocking(move || prepare(&business, &place, &meta, &live, rows_max))
            .await
            .map_err(|_| Stop::Failed("reading the file ended in a panic".to_owned()))??
    };
    meta.columns = prepared
        .layout
        .columns
        .iter()
        .map(|(column, member)| (column.clone(), (*member).to_owned()))
        .collect();
    meta.ignored_columns = prepared.layout.ignored.iter().cloned().collect();
    meta.state = State::Writing;
    place.put_meta(meta)?;
    let mut counts = prepared.counts;
    live.rows
        .store(prepared.rows - counts.rejected, Ordering::Relaxed);
    let mut journal = place.journal()?;
    live.set_counts(counts);
    let common = Common {
        business: business.ix,
        actor: meta.actor.as_str().into(),
        arrival_ms: meta.started_ms,
    };
    let size = Arc::new(AtomicUsize::new(ROWS_FIRST));
    let pieces = pieces(prepared.sorted, common, prepared.done, &size);
    live.done
        .store(counts.rows - counts.rejected, Ordering::Relaxed);
    let mut writing = Writing {
        app,
        business,
        place,
        meta,
        live,
        size: &size,
        rehearsal: Rehearsal::default(),
    };
    writing.all(pieces, &mut journal, &mut counts).await?;
    // It is what the results are made of, and nothing makes it again once the file is gone.
    tokio::task::spawn_blocking(move || journal.sync())
        .await
        .map_err(io::Error::other)??;
    meta.state = State::Done;
    Ok(())
}

fn prepare(
    business: &Business,
    place: &Place,
    meta: &Meta,
    live: &Live,
    rows_max: u64,
) -> Result<Prepared, Unfit> {
    if meta.options.dry_run {
        // What was tried before is forgotten by now.
        place.fresh_journal()?;
    }
    // By the rows' numbers in the file: settings may have changed since, and with them which rows can be read.
    let (mut done, mut counts) = (Rows::default(), Counts::default());
    place.entries(|row, code| {
        if let Some(became) = Became::of(code)
            && done.add(row)
        {
            counts.add(became);
        }
    })?;
    live.set_counts(counts);
    let reader = RowReader {
        business,
        actor: &meta.actor,
        now_ms: meta.started_ms,
        id: &meta.id,
        options: &meta.options,
        country: meta.options.country.as_deref().and_then(Country::parse),
    };
    let mut sorter = Sorter::new(place.path(), RUN_BYTES);
    let mut sayings = place.sayings()?;
    let mut rows = 0_u64;
    let mut body = Vec::with_capacity(1 << 10);
    let rows_max = rows_max.min(u64::from(u32::MAX));
    let layout = source::read(
        &place.upload(),
        &meta.options,
        Arc::clone(&live.read),
        &mut |(line, cells)| {
            if rows == rows_max {
                return Err(Unfit::File(format!(
                    "more than {rows_max} rows (imports.rows_max); split the file"
                )));
            }
            sayings.line(line)?;
            match cells.and_then(|cells| reader.read(cells)) {
                Ok(read) => {
                    packed::pack(&read.row, &mut body);
                    sorter.push(&packed::key(&read.row, rows), &body)?;
                    if !read.notes.is_empty() {
                        sayings.note(&Note {
                            row: rows,
                            problem: None,
                            notes: read.notes,
                        })?;
                    }
                }
                // It was done when it could be read, and that stands.
                Err(_) if done.has(rows) => {}
                Err(problem) => {
                    counts.add(Became::Rejected);
                    sayings.note(&Note {
                        row: rows,
                        problem: Some(problem),
                        notes: Vec::new(),
                    })?;
                }
            }
            rows += 1;
            Ok(true)
        },
    )?;
    sayings.finish()?;
    Ok(Prepared {
        sorted: sorter.finish()?,
        layout,
        rows,
        done,
        counts,
    })
}

/// Rows that are done together; a row that is there before has none of its own.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Each with its number.
    pub(super) items: Vec<(u32, Option<ImportRow>)>,
    /// The person of the last row goes on in the next piece.
    pub(super) goes_on: bool,
}

/// Makes pieces in order, of whole people where that can be, but for the rows that were done before.
fn pieces(
    mut sorted: Sorted,
    common: Common,
    before: Rows,
    size: &Arc<AtomicUsize>,
) -> mpsc::Receiver<Result<Piece, String>> {
    let (to, from) = mpsc::channel(AHEAD);
    let size = Arc::clone(size);
    tokio::task::spawn_blocking(move || {
        let mut piece = Piece::default();
        let mut last: Vec<u8> = Vec::new();
        loop {
            let entry = match sorted.take_next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    let _ = to.blocking_send(Err(error.to_string()));
                    return;
                }
            };
            let (same, number) = packed::split_key(&entry.key);
            let is_new_person = packed::who(&last) != packed::who(same);
            let length = piece.items.len();
            if length >= ROWS_MAX || (is_new_person && length >= size.load(Ordering::Relaxed)) {
                piece.goes_on = !is_new_person;
                if to.blocking_send(Ok(std::mem::take(&mut piece))).is_err() {
                    return;
                }
            }
            let row = if same == last.as_slice() {
                None
            } else {
                let Some(row) = packed::unpack(&entry.body, &common) else {
                    let _ = to.blocking_send(Err("a sorted row does not read".to_owned()));
                    return;
                };
                Some(row)
            };
            last.clear();
            last.extend_from_slice(same);
            if !before.has(number) {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                piece.items.push((number, row));
            }
        }
        if !piece.items.is_empty() {
            let _ = to.blocking_send(Ok(piece));
        }
    });
    from
}

/// What pieces are done with.
struct Writing<'a> {
    app: &'a Shared,
    business: &'a Business,
    place: &'a Place,
    meta: &'a mut Meta,
    live: &'a Live,
    size: &'a AtomicUsize,
    rehearsal: Rehearsal,
}

impl Writing<'_> {
    async fn all(
        &mut self,
        mut pieces: mpsc::Receiver<Result<Piece, String>>,
        journal: &mut Journal,
        counts: &mut Counts,
    ) -> Result<(), Stop> {
        while let Some(piece) = pieces.recv().await {
            let mut piece = piece.map_err(Stop::Later)?;
            let numbers: Vec<(u32, bool)> = piece
                .items
                .iter()
                .map(|(number, row)| (*number, row.is_some()))
                .collect();
            let done = self.piece(&mut piece).await?;
            let mut done = done.into_iter();
            let mut entries = Vec::with_capacity(numbers.len());
            let mut flights = Vec::new();
            let mut first = None;
            for (number, is_row) in numbers {
                let became = if is_row {
                    let Some(row) = done.next() else {
                        return Err(Stop::Failed("the ledger lost a row".to_owned()));
                    };
                    if row.outcome.records() {
                        first = first.into_iter().chain(row.event.map(|id| id.0)).min();
                    }
                    flights.extend(row.flights);
                    Became::Row(row.outcome)
                } else {
                    Became::Duplicate
                };
                counts.add(became);
                entries.push((number, became.code()));
            }
            for flight in flights {
                flight.settled().await;
            }
            self.note_first(first)?;
            journal.append(&entries)?;
            self.live.set_counts(*counts);
            self.live
                .done
                .fetch_add(entries.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Undoing begins to look from there.
    fn note_first(&mut self, first: Option<u64>) -> Result<(), Stop> {
        if let Some(first) = first
            && !self.meta.options.dry_run
            && self.meta.first_event.is_none_or(|known| first < known)
        {
            self.meta.first_event = Some(first);
            self.place.put_meta(self.meta)?;
        }
        Ok(())
    }

    async fn piece(&mut self, piece: &mut Piece) -> Result<Vec<RowDone>, Stop> {
        let rows: Vec<ImportRow> = piece
            .items
            .iter_mut()
            .filter_map(|(_, row)| row.take())
            .collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let count = rows.len();
        let begun = self.app.clock.instant();
        let request = ImportPiece {
            business: self.business.ix,
            rows,
            since_ms: self.meta.started_ms,
            now_ms: self.app.clock.now_ms(),
            rehearsal: self.meta.options.dry_run,
            before: Vec::new(),
        };
        let done = if self.meta.options.dry_run {
            self.rehearsal
                .piece(self.app, request, piece.goes_on)
                .await?
        } else {
            // A dry run would not see them: that a renewal came too late changes nothing in what becomes of a row.
            ends(self.app, &request.rows).await?;
            patiently(self.app, request).await?
        };
        let took = self.app.clock.instant().saturating_duration_since(begun);
        self.fit(count, took);
        Ok(done)
    }

    /// The next pieces are so large that one takes about as long as it may.
    fn fit(&self, rows: usize, took: Duration) {
        let size = self.size.load(Ordering::Relaxed);
        let next = if took > PIECE {
            size * 3 / 4
        } else if took < PIECE / 2 && rows >= size {
            size * 5 / 4 + 1
        } else {
            size
        };
        self.size
            .store(next.clamp(ROWS_MIN, ROWS_MAX), Ordering::Relaxed);
    }
}

/// Asks the ledger, also one that is down for a while: a piece that was done already is done only once.
pub(super) async fn patiently(app: &Shared, piece: ImportPiece) -> Result<Vec<RowDone>, Stop> {
    let mut tries = 0;
    loop {
        let piece = ImportPiece {
            now_ms: app.clock.now_ms(),
            ..piece.clone()
        };
        match app.ledger.import(piece).await {
            Ok(done) => return Ok(done),
            Err(error) => waited(&error, &mut tries).await?,
        }
    }
}

/// Puts on record, before renewals that come too late, that there is nothing left to renew.
async fn ends(app: &Shared, rows: &[ImportRow]) -> Result<(), Stop> {
    let events: Vec<&NewEvent> = rows.iter().map(|row| &row.event).collect();
    let mut tries = 0;
    let lapsed = loop {
        match lapse::before(app, &events).await {
            Ok(lapsed) => break lapsed,
            Err(error) => waited(&error, &mut tries).await?,
        }
    };
    if lapsed.ends.is_empty() {
        return Ok(());
    }
    append(app, lapsed.ends).await
}

/// Appends events, also to a store that is down for a while.
pub(super) async fn append(app: &Shared, events: Vec<NewEvent>) -> Result<(), Stop> {
    let mut tries = 0;
    loop {
        match app.ledger.append_all(events.clone()).await {
            Ok(appended) => {
                return match appended.into_iter().find_map(Result::err) {
                    None => Ok(()),
                    Some(error) => Err(Stop::Failed(format!("the store did not take it: {error}"))),
                };
            }
            Err(error) => waited(&error, &mut tries).await?,
        }
    }
}

/// Waits a little before another try, unless there is no use in it.
pub(super) async fn waited(error: &LedgerError, tries: &mut u32) -> Result<(), Stop> {
    if !matches!(error, LedgerError::Unavailable(_)) {
        return Err(Stop::Failed(format!("the store did not take it: {error}")));
    }
    *tries += 1;
    if *tries > TRIES_MAX {
        return Err(Stop::Later("the store is down".to_owned()));
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}
