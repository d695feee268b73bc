//! Reads a word file into its sections. The format is written down in `data/stop/README.md`.
//!
//! Nothing here fails at run time: a line that can't be read is left out and noted, and the tests
//! demand that there are no notes.

use super::normalise::Accents;
use super::pattern::{self, Node};
use std::collections::HashMap;

/// How a language's messages are cut into what patterns are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// At spaces.
    Words,
    /// Into characters, spaces ignored: the script does not part words, or people do so at will.
    Chars,
}

/// What the lines of a section mean.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Section {
    Stop,
    StopAll,
    StopMarketing,
    Start,
    Ambiguous,
    Silent,
    Everyday,
    Polite,
    Please,
    Ask,
}

/// One pattern with the line it was written as.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) section: Section,
    pub(super) text: &'static str,
    pub(super) node: Node,
}

/// What Greenline itself says in a language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Texts {
    /// The one confirmation after a bare stop; `{business}` is to be replaced.
    pub stopped: &'static str,
    /// The one confirmation after a stop of everything.
    pub stopped_all: &'static str,
    /// The one confirmation after a stop of marketing.
    pub stopped_marketing: &'static str,
    /// The question put when the word may have meant something else.
    pub question: &'static str,
    /// Title of the button that stops; at most 20 characters.
    pub yes_button: &'static str,
    /// Title of the button that changes nothing; at most 20 characters.
    pub no_button: &'static str,
    /// The word that the confirmations offer for coming back.
    pub start_word: &'static str,
}

/// A word file, read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) language: &'static str,
    pub(super) accents: Accents,
    pub(super) cut: Cut,
    pub(super) lines: Vec<Line>,
    pub(super) sets: HashMap<&'static str, Vec<Node>>,
    pub(super) texts: Option<Texts>,
    pub(super) problems: Vec<String>,
}

enum Place {
    Head,
    Section(Section),
    Set(&'static str),
    Texts,
    Unknown,
}

/// Reads one file.
pub(super) fn read(language: &'static str, text: &'static str) -> File {
    let mut file = File {
        language,
        accents: Accents::Fold,
        cut: Cut::Words,
        lines: Vec::new(),
        sets: HashMap::new(),
        texts: None,
        problems: Vec::new(),
    };
    let mut place = Place::Head;
    let mut texts = HashMap::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            place = section(name.trim());
            if matches!(place, Place::Unknown) {
                file.note(line, "no such section");
            }
            continue;
        }
        match place {
            Place::Head => file.head(line),
            Place::Section(section) => {
                if let Some(node) = file.pattern(line) {
                    file.lines.push(Line {
                        section,
                        text: line,
                        node,
                    });
                }
            }
            Place::Set(name) => {
                if let Some(node) = file.pattern(line) {
                    file.sets.entry(name).or_default().push(node);
                }
            }
            Place::Texts => match line.split_once(':') {
                Some((name, value)) => drop(texts.insert(name.trim(), value.trim())),
                None => file.note(line, "not `name: text`"),
            },
            Place::Unknown => {}
        }
    }
    file.texts = read_texts(&texts);
    file
}

impl File {
    fn note(&mut self, line: &str, problem: &str) {
        self.problems
            .push(format!("{}: `{line}`: {problem}", self.language));
    }

    fn head(&mut self, line: &'static str) {
        match line
            .split_once(':')
            .map(|(name, value)| (name.trim(), value.trim()))
        {
            Some(("language", tag)) if tag == self.language => {}
            Some(("accents", "fold")) => self.accents = Accents::Fold,
            Some(("accents", "keep")) => self.accents = Accents::Keep,
            Some(("cut", "words")) => self.cut = Cut::Words,
            Some(("cut", "chars")) => self.cut = Cut::Chars,
            _ => self.note(line, "not known in the head of a file"),
        }
    }

    fn pattern(&mut self, line: &'static str) -> Option<Node> {
        pattern::parse(line)
            .map_err(|problem| self.note(line, problem))
            .ok()
    }
}

fn section(name: &'static str) -> Place {
    Place::Section(match name {
        "stop" => Section::Stop,
        "stop all" => Section::StopAll,
        "stop marketing" => Section::StopMarketing,
        "start" => Section::Start,
        "ambiguous" => Section::Ambiguous,
        "silent" => Section::Silent,
        "everyday" => Section::Everyday,
        "polite" => Section::Polite,
        "please" => Section::Please,
        "ask" => Section::Ask,
        "texts" => return Place::Texts,
        other => {
            return other
                .strip_prefix("set ")
                .map_or(Place::Unknown, |name| Place::Set(name.trim()));
        }
    })
}

fn read_texts(texts: &HashMap<&str, &'static str>) -> Option<Texts> {
    let text = |name: &str| texts.get(name).copied().filter(|text| !text.is_empty());
    Some(Texts {
        stopped: text("stopped")?,
        stopped_all: text("stopped all")?,
        stopped_marketing: text("stopped marketing")?,
        question: text("question")?,
        yes_button: text("yes button")?,
        no_button: text("no button")?,
        start_word: text("start word")?,
    })
}
