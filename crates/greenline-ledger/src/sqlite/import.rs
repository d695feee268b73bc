//! Pieces of an import in the store.
//!
//! Most rows of a large file are of people nobody knew. They are written in three statements, with nothing read:
//! and their ids are made in runs, so that what belongs to people who came together lies together.

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use rusqlite::params;

use super::rows::{count_column, person_column, seq, seq_column};
use super::sql;
use super::write::Hand;
use crate::codec::encode_head;
use crate::compose::{self, EventRow, GroupRows, IdentifierRow, PersonRows};
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::import::{
    Before, ImportPiece, ImportRow, RowDone, Step, is_shut, recorded, step, undo_key,
};
use crate::state::people::Slot;
use crate::types::{NewEvent, PersonId};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// About what a row writes.
const ROW_BYTES: usize = 1 << 10;

impl Hand<'_> {
    /// Does a piece of an import.
    pub(crate) fn import(&mut self, piece: &ImportPiece) -> Result<Vec<RowDone>> {
        self.written += piece.rows.len() * ROW_BYTES;
        for event in &piece.before {
            self.append(event)?;
        }
        self.importing_ms = Some(piece.now_ms);
        let rows = piece.rows.iter();
        let done = rows.map(|row| self.import_row(piece, row)).collect();
        self.importing_ms = None;
        done
    }

    fn import_row(&mut self, piece: &ImportPiece, row: &ImportRow) -> Result<RowDone> {
        let event = &row.event;
        if let [only] = event.person.as_slice()
            && self
                .state
                .find(piece.business, &only.canonical().0)?
                .is_none()
        {
            let id = self.append_first(event, only)?;
            return Ok(RowDone {
                outcome: recorded(event),
                event: Some(id),
                flights: Vec::new(),
                known_by: Vec::new(),
            });
        }
        let before = self.on_record(piece, event)?;
        let (outcome, id, flights) = match step(row, before) {
            Step::Say(outcome, id) => (outcome, id, self.still_to_come(event)?),
            Step::Append => {
                let appended = self.append_anew(event)?;
                (recorded(event), Some(appended.id), appended.flights)
            }
        };
        let known_by = if piece.rehearsal {
            self.known_by(event)?
        } else {
            Vec::new()
        };
        Ok(RowDone {
            outcome,
            event: id,
            flights,
            known_by,
        })
    }

    fn on_record(&self, piece: &ImportPiece, event: &NewEvent) -> Result<Before> {
        let mut shut = false;
        for identifier in &event.person {
            let (canonical, spelling) = identifier.canonical();
            if let Some(slot) = self.state.find(event.business, &canonical)? {
                let head = self.state.head(slot, spelling);
                shut |= is_shut(
                    event.kind,
                    head.standing(&event.scope),
                    head.native_stop.is_some(),
                );
            }
        }
        let found = match (&event.dedup, event.person.first()) {
            (Some(key), Some(first)) => self.repeated_with(event, first, key)?,
            _ => None,
        };
        Ok(Before {
            repeated: found.map(|(id, arrival_ms)| (id, arrival_ms == piece.since_ms)),
            is_shut: shut,
        })
    }

    /// The newest event of this person with a key that is kept with people, and when it arrived; `None` when
    /// there is none or it was undone.
    pub(crate) fn repeated_with(
        &self,
        event: &NewEvent,
        first: &Identifier,
        key: &str,
    ) -> Result<Option<(EventId, i64)>> {
        let Some(slot) = self.state.find(event.business, &first.canonical().0)? else {
            return Ok(None);
        };
        let mut newest: Option<(EventId, i64)> = None;
        let mut keys: Vec<Box<str>> = Vec::new();
        for member in &self.state.group(slot).members {
            let mut statement = self.connection.prepare_cached(sql::KEYS_OF)?;
            let mut rows = statement.query(params![member.shard().0, person_column(*member)])?;
            while let Some(row) = rows.next()? {
                let kept = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
                if kept == key {
                    let id = EventId(seq(row.get(0)?));
                    if newest.is_none_or(|(known, _)| known < id) {
                        newest = Some((id, row.get(1)?));
                    }
                } else {
                    keys.push(kept.into());
                }
            }
        }
        Ok(newest.filter(|(id, _)| !keys.contains(&undo_key(*id))))
    }

    /// Sends allowed earlier that a row closes something for, also when it is on record already: whoever says it again
    /// waits for them as well.
    fn still_to_come(&self, event: &NewEvent) -> Result<Vec<Watch>> {
        let mut flights = Vec::new();
        if event.kind.closes() {
            for identifier in &event.person {
                let canonical = identifier.canonical().0;
                if let Some(slot) = self.state.find(event.business, &canonical)? {
                    self.flights_from(slot, &mut flights);
                }
            }
        }
        Ok(flights)
    }

    fn known_by(&self, event: &NewEvent) -> Result<Vec<Identifier>> {
        let mut known = Vec::new();
        for identifier in &event.person {
            let canonical = identifier.canonical().0;
            if let Some(slot) = self.state.find(event.business, &canonical)? {
                known.extend(self.identifiers_of(slot)?);
            }
            known.push(canonical);
        }
        known.sort();
        known.dedup();
        if known.len() < 2 {
            known.clear();
        }
        Ok(known)
    }

    /// The first event of somebody of whom nothing at all is known.
    fn append_first(&mut self, event: &NewEvent, only: &Identifier) -> Result<EventId> {
        let canonical = only.canonical().0;
        let person = self.id_in_run()?;
        self.insert_identifier(event.business, &canonical, person, event.arrival_ms, None)?;
        let slot = self.state.add_person(event.business, &canonical, person)?;
        let id = self.write_event(event, person, 1)?;
        self.fold_first(event, only, canonical, (person, slot), id)?;
        self.tell_event(event, id, only, slot)?;
        Ok(id)
    }

    fn fold_first(
        &mut self,
        event: &NewEvent,
        only: &Identifier,
        canonical: Identifier,
        (person, slot): (PersonId, Slot),
        id: EventId,
    ) -> Result<()> {
        let group = GroupRows {
            people: vec![PersonRows {
                id: person,
                identifiers: vec![IdentifierRow {
                    canonical,
                    known_ms: event.arrival_ms,
                    linked_at_ms: None,
                    left_at_ms: None,
                    gone_at_ms: None,
                }],
                events: vec![EventRow {
                    id,
                    kind: event.kind,
                    scope: event.scope.clone(),
                    at_ms: event.at_ms,
                    strength: event.strength,
                    in_thread: event.in_thread,
                    arrival_ms: event.arrival_ms,
                    identifier: only.clone(),
                }],
            }],
            ..GroupRows::default()
        };
        let groups = [group];
        let history = compose::history(&groups)
            .ok_or_else(|| LedgerError::unreadable("an event of an unknown identifier"))?;
        let heads = compose::heads(&groups, &history);
        for (spelling, head) in heads.iter().enumerate() {
            let Some(head) = head else { continue };
            let columns = params![
                person.shard().0,
                person_column(person),
                count_column(spelling),
                encode_head(head)?
            ];
            self.connection
                .prepare_cached(sql::UPSERT_HEAD)?
                .execute(columns)?;
        }
        self.state.group_mut(slot).heads = heads;
        Ok(())
    }

    /// An id next to that of the last new person, as far as the run goes.
    fn id_in_run(&mut self) -> Result<PersonId> {
        loop {
            if let Some(id) = self.ids.next_in_run() {
                return Ok(id);
            }
            let (first, last) = self.ids.new_run();
            let mut taken = self.connection.prepare_cached(sql::RUN_TAKEN)?;
            let columns = params![first.shard().0, person_column(first), person_column(last)];
            if taken.exists(columns)? {
                self.ids.drop_run();
            }
        }
    }

    /// An event's row.
    pub(crate) fn write_event(
        &mut self,
        event: &NewEvent,
        person: PersonId,
        version: i64,
    ) -> Result<EventId> {
        let row = self.state.business(event.business)?.row;
        let id = EventId(self.state.next_event());
        self.connection
            .prepare_cached(sql::INSERT_EVENT)?
            .execute(params![
                seq_column(id.0),
                row,
                person.shard().0,
                person_column(person),
                version,
                event.kind.as_str(),
                event.scope.to_string(),
                event.at_ms,
                event.stated_ms,
                event.arrival_ms,
                event.strength.as_str(),
                event.in_thread,
                super::rows::identifiers_column(&event.person)?,
                crate::codec::rows::encode_evidence(&event.evidence)?,
                &*event.actor.0,
                event.dedup.as_deref(),
            ])?;
        Ok(id)
    }
}
