//! The pages of lists that were screened, and of messages that are held.

use askama::Template;

use crate::chart::grouped;
use crate::page::Frame;
use crate::screening::ScreeningCounts;
use crate::words::When;

/// How far a screening is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScreeningState {
    /// It waits for its turn.
    Waiting,
    /// So many percent of the list were read.
    Running(u64),
    /// Over.
    Done,
    /// The list cannot be screened.
    Failed,
}

/// A list that was sent to be screened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScreeningRow {
    /// Its id.
    pub id: String,
    /// What the list is called; its id where nobody said.
    pub name: String,
    /// The template's name.
    pub template: String,
    /// How far it is.
    pub state: ScreeningState,
    /// The moment that was asked about, where one was.
    pub at: Option<When>,
    /// When the list came.
    pub started: When,
    /// Who sent it.
    pub by: String,
    /// When it is thrown away.
    pub goes: Option<When>,
    /// Where the rows went, once it is done.
    pub counts: Option<ScreeningCounts>,
    /// Why it failed, or begins anew.
    pub problem: Option<String>,
}

impl ScreeningRow {
    fn word(&self) -> String {
        match self.state {
            ScreeningState::Waiting => "waiting".to_owned(),
            ScreeningState::Running(percent) => format!("{percent} % read"),
            ScreeningState::Done => "done".to_owned(),
            ScreeningState::Failed => "failed".to_owned(),
        }
    }

    fn tone(&self) -> &'static str {
        match self.state {
            ScreeningState::Waiting | ScreeningState::Running(_) => "idle",
            ScreeningState::Done => "good",
            ScreeningState::Failed => "bad",
        }
    }

    /// The files that there are, each with how many rows it holds: its name, what it is, how many.
    fn files(&self) -> Vec<(&'static str, &'static str, String)> {
        let Some(counts) = self.counts else {
            return Vec::new();
        };
        let all = [
            ("allowed", "may be sent", counts.allowed),
            ("held", "later", counts.held),
            ("refused", "not", counts.refused),
            ("duplicates", "named twice", counts.duplicates),
            ("unreadable", "cannot be read", counts.unreadable),
        ];
        let some = all.into_iter().filter(|(_, _, rows)| *rows > 0);
        some.map(|(name, what, rows)| (name, what, grouped(rows)))
            .collect()
    }

    fn rows(&self) -> String {
        self.counts
            .map(|counts| grouped(counts.rows))
            .unwrap_or_default()
    }
}

/// Lists that were sent to be screened.
#[derive(Clone, Debug, Template)]
#[template(path = "screenings.html")]
pub struct ScreeningsPage {
    /// The surroundings.
    pub frame: Frame,
    /// What was just done.
    pub done: Option<String>,
    /// Each, newest first.
    pub rows: Vec<ScreeningRow>,
    /// There are others, older ones.
    pub is_more: bool,
}

impl ScreeningsPage {
    /// Something is not over yet, so the page will say something else soon.
    fn is_under_way(&self) -> bool {
        let mut states = self.rows.iter().map(|row| row.state);
        states.any(|state| matches!(state, ScreeningState::Waiting | ScreeningState::Running(_)))
    }
}

/// The question before a screening is thrown away.
#[derive(Clone, Debug, Template)]
#[template(path = "screening-delete.html")]
pub struct ScreeningDeletePage {
    /// The surroundings.
    pub frame: Frame,
    /// Which.
    pub row: ScreeningRow,
}

/// A message that is held, or was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldRow {
    /// Its name: the decision that held it first.
    pub id: String,
    /// The latest decision about it.
    pub decision: String,
    /// The addressee, masked.
    pub to: String,
    /// The template's name.
    pub template: String,
    /// The app that sent it.
    pub app: String,
    /// The number it is sent from.
    pub number: String,
    /// How it stands, as the API calls it.
    pub state: &'static str,
    /// When it came.
    pub held: When,
    /// When it is decided about again, while it waits; when it was over, after that.
    pub then: Option<When>,
    /// It waits, and may be cancelled.
    pub waits: bool,
}

impl HeldRow {
    fn tone(&self) -> &'static str {
        match self.state {
            "sent" => "good",
            "failed" | "unknown" => "bad",
            "cancelled" => "warn",
            _ => "idle",
        }
    }
}

/// Messages that are held.
#[derive(Clone, Debug, Template)]
#[template(path = "held.html")]
pub struct HeldPage {
    /// The surroundings.
    pub frame: Frame,
    /// What was just done.
    pub done: Option<String>,
    /// How many wait, by the app that sent them.
    pub waiting: Vec<(String, u64)>,
    /// Each, in the order in which they came.
    pub rows: Vec<HeldRow>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// The viewer may cancel.
    pub may_cancel: bool,
}

impl HeldPage {
    fn grouped(&self, count: &u64) -> String {
        grouped(*count)
    }
}

/// The question before a held message is cancelled.
#[derive(Clone, Debug, Template)]
#[template(path = "held-cancel.html")]
pub struct HeldCancelPage {
    /// The surroundings.
    pub frame: Frame,
    /// Which.
    pub row: HeldRow,
}
