//! Imports: many events of a file, in pieces, each piece in one transaction.
//!
//! What becomes of a row is decided here, once for all stores: by what is on record before it, earlier rows of
//! the same piece included. A rehearsal runs the very same code and takes everything back.
//!
//! A row is known again by its key. Keys of rows are kept with the events of their person and nowhere else, so a
//! long file costs no look-up table; undoing a row leaves an event with a key of its own beside it, and from then
//! on the row's key is free.

use greenline_policy::consent::{EventId, EventKind, Standing, Strength};
use greenline_policy::identity::Identifier;

use crate::flight::Watch;
use crate::types::{BusinessIx, NewEvent};

/// Rows in one piece at most.
pub const PIECE_ROWS_MAX: usize = 4_096;
/// Begins the key of a row.
pub const ROW_KEY: &str = "import:";
/// Begins the key of the event that undoes a row; the undone event's number follows.
const UNDO_KEY: &str = "undo:";

/// The key of the event that undoes another one.
#[must_use]
pub fn undo_key(undone: EventId) -> Box<str> {
    format!("{UNDO_KEY}{}", undone.0).into()
}

/// Whether a key is kept with the events of its person only.
pub(crate) fn is_kept_with_person(key: &str) -> bool {
    key.starts_with(ROW_KEY) || key.starts_with(UNDO_KEY)
}

/// A row of a file, read.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// The event, with a key that begins with [`ROW_KEY`].
    pub event: NewEvent,
    /// The file says when it happened.
    pub dated: bool,
}

/// A piece of a file.
#[derive(Clone, Debug)]
pub struct ImportPiece {
    /// Whose.
    pub business: BusinessIx,
    /// The rows, in order; [`PIECE_ROWS_MAX`] at most.
    pub rows: Vec<ImportRow>,
    /// When the import began, which is when all its rows arrived: a row on record since then was recorded by it.
    pub since_ms: i64,
    /// Now: what is told of these rows is told at this moment, not at that when the import began.
    pub now_ms: i64,
    /// Does everything, says what became of it, and takes it back.
    pub rehearsal: bool,
    /// In a rehearsal: earlier rows of the file that bear on people in this piece.
    pub before: Vec<NewEvent>,
}

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RowOutcome {
    /// A yes was recorded.
    NewYes,
    /// A no was recorded, or WhatsApp's own stop.
    NewNo,
    /// A yes without evidence was recorded; it covers nothing.
    Claimed,
    /// A renewal or an end was recorded.
    Other,
    /// It was on record already; nothing was recorded.
    Unchanged,
    /// It says yes, and a no on record beats it; nothing was recorded.
    NoStays,
}

impl RowOutcome {
    /// Whether an event was recorded.
    #[must_use]
    pub fn records(self) -> bool {
        !matches!(self, Self::Unchanged | Self::NoStays)
    }
}

/// The answer about a row.
#[derive(Debug)]
pub struct RowDone {
    /// What became of it.
    pub outcome: RowOutcome,
    /// The event that says so, or said so before.
    pub event: Option<EventId>,
    /// Sends allowed earlier to the people this closes something for; wait for them before answering.
    pub flights: Vec<Watch>,
    /// In a rehearsal: everything the person is known by, when that is more than one identifier.
    pub known_by: Vec<Identifier>,
}

/// What is on record before a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// The newest event with the row's key that is not undone, and whether this import recorded it.
    pub(crate) repeated: Option<(EventId, bool)>,
    /// Under any of the row's identifiers a no is in force for what the row is about.
    pub(crate) is_shut: bool,
}

/// What is to be done with a row.
pub(crate) enum Step {
    /// Nothing but to say so.
    Say(RowOutcome, Option<EventId>),
    /// To append its event.
    Append,
}

/// Decides about a row.
pub(crate) fn step(row: &ImportRow, before: Before) -> Step {
    let kind = row.event.kind;
    match before.repeated {
        Some((id, true)) => Step::Say(recorded(&row.event), Some(id)),
        // A no without a date may stand in an old file or be said anew. If it was lifted since it was
        // recorded, it counts as said anew: taking it twice is the lesser harm.
        Some(_) if kind.closes() && !row.dated && !before.is_shut => Step::Append,
        Some((id, false)) => Step::Say(RowOutcome::Unchanged, Some(id)),
        None if kind == EventKind::Granted && before.is_shut => {
            Step::Say(RowOutcome::NoStays, None)
        }
        None => Step::Append,
    }
}

/// What it is called when the event of a row is recorded.
pub(crate) fn recorded(event: &NewEvent) -> RowOutcome {
    match event.kind {
        EventKind::Granted if event.strength == Strength::Claimed => RowOutcome::Claimed,
        EventKind::Granted => RowOutcome::NewYes,
        kind if kind.closes() => RowOutcome::NewNo,
        _ => RowOutcome::Other,
    }
}

/// Whether a standing, or the native stop, is what a row of this kind would close.
pub(crate) fn is_shut(kind: EventKind, standing: Standing, native_stop: bool) -> bool {
    match kind {
        EventKind::NativeStopped => native_stop,
        _ => matches!(standing, Standing::Refused { .. }),
    }
}
