//! Pieces of an import, within a batch.

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;

use super::hand::Hand;
use super::rows::{seq, seq_column};
use super::wants::KeyKind;
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::import::{
    Before, ImportPiece, ImportRow, RowDone, Step, is_shut, recorded, step, undo_key,
};
use crate::types::{BusinessIx, NewEvent};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

impl Hand<'_> {
    /// Does a piece of an import.
    pub(super) fn import(&mut self, piece: &ImportPiece) -> Result<Vec<RowDone>> {
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

    fn on_record(&mut self, piece: &ImportPiece, event: &NewEvent) -> Result<Before> {
        let mut shut = false;
        for identifier in &event.person {
            let (canonical, spelling) = identifier.canonical();
            if let Some(slot) = self.snapshot.state.find(event.business, &canonical)? {
                let head = self.snapshot.state.head(slot, spelling);
                shut |= is_shut(
                    event.kind,
                    head.standing(&event.scope),
                    head.native_stop.is_some(),
                );
                // What is said rests on how they stand: nobody may have changed it meanwhile.
                if !piece.rehearsal {
                    self.touch(slot);
                }
            }
        }
        let found = match &event.dedup {
            Some(key) => self.repeated(event.business, key),
            None => None,
        };
        let arrived = |id: EventId| self.snapshot.arrivals.get(&seq_column(id.0)).copied();
        Ok(Before {
            repeated: found.map(|id| (id, arrived(id) == Some(piece.since_ms))),
            is_shut: shut,
        })
    }

    /// The newest event with a key that is not undone.
    pub(super) fn repeated(&self, business: BusinessIx, key: &str) -> Option<EventId> {
        let named = |key: &str| {
            let key = (business, KeyKind::Event, key.into());
            self.snapshot.keys.get(&key).map(|id| EventId(seq(*id)))
        };
        named(key).filter(|id| named(&undo_key(*id)).is_none())
    }

    /// Sends allowed earlier that a row closes something for, also when it is on record already: whoever says it again
    /// waits for them as well.
    fn still_to_come(&self, event: &NewEvent) -> Result<Vec<Watch>> {
        let mut flights = Vec::new();
        if event.kind.closes() {
            for identifier in &event.person {
                let canonical = identifier.canonical().0;
                if let Some(slot) = self.snapshot.state.find(event.business, &canonical)? {
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
            if let Some(slot) = self.snapshot.state.find(event.business, &canonical)? {
                known.extend(self.identifiers_of(slot).cloned());
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
}
