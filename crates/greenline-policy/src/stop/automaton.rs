//! Patterns of many languages as one machine that reads a message token by token.
//!
//! It has no loops but the polite words, so its work is bounded by the length of the message times
//! the patterns that still fit, and there is nothing to backtrack. Built once.

mod builder;

pub(super) use builder::Builder;

use super::file::{Cut, Section};
use std::collections::HashMap;

pub(super) type State = u32;
/// A word (or character) that occurs in some pattern.
pub(super) type Token = u32;

/// Stands for any word, also one that no pattern knows.
const ANY: Token = 0;
const START: State = 0;
/// Accepted where a run of polite words may end; no entry has this number.
const POLITE_END: u32 = u32::MAX;
/// Stops that one message may say one after the other.
const CLAUSES_MAX: usize = 3;

/// A line that can be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Place of the language in the list of files.
    pub(super) language: usize,
    pub(super) section: Section,
    pub(super) text: &'static str,
    /// Where the polite words that may follow are read, and where another clause.
    tail: State,
    head: State,
}

impl Entry {
    fn is_stop(&self) -> bool {
        matches!(
            self.section,
            Section::Stop | Section::StopAll | Section::StopMarketing
        )
    }
}

/// The machine, for all languages that are cut the same way.
#[derive(Debug)]
pub(super) struct Automaton {
    vocabulary: HashMap<Box<str>, Token>,
    entries: Vec<Entry>,
    edges: Table<(Token, State)>,
    accepts: Table<u32>,
    /// Where each language begins: before and after the polite words.
    heads: Vec<[State; 2]>,
    /// The languages (as bits) whose patterns have this token.
    speakers: Vec<u64>,
    /// The entries that this token alone fits.
    singles: Table<u32>,
    /// Words for "please", sorted.
    pleas: Vec<Box<[Token]>>,
}

/// The bit of a language; should they ever be more than 64, two share one, which costs time only.
fn bit(place: usize) -> u64 {
    1 << (place % 64)
}

/// Rows of values, one row a state.
#[derive(Debug)]
struct Table<T> {
    ends: Vec<usize>,
    values: Vec<T>,
}

impl<T: Ord> Table<T> {
    fn new(rows: Vec<Vec<T>>) -> Self {
        let mut table = Self {
            ends: Vec::with_capacity(rows.len()),
            values: Vec::new(),
        };
        for mut row in rows {
            row.sort_unstable();
            row.dedup();
            table.values.append(&mut row);
            table.ends.push(table.values.len());
        }
        table
    }

    fn row(&self, state: State) -> &[T] {
        let at = state as usize;
        let start = if at == 0 {
            Some(0)
        } else {
            self.ends.get(at - 1).copied()
        };
        start
            .zip(self.ends.get(at))
            .and_then(|(start, &end)| self.values.get(start..end))
            .unwrap_or(&[])
    }
}

impl Automaton {
    /// The tokens of a key. An unknown word is `None` inside.
    pub(super) fn tokens<'a>(
        &'a self,
        key: &'a str,
        cut: Cut,
    ) -> impl Iterator<Item = Option<Token>> + 'a {
        parts(key, cut).map(|part| self.vocabulary.get(part).copied())
    }

    /// Every entry that is the whole message but for polite words around it, or "please" within.
    pub(super) fn whole(&self, tokens: &[Token], mut found: impl FnMut(&Entry)) {
        if let &[token] = tokens {
            return self.listed(self.singles.row(token)).for_each(found);
        }
        if !self.is_whole(tokens, &mut found)
            && let Some(tokens) = self.without_pleas(tokens)
        {
            self.is_whole(&tokens, &mut found);
        }
    }

    /// The message without its pleas, if it has any.
    fn without_pleas(&self, tokens: &[Token]) -> Option<Vec<Token>> {
        let mut kept = Vec::with_capacity(tokens.len());
        let mut rest = tokens;
        while let Some((&token, after)) = rest.split_first() {
            let first = self
                .pleas
                .partition_point(|plea| plea.first() < Some(&token));
            let alike = self
                .pleas
                .iter()
                .skip(first)
                .take_while(|plea| plea.first() == Some(&token));
            match alike.filter_map(|plea| rest.strip_prefix(&**plea)).last() {
                Some(after_plea) => rest = after_plea,
                None => {
                    kept.push(token);
                    rest = after;
                }
            }
        }
        (kept.len() < tokens.len()).then_some(kept)
    }

    fn is_whole(&self, tokens: &[Token], found: &mut dyn FnMut(&Entry)) -> bool {
        // Only languages that know all of the words can have said this.
        let speakers = tokens.iter().fold(u64::MAX, |all, &token| {
            all & self.speakers.get(token as usize).unwrap_or(&0)
        });
        let heads = self.heads.iter().enumerate();
        let states = heads
            .filter(|&(place, _)| speakers & bit(place) != 0)
            .flat_map(|(_, heads)| *heads)
            .collect();
        self.read(states, tokens, CLAUSES_MAX, found)
    }

    /// Reads a clause from these states and what follows it; false if nothing comes of it.
    fn read(
        &self,
        mut states: Vec<State>,
        tokens: &[Token],
        clauses: usize,
        found: &mut dyn FnMut(&Entry),
    ) -> bool {
        let mut next = Vec::new();
        let mut any = false;
        for (at, &token) in tokens.iter().enumerate() {
            for &state in &states {
                self.step(state, token, &mut next);
            }
            settle(&mut states, &mut next);
            let rest = tokens.get(at + 1..).unwrap_or(&[]);
            for entry in states.iter().flat_map(|&state| self.accepted(state)) {
                let fits = clauses == CLAUSES_MAX || entry.is_stop();
                if fits && self.ends_well(entry, rest, clauses, found) {
                    found(entry);
                    any = true;
                }
            }
            if states.is_empty() {
                break;
            }
        }
        any
    }

    /// Whether what follows an entry leaves it standing: nothing, polite words, or after a stop
    /// another stop ("Stop. Don't write to me again").
    fn ends_well(
        &self,
        entry: &Entry,
        rest: &[Token],
        clauses: usize,
        found: &mut dyn FnMut(&Entry),
    ) -> bool {
        if rest.is_empty() || entry.section == Section::Everyday {
            return rest.is_empty();
        }
        self.is_polite(entry.tail, rest)
            || (entry.is_stop()
                && clauses > 1
                && self.read(vec![entry.head], rest, clauses - 1, found))
    }

    /// Whether some entry stands anywhere in the text.
    pub(super) fn contains(&self, tokens: &[Option<Token>]) -> bool {
        let mut states = Vec::new();
        let mut next = Vec::new();
        for &token in tokens {
            states.push(START);
            for &state in &states {
                self.step(state, ANY, &mut next);
                if let Some(token) = token {
                    self.step(state, token, &mut next);
                }
            }
            settle(&mut states, &mut next);
            if states
                .iter()
                .any(|&state| !self.accepts.row(state).is_empty())
            {
                return true;
            }
        }
        false
    }

    fn accepted(&self, state: State) -> impl Iterator<Item = &Entry> {
        self.listed(self.accepts.row(state))
    }

    fn listed(&self, entries: &[u32]) -> impl Iterator<Item = &Entry> {
        entries
            .iter()
            .filter_map(|&entry| self.entries.get(entry as usize))
    }

    fn is_polite(&self, tail: State, rest: &[Token]) -> bool {
        // Most languages know none of the words of another's politeness: settled without memory.
        if rest.first().is_none_or(|&token| !self.knows(tail, token)) {
            return false;
        }
        let mut states = vec![tail];
        let mut next = Vec::new();
        for &token in rest {
            for &state in &states {
                self.step(state, token, &mut next);
            }
            settle(&mut states, &mut next);
            if states.is_empty() {
                return false;
            }
        }
        states
            .iter()
            .any(|&state| self.accepts.row(state).last() == Some(&POLITE_END))
    }

    fn knows(&self, state: State, token: Token) -> bool {
        self.edges
            .row(state)
            .binary_search_by_key(&token, |&(edge, _)| edge)
            .is_ok()
    }

    fn step(&self, state: State, token: Token, next: &mut Vec<State>) {
        let row = self.edges.row(state);
        let first = row.partition_point(|&(edge, _)| edge < token);
        let fitting = row
            .get(first..)
            .unwrap_or(&[])
            .iter()
            .take_while(|&&(edge, _)| edge == token);
        next.extend(fitting.map(|&(_, to)| to));
    }
}

/// Makes the states reached the present ones, each once.
fn settle(states: &mut Vec<State>, next: &mut Vec<State>) {
    next.sort_unstable();
    next.dedup();
    std::mem::swap(states, next);
    next.clear();
}

fn parts(key: &str, cut: Cut) -> impl Iterator<Item = &str> {
    let mut rest = key;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        let end = match cut {
            Cut::Words => rest.find(' ').unwrap_or(rest.len()),
            Cut::Chars => rest.chars().next().map_or(0, char::len_utf8),
        };
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}
