//! What a number can still do, for its page.

use crate::words::When;

/// Whether a number can do something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CapabilityRow {
    /// What, in words.
    pub what: &'static str,
    /// `yes`, `no` or `unknown`.
    pub can: &'static str,
    /// Until when.
    pub until: Option<When>,
    /// What has to be read first for it to be so.
    pub provided: Option<When>,
    /// Why, in a few words.
    pub why: String,
    /// `high`, `medium` or `low`.
    pub confidence: &'static str,
    /// Ids of the facts that it rests on, each with where the guide tells it.
    pub facts: Vec<(String, String)>,
}

impl CapabilityRow {
    pub(crate) fn tone(&self) -> &'static str {
        match self.can {
            "yes" => "good",
            "no" => "bad",
            _ => "warn",
        }
    }
}

/// Something that holds of the number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CauseView {
    /// Its name in a few words.
    pub title: String,
    /// What sort of thing it is, in words.
    pub kind: &'static str,
    /// A sentence that can be sent to a client.
    pub say: String,
    /// How it ends.
    pub ends: String,
    /// When.
    pub until: Option<When>,
    /// What nobody knows.
    pub unknown: Option<String>,
    /// How it is told from a block.
    pub tell: Option<String>,
    /// When it was told, and by what.
    pub seen: Option<(When, &'static str)>,
    /// The guide's page.
    pub guide: String,
}
