//! What is held about one person, as a file to hand over: in pieces, so that a long history is drawn as it is read.
//!
//! It is written to the person, not to an engineer: whole sentences, no script, nothing from elsewhere, good to
//! print.

use askama::Template;

use crate::page::{HistoryRow, StandingRow, WindowRow};
use crate::words::When;

/// How long something is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptFor {
    /// What.
    pub what: String,
    /// For how long, in words.
    pub long: String,
}

/// One of the entries that are this person, with how they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldPerson {
    /// Identifiers, in full, with since when each is known to be theirs.
    pub identifiers: Vec<(String, Option<When>)>,
    /// How each scope stands.
    pub standings: Vec<StandingRow>,
    /// The native stop in force, since when.
    pub native_stop: Option<When>,
    /// Free-form is closed, since when.
    pub freeform_closed: Option<When>,
    /// When they last wrote to which number.
    pub windows: Vec<WindowRow>,
}

/// The beginning: who, and how they stand.
#[derive(Clone, Debug, Template)]
#[template(path = "held-start.html")]
pub struct HeldStart {
    /// The business, by the name people know.
    pub business: String,
    /// What was asked by.
    pub asked: String,
    /// When.
    pub made: When,
    /// Who had it made.
    pub by: String,
    /// Whether an erasure left only a keyed hash of who they are.
    pub erased: bool,
    /// Who they are; nobody where only single records speak of them.
    pub people: Vec<HeldPerson>,
    /// Answers about calls: the number, when, until when.
    pub calls: Vec<(String, When, Option<When>)>,
    /// When preference links were last revoked, and how often.
    pub links_revoked: Option<(When, u64)>,
    /// How long what is kept.
    pub kept: Vec<KeptFor>,
}

/// The heading of a list.
#[derive(Clone, Debug, Template)]
#[template(path = "held-section.html")]
pub struct HeldSection {
    /// Its heading.
    pub title: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// The end of a list.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "held-section-end.html")]
pub struct HeldSectionEnd {
    /// How many were in it.
    pub count: u64,
}

/// One consent event.
#[derive(Clone, Debug, Template)]
#[template(path = "held-event.html")]
pub struct HeldEvent {
    /// It.
    pub row: HistoryRow,
}

/// One decision.
#[derive(Clone, Debug, Template)]
#[template(path = "held-decision.html")]
pub struct HeldDecision {
    /// Its id.
    pub id: String,
    /// When.
    pub at: When,
    /// What was to be sent.
    pub what: &'static str,
    /// The template's name.
    pub template: Option<String>,
    /// The number it was to come from.
    pub number: String,
    /// The program that asked for it.
    pub app: String,
    /// To which of their identifiers.
    pub to: String,
    /// Someone else was addressed with them.
    pub others: bool,
    /// The verdict, in words, and its tone.
    pub verdict: (&'static str, &'static str),
    /// Sentences of the rules that fired.
    pub reasons: Vec<String>,
    /// What became of it.
    pub outcome: String,
    /// Message ids.
    pub message_ids: Vec<String>,
}

/// Something kept word for word, or told in a sentence.
#[derive(Clone, Debug, Template)]
#[template(path = "held-text.html")]
pub struct HeldText {
    /// When.
    pub at: When,
    /// What it is.
    pub what: String,
    /// The text itself, or empty.
    pub text: String,
}

/// The end.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "held-end.html")]
pub struct HeldEnd {
    /// How many records there were in all.
    pub records: u64,
}
