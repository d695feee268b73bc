//! The page of what somebody should look at.

use askama::Template;

use crate::page::Frame;
use crate::words::When;

/// Somebody was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertTold {
    /// The subscription or channel.
    pub to: String,
    /// When.
    pub at: When,
    /// That it is over.
    pub closed: bool,
}

/// An alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertRow {
    /// In a few words, with whom it is about.
    pub title: String,
    /// Which condition.
    pub kind: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// In a sentence.
    pub text: String,
    /// What to do.
    pub todo: String,
    /// The guide's page.
    pub guide: String,
    /// Since when it stands.
    pub since: When,
    /// When it was over.
    pub closed: Option<When>,
    /// Who was told.
    pub told: Vec<AlertTold>,
}

impl AlertRow {
    fn tone(&self) -> &'static str {
        match self.severity.as_str() {
            _ if self.closed.is_some() => "idle",
            "critical" => "bad",
            "warning" => "warn",
            _ => "good",
        }
    }
}

/// The page at `/alerts`.
#[derive(Clone, Debug, Template)]
#[template(path = "alerts.html")]
pub struct AlertsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands, gravest first.
    pub open: Vec<AlertRow>,
    /// What is over, newest first.
    pub past: Vec<AlertRow>,
    /// Who is told of alerts now.
    pub told: Vec<String>,
    /// Where the next page of what is over begins.
    pub older: Option<i64>,
}
