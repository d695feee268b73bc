//! A dry run: every piece is done by the ledger and taken back, so pieces know nothing of each other.
//!
//! Rows are sorted by who they are about, and a piece holds whole people; so what an earlier piece did matters only
//! for people with more than one identifier. What it did for them is remembered here, and done again before a later
//! piece that bears on them.

use std::collections::HashMap;

use greenline_ledger::import::{ImportPiece, RowDone};
use greenline_ledger::types::NewEvent;
use greenline_policy::identity::Identifier;

use crate::app::Shared;

use super::run::{Stop, patiently};

/// Rows that are remembered at most.
const REMEMBERED_MAX: usize = 1_000_000;
/// Identifiers that are remembered at most.
const IDENTIFIERS_MAX: usize = 2 * REMEMBERED_MAX;

/// What earlier pieces did for people with more than one identifier.
#[derive(Debug, Default)]
pub(super) struct Rehearsal {
    /// The person of each identifier.
    people: HashMap<Identifier, usize>,
    /// What was done for each; empty when they turned out to be someone else.
    events: Vec<Vec<NewEvent>>,
    count: usize,
}

impl Rehearsal {
    /// Tries a piece.
    pub(super) async fn piece(
        &mut self,
        app: &Shared,
        mut piece: ImportPiece,
        goes_on: bool,
    ) -> Result<Vec<RowDone>, Stop> {
        let mut people = self.concerned(&piece, &[]);
        loop {
            piece.before = self.of(&people);
            let done = patiently(app, piece.clone()).await?;
            // Only now is known whom some of these are known as.
            let found = self.concerned(&piece, &done);
            if found == people {
                self.remember(&piece, &done, goes_on)?;
                return Ok(done);
            }
            people = found;
        }
    }

    /// The remembered people that a piece bears on, in order.
    fn concerned(&self, piece: &ImportPiece, done: &[RowDone]) -> Vec<usize> {
        if self.people.is_empty() {
            return Vec::new();
        }
        let named = piece.rows.iter().flat_map(|row| &row.event.person);
        let named = named.map(|identifier| identifier.canonical().0);
        let known = done.iter().flat_map(|row| row.known_by.iter().cloned());
        let mut people: Vec<usize> = named
            .chain(known)
            .filter_map(|identifier| self.people.get(&identifier).copied())
            .collect();
        people.sort_unstable();
        people.dedup();
        people
    }

    fn of(&self, people: &[usize]) -> Vec<NewEvent> {
        people
            .iter()
            .flat_map(|person| self.events[*person].iter().cloned())
            .collect()
    }

    fn remember(
        &mut self,
        piece: &ImportPiece,
        done: &[RowDone],
        goes_on: bool,
    ) -> Result<(), Stop> {
        let last = piece.rows.last().filter(|_| goes_on);
        let last = last.and_then(|row| row.event.person.first());
        let last = last.map(|identifier| identifier.canonical().0);
        for (row, done) in piece.rows.iter().zip(done) {
            let first = row.event.person.first();
            let canonical = first.map(|identifier| identifier.canonical().0);
            let is_cut = last.is_some() && canonical == last;
            if done.known_by.is_empty() && !is_cut {
                continue;
            }
            let mut names = done.known_by.clone();
            names.extend(canonical);
            let person = self.joined(&names);
            // What changes nothing for others is not worth the memory.
            let matters = row.event.kind.closes() || row.event.person.len() > 1;
            if matters && done.outcome.records() {
                self.events[person].push(row.event.clone());
                self.count += 1;
            }
        }
        if self.count > REMEMBERED_MAX || self.people.len() > IDENTIFIERS_MAX {
            return Err(Stop::Failed(format!(
                "of people with several identifiers a dry run remembers at most {REMEMBERED_MAX} rows that say no or name two identifiers, and {IDENTIFIERS_MAX} identifiers; split the file"
            )));
        }
        Ok(())
    }

    /// The one person of all these identifiers.
    fn joined(&mut self, names: &[Identifier]) -> usize {
        let mut found: Vec<usize> = names
            .iter()
            .filter_map(|name| self.people.get(name).copied())
            .collect();
        found.sort_unstable();
        found.dedup();
        let into = found.first().copied().unwrap_or_else(|| {
            self.events.push(Vec::new());
            self.events.len() - 1
        });
        for other in found.into_iter().skip(1) {
            let moved = std::mem::take(&mut self.events[other]);
            self.events[into].extend(moved);
            for person in self.people.values_mut().filter(|person| **person == other) {
                *person = into;
            }
        }
        for name in names {
            self.people.insert(name.clone(), into);
        }
        into
    }
}
