//! What a batch changed in memory, kept until its commit is known to have held.

use greenline_policy::identity::Identifier;

use super::State;
use super::limited::LimitedBy;
use super::marks::Mark;
use super::pairs::Messages;
use super::people::{Group, Slot};
use super::platform::PlatformChange;
use super::reach::{KnownLimit, Undo};
use super::unsettled::Waits;
use crate::subscription::Takes;
use crate::types::{BusinessIx, PersonId};

/// One change, with what is needed to take it back.
#[derive(Debug)]
pub(crate) enum Change {
    /// A group, as it was before the batch.
    Group(Slot, Box<Group>),
    /// A group was added at the end.
    Pushed,
    /// An identifier was added.
    Identifier(BusinessIx, Identifier),
    /// An identifier was replaced, which stood for this slot.
    Replaced(BusinessIx, Identifier, Slot),
    /// An identifier left was replaced in a move; what it was.
    Left(u32, Identifier),
    /// Something the platform said.
    Platform(BusinessIx, PlatformChange),
    /// Two people were linked.
    Same(PersonId, PersonId),
    /// Someone moved.
    Moved,
    /// What a body waits for, as it was before.
    Unsettled(PersonId, [u8; 16], Waits),
    /// A group was given the mark of this decision.
    Marked(Slot, u64),
    /// A mark was taken from a group.
    Unmarked(Slot, Mark),
    /// How the platform limits somebody, as it was before.
    Limited(PersonId, Option<LimitedBy>),
    /// A message of this decision was counted towards a pace.
    Paced(PersonId, u64),
    /// What counts towards somebody's paces, as it was before.
    Paired(PersonId, Messages),
    /// A message id's decision, as it was before.
    Message(i64, Option<i64>),
    /// A message id was noted as unknown.
    StrayAdded(Box<str>),
    /// Who takes changes of consent, as it was before.
    Takers(BusinessIx, Vec<(Box<str>, Takes)>),
    /// Who counts as reached by the portfolio at a place.
    Reach(u32, Undo),
    /// What the platform said of that portfolio's limit, as it was before.
    Limit(u32, Option<KnownLimit>),
    /// A message id was matched.
    StrayRemoved(Box<str>),
}

/// The changes of the batch under way.
#[derive(Debug)]
pub(crate) struct Journal {
    batch: u32,
    /// Groups from here on were added by this batch and go away with it: no need to save them.
    groups_before: usize,
    event_before: u64,
    changes: Vec<Change>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            batch: 1,
            groups_before: 0,
            event_before: 0,
            changes: Vec::new(),
        }
    }
}

impl Journal {
    /// The batch under way; groups remember it to be saved once.
    pub(crate) fn batch(&self) -> u32 {
        self.batch
    }

    /// Whether a group must be saved before it changes.
    pub(crate) fn must_save(&self, slot: Slot, saved_in: u32) -> bool {
        saved_in != self.batch && (slot as usize) < self.groups_before
    }

    /// Notes a change.
    pub(crate) fn note(&mut self, change: Change) {
        self.changes.push(change);
    }
}

impl State {
    /// Starts a batch: earlier changes stand.
    pub(crate) fn begin(&mut self) {
        self.journal.changes.clear();
        self.journal.batch = self.journal.batch.wrapping_add(1).max(1);
        self.journal.groups_before = self.groups.len();
        self.journal.event_before = self.last_event;
        self.messages.begin();
        for portfolio in &mut self.portfolios {
            portfolio.begin();
        }
        self.marks.added.clear();
    }

    /// Takes back every change of the batch under way, newest first.
    pub(crate) fn undo(&mut self) {
        self.last_event = self.journal.event_before;
        self.messages.undo();
        while let Some(change) = self.journal.changes.pop() {
            match change {
                Change::Group(slot, before) => self.groups[slot as usize] = *before,
                Change::Pushed => {
                    self.groups.pop();
                }
                Change::Identifier(business, canonical) => {
                    if let Some(business) = self.businesses.get_mut(business.0 as usize) {
                        business.known.remove(&canonical);
                    }
                }
                Change::Replaced(business, canonical, slot) => {
                    if let Some(business) = self.businesses.get_mut(business.0 as usize) {
                        business.known.insert(&canonical, slot);
                    }
                }
                Change::Left(at, left) => drop(self.links.put_left(at, left)),
                Change::Platform(business, change) => {
                    if let Some(business) = self.businesses.get_mut(business.0 as usize) {
                        business.platform.undo(change);
                    }
                }
                Change::Same(one, other) => self.links.unlink(one, other),
                Change::Moved => self.links.forget_last_move(),
                Change::Unsettled(person, hash, before) => {
                    self.unsettled.restore(person, hash, before);
                }
                Change::Marked(slot, seq) => {
                    self.groups[slot as usize]
                        .marks
                        .retain(|mark| mark.seq != seq);
                }
                Change::Unmarked(slot, mark) => self.groups[slot as usize].marks.push(mark),
                Change::Limited(person, before) => self.limited.set(person, before),
                Change::Paced(person, seq) => self.pairs.remove(person, seq),
                Change::Paired(person, before) => self.pairs.set(person, before),
                Change::Message(hash, before) => self.messages.restore(hash, before),
                Change::Takers(business, before) => {
                    if let Some(business) = self.businesses.get_mut(business.0 as usize) {
                        business.takers = before;
                    }
                }
                Change::Reach(place, undo) => {
                    if let Some(portfolio) = self.portfolios.get_mut(place as usize) {
                        portfolio.counted.undo(undo);
                    }
                }
                Change::Limit(place, before) => {
                    if let Some(portfolio) = self.portfolios.get_mut(place as usize) {
                        portfolio.limit = before;
                    }
                }
                Change::StrayAdded(id) => {
                    self.strays.remove(&id);
                }
                Change::StrayRemoved(id) => {
                    self.strays.insert(id);
                }
            }
        }
        self.begin();
    }
}
