//! What a number can still do, and until when: one function from what is known of it and a date.
//!
//! [`capabilities`] reads facts as they were told ([`state`]), each with where it came from and when, finds every
//! [`Cause`] that they amount to at that date, and lets the strictest of them answer each [`What`]. A cause says the
//! same of a capability whenever it holds ([`Cause::says`]); what it says, how sure that is and what it rests on is
//! data, and stands in the guide (`greenline-guide/data/capabilities.toml`). The fine print is that of
//! `health-rules.md`, N1 to N10 and N14.
//!
//! It tells what the platform allows. The business's own guards, its consents and what was last seen to arrive stand
//! beside it and are never mixed in. Where nothing sure is known it says [`Can::Unknown`]; it invents no thresholds and
//! takes a missing piece of news for nothing.

mod cause;
mod holds;
mod sends;
pub mod state;

pub use cause::{Cause, Kind};
pub use holds::{Holds, holding};
pub use sends::{Asked, evidence, in_advance, in_the_way};
pub use state::State;

use state::Origin;

/// What a number may be able to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum What {
    /// Starting a conversation with a marketing template.
    StartMarketing,
    /// Starting one with a utility template.
    StartUtility,
    /// Starting one with an authentication template.
    StartAuthentication,
    /// Answering inside a window that the person opened.
    Reply,
    /// Getting what people write.
    Receive,
    /// Calling people.
    Call,
    /// Being called.
    ReceiveCall,
    /// Adding a number to the portfolio.
    AddNumber,
}

impl What {
    /// Everything, in the order in which it is shown.
    pub const ALL: [Self; 8] = [
        Self::StartMarketing,
        Self::StartUtility,
        Self::StartAuthentication,
        Self::Reply,
        Self::Receive,
        Self::Call,
        Self::ReceiveCall,
        Self::AddNumber,
    ];

    /// The name used in APIs and data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartMarketing => "start.marketing",
            Self::StartUtility => "start.utility",
            Self::StartAuthentication => "start.authentication",
            Self::Reply => "reply",
            Self::Receive => "receive",
            Self::Call => "call",
            Self::ReceiveCall => "receive_call",
            Self::AddNumber => "add_number",
        }
    }

    /// Reads [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == text)
    }

    /// Whether it begins a conversation.
    #[must_use]
    pub fn starts(self) -> bool {
        matches!(
            self,
            Self::StartMarketing | Self::StartUtility | Self::StartAuthentication
        )
    }
}

/// Some of [`What`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Whats(u8);

impl Whats {
    /// All of it.
    pub const ALL: Self = Self(u8::MAX);

    /// These.
    #[must_use]
    pub fn of(whats: impl IntoIterator<Item = What>) -> Self {
        Self(whats.into_iter().fold(0, |all, what| all | 1 << what as u8))
    }

    /// Whether it is among them.
    #[must_use]
    pub fn holds(self, what: What) -> bool {
        self.0 & (1 << what as u8) != 0
    }
}

/// Whether it can; the stricter comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Can {
    /// It cannot.
    No,
    /// Nobody knows, or not surely enough.
    Unknown,
    /// It can.
    Yes,
}

impl Can {
    /// The name used in APIs and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::Yes => "yes",
        }
    }
}

/// What an answer is conditional on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Provided {
    /// A read of `health_status` that is newer than this moment and says AVAILABLE (N1). Unix milliseconds.
    AvailableAfter(i64),
}

/// The fact that a cause was read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Seen {
    /// When it was told, Unix milliseconds.
    pub at_ms: i64,
    /// Where it came from.
    pub origin: Origin,
}

/// One row of the matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// What it is about.
    pub what: What,
    /// Whether it can.
    pub can: Can,
    /// Until when that holds, Unix milliseconds; `None` where no end is known.
    pub until_ms: Option<i64>,
    /// What it is conditional on, or what would settle it.
    pub provided: Option<Provided>,
    /// Why: the cause that answers.
    pub cause: Cause,
    /// What that was read from.
    pub seen: Option<Seen>,
    /// Whatever else stands in its way, gravest first.
    pub also: Vec<Cause>,
}

/// What a number can do at a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    /// The date, Unix milliseconds.
    pub at_ms: i64,
    /// A row for each of [`What::ALL`], in its order.
    pub cells: Vec<Cell>,
    /// Everything that holds, gravest first; each with what it is read from.
    pub holds: Vec<Holds>,
}

impl Matrix {
    /// The row for one capability.
    #[must_use]
    pub fn cell(&self, what: What) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.what == what)
    }
}

/// What a number can do at a date, by what is known of it.
#[must_use]
pub fn capabilities(state: &State, at_ms: i64) -> Matrix {
    let mut holds = holding(state, at_ms);
    holds.sort_by_key(|holds| (holds.cause, holds.until_ms, holds.seen));
    holds.dedup();
    let cells = What::ALL.into_iter().map(|what| cell(&holds, what));
    Matrix {
        at_ms,
        cells: cells.collect(),
        holds,
    }
}

/// The strictest answers; of several noes the one that lasts longest, of several others the gravest cause.
fn cell(holds: &[Holds], what: What) -> Cell {
    let said = |holds: &Holds| holds.says(what);
    let can = holds.iter().filter_map(said).min().unwrap_or(Can::Unknown);
    let like_it = || holds.iter().filter(|holds| holds.says(what) == Some(can));
    // One without an end outlasts every date.
    let lasts = |holds: &Holds| (holds.until_ms.is_none(), holds.until_ms);
    let longest = like_it().map(lasts).max().filter(|_| can == Can::No);
    let answers = like_it().find(|holds| longest.is_none_or(|longest| lasts(holds) == longest));
    let until_ms = match can {
        Can::No => answers.and_then(|holds| holds.until_ms),
        // Nobody knows any better once something ends that left it open.
        Can::Unknown => None,
        Can::Yes => like_it()
            .filter(|holds| holds.cause.closes_at_its_end())
            .filter_map(|holds| holds.until_ms)
            .min(),
    };
    let cause = answers.map_or(Cause::NothingKnown, |holds| holds.cause);
    let mut also: Vec<Cause> = holds
        .iter()
        .filter(|other| other.cause != cause && other.cause.kind() != Kind::Fine)
        .filter(|other| other.says(what).is_some_and(|said| said != Can::Yes))
        .map(|other| other.cause)
        .collect();
    also.dedup();
    Cell {
        what,
        can,
        until_ms,
        provided: like_it().filter_map(|holds| holds.provided).max(),
        cause,
        seen: answers.and_then(|holds| holds.seen),
        also,
    }
}
