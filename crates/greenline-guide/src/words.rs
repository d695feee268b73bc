//! From what somebody typed to the words that are looked up.
//!
//! Words that mean the same become one, words that say nothing go, and a word that the guide does not know is
//! taken for the nearest one that it does know, if that is near enough. Pages and questions go through the same steps,
//! except that pages teach the spelling and are not corrected by it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use crate::data::{self, DataError};

const SYNONYMS: &str = include_str!("../data/synonyms.toml");
const STOPWORDS: &str = include_str!("../data/stopwords.txt");

/// Words of a question that are looked at.
pub(crate) const WORDS_MAX: usize = 60;
/// Shorter words are never taken for others: too many of them are one letter apart.
const CORRECTED_CHARS_MIN: usize = 5;
/// From this length on two mistakes are forgiven, not one.
const TWO_MISTAKES_CHARS_MIN: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Synonyms {
    groups: Vec<Vec<String>>,
}

/// What the guide knows of words.
#[derive(Debug)]
pub(crate) struct Words {
    /// Words that stand together, and what they are read as.
    same: HashMap<Vec<String>, String>,
    /// The most words that count as one.
    together_max: usize,
    silent: HashSet<&'static str>,
    /// Every word of the guide, and how often it stands there.
    vocabulary: BTreeMap<String, u32>,
}

/// Letters and digits, in lower case; an apostrophe joins.
pub(crate) fn split(text: &str) -> Vec<String> {
    let joined: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '\'' | '’'))
        .collect();
    joined
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Words {
    pub(crate) fn read() -> Result<Self, DataError> {
        let synonyms: Synonyms = data::parse("synonyms.toml", SYNONYMS)?;
        let mut same = HashMap::new();
        let mut vocabulary = BTreeMap::new();
        for group in &synonyms.groups {
            let Some(first) = group.first() else { continue };
            for member in group {
                let words = split(member);
                for word in &words {
                    vocabulary.entry(word.clone()).or_insert(1);
                }
                same.insert(words, first.clone());
            }
        }
        Ok(Self {
            together_max: same.keys().map(Vec::len).max().unwrap_or(1),
            same,
            silent: STOPWORDS.split_whitespace().collect(),
            vocabulary,
        })
    }

    /// Learns how the words of a text are spelt.
    pub(crate) fn learn(&mut self, text: &str) {
        for word in split(text) {
            *self.vocabulary.entry(word).or_insert(0) += 1;
        }
    }

    /// The words of a text as they are looked up.
    pub(crate) fn of_text(&self, text: &str) -> Vec<String> {
        self.meant(&split(text))
    }

    /// The words of a question as they are looked up: mistakes forgiven.
    pub(crate) fn of_question(&self, question: &str) -> Vec<String> {
        let words: Vec<String> = split(question)
            .into_iter()
            .take(WORDS_MAX)
            .map(|word| self.corrected(word))
            .collect();
        self.meant(&words)
    }

    fn meant(&self, words: &[String]) -> Vec<String> {
        let mut meant: Vec<String> = Vec::with_capacity(words.len());
        let mut rest = words;
        while let Some((first, after)) = rest.split_first() {
            let longest = (1..=self.together_max.min(rest.len())).rev().find_map(|n| {
                let (together, after) = rest.split_at(n);
                self.same.get(together).map(|word| (word, after))
            });
            let next = match longest {
                Some((word, after)) => {
                    rest = after;
                    Some(word)
                }
                None => {
                    rest = after;
                    (!self.silent.contains(first.as_str())).then_some(first)
                }
            };
            // "A message, a template": the same idea twice in a row is said once.
            if let Some(word) = next.filter(|word| meant.last() != Some(*word)) {
                meant.push(word.clone());
            }
        }
        meant
    }

    fn corrected(&self, word: String) -> String {
        let length = word.chars().count();
        let known = self.vocabulary.contains_key(&word) || self.silent.contains(word.as_str());
        if known || length < CORRECTED_CHARS_MIN || word.chars().all(|c| c.is_ascii_digit()) {
            return word;
        }
        let most = if length < TWO_MISTAKES_CHARS_MIN {
            1
        } else {
            2
        };
        // People rarely miss the first letter; holding to it keeps other words out.
        let nearest = self
            .vocabulary
            .iter()
            .filter(|(known, _)| known.chars().next() == word.chars().next())
            .filter(|(known, _)| known.chars().count().abs_diff(length) <= most)
            .map(|(known, often)| (strsim::osa_distance(known, &word), often, known))
            .filter(|(mistakes, ..)| *mistakes <= most)
            .min_by_key(|(mistakes, often, _)| (*mistakes, std::cmp::Reverse(*often)));
        match nearest {
            Some((_, _, known)) => known.clone(),
            None => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let mut words = Words::read().unwrap();
        words.learn("A notification about the receipt of quality");
        words
    }

    #[test]
    fn words_that_mean_the_same_are_one() {
        let words = words();
        assert_eq!(words.of_text("Opted-out"), words.of_text("unsubscribe"));
        assert_eq!(words.of_text("opt-in"), ["optin"]);
        assert_eq!(
            words.of_text("They haven’t been BANNED"),
            ["without", "blocked"]
        );
    }

    #[test]
    fn words_that_say_nothing_go() {
        assert!(words().of_text("what is the").is_empty());
        assert!(words().of_question("?!  …").is_empty());
    }

    #[test]
    fn a_mistyped_word_is_taken_for_the_nearest() {
        let words = words();
        assert_eq!(words.corrected("qualtiy".to_owned()), "quality"); // spellchecker:disable-line
        assert_eq!(words.corrected("notificaton".to_owned()), "notification"); // spellchecker:disable-line
        for kept in ["qual", "xuality", "131050", "receiptfully"] {
            assert_eq!(words.corrected(kept.to_owned()), kept);
        }
    }

    #[test]
    fn no_word_belongs_to_two_ideas() {
        let synonyms: Synonyms = data::parse("synonyms.toml", SYNONYMS).unwrap();
        let mut seen = HashSet::new();
        for member in synonyms.groups.iter().flatten() {
            assert!(seen.insert(split(member)), "`{member}` stands twice");
        }
    }
}
