//! Who is whom, within a batch: as the resident state keeps it, over what was loaded.

use greenline_policy::identity::Identifier;
use smallvec::SmallVec;

use super::draft::Mark;
use super::hand::Hand;
use super::load::{Known, shard_of_name};
use super::rows::{identifier_columns, person_column, shard};
use crate::codec::encode_head;
use crate::compose::{self, IdentifierRow};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::state::links::Move;
use crate::state::people::{Slot, has_doubtful_spelling};
use crate::types::{BusinessIx, PersonId};

impl Hand<'_> {
    /// The living group of these identifiers; makes, extends or joins what is needed.
    pub(super) fn link(
        &mut self,
        business: BusinessIx,
        identifiers: &[Identifier],
        at_ms: i64,
    ) -> Result<Slot, LedgerError> {
        let canonical: SmallVec<[Identifier; 2]> = identifiers
            .iter()
            .map(|identifier| identifier.canonical().0)
            .collect();
        self.come_back(business, &canonical, at_ms)?;
        let mut slots: SmallVec<[Option<Slot>; 2]> = SmallVec::new();
        for identifier in &canonical {
            slots.push(self.snapshot.state.find(business, identifier)?);
        }
        for slot in slots.iter().flatten() {
            self.touch(*slot);
        }
        if let Some(Some(slot)) = slots.first()
            && slots.iter().all(|other| *other == Some(*slot))
        {
            return Ok(*slot);
        }
        self.mark_replaced_ids(business, &canonical, &slots, at_ms)?;
        let Some(first) = slots.iter().position(Option::is_some) else {
            return self.new_person(business, &canonical, at_ms);
        };
        let (Some(Some(into)), Some(known)) = (slots.get(first).copied(), canonical.get(first))
        else {
            return Err(LedgerError::Bug("a person that is and is not known"));
        };
        let into_person = self.person_of(business, known)?;
        let mut refold = false;
        for (identifier, slot) in canonical.iter().zip(&slots) {
            match slot.map(|slot| self.snapshot.state.follow(slot)) {
                Some(slot) if slot == into => {}
                Some(slot) => {
                    let person = self.person_of(business, identifier)?;
                    self.insert_link(into_person, 1, person, at_ms, None);
                    self.insert_link(person, 1, into_person, at_ms, None);
                    self.snapshot
                        .state
                        .link((into_person, into), (person, slot), at_ms);
                    refold = true;
                }
                // The same identifier may stand in the list twice.
                None if self.snapshot.state.find(business, identifier)?.is_some() => {}
                None => {
                    self.insert_identifier(business, identifier, into_person, at_ms, Some(at_ms))?;
                    self.snapshot
                        .state
                        .add_identifier(business, identifier, into)?;
                    refold |= has_doubtful_spelling(identifier);
                }
            }
        }
        if refold || self.marked {
            self.marked = false;
            self.refold_from(&[into])?;
        }
        Ok(into)
    }

    /// The group of one identifier; makes it if it is not known.
    pub(super) fn person(
        &mut self,
        business: BusinessIx,
        identifier: &Identifier,
        at_ms: i64,
    ) -> Result<Slot, LedgerError> {
        self.link(business, std::slice::from_ref(identifier), at_ms)
    }

    fn new_person(
        &mut self,
        business: BusinessIx,
        canonical: &[Identifier],
        at_ms: i64,
    ) -> Result<Slot, LedgerError> {
        let Some((first, others)) = canonical.split_first() else {
            return Err(LedgerError::Bug("a person without a name"));
        };
        // Should the number be taken, the insert says so and the batch is judged again.
        let id = self.ids.next();
        let name = self.business(business)?;
        self.draft.made.insert(id, (name, 0));
        self.snapshot.people.insert(id, Known::new(business, None));
        self.insert_identifier(business, first, id, at_ms, None)?;
        let slot = self.snapshot.state.add_person(business, first, id)?;
        for other in others {
            if self.snapshot.state.find(business, other)?.is_none() {
                self.insert_identifier(business, other, id, at_ms, Some(at_ms))?;
                self.snapshot.state.add_identifier(business, other, slot)?;
            }
        }
        Ok(slot)
    }

    /// Identifiers of someone erased that turn up again are theirs from the erasure on. A name that this node
    /// remembers may be gone by now: then its person has only what was kept of it.
    fn come_back(
        &mut self,
        business: BusinessIx,
        canonical: &[Identifier],
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        for id in canonical {
            let Some(slot) = self.snapshot.state.find(business, id)? else {
                continue;
            };
            if self.identifiers_of(slot).any(|known| known == id) {
                continue;
            }
            let name = self.business(business)?;
            let kept = self.snapshot.state.erasure.pseudonyms(&name, id);
            let members = self.snapshot.state.group(slot).members.clone();
            let back = members.iter().find_map(|member| {
                let known = self.snapshot.people.get(member)?;
                let rows = known.identifiers.iter();
                let row = rows
                    .filter(|row| kept.contains(&row.canonical))
                    .max_by_key(|row| row.left_at_ms)?;
                Some((*member, row.left_at_ms))
            });
            let (owner, erased_ms) = back.ok_or_else(|| {
                LedgerError::unreadable("a name of somebody who has not that identifier")
            })?;
            self.touch(slot);
            self.insert_identifier(business, id, owner, at_ms, erased_ms)?;
            self.snapshot.state.add_identifier(business, id, slot)?;
            if let Some(erased_ms) = erased_ms {
                self.mark(business, id, erased_ms, false)?;
                self.marked = false;
            }
            self.refold_from(&[slot])?;
        }
        Ok(())
    }

    fn insert_identifier(
        &mut self,
        business: BusinessIx,
        canonical: &Identifier,
        id: PersonId,
        known_ms: i64,
        linked_at_ms: Option<i64>,
    ) -> Result<(), LedgerError> {
        let (kind, value) = identifier_columns(canonical);
        let name = self.business(business)?;
        let (id_shard, id_column) = (shard(id), person_column(id));
        self.draft.names.push((
            shard_of_name(&name, canonical),
            name,
            kind,
            value.clone(),
            id_shard,
            id_column,
        ));
        self.draft
            .identifiers
            .push((id_shard, id_column, kind, value, known_ms, linked_at_ms));
        self.snapshot
            .owners
            .insert((business, canonical.clone()), id);
        if let Some(known) = self.snapshot.people.get_mut(&id) {
            known.identifiers.push(IdentifierRow {
                canonical: canonical.clone(),
                known_ms,
                linked_at_ms,
                left_at_ms: None,
                gone_at_ms: None,
            });
        }
        Ok(())
    }

    /// Whose this identifier is.
    pub(super) fn person_of(
        &self,
        business: BusinessIx,
        canonical: &Identifier,
    ) -> Result<PersonId, LedgerError> {
        self.snapshot
            .owners
            .get(&(business, canonical.clone()))
            .copied()
            .ok_or_else(|| LedgerError::unreadable("an identifier of nobody"))
    }

    fn insert_link(
        &mut self,
        one: PersonId,
        kind: i64,
        other: PersonId,
        at_ms: i64,
        left: Option<&Identifier>,
    ) {
        let (left_kind, left_value) = left.map_or_else(|| (0, String::new()), identifier_columns);
        self.draft.links.push((
            shard(one),
            person_column(one),
            kind,
            shard(other),
            person_column(other),
            at_ms,
            left_kind,
            left_value,
        ));
    }

    /// A known number turns up with another user id, and nothing said that its holder moved: the
    /// number may have gone to someone else. The new id joins, so that every no stays; yeses under the
    /// number and the old id stay unconfirmed, and what the old id grants from now on is not counted.
    /// Parent ids and plain ids are told apart, a person having one of each.
    fn mark_replaced_ids(
        &mut self,
        business: BusinessIx,
        canonical: &[Identifier],
        slots: &[Option<Slot>],
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let is_parent = |user: &Identifier| matches!(user, Identifier::User(id) if id.reveal().split('.').nth(1) == Some("ENT"));
        let is_user = |identifier: &Identifier| matches!(identifier, Identifier::User(_));
        let pairs = || canonical.iter().zip(slots);
        for (phone, slot) in pairs().filter(|(identifier, _)| !is_user(identifier)) {
            let Some(slot) = *slot else { continue };
            for (user, _) in
                pairs().filter(|(identifier, other)| is_user(identifier) && **other != Some(slot))
            {
                let replaced: Vec<Identifier> = self
                    .identifiers_of(slot)
                    .filter(|old| {
                        is_user(old)
                            && !is_pseudonym(old)
                            && is_parent(old) == is_parent(user)
                            && !canonical.contains(old)
                    })
                    .cloned()
                    .collect();
                if !replaced.is_empty() {
                    self.mark(business, phone, at_ms, false)?;
                }
                for old in &replaced {
                    self.mark(business, old, at_ms, true)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn identifiers_of(&self, slot: Slot) -> impl Iterator<Item = &Identifier> {
        let members = self.snapshot.state.group(slot).members.iter();
        members
            .filter_map(|member| self.snapshot.people.get(member))
            .flat_map(|known| &known.identifiers)
            .map(|row| &row.canonical)
    }

    fn mark(
        &mut self,
        business: BusinessIx,
        canonical: &Identifier,
        at_ms: i64,
        gone: bool,
    ) -> Result<(), LedgerError> {
        let owner = self.person_of(business, canonical)?;
        let (kind, value) = identifier_columns(canonical);
        self.draft.marks.push(Mark {
            owner,
            kind,
            value,
            at_ms,
            gone,
        });
        let rows = self.snapshot.people.get_mut(&owner).into_iter();
        for row in rows
            .flat_map(|known| &mut known.identifiers)
            .filter(|row| row.canonical == *canonical)
        {
            row.left_at_ms = row.left_at_ms.max(Some(at_ms));
            if gone {
                row.gone_at_ms = Some(row.gone_at_ms.map_or(at_ms, |known_ms| known_ms.min(at_ms)));
            }
        }
        self.marked = true;
        Ok(())
    }

    /// Someone moved from one identifier to another.
    pub(super) fn moved(
        &mut self,
        business: BusinessIx,
        from: &Identifier,
        to: &Identifier,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let (left, arrived) = (from.canonical().0, to.canonical().0);
        if left == arrived {
            return Ok(());
        }
        let (from_slot, to_slot) = (
            self.person(business, from, at_ms)?,
            self.person(business, to, at_ms)?,
        );
        let moved = Move {
            from: self.person_of(business, &left)?,
            to: self.person_of(business, &arrived)?,
            left,
            at_ms,
        };
        let links = &self.snapshot.state.links;
        if links.moves_of(moved.from).any(|known| *known == moved) {
            return Ok(());
        }
        self.insert_link(moved.from, 2, moved.to, at_ms, Some(&moved.left));
        self.insert_link(moved.to, 3, moved.from, at_ms, Some(&moved.left));
        self.snapshot.state.note_move(moved, from_slot, to_slot);
        self.refold_from(&[from_slot, to_slot])
    }

    /// Folds these groups and all that people moved on to from them again.
    pub(super) fn refold_from(&mut self, slots: &[Slot]) -> Result<(), LedgerError> {
        let mut affected: SmallVec<[Slot; 2]> = SmallVec::new();
        for slot in slots {
            for slot in self.snapshot.state.downstream(*slot) {
                if !affected.contains(&slot) {
                    affected.push(slot);
                }
            }
        }
        for slot in affected {
            self.refold(slot)?;
        }
        Ok(())
    }

    fn refold(&mut self, slot: Slot) -> Result<(), LedgerError> {
        let (groups, history) = self.snapshot.history(slot)?;
        let heads = compose::heads(&groups, &history);
        for (spelling, head) in (0..).zip(&heads) {
            let Some(head) = head else { continue };
            let body = encode_head(head)?;
            for member in &self.snapshot.state.group(slot).members {
                self.draft.heads.insert((*member, spelling), body.clone());
            }
        }
        self.snapshot.state.group_mut(slot).heads = heads;
        Ok(())
    }

    /// Everyone a closing event for this group closes something for, with their sends under way.
    pub(super) fn flights_from(&self, slot: Slot, into: &mut Vec<Watch>) {
        let state = &self.snapshot.state;
        state.flights_of(&state.downstream(slot), into);
    }
}
