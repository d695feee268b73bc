//! What a text means for consent: a stop, a start, an unclear word, or nothing.
//!
//! Meta defines no list of stop words (OPT-31) and passes a "Stop promotions" button on as an ordinary
//! message (OPT-32), so reading them is ours to do, in every language people write. A missed stop breaks
//! the first law; a false one silences someone who never asked for it. Hence the method: the text is
//! brought to one spelling, and then the *whole* message must be a word of the set or fit a set phrase,
//! polite words aside. This module refuses to look for a stop inside a longer text, to guess by
//! likeness, and to act on words that ordinary bots use too: those are asked about.
//!
//! The languages are data (`data/stop/`, format in its README), composed of verbs, objects and tails so
//! that they cover more than they list. What is a stop in one language and an everyday word in another
//! is asked about, unless the business itself speaks the first.

mod automaton;
mod button;
mod file;
mod languages;
mod normalise;
mod pattern;
mod reader;
mod settings;

pub use button::recognise_button;
pub use file::Texts;
pub use settings::Settings;

use file::Section;
use normalise::Accents;
use std::sync::LazyLock;

/// Longest message, in characters after normalising, that can be a stop.
pub const STOP_CHARS_MAX: usize = 200;

/// What a text means for consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The person wants no more messages of this reach. To be recorded.
    Stop(StopReach),
    /// A word that bots use too, or an everyday word elsewhere: ask with two buttons, change nothing.
    Ask,
    /// The person wants messages again (A7 says when that reopens anything).
    Start,
    /// The person pressed "no" on our own question: nothing changes.
    Keep,
}

/// How far a stop reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopReach {
    /// A bare stop word: marketing and utility, and calls (A2, A20).
    Bare,
    /// "Stop everything".
    All,
    /// "Stop the offers".
    Marketing,
}

/// A text that means something, and why we think so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recognised {
    /// What it means.
    pub meaning: Meaning,
    /// BCP-47 tag of the word set that matched; the language to answer in.
    pub language: &'static str,
    /// The line of the word file, or the payload rule, that matched.
    pub matched: &'static str,
}

/// Reads a text message (or caption).
#[must_use]
pub fn recognise(text: &str, settings: &Settings) -> Option<Recognised> {
    reader::READER.recognise(text, settings)
}

/// Builds the word sets, which the first reading would otherwise do. Costs a tenth of a second; to be called at start.
pub fn prepare() {
    LazyLock::force(&reader::READER);
}

/// The form in which texts are compared: one spelling, no accents, no punctuation, single spaces. Not for showing.
#[must_use]
pub fn normalise(text: &str) -> String {
    normalise::key(text, Accents::Fold)
}

/// What Greenline says in a language: of `pt-BR`, then `pt`, then English.
#[must_use]
pub fn texts(language: &str) -> &'static Texts {
    reader::READER.texts(language)
}

/// Tags of the languages that have a word set.
pub fn languages() -> impl Iterator<Item = &'static str> {
    reader::READER.files().map(|file| file.language)
}

/// A13: whether a template's body asks if the person wants messages or wants to stop them.
#[must_use]
pub fn is_ask(body: &str) -> bool {
    reader::READER.is_ask(body)
}

/// Whether a business may let this word count as a stop: it stands among the unclear ones of a language.
#[must_use]
pub fn is_unclear_word(word: &str) -> bool {
    let word = normalise(word);
    reader::READER.lines().any(|line| {
        matches!(line.section, Section::Ambiguous | Section::Silent) && normalise(line.text) == word
    })
}

/// What can't be read in the embedded word files. Empty in any build whose tests passed.
#[must_use]
pub fn problems() -> &'static [String] {
    &reader::READER.problems
}

impl Texts {
    /// The one confirmation after a stop of this reach.
    #[must_use]
    pub fn confirmation(&self, reach: StopReach) -> &'static str {
        match reach {
            StopReach::Bare => self.stopped,
            StopReach::All => self.stopped_all,
            StopReach::Marketing => self.stopped_marketing,
        }
    }
}
