//! The index: which pages answer a question.
//!
//! Two tables. `pages` has a row for each page, with columns that weigh differently. `phrases` has a row for each
//! question and each phrase that people use for it, so that a few phrases that fit well count for more than words
//! here and there. A page's score is the sum of its row and of its best phrases, the second of which counts half, the
//! third a third, and so on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::data::DataError;
use crate::words::Words;
use crate::{Entry, FOUND_MAX};

const CREATE_PAGES: &str = "CREATE VIRTUAL TABLE pages USING fts5(place UNINDEXED, question, asks, short, body, tokenize = 'porter unicode61')";
const CREATE_PHRASES: &str = "CREATE VIRTUAL TABLE phrases USING fts5(place UNINDEXED, phrase, tokenize = 'porter unicode61')";
const ADD_PAGE: &str =
    "INSERT INTO pages (place, question, asks, short, body) VALUES (?1, ?2, ?3, ?4, ?5)";
const ADD_PHRASE: &str = "INSERT INTO phrases (place, phrase) VALUES (?1, ?2)";
/// `bm25` is the lower the better; the weights are those of the columns, the first of which is not searched.
const FIND_PAGES: &str =
    "SELECT place, -bm25(pages, 0.0, 5.0, 3.0, 2.0, 0.5) FROM pages WHERE pages MATCH ?1";
const FIND_PHRASES: &str =
    "SELECT place, -bm25(phrases) FROM phrases WHERE phrases MATCH ?1 ORDER BY bm25(phrases)";

/// How many of a page's phrases count.
const PHRASES_COUNTED: u32 = 5;
/// A rule answers when nothing else does as well: an article says more.
const RULE_WEIGHT: f64 = 0.6;
/// What fits so much worse than the best is left out.
const TAIL: f64 = 0.35;

/// Why nothing could be looked up.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// SQLite could not build or read the index.
    #[error("the guide's index cannot be used")]
    Index(#[from] rusqlite::Error),
    /// The words that mean the same could not be read.
    #[error("the guide's words cannot be read")]
    Words(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<DataError> for FindError {
    fn from(error: DataError) -> Self {
        Self::Words(Box::new(error))
    }
}

/// The index over every page.
#[derive(Debug)]
pub(crate) struct Index {
    words: Words,
    /// Articles come first, rules from here on.
    rules_from: u32,
    connection: Mutex<Connection>,
}

/// What is searched of a page.
struct Searched<'a> {
    question: &'a str,
    asks: &'a [String],
    short: &'a str,
    body: String,
}

impl<'a> Searched<'a> {
    fn of(entry: Entry<'a>) -> Self {
        let (asks, body) = match entry {
            Entry::Rule(_) => (&[][..], String::new()),
            Entry::Article(article) => {
                let eras = article
                    .eras
                    .iter()
                    .flat_map(|era| [era.when.as_str(), era.text.as_str()]);
                let cells = article.table.iter().flat_map(|table| {
                    let cells = table.rows.iter().flatten();
                    cells.map(String::as_str)
                });
                let body: Vec<&str> = [&article.text, &article.greenline, &article.unknown]
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .chain(eras)
                    .chain(cells)
                    .collect();
                (article.asks.as_slice(), body.join(" "))
            }
        };
        Self {
            question: entry.title(),
            asks,
            short: entry.short(),
            body,
        }
    }

    fn phrases(&self) -> impl Iterator<Item = &str> {
        self.asks.iter().map(String::as_str).chain([self.question])
    }
}

impl Index {
    /// Builds it.
    pub(crate) fn build(entries: &[Entry<'_>]) -> Result<Self, FindError> {
        let mut words = Words::read()?;
        let searched: Vec<Searched<'_>> = entries.iter().copied().map(Searched::of).collect();
        for page in &searched {
            page.phrases().for_each(|phrase| words.learn(phrase));
            words.learn(page.short);
            words.learn(&page.body);
        }
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(&format!("{CREATE_PAGES};{CREATE_PHRASES};"))?;
        connection.execute_batch("BEGIN")?;
        for (place, page) in (0..).zip(&searched) {
            add(&connection, &words, place, page)?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(Self {
            words,
            rules_from: (0..)
                .zip(entries)
                .find(|(_, entry)| matches!(entry, Entry::Rule(_)))
                .map_or(u32::MAX, |(place, _)| place),
            connection: Mutex::new(connection),
        })
    }

    /// The places of the pages that answer, best first.
    pub(crate) fn find(&self, question: &str) -> Result<Vec<u32>, FindError> {
        let Some(wanted) = wanted(&self.words.of_question(question)) else {
            return Ok(Vec::new());
        };
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut scores: BTreeMap<u32, f64> = rows(&connection, FIND_PAGES, &wanted)?
            .into_iter()
            .collect();
        let mut counted: BTreeMap<u32, u32> = BTreeMap::new();
        for (place, score) in rows(&connection, FIND_PHRASES, &wanted)? {
            let rank = counted.entry(place).or_default();
            if *rank < PHRASES_COUNTED {
                *rank += 1;
                *scores.entry(place).or_default() += score / f64::from(*rank);
            }
        }
        let mut scored: Vec<(u32, f64)> = scores
            .into_iter()
            .map(|(place, score)| {
                let is_rule = place >= self.rules_from;
                (place, if is_rule { score * RULE_WEIGHT } else { score })
            })
            .collect();
        scored.sort_by(|one, other| other.1.total_cmp(&one.1));
        let least = scored.first().map_or(0.0, |best| best.1 * TAIL);
        Ok(scored
            .into_iter()
            .take(FOUND_MAX)
            .take_while(|(_, score)| *score >= least)
            .map(|(place, _)| place)
            .collect())
    }
}

/// Places and scores, as a statement gives them.
fn rows(
    connection: &Connection,
    statement: &str,
    wanted: &str,
) -> Result<Vec<(u32, f64)>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(statement)?;
    let rows = statement.query_map([wanted], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn add(
    connection: &Connection,
    words: &Words,
    place: u32,
    page: &Searched<'_>,
) -> Result<(), rusqlite::Error> {
    let read = |text: &str| words.of_text(text).join(" ");
    let asks: Vec<String> = page.asks.iter().map(|ask| read(ask)).collect();
    let columns = (
        place,
        read(page.question),
        asks.join(" "),
        read(page.short),
        read(&page.body),
    );
    connection.prepare_cached(ADD_PAGE)?.execute(columns)?;
    let mut statement = connection.prepare_cached(ADD_PHRASE)?;
    for phrase in page.phrases() {
        statement.execute((place, read(phrase)))?;
    }
    Ok(())
}

/// Any of the words, as FTS5 is asked for them. Words are letters and digits, so nothing in them can mean anything else;
/// `None` where there is none.
fn wanted(words: &[String]) -> Option<String> {
    let mut terms: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    terms.sort_unstable();
    terms.dedup();
    (!terms.is_empty()).then(|| terms.join(" OR "))
}
