//! From what is known of each person to the state that is judged.

use greenline_policy::consent::Head;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{Around, Depth, LinkRow, Snapshot};
use crate::compose::{self, GroupRows, PersonRows};
use crate::error::LedgerError;
use crate::postgres::flights::OVER_AFTER_MS;
use crate::postgres::pairs::KEPT_MS;
use crate::postgres::rows::{identifier, shard};
use crate::postgres::trouble::Trouble;
use crate::state::links::Move;
use crate::state::people::{Group, Slot};
use crate::state::unsettled::Waiting;
use crate::types::{BusinessIx, PersonId, UNSETTLED_MS};

type Heads = [Option<Box<Head>>; 2];

impl Snapshot {
    /// The state, from the rows.
    pub(super) fn build(&mut self, around: &Around<'_>) -> Result<(), Trouble> {
        self.state.begin();
        let slots = self.groups()?;
        self.moves(&slots)?;
        self.windows(&slots)?;
        self.marks(&slots);
        self.sends(&slots, around);
        let groups: Vec<Slot> = (0..).take(self.state.groups.len()).collect();
        for slot in groups {
            self.state.group_mut(slot).heads = self.heads(slot)?;
        }
        Ok(())
    }

    /// The stored fold, the same with each of a group; folded anew where the history is there.
    fn heads(&mut self, slot: Slot) -> Result<Heads, LedgerError> {
        let members = &self.state.group(slot).members;
        let first = members.first().and_then(|first| self.people.get_mut(first));
        match first {
            Some(known) if known.depth == Depth::Head => Ok(std::mem::take(&mut known.heads)),
            _ => {
                let (rows, history) = self.history(slot)?;
                Ok(compose::heads(&rows, &history))
            }
        }
    }

    fn groups(&mut self) -> Result<FxHashMap<PersonId, Slot>, Trouble> {
        let mut same: FxHashMap<PersonId, Vec<PersonId>> = FxHashMap::default();
        for link in self.links.iter().filter(|link| link.kind == 1) {
            same.entry(link.one).or_default().push(link.other);
            same.entry(link.other).or_default().push(link.one);
        }
        let mut ids: Vec<PersonId> = self.people.keys().copied().collect();
        ids.sort_unstable();
        let mut slots: FxHashMap<PersonId, Slot> = FxHashMap::default();
        for first in ids {
            if slots.contains_key(&first) {
                continue;
            }
            let slot = Slot::try_from(self.state.groups.len())
                .map_err(|_| LedgerError::Bug("more people than slots"))?;
            let mut members: SmallVec<[PersonId; 1]> = SmallVec::new();
            let mut open = vec![first];
            while let Some(member) = open.pop() {
                if self.people.contains_key(&member) && slots.insert(member, slot).is_none() {
                    members.push(member);
                    open.extend(same.get(&member).into_iter().flatten());
                }
            }
            members.sort_unstable();
            let business = self
                .people
                .get(&first)
                .map_or(BusinessIx(u32::MAX), |known| known.business);
            let mut group = Group::of(business, first);
            group.members = members;
            self.state.groups.push(group);
        }
        for link in self
            .links
            .iter()
            .filter(|link| link.kind == 1 && link.one < link.other)
        {
            self.state.links.link(link.one, link.other, link.at_ms);
        }
        for ((business, canonical), owner) in &self.owners {
            if let (Some(business), Some(slot)) = (
                self.state.businesses.get_mut(business.0 as usize),
                slots.get(owner),
            ) {
                business.known.insert(canonical, *slot);
            }
        }
        Ok(slots)
    }

    fn moves(&mut self, slots: &FxHashMap<PersonId, Slot>) -> Result<(), Trouble> {
        let mut moves: Vec<&LinkRow> = self.links.iter().filter(|link| link.kind == 2).collect();
        moves.sort_by_key(|link| (link.at_ms, link.one, link.other));
        for link in moves {
            if let (Some(from), Some(to)) = (slots.get(&link.one), slots.get(&link.other)) {
                let moved = Move {
                    from: link.one,
                    left: identifier(&link.left)?,
                    to: link.other,
                    at_ms: link.at_ms,
                };
                self.state.links.moved(moved, *from, *to);
            }
        }
        Ok(())
    }

    fn windows(&mut self, slots: &FxHashMap<PersonId, Slot>) -> Result<(), Trouble> {
        for (person, known) in &self.people {
            let Some(slot) = slots.get(person) else {
                continue;
            };
            for (number, row) in &known.windows {
                let Some(business) = self.state.businesses.get_mut(known.business.0 as usize)
                else {
                    continue;
                };
                let place = business.platform.place(number);
                let window = self.state.group_mut(*slot).window_mut(place);
                window.wrote_at_ms = window.wrote_at_ms.max(row.wrote_at_ms);
                if let Some(at_ms) = row.call_at_ms {
                    window.allow_calls(at_ms, row.call_until_ms);
                }
            }
        }
        Ok(())
    }

    /// What went to people, but for what did not reach any of a group; what went in the last moments stands with each.
    fn marks(&mut self, slots: &FxHashMap<PersonId, Slot>) {
        let mut back: Vec<(Slot, u64)> = Vec::new();
        self.state.pairs.kept_ms = KEPT_MS;
        for (person, known) in &self.people {
            let Some(slot) = slots.get(person) else {
                continue;
            };
            if let Some(business) = self.state.businesses.get_mut(known.business.0 as usize) {
                for row in &known.pairs {
                    let number = business.platform.place(&row.number);
                    self.state.pairs.add(*person, row.message(number));
                }
            }
            if let Some(limited) = known.limited {
                self.state.limited.set(*person, Some((limited, 0)));
            }
            for mark in &known.marks {
                if mark.taken_back {
                    back.push((*slot, mark.seq));
                } else {
                    let counts = (mark.categories, mark.topic.as_ref());
                    self.state.load_mark(*slot, counts, (mark.seq, mark.at_ms));
                }
            }
        }
        for (slot, seq) in back {
            let marks = &mut self.state.groups[slot as usize].marks;
            marks.retain(|mark| mark.seq != seq);
        }
    }

    /// What is under way is watched; what may have gone out makes its body wait. A send of this node that
    /// has no outcome yet is known here; one of a node that died may have gone out.
    fn sends(&mut self, slots: &FxHashMap<PersonId, Slot>, around: &Around<'_>) {
        for person in self.people.keys() {
            if let Some(slot) = slots.get(person) {
                let group = &mut self.state.groups[*slot as usize];
                group.flights.extend(around.flights.of(*person));
            }
        }
        let mut waits: Vec<(u64, Waiting, i64)> = Vec::new();
        for send in &self.open {
            if !send.unknown && !send.ours && send.age_ms < OVER_AFTER_MS {
                let watch = (around.remote)(
                    shard(send.person),
                    i64::try_from(send.seq).unwrap_or(i64::MAX),
                );
                if let Some(slot) = slots.get(&send.person) {
                    self.state.groups[*slot as usize].flights.push(watch);
                }
            }
            let is_lost = !send.ours && !send.lives;
            if send.unknown || is_lost {
                match waits.iter_mut().find(|(seq, ..)| *seq == send.seq) {
                    Some((_, (people, _), _)) => people.push(send.person),
                    None => waits.push((
                        send.seq,
                        (SmallVec::from_slice(&[send.person]), send.body_hash),
                        send.at_ms,
                    )),
                }
            }
        }
        for (seq, waiting, at_ms) in waits {
            self.state
                .unsettle(seq, waiting, at_ms.saturating_add(UNSETTLED_MS));
        }
    }

    /// What a fold needs of a group and of everyone who moved there.
    pub(in crate::postgres) fn history(
        &self,
        slot: Slot,
    ) -> Result<(Vec<GroupRows>, greenline_policy::consent::History), LedgerError> {
        let groups: Vec<GroupRows> = self
            .state
            .upstream(slot)
            .into_iter()
            .map(|carried| self.group_rows(carried.slot, carried.at_ms))
            .collect::<Result<_, _>>()?;
        let history = compose::history(&groups)
            .ok_or_else(|| LedgerError::unreadable("an event of an unknown identifier"))?;
        Ok((groups, history))
    }

    /// One person's rows, whose history is loaded.
    pub(in crate::postgres) fn person_rows(&self, id: PersonId) -> Result<PersonRows, LedgerError> {
        let known = self.people.get(&id);
        if known.is_some_and(|known| known.depth != Depth::History) {
            return Err(LedgerError::Bug("a fold without its history"));
        }
        Ok(PersonRows {
            id,
            identifiers: known
                .map(|known| known.identifiers.clone())
                .unwrap_or_default(),
            events: known.map(|known| known.events.clone()).unwrap_or_default(),
        })
    }

    fn group_rows(&self, slot: Slot, carried_at_ms: Option<i64>) -> Result<GroupRows, LedgerError> {
        let mut rows = GroupRows {
            carried_at_ms,
            ..GroupRows::default()
        };
        for member in &self.state.group(slot).members {
            rows.people.push(self.person_rows(*member)?);
            let linked = self.state.links.linked(*member).iter();
            rows.links
                .extend(linked.map(|(other, at_ms)| (*member, *other, *at_ms)));
        }
        for (moved, leaves, arrives) in self.state.moves_of_group(slot) {
            match (leaves, arrives) {
                (true, true) => rows.inner_moves.push((moved.left.clone(), moved.at_ms)),
                (true, false) => rows.left_at_ms.push(moved.at_ms),
                _ => {}
            }
        }
        Ok(rows)
    }

    /// Everyone whose rows bear on a group, or on whom its rows bear: their versions guard what is read.
    pub(in crate::postgres) fn component(&self, slot: Slot) -> Vec<PersonId> {
        let mut found: Vec<Slot> = vec![slot];
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let down = self.state.downstream(at);
            let up = self
                .state
                .upstream(at)
                .into_iter()
                .map(|carried| carried.slot);
            let around: Vec<Slot> = down.into_iter().chain(up).collect();
            for slot in around {
                if !found.contains(&slot) {
                    found.push(slot);
                }
            }
        }
        let members = found
            .iter()
            .flat_map(|slot| &self.state.group(*slot).members);
        members.copied().collect()
    }
}
