//! The guide: what may be sent, to whom, and why not, for people who ask in words of every day.
//!
//! It is made of two things. The rule catalogue of the policy crate gives each rule a page. Articles in
//! `data/articles` answer what support desks ask: a short answer, what Greenline does about it, what held when,
//! and what nobody knows. Both rest on facts in `data/facts.toml`, each in our own words, with sources, a date and a
//! confidence. A test holds that every fact a rule or an article cites is there, and that every rule is found.
//!
//! # The search
//!
//! A question is looked up with the full-text search of SQLite, FTS5, in a store in memory that is filled at first
//! use. It is kept by SQLite's own people, ranks by BM25 with a weight for each column, brings a stemmer, and is in the
//! program already, built with the ledger's store: no new crate, no time to compile. Looked at and not taken:
//!
//! - `tantivy` is well kept too, but made for indexes that do not fit in memory: some thirty direct dependencies,
//!   threads of its own, and `time`, which this project bans. For sixty pages that is minutes of compiling for nothing.
//! - `bm25` rests on `fxhash`, which nobody maintains (RUSTSEC-2025-0057), and its tokenizer on `rust-stemmers`,
//!   unchanged since 2019.
//!
//! Three small things stand before it, all of them data: words that mean the same (`synonyms.toml`), words that say
//! nothing (`stopwords.txt`), and a look for mistyped words in the guide's own vocabulary, by `strsim`, which the
//! command line parser brings along anyway. There is no case for any single question in code.
//!
//! This crate never reads a file or a clock, never opens a socket, and decides nothing.

mod capability;
mod data;
mod search;
mod words;

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use greenline_policy::rule::Rule;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use capability::{CauseCard, Said};
pub use greenline_policy::law::Confidence;
pub use search::FindError;

/// Longest question that is looked at, in characters.
pub const QUESTION_CHARS_MAX: usize = 400;
/// Most answers to one question.
pub const FOUND_MAX: usize = 10;

/// How sure a fact is, from its word.
fn confidence<'de, D: Deserializer<'de>>(from: D) -> Result<Confidence, D::Error> {
    let word = String::deserialize(from)?;
    let all = [Confidence::Low, Confidence::Medium, Confidence::High];
    all.into_iter()
        .find(|one| one.as_str() == word)
        .ok_or_else(|| D::Error::custom("a confidence is high, medium or low"))
}

/// What an article is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Opting in, asking, proof.
    Asking,
    /// Stops and what follows.
    Stopping,
    /// Windows, templates, delivery.
    Sending,
    /// Ratings, limits, enforcement, moves.
    Numbers,
}

impl Group {
    /// Every group, in the order in which they are shown.
    pub const ALL: &[Self] = &[Self::Asking, Self::Stopping, Self::Sending, Self::Numbers];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Asking => "Agreeing, and asking for it",
            Self::Stopping => "Stopping",
            Self::Sending => "Sending",
            Self::Numbers => "Numbers and their health",
        }
    }
}

/// Where facts come from.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What facts name it by.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Where it is; empty for what has no address.
    pub address: String,
    /// Which copy was read.
    pub read: String,
    /// How much weight it has.
    #[serde(deserialize_with = "confidence")]
    pub weight: Confidence,
}

impl Source {
    /// The address, if a browser can go there.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.address
            .starts_with("https://")
            .then_some(self.address.as_str())
    }
}

/// One thing that is known, in our own words.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What rules and articles cite.
    pub id: String,
    /// The statement.
    pub text: String,
    /// Keys of sources.
    pub sources: Vec<String>,
    /// How sure it is.
    #[serde(deserialize_with = "confidence")]
    pub confidence: Confidence,
    /// From when it holds, where that is known.
    #[serde(default)]
    pub since: Option<String>,
    /// Until when it held.
    #[serde(default)]
    pub until: Option<String>,
}

impl Fact {
    /// When it holds, in words; empty where no date is known.
    #[must_use]
    pub fn dates(&self) -> String {
        match (&self.since, &self.until) {
            (None, None) => String::new(),
            (Some(since), None) => format!("since {since}"),
            (None, Some(until)) => format!("until {until}"),
            (Some(since), Some(until)) => format!("from {since} until {until}"),
        }
    }
}

/// What held at a time.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Era {
    /// The time, in words.
    pub when: String,
    /// What held.
    pub text: String,
}

/// Cases side by side.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The columns.
    pub head: Vec<String>,
    /// The rows, each as wide as the head.
    pub rows: Vec<Vec<String>>,
}

/// The answer to one question.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Article {
    /// What stands in its address: its file's name.
    #[serde(skip)]
    pub slug: String,
    /// What it is about.
    pub group: Group,
    /// The question.
    pub question: String,
    /// The answer in a sentence or three.
    pub short: String,
    /// More of it, in paragraphs.
    pub text: Vec<String>,
    /// Cases side by side.
    #[serde(default)]
    pub table: Option<Table>,
    /// What held when, where it changed.
    #[serde(default, rename = "era")]
    pub eras: Vec<Era>,
    /// What Greenline does about it, in paragraphs.
    pub greenline: Vec<String>,
    /// What is not known.
    pub unknown: Vec<String>,
    /// Ids of facts it rests on.
    pub facts: Vec<String>,
    /// Ids of rules that have to do with it.
    pub rules: Vec<String>,
    /// Slugs of articles beside it.
    pub related: Vec<String>,
    /// Phrases that people use for the question.
    pub asks: Vec<String>,
}

/// A page of the guide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry<'a> {
    /// An article.
    Article(&'a Article),
    /// A rule of the catalogue.
    Rule(Rule),
}

impl<'a> Entry<'a> {
    /// An article's slug, a rule's id.
    #[must_use]
    pub fn id(&self) -> &'a str {
        match *self {
            Self::Article(article) => &article.slug,
            Self::Rule(rule) => rule.id(),
        }
    }

    /// The question, or the rule's sentence.
    #[must_use]
    pub fn title(&self) -> &'a str {
        match *self {
            Self::Article(article) => &article.question,
            Self::Rule(rule) => rule.card().text,
        }
    }

    /// The short answer, or what to do about the rule.
    #[must_use]
    pub fn short(&self) -> &'a str {
        match *self {
            Self::Article(article) => &article.short,
            Self::Rule(rule) => rule.card().remedy,
        }
    }

    /// Where its page is on the private listener.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Article(article) => format!("/guide/{}", article.slug),
            Self::Rule(rule) => rule_path(*rule),
        }
    }

    /// The ids of the facts it rests on.
    #[must_use]
    pub fn fact_ids(&self) -> Vec<&'a str> {
        match *self {
            Self::Article(article) => article.facts.iter().map(String::as_str).collect(),
            Self::Rule(rule) => rule.card().sources.to_vec(),
        }
    }
}

/// Where a rule's page is on the private listener.
#[must_use]
pub fn rule_path(rule: Rule) -> String {
    format!("/guide/rules/{}", rule.id())
}

/// Articles, facts and sources, and the index over them.
#[derive(Debug)]
pub struct Guide {
    articles: Vec<Article>,
    causes: BTreeMap<String, CauseCard>,
    facts: BTreeMap<String, Fact>,
    sources: BTreeMap<String, Source>,
    index: OnceLock<search::Index>,
}

impl Guide {
    /// The guide of this release.
    #[must_use]
    pub fn this() -> &'static Self {
        // What is compiled in was read by a test before.
        static GUIDE: LazyLock<Guide> =
            LazyLock::new(|| data::read().expect("the guide's own data can be read"));
        &GUIDE
    }

    /// Every article, in the order in which they are listed.
    #[must_use]
    pub fn articles(&self) -> &[Article] {
        &self.articles
    }

    /// The articles of a group.
    pub fn in_group(&self, group: Group) -> impl Iterator<Item = &Article> {
        self.articles
            .iter()
            .filter(move |article| article.group == group)
    }

    /// The article at an address.
    #[must_use]
    pub fn article(&self, slug: &str) -> Option<&Article> {
        self.articles.iter().find(|article| article.slug == slug)
    }

    /// The articles that name a rule.
    pub fn about(&self, rule: Rule) -> impl Iterator<Item = &Article> {
        self.articles
            .iter()
            .filter(move |article| article.rules.iter().any(|id| id == rule.id()))
    }

    /// The articles beside one.
    pub fn beside<'a>(&'a self, article: &'a Article) -> impl Iterator<Item = &'a Article> {
        article.related.iter().filter_map(|slug| self.article(slug))
    }

    /// Every fact, by id.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values()
    }

    /// The fact of an id.
    #[must_use]
    pub fn fact(&self, id: &str) -> Option<&Fact> {
        self.facts.get(id)
    }

    /// The facts a page rests on.
    #[must_use]
    pub fn facts_of(&self, entry: Entry<'_>) -> Vec<&Fact> {
        let ids = entry.fact_ids();
        ids.into_iter().filter_map(|id| self.fact(id)).collect()
    }

    /// The sources of a fact.
    pub fn sources_of<'a>(&'a self, fact: &'a Fact) -> impl Iterator<Item = &'a Source> {
        fact.sources.iter().filter_map(|key| self.sources.get(key))
    }

    /// Every page: articles, then rules.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let rules = Rule::ALL.iter().copied().map(Entry::Rule);
        self.articles.iter().map(Entry::Article).chain(rules)
    }

    /// How sure a page is, in words: what of it is not from the platform's own pages.
    #[must_use]
    pub fn confidence(&self, entry: Entry<'_>) -> String {
        let facts = self.facts_of(entry);
        let of = |confidence| {
            let count = facts
                .iter()
                .filter(|fact| fact.confidence == confidence)
                .count();
            (count, if count == 1 { "is" } else { "are" })
        };
        let (medium, low) = (of(Confidence::Medium), of(Confidence::Low));
        let mut parts = Vec::new();
        if medium.0 > 0 {
            parts.push(format!(
                "{} {} second-hand, partial, or our own reading (medium confidence)",
                medium.0, medium.1
            ));
        }
        if low.0 > 0 {
            parts.push(format!(
                "{} {} weak or not confirmed (low confidence)",
                low.0, low.1
            ));
        }
        match (facts.len(), parts.is_empty()) {
            (0, _) => "It rests on no recorded fact.".to_owned(),
            (1, true) => "The fact below is of high confidence.".to_owned(),
            (_, true) => "All facts below are of high confidence.".to_owned(),
            (all, false) => format!(
                "Of the {all} {} below, {}.",
                if all == 1 { "fact" } else { "facts" },
                parts.join(" and ")
            ),
        }
    }

    /// The pages that answer a question, best first: at most [`FOUND_MAX`]. The name of a rule or an article finds that page
    /// alone, the id of a fact what rests on it; a name within a question finds its page first.
    ///
    /// # Errors
    /// [`FindError`] when the index cannot be built or read, as when memory is short.
    pub fn find(&self, question: &str) -> Result<Vec<Entry<'_>>, FindError> {
        let question: String = question.chars().take(QUESTION_CHARS_MAX).collect();
        let question = question.trim();
        let exact = self.exact(question);
        if !exact.is_empty() {
            return Ok(exact);
        }
        let entries: Vec<Entry<'_>> = self.entries().collect();
        let index = match self.index.get() {
            Some(index) => index,
            None => {
                let built = search::Index::build(&entries)?;
                self.index.get_or_init(|| built)
            }
        };
        let mut found: Vec<Entry<'_>> = question
            .split_whitespace()
            .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
            .filter(|word| word.contains(['.', '_', '-']))
            .filter_map(|word| entries.iter().find(|entry| is_called(entry, word)).copied())
            .collect();
        for place in index.find(question)? {
            let entry = usize::try_from(place).ok().and_then(|at| entries.get(at));
            if let Some(entry) = entry.filter(|entry| !found.contains(entry)) {
                found.push(*entry);
            }
        }
        found.truncate(FOUND_MAX);
        Ok(found)
    }

    fn exact(&self, name: &str) -> Vec<Entry<'_>> {
        let called: Vec<_> = self
            .entries()
            .filter(|entry| is_called(entry, name))
            .collect();
        if !called.is_empty() {
            return called;
        }
        let cites = |entry: &Entry<'_>| {
            let mut ids = entry.fact_ids().into_iter();
            ids.any(|id| id.eq_ignore_ascii_case(name))
        };
        self.entries().filter(cites).take(FOUND_MAX).collect()
    }
}

fn is_called(entry: &Entry<'_>, name: &str) -> bool {
    entry.id().eq_ignore_ascii_case(name)
}
