//! All word sets together, and the choice between what they say.

use super::automaton::{Automaton, Builder, Entry};
use super::file::{self, Cut, File, Line, Section, Texts};
use super::languages::{FILES, SHARED};
use super::normalise::{Accents, key, key_within};
use super::{Meaning, Recognised, STOP_CHARS_MAX, Settings, StopReach};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Built at first use.
pub(super) static READER: LazyLock<Reader> = LazyLock::new(Reader::new);

/// Said when even English is broken; no build that passed its tests says it.
static NO_TEXTS: Texts = Texts {
    stopped: "STOP: OK.",
    stopped_all: "STOP: OK.",
    stopped_marketing: "STOP: OK.",
    question: "STOP?",
    yes_button: "STOP",
    no_button: "OK",
    start_word: "START",
};

/// The languages that are read the same way.
struct Group {
    accents: Accents,
    cut: Cut,
    whole: Automaton,
    asks: Automaton,
}

/// All languages.
pub(super) struct Reader {
    files: Vec<File>,
    groups: Vec<Group>,
    pub(super) problems: Vec<String>,
}

impl Reader {
    fn new() -> Self {
        let files: Vec<File> = FILES
            .iter()
            .map(|&(language, text)| file::read(language, text))
            .collect();
        let shared = file::read("und", SHARED);
        let mut problems: Vec<String> = files
            .iter()
            .chain([&shared])
            .flat_map(|file| file.problems.clone())
            .collect();
        let mut groups = Vec::new();
        for (accents, cut) in [
            (Accents::Fold, Cut::Words),
            (Accents::Keep, Cut::Words),
            (Accents::Fold, Cut::Chars),
        ] {
            let (mut whole, mut asks) = (Builder::new(accents, cut), Builder::new(accents, cut));
            for (at, file) in files
                .iter()
                .enumerate()
                .filter(|(_, file)| (file.accents, file.cut) == (accents, cut))
            {
                whole.whole_messages(at, file, &shared.lines);
                asks.asks(at, file);
            }
            problems.append(&mut whole.problems);
            problems.append(&mut asks.problems);
            groups.push(Group {
                accents,
                cut,
                whole: whole.finish(),
                asks: asks.finish(),
            });
        }
        Self {
            files,
            groups,
            problems,
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.files.iter().flat_map(|file| &file.lines)
    }

    pub(super) fn texts(&self, language: &str) -> &Texts {
        let base = language.split(['-', '_']).next().unwrap_or(language);
        let of = |tag: &str| {
            self.files
                .iter()
                .find(|file| file.language.eq_ignore_ascii_case(tag))
                .and_then(|file| file.texts.as_ref())
        };
        of(language)
            .or_else(|| of(base))
            .or_else(|| of("en"))
            .unwrap_or(&NO_TEXTS)
    }

    pub(super) fn is_ask(&self, body: &str) -> bool {
        let mut folded = None;
        self.groups.iter().any(|group| {
            let key = match group.accents {
                Accents::Fold => {
                    Cow::from(&*folded.get_or_insert_with(|| key(body, Accents::Fold)))
                }
                Accents::Keep => Cow::from(key(body, Accents::Keep)),
            };
            let tokens: Vec<_> = group.asks.tokens(&key, group.cut).collect();
            group.asks.contains(&tokens)
        })
    }

    pub(super) fn recognise(&self, text: &str, settings: &Settings) -> Option<Recognised> {
        let folded = key_within(text, Accents::Fold, STOP_CHARS_MAX)?;
        let mut choice = Choice {
            settings,
            best: None,
            everyday: false,
        };
        for group in &self.groups {
            let key = match (group.accents, group.cut) {
                (Accents::Keep, _) if !text.is_ascii() => {
                    Cow::from(key_within(text, Accents::Keep, STOP_CHARS_MAX)?)
                }
                (Accents::Fold, Cut::Words) => spelled_out(&folded),
                _ => Cow::from(&folded),
            };
            if let Some(tokens) = group
                .whole
                .tokens(&key, group.cut)
                .collect::<Option<Vec<_>>>()
            {
                group.whole.whole(&tokens, |entry| choice.weigh(entry));
            }
        }
        choice.made().and_then(|(meaning, entry)| {
            let language = self.files.get(entry.language)?.language;
            Some(Recognised {
                meaning,
                language,
                matched: entry.text,
            })
        })
    }
}

/// "s t o p" is a word spelled out.
fn spelled_out(key: &str) -> Cow<'_, str> {
    let letters = || key.split(' ').filter(|part| part.chars().nth(1).is_none());
    if letters().count() >= 3 && letters().count() == key.split(' ').count() {
        Cow::from(letters().collect::<String>())
    } else {
        Cow::from(key)
    }
}

/// The strictest reading so far.
struct Choice<'a> {
    settings: &'a Settings,
    best: Option<(Meaning, Entry, bool)>,
    everyday: bool,
}

impl Choice<'_> {
    fn weigh(&mut self, entry: &Entry) {
        let meaning = match entry.section {
            Section::Stop => Meaning::Stop(StopReach::Bare),
            Section::StopAll => Meaning::Stop(StopReach::All),
            Section::StopMarketing => Meaning::Stop(StopReach::Marketing),
            Section::Start => Meaning::Start,
            Section::Ambiguous if self.settings.counts_unclear(entry.text) => {
                Meaning::Stop(StopReach::Bare)
            }
            Section::Ambiguous => Meaning::Ask,
            Section::Silent if self.settings.counts(entry.text) => Meaning::Stop(StopReach::Bare),
            Section::Everyday => {
                self.everyday = true;
                return;
            }
            Section::Silent | Section::Polite | Section::Please | Section::Ask => return,
        };
        let own = self.settings.speaks(self.language(entry));
        let better = self
            .best
            .as_ref()
            .is_none_or(|&(best, best_entry, best_own)| {
                (rank(meaning), own, best_entry.language) > (rank(best), best_own, entry.language)
            });
        if better {
            self.best = Some((meaning, *entry, own));
        }
    }

    fn language(&self, entry: &Entry) -> &'static str {
        FILES
            .get(entry.language)
            .map_or("", |&(language, _)| language)
    }

    /// An everyday word of another language: what would be a stop is asked about, what would be asked
    /// about is let be; but to a business that speaks the language of the stop it is one.
    fn made(self) -> Option<(Meaning, Entry)> {
        let (meaning, entry, own) = self.best?;
        if !self.everyday || own || self.settings.counts(entry.text) {
            return Some((meaning, entry));
        }
        matches!(meaning, Meaning::Stop(_)).then_some((Meaning::Ask, entry))
    }
}

/// Strictest last.
fn rank(meaning: Meaning) -> u8 {
    match meaning {
        Meaning::Keep => 0,
        Meaning::Start => 1,
        Meaning::Ask => 2,
        Meaning::Stop(StopReach::Marketing) => 3,
        Meaning::Stop(StopReach::Bare) => 4,
        Meaning::Stop(StopReach::All) => 5,
    }
}
