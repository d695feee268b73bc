//! What changed of a number, its account and its portfolio: a part of the number's page.

use askama::Template;

use crate::words::When;

/// Something that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimelineChange {
    /// What, in a few words.
    pub what: String,
    /// What stood before.
    pub before: Option<String>,
    /// What stands since.
    pub after: String,
    /// Until when.
    pub until: Option<When>,
    /// A word of the platform of which nothing is known.
    pub unknown: bool,
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimelineRow {
    /// When: as the platform said, or when it was read.
    pub at: When,
    /// When it came, where that was much later.
    pub late: Option<When>,
    /// `number`, `account` or `portfolio`.
    pub about: &'static str,
    /// Where it comes from, in words.
    pub origin: &'static str,
    /// What changed.
    pub changes: Vec<TimelineChange>,
}

/// The newest changes, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Template)]
#[template(path = "timeline.html")]
pub struct TimelineSection {
    /// Entries that changed something.
    pub rows: Vec<TimelineRow>,
    /// Where there is more.
    pub more: Option<String>,
}
