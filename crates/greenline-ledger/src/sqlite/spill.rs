//! Decisions that the store could not take when they were made.
//!
//! They are made in memory alone, which is what the store last held, and kept by the caller until
//! [`Hand::record_spilled`] puts them where they belong. The flight is real: a stop recorded meanwhile
//! waits for it as for any other.

use greenline_policy::decide::Verdict;
use greenline_policy::identity::Identifier;

use super::pending::{Row, write_late};
use super::rows::{person_column, seq_column};
use super::sql;
use super::write::Hand;
use crate::codec::{decode_record, encode_record};
use crate::erasure::without_people;
use crate::error::LedgerError;
use crate::flight::Flight;
use crate::state::State;
use crate::types::{Admitted, Ask, BusinessIx, DecisionId, Spilled, Unrecorded};

impl Hand<'_> {
    /// Decides about a send without recording it, and lets it take off. `None` when it may not go, or
    /// goes to one of those who said stop.
    pub(crate) fn admit_unrecorded(
        &mut self,
        ask: &Ask,
        stopped: &[Identifier],
    ) -> Result<Option<Unrecorded>, LedgerError> {
        let found = self.state.addressees(ask)?;
        for identifier in stopped {
            let slot = self.state.find(ask.business, &identifier.canonical().0)?;
            if slot.is_some() && found.iter().any(|addressee| addressee.slot == slot) {
                return Ok(None);
            }
        }
        let record = &mut *self.record;
        record.clear();
        let (decision, (encoded, paced)) =
            self.state.judge(ask, &found, self.decide, |judged| {
                (encode_record(judged, record), judged.paced())
            })?;
        encoded?;
        if decision.verdict != Verdict::Allow || found.iter().any(|who| who.slot.is_none()) {
            return Ok(None);
        }
        let person = found.first().and_then(|addressee| addressee.person);
        let id = DecisionId {
            shard: State::shard_of(person),
            seq: self.state.next_seq(ask.now_ms),
        };
        let record = std::str::from_utf8(self.record)
            .map_err(|_| LedgerError::Bug("a record that is not text"))?;
        let spilled = Spilled {
            id,
            business: self.state.business(ask.business)?.id.clone(),
            person,
            at_ms: ask.now_ms,
            record: record.into(),
        };
        let people = found.iter().filter_map(|to| to.slot.zip(to.person));
        self.state.paces(ask, people, &paced, id.seq);
        let flight = Flight::new(ask.dispatch_by);
        for slot in found.iter().filter_map(|addressee| addressee.slot) {
            self.state.take_off(slot, flight.watch());
        }
        Ok(Some(Unrecorded {
            admitted: Admitted {
                id,
                decision,
                flight: Some(flight),
            },
            spilled,
        }))
    }

    /// Records decisions that were made without the store; one that is there already is left alone.
    pub(crate) fn record_spilled(&mut self, spilled: &[Spilled]) -> Result<(), LedgerError> {
        // No range may be laid around these later.
        self.written += self.pending.write(self.connection)?;
        for one in spilled {
            decode_record(one.id, &one.business, one.at_ms, &one.record)?;
            let row = self
                .state
                .businesses
                .iter()
                .find(|business| business.id == one.business)
                .map(|business| business.row)
                .ok_or(LedgerError::NotFound("the business of a spilled decision"))?;
            let known = self
                .connection
                .prepare_cached(sql::RECORD)?
                .exists([seq_column(one.id.seq)])?;
            if known {
                continue;
            }
            let record = self.without_erased_people(row, one)?;
            self.written += record.len() + 64;
            let decision = Row {
                seq: seq_column(one.id.seq),
                business: row,
                shard: one.id.shard.0,
                person: one.person.map(person_column),
                at_ms: one.at_ms,
                verdict: 1,
            };
            write_late(self.connection, &decision, &record)?;
            self.spilled_reaches(&one.business, one.id, one.at_ms, &record)?;
            self.note_late(row, one.id.seq)?;
            self.state.last_seq = self.state.last_seq.max(one.id.seq);
        }
        Ok(())
    }

    /// The record as it may be kept: whoever was erased since it was made is in it no more.
    fn without_erased_people(&mut self, row: i64, one: &Spilled) -> Result<Box<str>, LedgerError> {
        let mut businesses = (0..).zip(&self.state.businesses);
        let at = businesses.find(|(_, business)| business.row == row);
        let Some(business) = at.map(|(at, _)| BusinessIx(at)) else {
            return Ok(one.record.clone());
        };
        let replace = |_: Option<u64>, canonical: &Identifier| {
            let kept = self.state.kept_only(business, canonical).ok().flatten();
            kept.map(|(kept, _)| kept)
        };
        let left = without_people(&one.record, replace)?;
        if left.is_some() {
            // What became of it may be told right after, and names no message either.
            self.state.lately.insert(one.id.seq);
        }
        Ok(left.map_or_else(|| one.record.clone(), Into::into))
    }
}
