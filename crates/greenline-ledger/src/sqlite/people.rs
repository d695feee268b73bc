//! People in the store: who they are, how they come together, and the fold of their events.

use greenline_policy::consent::{EventId, History};
use greenline_policy::identity::Identifier;
use rusqlite::{Connection, OptionalExtension, params};
use smallvec::SmallVec;

use super::rows::{
    count_column, event_row, identifier_columns, identifier_row, person, person_column,
};
use super::sql;
use super::write::Hand;
use crate::codec::encode_head;
use crate::compose::{self, GroupRows, PersonRows};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::state::State;
use crate::state::links::Move;
use crate::state::people::{Slot, has_doubtful_spelling};
use crate::types::{BusinessIx, PersonId};

/// What a fold needs of a group and of everyone who moved there.
pub(super) fn groups(
    connection: &Connection,
    state: &State,
    slot: Slot,
) -> Result<Vec<GroupRows>, LedgerError> {
    state
        .upstream(slot)
        .into_iter()
        .map(|carried| group(connection, state, carried.slot, carried.at_ms))
        .collect()
}

fn group(
    connection: &Connection,
    state: &State,
    slot: Slot,
    carried_at_ms: Option<i64>,
) -> Result<GroupRows, LedgerError> {
    let mut rows = GroupRows {
        carried_at_ms,
        ..GroupRows::default()
    };
    for member in &state.group(slot).members {
        rows.people.push(person_rows(connection, *member)?);
        rows.links.extend(
            state
                .links
                .linked(*member)
                .iter()
                .map(|(other, at_ms)| (*member, *other, *at_ms)),
        );
    }
    for (moved, leaves, arrives) in state.moves_of_group(slot) {
        match (leaves, arrives) {
            (true, true) => rows.inner_moves.push((moved.left.clone(), moved.at_ms)),
            (true, false) => rows.left_at_ms.push(moved.at_ms),
            _ => {}
        }
    }
    Ok(rows)
}

pub(super) fn person_rows(
    connection: &Connection,
    id: PersonId,
) -> Result<PersonRows, LedgerError> {
    let key = params![id.shard().0, person_column(id)];
    let mut statement = connection.prepare_cached(sql::IDENTIFIERS_OF)?;
    let mut found = statement.query(key)?;
    let mut rows = PersonRows {
        id,
        identifiers: Vec::new(),
        events: Vec::new(),
    };
    while let Some(row) = found.next()? {
        rows.identifiers.push(identifier_row(row)?.1);
    }
    let mut statement = connection.prepare_cached(sql::EVENTS_OF)?;
    let mut found = statement.query(key)?;
    while let Some(row) = found.next()? {
        rows.events.push(event_row(row)?);
    }
    Ok(rows)
}

/// The history of a group with what folds it.
pub(super) fn history(
    connection: &Connection,
    state: &State,
    slot: Slot,
) -> Result<(Vec<GroupRows>, History), LedgerError> {
    let groups = groups(connection, state, slot)?;
    let history = compose::history(&groups)
        .ok_or_else(|| LedgerError::unreadable("an event of an unknown identifier"))?;
    Ok((groups, history))
}

impl Hand<'_> {
    /// The living group of these identifiers; makes, extends or joins what is needed.
    pub(crate) fn link(
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
            slots.push(self.state.find(business, identifier)?);
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
        let into_person = self.person_of(business, known, into)?;
        let mut refold = false;
        for (identifier, slot) in canonical.iter().zip(&slots) {
            match slot.map(|slot| self.state.follow(slot)) {
                Some(slot) if slot == into => {}
                Some(slot) => {
                    let person = self.person_of(business, identifier, slot)?;
                    self.join((into_person, into), (person, slot), at_ms)?;
                    refold = true;
                }
                // The same identifier may stand in the list twice.
                None if self.state.find(business, identifier)?.is_some() => {}
                None => {
                    self.insert_identifier(business, identifier, into_person, at_ms, Some(at_ms))?;
                    self.state.add_identifier(business, identifier, into)?;
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
    pub(crate) fn person(
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
        let id = self.new_id()?;
        self.insert_identifier(business, first, id, at_ms, None)?;
        let slot = self.state.add_person(business, first, id)?;
        for other in others {
            if self.state.find(business, other)?.is_none() {
                self.insert_identifier(business, other, id, at_ms, Some(at_ms))?;
                self.state.add_identifier(business, other, slot)?;
            }
        }
        Ok(slot)
    }

    fn new_id(&mut self) -> Result<PersonId, LedgerError> {
        loop {
            let id = self.ids.next();
            let mut taken = self.connection.prepare_cached(sql::PERSON_TAKEN)?;
            if !taken.exists(params![id.shard().0, person_column(id)])? {
                return Ok(id);
            }
        }
    }

    pub(super) fn insert_identifier(
        &self,
        business: BusinessIx,
        canonical: &Identifier,
        id: PersonId,
        known_ms: i64,
        linked_at_ms: Option<i64>,
    ) -> Result<(), LedgerError> {
        let (kind, value) = identifier_columns(canonical);
        let row = self.state.business(business)?.row;
        let columns = params![
            row,
            kind,
            value,
            id.shard().0,
            person_column(id),
            known_ms,
            linked_at_ms
        ];
        self.connection
            .prepare_cached(sql::INSERT_IDENTIFIER)?
            .execute(columns)?;
        Ok(())
    }

    /// Which of a group's people has this identifier.
    pub(crate) fn person_of(
        &self,
        business: BusinessIx,
        canonical: &Identifier,
        slot: Slot,
    ) -> Result<PersonId, LedgerError> {
        if let [only] = self.state.group(slot).members.as_slice() {
            return Ok(*only);
        }
        let (kind, value) = identifier_columns(canonical);
        let row = self.state.business(business)?.row;
        let mut statement = self.connection.prepare_cached(sql::FIND_IDENTIFIER)?;
        let found: Option<i64> = statement
            .query_row(params![row, kind, value], |row| row.get(0))
            .optional()?;
        found
            .map(person)
            .ok_or_else(|| LedgerError::unreadable("an identifier in memory that is not stored"))
    }

    fn join(
        &mut self,
        into: (PersonId, Slot),
        from: (PersonId, Slot),
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        self.insert_link(into.0, 1, from.0, at_ms, None)?;
        self.state.link(into, from, at_ms);
        Ok(())
    }

    fn insert_link(
        &self,
        one: PersonId,
        kind: i64,
        other: PersonId,
        at_ms: i64,
        left: Option<&Identifier>,
    ) -> Result<(), LedgerError> {
        let (left_kind, left_value) = left.map_or_else(|| (0, String::new()), identifier_columns);
        let columns = params![
            one.shard().0,
            person_column(one),
            kind,
            other.shard().0,
            person_column(other),
            at_ms,
            left_kind,
            left_value
        ];
        self.connection
            .prepare_cached(sql::INSERT_LINK)?
            .execute(columns)?;
        Ok(())
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
            let mut held: Option<Vec<Identifier>> = None;
            for (user, _) in
                pairs().filter(|(identifier, other)| is_user(identifier) && **other != Some(slot))
            {
                if held.is_none() {
                    held = Some(self.identifiers_of(slot)?);
                }
                let replaced: Vec<&Identifier> = held
                    .iter()
                    .flatten()
                    .filter(|old| {
                        is_user(old)
                            && !is_pseudonym(old)
                            && is_parent(old) == is_parent(user)
                            && !canonical.contains(old)
                    })
                    .collect();
                if !replaced.is_empty() {
                    self.mark(business, phone, at_ms, false)?;
                }
                for old in replaced {
                    self.mark(business, old, at_ms, true)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn identifiers_of(&self, slot: Slot) -> Result<Vec<Identifier>, LedgerError> {
        let mut found = Vec::new();
        for member in &self.state.group(slot).members {
            let mut statement = self.connection.prepare_cached(sql::IDENTIFIERS_OF)?;
            let mut rows = statement.query(params![member.shard().0, person_column(*member)])?;
            while let Some(row) = rows.next()? {
                found.push(identifier_row(row)?.1.canonical);
            }
        }
        Ok(found)
    }

    fn mark(
        &mut self,
        business: BusinessIx,
        canonical: &Identifier,
        at_ms: i64,
        gone: bool,
    ) -> Result<(), LedgerError> {
        let (kind, value) = identifier_columns(canonical);
        let row = self.state.business(business)?.row;
        self.connection
            .prepare_cached(sql::MARK_IDENTIFIER)?
            .execute(params![row, kind, value, at_ms, gone])?;
        self.marked = true;
        Ok(())
    }

    /// Someone moved from one identifier to another.
    pub(crate) fn moved(
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
            from: self.person_of(business, &left, from_slot)?,
            to: self.person_of(business, &arrived, to_slot)?,
            left,
            at_ms,
        };
        if self
            .state
            .links
            .moves_of(moved.from)
            .any(|known| *known == moved)
        {
            return Ok(());
        }
        self.insert_link(moved.from, 2, moved.to, at_ms, Some(&moved.left))?;
        self.state.note_move(moved, from_slot, to_slot);
        self.refold_from(&[from_slot, to_slot])
    }

    /// Folds these groups and all that people moved on to from them again.
    pub(crate) fn refold_from(&mut self, slots: &[Slot]) -> Result<(), LedgerError> {
        let mut affected: SmallVec<[Slot; 2]> = SmallVec::new();
        for slot in slots {
            for slot in self.state.downstream(*slot) {
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
        let (groups, history) = history(self.connection, self.state, slot)?;
        let heads = compose::heads(&groups, &history);
        for (spelling, head) in heads.iter().enumerate() {
            let Some(head) = head else { continue };
            let body = encode_head(head)?;
            for member in &self.state.group(slot).members {
                let columns = params![
                    member.shard().0,
                    person_column(*member),
                    count_column(spelling),
                    body
                ];
                self.connection
                    .prepare_cached(sql::UPSERT_HEAD)?
                    .execute(columns)?;
            }
        }
        self.state.group_mut(slot).heads = heads;
        Ok(())
    }

    /// Everyone a closing event for this group closes something for, with their sends under way.
    pub(crate) fn flights_from(&self, slot: Slot, into: &mut Vec<crate::flight::Watch>) {
        self.state.flights_of(&self.state.downstream(slot), into);
    }

    /// The stored event with this dedup key.
    pub(crate) fn repeated(
        &self,
        business: BusinessIx,
        key: &str,
    ) -> Result<Option<EventId>, LedgerError> {
        let row = self.state.business(business)?.row;
        let mut statement = self.connection.prepare_cached(sql::FIND_DEDUP)?;
        let found: Option<i64> = statement
            .query_row(params![row, key], |row| row.get(0))
            .optional()?;
        Ok(found.map(|column| EventId(super::rows::seq(column))))
    }
}
