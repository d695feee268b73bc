//! Who was linked with whom, and who moved where. Links are few and never removed.

use greenline_policy::identity::Identifier;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::State;
use super::journal::Change;
use super::people::Slot;
use crate::types::PersonId;

/// A number or id that someone moved away from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Move {
    /// Who they were.
    pub(crate) from: PersonId,
    /// The identifier they left, canonical.
    pub(crate) left: Identifier,
    /// Who they are now.
    pub(crate) to: PersonId,
    /// When.
    pub(crate) at_ms: i64,
}

/// All links of all businesses.
#[derive(Debug, Default)]
pub(crate) struct Links {
    same: FxHashMap<PersonId, SmallVec<[(PersonId, i64); 2]>>,
    moves: Vec<Move>,
    touching: FxHashMap<PersonId, SmallVec<[u32; 2]>>,
    slots: FxHashMap<PersonId, Slot>,
}

impl Links {
    /// Notes that two people are one.
    pub(crate) fn link(&mut self, one: PersonId, other: PersonId, at_ms: i64) {
        self.same.entry(one).or_default().push((other, at_ms));
        self.same.entry(other).or_default().push((one, at_ms));
    }

    /// Takes the newest link of these two back.
    pub(crate) fn unlink(&mut self, one: PersonId, other: PersonId) {
        for (person, peer) in [(one, other), (other, one)] {
            if let Some(links) = self.same.get_mut(&person)
                && let Some(at) = links.iter().rposition(|(linked, _)| *linked == peer)
            {
                links.remove(at);
            }
        }
    }

    /// Whom a person was linked with, and when.
    pub(crate) fn linked(&self, person: PersonId) -> &[(PersonId, i64)] {
        self.same.get(&person).map_or(&[], |links| links.as_slice())
    }

    /// Notes a move; slots tell where the two people are in memory.
    pub(crate) fn moved(&mut self, moved: Move, from: Slot, to: Slot) {
        let at = u32::try_from(self.moves.len()).unwrap_or(u32::MAX);
        self.slots.insert(moved.from, from);
        self.slots.insert(moved.to, to);
        self.touching.entry(moved.from).or_default().push(at);
        if moved.to != moved.from {
            self.touching.entry(moved.to).or_default().push(at);
        }
        self.moves.push(moved);
    }

    /// Takes the newest move back.
    pub(crate) fn forget_last_move(&mut self) {
        let Some(moved) = self.moves.pop() else {
            return;
        };
        for person in [moved.from, moved.to] {
            if let Some(places) = self.touching.get_mut(&person) {
                places.retain(|at| (*at as usize) < self.moves.len());
            }
        }
    }

    /// The moves that anybody of these left an identifier by, with their places.
    pub(crate) fn left_by(&self, people: &[PersonId]) -> Vec<(u32, Identifier)> {
        let moves = (0..).zip(&self.moves);
        moves
            .filter(|(_, moved)| people.contains(&moved.from))
            .map(|(at, moved)| (at, moved.left.clone()))
            .collect()
    }

    /// Names what was left by the move at a place.
    pub(crate) fn put_left(&mut self, at: u32, left: Identifier) -> Option<Identifier> {
        let moved = self.moves.get_mut(at as usize)?;
        Some(std::mem::replace(&mut moved.left, left))
    }

    /// The moves that a person has part in.
    pub(crate) fn moves_of(&self, person: PersonId) -> impl Iterator<Item = &Move> {
        self.touching
            .get(&person)
            .into_iter()
            .flatten()
            .filter_map(|at| self.moves.get(*at as usize))
    }
}

/// A group as seen from another one that people moved on to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Carried {
    /// The group.
    pub(crate) slot: Slot,
    /// When its people moved on; `None` for the group itself.
    pub(crate) at_ms: Option<i64>,
}

impl State {
    /// Links two people in memory and joins their groups.
    pub(crate) fn link(&mut self, one: (PersonId, Slot), other: (PersonId, Slot), at_ms: i64) {
        self.links.link(one.0, other.0, at_ms);
        self.journal.note(Change::Same(one.0, other.0));
        if one.1 != other.1 {
            self.join(other.1, one.1);
        }
    }

    /// Notes a move in memory.
    pub(crate) fn note_move(&mut self, moved: Move, from: Slot, to: Slot) {
        self.links.moved(moved, from, to);
        self.journal.note(Change::Moved);
    }

    /// A group and all that people moved to or from it, near or far: one person at different times.
    pub(crate) fn whole_person(&self, slot: Slot) -> Vec<Slot> {
        let mut found = vec![slot];
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let ends: Vec<Slot> = self
                .moves_of_group(at)
                .flat_map(|(moved, ..)| [moved.from, moved.to])
                .filter_map(|person| self.slot_of_mover(person))
                .collect();
            for slot in ends {
                if !found.contains(&slot) {
                    found.push(slot);
                }
            }
        }
        found
    }

    /// A group and all that people moved here from: who they were, but not who they are elsewhere now.
    pub(crate) fn person_until_here(&self, slot: Slot) -> Vec<Slot> {
        let carried = self.upstream(slot).into_iter();
        carried.map(|carried| carried.slot).collect()
    }

    /// Names what was left by the move at a place.
    pub(crate) fn put_left(&mut self, at: u32, left: Identifier) {
        if let Some(before) = self.links.put_left(at, left) {
            self.journal.note(Change::Left(at, before));
        }
    }

    fn slot_of_mover(&self, person: PersonId) -> Option<Slot> {
        self.links.slots.get(&person).map(|slot| self.follow(*slot))
    }

    /// Every move into or out of a group.
    pub(crate) fn moves_of_group(&self, slot: Slot) -> impl Iterator<Item = (&Move, bool, bool)> {
        let members = &self.group(slot).members;
        members.iter().flat_map(move |member| {
            self.links.moves_of(*member).filter_map(move |moved| {
                let leaves = members.contains(&moved.from);
                let arrives = members.contains(&moved.to);
                // An inner move is met from both its ends: count it at the one it leaves.
                (!leaves || moved.from == *member).then_some((moved, leaves, arrives))
            })
        })
    }

    /// The group and every group that people moved on to from it, near or far.
    pub(crate) fn downstream(&self, slot: Slot) -> SmallVec<[Slot; 1]> {
        let mut found: SmallVec<[Slot; 1]> = SmallVec::new();
        found.push(slot);
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let onward: SmallVec<[Slot; 2]> = self
                .moves_of_group(at)
                .filter(|(_, leaves, _)| *leaves)
                .filter_map(|(moved, ..)| self.slot_of_mover(moved.to))
                .collect();
            for slot in onward {
                if !found.contains(&slot) {
                    found.push(slot);
                }
            }
        }
        found
    }

    /// The group and every group that people moved here from, near or far, each with the earliest
    /// move on the way.
    pub(crate) fn upstream(&self, slot: Slot) -> Vec<Carried> {
        let mut found = vec![Carried { slot, at_ms: None }];
        let mut open: Vec<(Slot, i64)> = vec![(slot, i64::MAX)];
        while let Some((at, carried_ms)) = open.pop() {
            let into: SmallVec<[(Slot, i64); 2]> = self
                .moves_of_group(at)
                .filter(|(_, leaves, arrives)| *arrives && !*leaves)
                .filter_map(|(moved, ..)| {
                    Some((self.slot_of_mover(moved.from)?, moved.at_ms.min(carried_ms)))
                })
                .collect();
            for (from, at_ms) in into {
                match found.iter_mut().find(|carried| carried.slot == from) {
                    Some(Carried {
                        at_ms: Some(known_ms),
                        ..
                    }) if *known_ms > at_ms => *known_ms = at_ms,
                    Some(_) => continue,
                    None => found.push(Carried {
                        slot: from,
                        at_ms: Some(at_ms),
                    }),
                }
                open.push((from, at_ms));
            }
        }
        found
    }
}
