//! What becomes of a row, and how many rows it became of.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use greenline_policy::country::Country;
use greenline_policy::decide::{Decision, Verdict};
use greenline_policy::next_step::next_step;
use greenline_policy::rule::{Rule, Severity};
use rustc_hash::FxHashMap;

use super::report::utc;

/// Where a row goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    /// It may be sent at the moment asked about.
    Allowed,
    /// It may not yet: what is in the way passes by itself, at a known time, and then it may.
    Held,
    /// It may not.
    Refused,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Allowed, Self::Held, Self::Refused];
}

/// What was decided about one person, without anything that is theirs alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Fate {
    /// Where it goes.
    pub(crate) kind: Kind,
    /// When it may be sent, for what is held.
    pub(crate) until_ms: Option<i64>,
    /// Every reason, the one that answers first.
    pub(crate) rules: Vec<Rule>,
    /// The rule that the one next step is about, for what is refused.
    pub(crate) next: Option<Rule>,
    /// The person's country.
    pub(crate) country: Country,
}

/// When everything that is in the way has passed by itself; `None` where something does not, and where nothing is.
pub(crate) fn passes_ms(decision: &Decision) -> Option<i64> {
    if decision.verdict == Verdict::Allow {
        return None;
    }
    let blockers = decision
        .reasons
        .iter()
        .filter(|reason| reason.rule.card().severity != Severity::Note);
    let mut latest = None;
    for reason in blockers {
        latest = latest.max(Some(reason.until_ms?));
    }
    latest
}

impl Fate {
    /// Of a decision, and of when it would be another where that is known.
    pub(crate) fn of(decision: &Decision, until_ms: Option<i64>, country: Country) -> Self {
        let kind = match (decision.verdict, until_ms) {
            (Verdict::Allow, _) => Kind::Allowed,
            (_, Some(_)) => Kind::Held,
            (_, None) => Kind::Refused,
        };
        let mut rules: Vec<Rule> = Vec::with_capacity(decision.reasons.len());
        for reason in &decision.reasons {
            if !rules.contains(&reason.rule) {
                rules.push(reason.rule);
            }
        }
        let next = (kind == Kind::Refused).then(|| next_step(decision));
        Self {
            kind,
            until_ms: until_ms.filter(|_| kind == Kind::Held),
            rules,
            next: next.flatten().map(|step| step.rule),
            country,
        }
    }

    /// What stands behind the number in a row of the results.
    pub(crate) fn tail(&self) -> Vec<u8> {
        let mut tail = String::new();
        if let Some(until_ms) = self.until_ms {
            let _ = write!(tail, ",{}", utc(until_ms));
        }
        let ids: Vec<&str> = self.rules.iter().map(|rule| rule.id()).collect();
        let texts: Vec<&str> = self.rules.iter().map(|rule| rule.card().text).collect();
        let _ = write!(tail, ",{},{}", ids.join(" "), quoted(&texts.join(" ")));
        if self.kind == Kind::Refused {
            let step = self.next.map_or("", |rule| rule.card().remedy);
            let _ = write!(tail, ",{}", quoted(step));
        }
        tail.push('\n');
        tail.into_bytes()
    }
}

/// A value between quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// One fate, and of how many rows.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The fate.
    pub(crate) fate: Fate,
    /// Its rows.
    pub(crate) rows: u64,
}

/// Every fate there was.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By their places.
    pub(crate) entries: Vec<Entry>,
    places: FxHashMap<Fate, u32>,
    /// Rows that name somebody who was named before.
    pub(crate) duplicates: u64,
    /// Rows that could not be read, by what is wrong.
    pub(crate) unread: BTreeMap<String, u64>,
}

/// Kinds of problems that are counted apart.
const PROBLEMS_MAX: usize = 100;

impl Tally {
    /// The place of a fate.
    pub(crate) fn place(&mut self, fate: Fate) -> u32 {
        if let Some(place) = self.places.get(&fate) {
            return *place;
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry {
            fate: fate.clone(),
            rows: 0,
        });
        self.places.insert(fate, place);
        place
    }

    /// One more row of the fate that has that place.
    #[inline]
    pub(crate) fn one_more(&mut self, place: u32) {
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.rows += 1;
        }
    }

    /// One more row that could not be read.
    pub(crate) fn unread(&mut self, problem: &str) {
        let known = self.unread.len() < PROBLEMS_MAX || self.unread.contains_key(problem);
        let problem = if known { problem } else { "other problems" };
        *self.unread.entry(problem.to_owned()).or_default() += 1;
    }

    /// Rows of a kind.
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        let entries = self.entries.iter().filter(|entry| entry.fate.kind == kind);
        entries.map(|entry| entry.rows).sum()
    }

    /// Rows that could not be read.
    pub(crate) fn unread_rows(&self) -> u64 {
        self.unread.values().sum()
    }
}
