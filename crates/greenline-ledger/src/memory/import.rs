//! Pieces of an import.

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;

use super::{All, Result};
use crate::flight::Watch;
use crate::import::{
    Before, ImportPiece, ImportRow, RowDone, Step, is_shut, recorded, step, undo_key,
};
use crate::types::{BusinessIx, NewEvent};

impl All {
    /// Does a piece of an import; a rehearsal leaves everything as it was.
    pub(super) fn import(&mut self, piece: &ImportPiece) -> Result<Vec<RowDone>> {
        if !piece.rehearsal {
            return self.import_for_good(piece);
        }
        let (people, known) = (self.people.clone(), self.known.clone());
        let (links, keys) = (self.links.clone(), self.keys.clone());
        let (last, inbox) = (self.last, self.inbox.len());
        let done = self.import_for_good(piece);
        (self.people, self.known) = (people, known);
        (self.links, self.keys) = (links, keys);
        self.last = last;
        self.inbox.truncate(inbox);
        done
    }

    fn import_for_good(&mut self, piece: &ImportPiece) -> Result<Vec<RowDone>> {
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
        let before = self.on_record(piece, event);
        let (outcome, id, flights) = match step(row, before) {
            Step::Say(outcome, id) => (outcome, id, self.still_to_come(event)),
            Step::Append => {
                let appended = self.append_anew(event)?;
                (recorded(event), Some(appended.id), appended.flights)
            }
        };
        let known_by = if piece.rehearsal {
            self.known_by(event)
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

    fn on_record(&self, piece: &ImportPiece, event: &NewEvent) -> Before {
        let mut shut = false;
        for identifier in &event.person {
            let (canonical, spelling) = identifier.canonical();
            if let Some(person) = self.find(event.business, &canonical) {
                let head = self.head(person, spelling);
                let standing = head.standing(&event.scope);
                shut |= is_shut(event.kind, standing, head.native_stop.is_some());
            }
        }
        let found = event
            .dedup
            .as_ref()
            .and_then(|key| self.keyed(event.business, key));
        let mut events = self.people.iter().flat_map(|person| &person.events);
        let mut arrived = |id| events.find(|stored| stored.id == id);
        Before {
            repeated: found.map(|id| {
                let stored = arrived(id);
                let is_ours = stored.is_some_and(|one| one.event.arrival_ms == piece.since_ms);
                (id, is_ours)
            }),
            is_shut: shut,
        }
    }

    /// The newest event with a key that is not undone.
    pub(super) fn keyed(&self, business: BusinessIx, key: &str) -> Option<EventId> {
        let named = |key: &str| self.keys.get(&(business, key.into())).copied();
        named(key).filter(|id| named(&undo_key(*id)).is_none())
    }

    /// Sends allowed earlier that a row closes something for, also when it is on record already.
    fn still_to_come(&self, event: &NewEvent) -> Vec<Watch> {
        if !event.kind.closes() {
            return Vec::new();
        }
        let people = event.person.iter();
        people
            .filter_map(|identifier| self.find(event.business, &identifier.canonical().0))
            .flat_map(|person| self.flights(person))
            .collect()
    }

    fn known_by(&self, event: &NewEvent) -> Vec<Identifier> {
        let mut known = Vec::new();
        for identifier in &event.person {
            let canonical = identifier.canonical().0;
            if let Some(person) = self.find(event.business, &canonical) {
                let group = self.group(person);
                let names = group.iter().flat_map(|member| &self.people[*member].names);
                known.extend(names.map(|name| name.id.clone()));
            }
            known.push(canonical);
        }
        known.sort();
        known.dedup();
        if known.len() < 2 {
            known.clear();
        }
        known
    }
}
