//! A whole installation, moved from one store to another.
//!
//! Everything keeps its number, because numbers have been given out: people, events, decisions, deliveries. The
//! source is read a page at a time and never written, and a page is written together with the note of how far
//! the move has come. So it may be stopped at any moment, by any means, and goes on where it was when it is
//! begun again. In the end everything is counted, each head is compared with the source's and folded again from
//! its events, and only then is the move finished and may a server run on the new store.
//!
//! It refuses to add to a store that holds something already: two installations are not one.

pub(crate) mod rows;

use std::collections::VecDeque;
use std::path::Path;

use tokio::sync::mpsc;

use crate::error::LedgerError;
use crate::postgres::moving::{Head, Position, Target};
use crate::sqlite::moving::{HEADS, PAGE_ROWS, Source, step_name};
use crate::types::Verification;
use crate::{BusinessSetup, DecideFn, Setup, address};
use rows::{Cursor, Page, Rows};

/// Pages read ahead of the one that is being written.
const AHEAD: usize = 2;
/// Differences told apart; past it they are only counted.
const DIFFERENCES_MAX: usize = 100;

/// How far a move is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being moved or done.
    pub what: &'static str,
    /// Rows moved, also before an interruption.
    pub rows: u64,
    /// Rows there are, about.
    pub of: u64,
}

/// How many there are of something in both stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Of what.
    pub what: &'static str,
    /// In the store that was moved.
    pub from: u64,
    /// In the one it was moved to.
    pub to: u64,
}

/// What a move came to.
#[derive(Debug, Default)]
pub struct Moved {
    /// It had been finished before; nothing was done.
    pub was_finished: bool,
    /// Rows that had been moved before this run.
    pub rows_before: u64,
    /// Rows moved in this run.
    pub rows: u64,
    /// How many there are, in both.
    pub counted: Vec<Counted>,
    /// Heads that were compared.
    pub heads: u64,
    /// What differs between the two; empty: the move is finished.
    pub differences: Vec<String>,
    /// The new store, folded again.
    pub verification: Verification,
}

impl Moved {
    /// Whether the new store is the old one, and may be used.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty() && self.verification.differences.is_empty()
    }

    fn differ(&mut self, difference: impl FnOnce() -> String) {
        match self.differences.len() {
            DIFFERENCES_MAX => self.differences.push("there are more".to_owned()),
            more if more > DIFFERENCES_MAX => {}
            _ => self.differences.push(difference()),
        }
    }
}

/// Moves the SQLite store `from` to the empty database `to`, or goes on with a move that was interrupted. Tells
/// after each page how far it is.
///
/// # Errors
/// `Unavailable` when a server runs on either, or the database cannot be reached; `Conflict` when the database
/// holds something that did not come from this move, or the source has changed since; `NotFound` when the
/// addresses name no stores that can be moved.
pub async fn run(
    from: &str,
    to: &str,
    decide: DecideFn,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Moved, LedgerError> {
    run_by(PAGE_ROWS, from, to, decide, tell).await
}

/// As [`run`], so many rows at once; for tests.
///
/// # Errors
/// As [`run`].
#[doc(hidden)]
pub async fn run_by(
    page_rows: usize,
    from: &str,
    to: &str,
    decide: DecideFn,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Moved, LedgerError> {
    let path =
        address::sqlite_path(from).ok_or(LedgerError::NotFound("a SQLite store to move from"))?;
    if !address::is_postgres(to) {
        return Err(LedgerError::NotFound("a Postgres database to move to"));
    }
    let path = Path::new(path).to_owned();
    let source = blocking(move || Opened::of(&path, page_rows)).await?;
    let (target, position) =
        Target::open(to, source.fingerprint.clone(), source.last_decision).await?;
    let mut moved = Moved {
        rows_before: position.moved,
        was_finished: position.is_finished,
        ..Moved::default()
    };
    if moved.was_finished {
        return Ok(moved);
    }
    let setup = source.setup(decide);
    let counts = source.counts.clone();
    let mut work = Work {
        target,
        of: counts.iter().map(|(_, count)| count).sum(),
        tell,
    };
    let source = work.rows(source.source, position, &mut moved).await?;
    work.target.analyze().await?;
    work.count(&counts, &mut moved).await?;
    work.compare(source, &mut moved).await?;
    work.say("folding everything again", moved.rows_before + moved.rows);
    moved.verification = work.target.verify(&setup).await?;
    if moved.is_clean() {
        work.target.finish().await?;
    }
    Ok(moved)
}

/// The source, with what is to be known of it before.
struct Opened {
    source: Source,
    counts: Vec<(&'static str, u64)>,
    fingerprint: String,
    last_decision: i64,
}

impl Opened {
    fn of(path: &Path, page_rows: usize) -> Result<Self, LedgerError> {
        let source = Source::open(path, page_rows)?;
        let counts = source.counts()?;
        Ok(Self {
            fingerprint: source.fingerprint(&counts)?,
            last_decision: source.last_decision()?,
            counts,
            source,
        })
    }

    /// What the new store is opened with, to be verified.
    fn setup(&self, decide: DecideFn) -> Setup {
        let businesses = self.source.businesses().into_iter();
        Setup {
            businesses: businesses
                .map(|id| BusinessSetup {
                    id,
                    portfolio: String::new(),
                })
                .collect(),
            decide,
            queue_max: 1,
            batch_max: 1,
        }
    }
}

/// A move under way.
struct Work<'t> {
    target: Target,
    of: u64,
    tell: &'t mut (dyn FnMut(Progress) + Send),
}

impl Work<'_> {
    fn say(&mut self, what: &'static str, rows: u64) {
        (self.tell)(Progress {
            what,
            rows,
            of: self.of,
        });
    }

    /// Moves what is not there yet.
    async fn rows(
        &mut self,
        source: Source,
        mut position: Position,
        moved: &mut Moved,
    ) -> Result<Source, LedgerError> {
        let first = usize::try_from(position.step).unwrap_or(usize::MAX);
        let after = position.cursor()?;
        let steps = first..usize::MAX;
        let (mut pages, reader) = read(source, steps, after);
        while let Some(page) = pages.recv().await {
            let page = page?;
            let step = usize::try_from(position.step).unwrap_or(usize::MAX);
            position = self.target.write(&position, &page).await?;
            moved.rows += page.read;
            self.say(step_name(step).unwrap_or_default(), position.moved);
        }
        done(reader).await
    }

    /// Compares how many there are of each.
    async fn count(
        &mut self,
        counts: &[(&'static str, u64)],
        moved: &mut Moved,
    ) -> Result<(), LedgerError> {
        self.say("counting", moved.rows_before + moved.rows);
        let there = self.target.counts().await?;
        for (what, from) in counts {
            let to = there.iter().find(|(name, _)| name == what);
            let to = to.map_or(0, |(_, count)| *count);
            let counted = Counted {
                what,
                from: *from,
                to,
            };
            moved.counted.push(counted);
            if to != *from {
                moved.differ(|| format!("{what}: {from} in the old store, {to} in the new one"));
            }
            if *what == "identifiers" {
                let names = self.target.names().await?;
                if names != *from {
                    moved.differ(|| {
                        format!("names: {from} in the old store, {names} in the new one")
                    });
                }
            }
        }
        Ok(())
    }

    /// Compares each head.
    async fn compare(&mut self, source: Source, moved: &mut Moved) -> Result<Source, LedgerError> {
        self.say("comparing heads", moved.rows_before + moved.rows);
        let (mut pages, reader) = read(source, HEADS..HEADS + 1, Cursor::new());
        let mut there: VecDeque<Head> = VecDeque::new();
        let mut after = (-1, -1, -1);
        while let Some(page) = pages.recv().await {
            for (key, body) in heads_of(page?) {
                moved.heads += 1;
                loop {
                    if there.is_empty() {
                        there.extend(self.target.heads(after).await?);
                        after = there.back().map_or(after, |(key, _)| *key);
                    }
                    let Some(((_, id, _), _)) = there.pop_front_if(|(other, _)| *other < key)
                    else {
                        break;
                    };
                    moved.differ(|| format!("person {id} has a head that the old store has not"));
                }
                let same = there.pop_front_if(|(other, _)| *other == key);
                if same.is_none_or(|(_, other)| other != body) {
                    moved.differ(|| format!("the head of person {} is another", key.1));
                }
            }
        }
        done(reader).await
    }
}

fn heads_of(page: Page) -> Vec<Head> {
    let mut heads = Vec::new();
    for rows in page.rows {
        if let Rows::Heads(rows) = rows {
            let keys = rows.id.iter().zip(&rows.spelling);
            let keys: Vec<(i64, i64, i64)> = keys
                .map(|(id, spelling)| (id >> 51, *id, *spelling))
                .collect();
            heads.extend(keys.into_iter().zip(rows.body));
        }
    }
    heads
}

type Pages = mpsc::Receiver<Result<Page, LedgerError>>;
type Reader = tokio::task::JoinHandle<Source>;

/// Reads steps on a thread of its own, a little ahead of whoever takes the pages.
fn read(source: Source, steps: std::ops::Range<usize>, after: Cursor) -> (Pages, Reader) {
    let (give, pages) = mpsc::channel(AHEAD);
    let reader = tokio::task::spawn_blocking(move || {
        let mut after = Some(after);
        for step in steps.take_while(|step| step_name(*step).is_some()) {
            let mut from = after.take().unwrap_or_default();
            loop {
                let page = source.page(step, &from);
                let next = page.as_ref().ok().and_then(|page| page.next.clone());
                let failed = page.is_err();
                if give.blocking_send(page).is_err() || failed {
                    return source;
                }
                match next {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        source
    });
    (pages, reader)
}

async fn done(reader: Reader) -> Result<Source, LedgerError> {
    reader
        .await
        .map_err(|_| LedgerError::Bug("reading the old store ended in a panic"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| LedgerError::Bug("reading the old store ended in a panic"))?
}
