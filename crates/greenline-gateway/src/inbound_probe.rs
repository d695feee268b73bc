//! Whether messages to a number arrive: a word that staff send to it from a phone, once.
//!
//! The platform has no field that says so (QL-42), so it is tried. A word is made and kept on a timeline of its own;
//! when it comes in by a webhook, that is noted beside it. It proves what a real message proves, and no more: that at that
//! moment messages reached Greenline. It is never mixed into what a number can do.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, Effect};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::keyring::{self, KeysError};

/// What the text that is sent begins with.
const BEGINS: &str = "greenline check ";
/// Letters and digits that are not taken for one another, whoever types them: 32 of them, five bits each.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Letters of a word.
const WORD_CHARS: usize = 8;
/// How long a word counts.
pub(crate) const VALID_MS: i64 = 24 * 60 * 60 * 1_000;
/// Newest entries of the words' timeline that are looked at.
const ENTRIES_MAX: usize = 50;

/// The timeline's subject, its origin, and the two things that happen.
const SUBJECT: &str = "inbound_probe";
const ORIGIN: &str = "greenline";
const ASKED: &str = "asked";
const ARRIVED: &str = "arrived";

/// A text that may be a word, as it came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The number written to.
    pub number: Box<str>,
    /// The word.
    pub word: Box<str>,
    /// When, start of the second.
    pub at_ms: i64,
}

/// A word, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Probe {
    pub(crate) word: String,
    pub(crate) by: String,
    pub(crate) asked_ms: i64,
    pub(crate) arrived_ms: Option<i64>,
}

impl Probe {
    /// The text to be sent.
    pub(crate) fn text(&self) -> String {
        format!("{BEGINS}{}", self.word)
    }

    /// Until when it counts.
    pub(crate) fn until_ms(&self) -> i64 {
        self.asked_ms.saturating_add(VALID_MS)
    }
}

/// What is kept of a word.
#[derive(Serialize, Deserialize)]
struct Body {
    word: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
}

/// The word of a text, if it looks like one; whether it is one only the timeline tells.
#[must_use]
pub fn word(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    let begins = text.get(..BEGINS.len())?;
    let word = text.get(BEGINS.len()..)?.trim().to_ascii_lowercase();
    let is_word = word.len() == WORD_CHARS && word.bytes().all(|byte| LETTERS.contains(&byte));
    (begins.eq_ignore_ascii_case(BEGINS) && is_word).then(|| word.into())
}

fn made() -> Result<String, KeysError> {
    let mut bytes = [0; WORD_CHARS];
    keyring::fill(&mut bytes)?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied();
    let letters = bytes.iter().filter_map(letter).map(char::from);
    Ok(letters.collect())
}

fn entry(number: &str, event: &str, at_ms: i64, body: &Body) -> Effect {
    Effect::Timeline {
        subject: SUBJECT,
        subject_id: number.into(),
        origin: ORIGIN.into(),
        event: event.into(),
        at_ms,
        body: serde_json::to_string(body).unwrap_or_default().into(),
    }
}

/// Makes a word for a number and keeps it; the error says which of the two did not work.
pub(crate) async fn ask(
    app: &App,
    business: BusinessIx,
    number: &str,
    by: &str,
) -> Result<Probe, Unmade> {
    let probe = Probe {
        word: made().map_err(Unmade::Chance)?,
        by: by.to_owned(),
        asked_ms: app.clock.now_ms(),
        arrived_ms: None,
    };
    let body = Body {
        word: probe.word.clone(),
        by: probe.by.clone(),
    };
    let asked = entry(number, ASKED, probe.asked_ms, &body);
    let learned = app.ledger.learn(business, vec![asked]).await;
    learned.map_err(Unmade::Store)?;
    Ok(probe)
}

/// Why there is no word.
#[derive(Debug)]
pub(crate) enum Unmade {
    Chance(KeysError),
    Store(LedgerError),
}

/// Words of a number, newest first, each with its arrival.
async fn probes(app: &App, business: BusinessIx, number: &str) -> Result<Vec<Probe>, LedgerError> {
    let subject = Some((SUBJECT, number));
    let entries = app
        .ledger
        .timeline(business, subject, None, ENTRIES_MAX)
        .await?;
    let mut found: Vec<Probe> = Vec::new();
    // The oldest first: a word is asked before it arrives.
    for entry in entries.iter().rev() {
        let Ok(body) = serde_json::from_str::<Body>(&entry.body) else {
            continue;
        };
        if &*entry.event == ASKED {
            found.push(Probe {
                word: body.word,
                by: body.by,
                asked_ms: entry.at_ms,
                arrived_ms: None,
            });
        } else if let Some(probe) = found.iter_mut().find(|probe| probe.word == body.word) {
            probe.arrived_ms.get_or_insert(entry.at_ms);
        }
    }
    found.reverse();
    Ok(found)
}

/// The newest word of a number.
pub(crate) async fn newest(
    app: &App,
    business: BusinessIx,
    number: &str,
) -> Result<Option<Probe>, LedgerError> {
    Ok(probes(app, business, number).await?.into_iter().next())
}

/// What a text teaches that may be a word: that it arrived, the first time and as long as it counts.
pub(crate) async fn arrived(
    app: &App,
    business: BusinessIx,
    arrival: &Arrival,
) -> Result<Option<Effect>, LedgerError> {
    let probes = probes(app, business, &arrival.number).await?;
    let known = probes
        .into_iter()
        .find(|probe| *probe.word == *arrival.word);
    let counts =
        known.filter(|probe| probe.arrived_ms.is_none() && arrival.at_ms <= probe.until_ms());
    Ok(counts.map(|probe| {
        let body = Body {
            word: probe.word,
            by: String::new(),
        };
        // The platform dates by whole seconds: it did not arrive before it was made.
        let at_ms = arrival.at_ms.max(probe.asked_ms);
        entry(&arrival.number, ARRIVED, at_ms, &body)
    }))
}

#[cfg(test)]
mod tests {
    use super::{WORD_CHARS, made, word};

    #[test]
    fn a_word_is_read_however_it_is_typed_and_nothing_else_is() {
        let made = made().unwrap();
        assert_eq!(made.len(), WORD_CHARS);
        let typed = format!("  Greenline CHECK {}\n", made.to_uppercase());
        assert_eq!(word(&typed).as_deref(), Some(&*made));
        for other in [
            "",
            "stop",
            "greenline check",
            "greenline check one",
            "greenline check abcdefgi",
            "grünline check abcdefgh",
        ] {
            assert_eq!(word(other), None, "{other}");
        }
    }
}
