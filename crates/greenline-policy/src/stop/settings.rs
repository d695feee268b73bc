//! What a business may choose about the reading of stops: only ever to count more as a stop.

use super::normalise;

/// Unclear words of US law that count there as a stop by themselves (LAW-US-REVOKE), besides those
/// that count everywhere anyway.
const US_WORDS: [&str; 4] = ["quit", "end", "revoke", "cancel"];

/// The business's choices. By default no unclear word counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    counted: Vec<Box<str>>,
    all_unclear: bool,
    language: Option<Box<str>>,
}

impl Settings {
    /// These unclear words (`cancel`, `yes` …) count as a stop.
    #[must_use]
    pub fn counting<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.counted.extend(
            words
                .into_iter()
                .map(|word| normalise(word).into_boxed_str()),
        );
        self
    }

    /// The words of US law count as a stop.
    #[must_use]
    pub fn counting_us_words(self) -> Self {
        self.counting(US_WORDS)
    }

    /// Every word that would otherwise be asked about counts as a stop.
    #[must_use]
    pub fn counting_all_unclear(mut self) -> Self {
        self.all_unclear = true;
        self
    }

    /// The business's language: decides between languages that share a word.
    #[must_use]
    pub fn in_language(mut self, language: &str) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Whether a listed word counts.
    pub(super) fn counts(&self, listed: &str) -> bool {
        !self.counted.is_empty() && {
            let listed = normalise(listed);
            self.counted.iter().any(|word| **word == *listed)
        }
    }

    /// Whether a word that would be asked about counts.
    pub(super) fn counts_unclear(&self, listed: &str) -> bool {
        self.all_unclear || self.counts(listed)
    }

    /// Whether this is the business's language, regional variants aside.
    pub(super) fn speaks(&self, language: &str) -> bool {
        self.language.as_deref().is_some_and(|own| {
            own == language
                || own
                    .split_once(['-', '_'])
                    .is_some_and(|(base, _)| base == language)
        })
    }
}
