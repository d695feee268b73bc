//! An alert as it is kept and told: the words are made once, when it opens, so that every channel and every repetition
//! says the same.

use greenline_policy::alert::Kind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Names this time that it stands.
    pub(crate) id: String,
    /// Which condition.
    pub(crate) kind: String,
    /// What sort of thing it is about.
    pub(crate) about: String,
    /// Of whom, by id.
    pub(crate) subject: String,
    /// How grave.
    pub(crate) severity: String,
    /// In a few words, with whom it is about.
    pub(crate) title: String,
    /// In a sentence.
    pub(crate) text: String,
    /// What to do.
    pub(crate) todo: String,
    /// The guide's page.
    pub(crate) guide: String,
    /// Since when it stands.
    pub(crate) since_ms: i64,
    /// When it ends by itself, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until_ms: Option<i64>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_ms: Option<i64>,
}

impl Record {
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// In pure ASCII, since it travels in a header's place.
    pub(crate) fn text(&self) -> String {
        let text = greenline_wire::build::ascii(self);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Names the condition and whom it is about.
    pub(crate) fn key(&self) -> String {
        format!("{}:{}", self.kind, self.subject)
    }

    /// Where it stands among others: the graver and the more telling first.
    pub(super) fn place(&self) -> (usize, usize) {
        let kind = Kind::parse(&self.kind);
        let place = Kind::ALL.iter().position(|one| Some(*one) == kind);
        let severity = kind.map_or(usize::MAX, |kind| kind.severity() as usize);
        (severity, place.unwrap_or(usize::MAX))
    }

    #[cfg(test)]
    pub(super) fn sample(subject: &str) -> Self {
        Self {
            id: id("acme", subject, 0),
            kind: Kind::RatingLow.id().to_owned(),
            about: "number".to_owned(),
            subject: subject.to_owned(),
            severity: "critical".to_owned(),
            title: "Number …01: rating low".to_owned(),
            text: "People take it badly — very.".to_owned(),
            todo: "Send less.".to_owned(),
            guide: "/guide/low-rating-causes".to_owned(),
            since_ms: 0,
            until_ms: None,
            closed_ms: None,
        }
    }
}

/// Somebody was told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The subscription or channel.
    pub(crate) to: String,
    /// When.
    pub(crate) at_ms: i64,
    /// That it is over.
    #[serde(default)]
    pub(crate) closed: bool,
}

impl Told {
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Names one time that a condition stands; the same on every node.
pub(super) fn id(business: &str, key: &str, after: i64) -> String {
    use std::fmt::Write as _;
    let digest: [u8; 32] = Sha256::digest(format!("{business}\u{0}{key}\u{0}{after}")).into();
    let mut id = String::from("alr_");
    for byte in digest.iter().take(8) {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_way_in_ascii() {
        let record = Record::sample("301500000000001");
        assert!(record.text().is_ascii());
        assert_eq!(Record::read(&record.text()), Some(record));
    }
}
