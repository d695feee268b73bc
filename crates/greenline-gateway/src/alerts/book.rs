//! What was told of alerts, as the timeline has it.
//!
//! Each change is written twice: under the condition's own key, where its newest entry says for certain how it stands,
//! and under the business, where the newest entries are read together. What stands for so long that it would be lost
//! from there is said again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use greenline_ledger::LedgerError;
use greenline_ledger::types::TimelineEntry;
use greenline_policy::alert::Kind;

use super::record::{Record, Told};
use crate::app::App;
use crate::directory::Business;

/// What the timeline calls the subject.
pub(crate) const SUBJECT: &str = "alert";
pub(super) const ORIGIN: &str = "greenline";
pub(super) const OPENED: &str = "opened";
pub(super) const CLOSED: &str = "closed";
/// It goes on.
pub(super) const STANDING: &str = "standing";
/// Somebody was told.
pub(super) const TOLD: &str = "told";
/// Newest entries of a business that are looked at.
const ENTRIES_MAX: usize = 1_000;
/// What lies further back among them is said again.
const OLD: usize = ENTRIES_MAX / 2;
/// Who was told of one alert, at most.
const TOLD_MAX: usize = 64;

/// Names a condition and whom it is about.
pub(crate) fn key(kind: Kind, subject: &str) -> String {
    format!("{}:{subject}", kind.id())
}

/// Something that stands, as it was told.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) record: Record,
    /// It was said so long ago that it is to be said again.
    pub(super) is_old: bool,
}

/// Something that is over, as it was told.
#[derive(Debug)]
struct Closed {
    id: String,
    at_ms: i64,
}

/// What was told last of each condition.
#[derive(Debug, Default)]
pub(crate) struct Book {
    standing: BTreeMap<String, Standing>,
    closed: BTreeMap<String, Closed>,
    /// The oldest entry that was looked at, where there may be older ones.
    oldest: Option<i64>,
}

impl Book {
    /// What was told of a business.
    ///
    /// # Errors
    /// The ledger's.
    pub(crate) async fn read(app: &App, business: &Business) -> Result<Self, LedgerError> {
        let of = Some((SUBJECT, business.config.id.as_str()));
        let newest = app
            .ledger
            .timeline(business.ix, of, None, ENTRIES_MAX)
            .await?;
        Ok(Self::fold(&newest))
    }

    /// From entries, newest first.
    fn fold(newest: &[TimelineEntry]) -> Self {
        let mut book = Self {
            oldest: (newest.len() >= ENTRIES_MAX)
                .then(|| newest.last().map(|entry| entry.seq))
                .flatten(),
            ..Self::default()
        };
        for (place, entry) in newest.iter().enumerate() {
            let Some(record) = Record::read(&entry.body) else {
                continue;
            };
            let key = record.key();
            if book.standing.contains_key(&key) {
                continue;
            }
            let Entry::Vacant(closed) = book.closed.entry(key.clone()) else {
                continue;
            };
            if &*entry.event == CLOSED {
                closed.insert(Closed {
                    id: record.id,
                    at_ms: entry.at_ms,
                });
            } else {
                let is_old = place >= OLD;
                book.standing.insert(key, Standing { record, is_old });
            }
        }
        book
    }

    pub(super) fn stands(&self, key: &str) -> bool {
        self.standing.contains_key(key)
    }

    pub(super) fn closed_ms(&self, key: &str) -> Option<i64> {
        self.closed.get(key).map(|closed| closed.at_ms)
    }

    /// Whether a condition was told last as it stands here. If not, somebody told of it since this was read, and what
    /// was found out since then may be older than that: whoever goes by it would tell of something that is over, or
    /// that something is over which stands again.
    pub(super) fn knows(&self, key: &str, last: Option<&TimelineEntry>) -> bool {
        let standing = self.standing.get(key);
        let standing = standing.map(|standing| (&*standing.record.id, false));
        let closed = self.closed.get(key);
        let known = standing.or(closed.map(|closed| (&*closed.id, true)));
        match (known, last) {
            (Some((id, is_closed)), Some(last)) => {
                let same = Record::read(&last.body).is_some_and(|record| record.id == id);
                same && (&*last.event == CLOSED) == is_closed
            }
            // What lies further back than was looked at is over: what stands is said again.
            (None, Some(last)) => {
                let is_further_back = self.oldest.is_some_and(|oldest| last.seq < oldest);
                is_further_back && &*last.event == CLOSED
            }
            (_, None) => true,
        }
    }

    pub(super) fn standing(&self) -> impl Iterator<Item = (&String, &Standing)> {
        self.standing.iter()
    }

    /// What stands, gravest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self
            .standing
            .values()
            .map(|one| one.record.clone())
            .collect();
        records.sort_by_key(|record| (record.place(), record.since_ms));
        records
    }
}

/// How a condition was told last.
pub(super) async fn last(
    app: &App,
    business: &Business,
    key: &str,
) -> Result<Option<TimelineEntry>, LedgerError> {
    let of = Some((SUBJECT, key));
    let newest = app.ledger.timeline(business.ix, of, None, 1).await?;
    Ok(newest.into_iter().next())
}

/// Who was told of an alert, first to last.
///
/// # Errors
/// The ledger's.
pub(crate) async fn told(
    app: &App,
    business: &Business,
    id: &str,
) -> Result<Vec<Told>, LedgerError> {
    let of = Some((SUBJECT, id));
    let entries = app.ledger.timeline(business.ix, of, None, TOLD_MAX).await?;
    let told = entries.iter().rev();
    Ok(told.filter_map(|entry| Told::read(&entry.body)).collect())
}

/// A page of what is over, newest first, from before an entry; where the next page begins, after a full one.
///
/// # Errors
/// The ledger's.
pub(crate) async fn past(
    app: &App,
    business: &Business,
    before: Option<i64>,
    rows: usize,
) -> Result<(Vec<Record>, Option<i64>), LedgerError> {
    let of = Some((SUBJECT, business.config.id.as_str()));
    let entries = app.ledger.timeline(business.ix, of, before, rows).await?;
    let next = (entries.len() == rows)
        .then(|| entries.last().map(|entry| entry.seq))
        .flatten();
    let closed = entries.iter().filter(|entry| &*entry.event == CLOSED);
    let records = closed.filter_map(|entry| Record::read(&entry.body));
    Ok((records.collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, event: &str, subject: &str) -> TimelineEntry {
        let record = Record::sample(subject);
        TimelineEntry {
            seq,
            subject: SUBJECT.into(),
            subject_id: "acme".into(),
            origin: ORIGIN.into(),
            event: event.into(),
            at_ms: seq,
            body: record.text().into(),
        }
    }

    #[test]
    fn the_newest_entry_of_each_says_how_it_stands() {
        let newest_first = [
            entry(5, CLOSED, "1"),
            entry(4, OPENED, "2"),
            entry(3, OPENED, "1"),
            entry(2, CLOSED, "2"),
            entry(1, OPENED, "2"),
        ];
        let book = Book::fold(&newest_first);
        let key = |subject| Record::sample(subject).key();
        assert!(book.stands(&key("2")) && !book.stands(&key("1")));
        assert_eq!(book.closed_ms(&key("1")), Some(5));
        assert_eq!(book.records().len(), 1);
    }

    /// Two nodes look at once: one is slow, and the other tells that it opened, that it is over and that it opened
    /// again before the slow one has come to what it found.
    #[test]
    fn what_somebody_else_told_since_is_not_overruled() {
        let key = Record::sample("1").key();
        let named = |seq: i64, event: &str, id: &str| {
            let mut entry = entry(seq, event, "1");
            let record = Record {
                id: id.to_owned(),
                ..Record::sample("1")
            };
            entry.body = record.text().into();
            entry
        };
        let told = [
            named(1, OPENED, "alr_1"),
            named(2, CLOSED, "alr_1"),
            named(3, OPENED, "alr_2"),
        ];
        for read in 0..=told.len() {
            let newest_first: Vec<TimelineEntry> = told.iter().take(read).rev().cloned().collect();
            let book = Book::fold(&newest_first);
            for since in read..=told.len() {
                let last = since.checked_sub(1).and_then(|at| told.get(at));
                assert_eq!(book.knows(&key, last), since == read, "{read} {since}");
            }
        }
        // Said again is not told anew, and what lies very far back is over.
        let again = [named(9, STANDING, "alr_1"), named(1, OPENED, "alr_1")];
        assert!(Book::fold(&again).knows(&key, Some(&again[1])));
        let others = (0..ENTRIES_MAX as i64).rev();
        let others: Vec<TimelineEntry> = others.map(|seq| entry(seq + 10, CLOSED, "2")).collect();
        let book = Book::fold(&others);
        assert!(book.knows(&key, Some(&named(2, CLOSED, "alr_1"))));
        assert!(!book.knows(&key, Some(&named(2, OPENED, "alr_1"))));
        assert!(!book.knows(&key, Some(&named(90, CLOSED, "alr_1"))));
    }

    #[test]
    fn what_stands_for_long_is_said_again_before_it_is_lost() {
        let others = (0..OLD as i64).map(|seq| entry(seq + 10, CLOSED, "1"));
        let mut newest_first: Vec<TimelineEntry> = others.collect();
        newest_first.reverse();
        newest_first.push(entry(1, OPENED, "2"));
        let book = Book::fold(&newest_first);
        assert!(book.standing().all(|(_, standing)| standing.is_old));
        newest_first.insert(0, entry(9_999, STANDING, "2"));
        let book = Book::fold(&newest_first);
        assert!(book.standing().all(|(_, standing)| !standing.is_old));
        assert_eq!(book.records().len(), 1);
    }
}
