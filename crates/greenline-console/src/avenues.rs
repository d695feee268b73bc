//! The page of ways out.

use askama::Template;

use crate::page::Frame;
use crate::words::When;

/// One way out of one scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvenueRow {
    /// What it is called.
    pub name: &'static str,
    /// A person can take it now.
    pub open: bool,
    /// It counts beside notifications.
    pub counts: bool,
    /// When it was last proved, by a `probe` or a `use`.
    pub proved: Option<(When, &'static str)>,
    /// What keeps it from being open, and what to do.
    pub missing: Option<&'static str>,
    /// Nothing has begun.
    pub untried: bool,
}

impl AvenueRow {
    fn word(&self) -> &'static str {
        match (self.open, self.untried) {
            (true, _) => "open",
            (false, true) => "not proved yet",
            (false, false) => "closed",
        }
    }

    fn tone(&self) -> &'static str {
        match (self.open, self.counts) {
            (false, _) if self.untried => "idle",
            (true, true) => "good",
            (false, true) => "bad",
            (_, false) => "idle",
        }
    }
}

/// The ways out of one scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvenueScope {
    /// The scope.
    pub name: String,
    /// Notifications are the only way out.
    pub shut: bool,
    /// Every avenue.
    pub rows: Vec<AvenueRow>,
}

/// Which ways out are open.
#[derive(Clone, Debug, Template)]
#[template(path = "avenues.html")]
pub struct AvenuesPage {
    /// The surroundings.
    pub frame: Frame,
    /// Notifications are the only way out of some scope.
    pub shut: bool,
    /// Nothing has begun: nothing is proved yet, and nothing is broken.
    pub untried: bool,
    /// Each scope.
    pub scopes: Vec<AvenueScope>,
}
