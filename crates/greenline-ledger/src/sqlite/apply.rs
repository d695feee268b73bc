//! Sends, outcomes, relays and own replies in the store.

use greenline_policy::decide::Verdict;
use rusqlite::{OptionalExtension, Statement, params};
use smallvec::SmallVec;

use super::pending::{Row, chunk};
use super::people::person_rows;
use super::rows::{count_column, identifier, person_column, seq, seq_column};
use super::sql;
use super::write::Hand;
use crate::codec::rows::{decode_reply, encode_list};
use crate::codec::{decode_record, encode_record, names_erased};
use crate::error::{LedgerError, NOT_IN_HAND};
use crate::flight::Flight;
use crate::question::{Previewed, Question, answered};
use crate::request::Answer;
use crate::seal::record_people;
use crate::state::State;
use crate::state::facts::Addressees;
use crate::state::journal::Change;
use crate::state::messages::hash;
use crate::types::{
    Admitted, Ask, BusinessIx, DecisionId, DecisionRecord, DueReply, Mode, Outcome, RelayDone,
    RelayResult, ReplyClaim, ReplyEnd, UNSETTLED_MS,
};

/// About what a decision takes beside its record.
const ROW_BYTES: usize = 64;
/// Deliveries emptied by one request.
const INBOX_BATCH: i64 = crate::prune::BATCH_MAX as i64;
/// About what an outcome takes.
const OUTCOME_BYTES: usize = 256;

impl Hand<'_> {
    /// Decides about a send, records it, and lets it take off.
    pub(crate) fn admit(&mut self, ask: &Ask) -> Result<Admitted, LedgerError> {
        self.state.unsettled.sweep(ask.now_ms);
        let mut found = self.state.addressees(ask)?;
        if let Some(reply) = &ask.reply {
            let mut decide = self.connection.prepare_cached(sql::DECIDE_REPLY)?;
            if decide.execute([reply.id])? == 0 {
                return Err(LedgerError::Conflict(NOT_IN_HAND));
            }
        }
        if let Some(claim) = ask.release {
            self.check_release(claim)?;
        }
        if ask.mode == Mode::Observe {
            // It goes whatever the answer is, so a stop must find it.
            self.make_known(ask, &mut found)?;
        }
        let record = self.pending.record();
        let (decision, (encoded, begun, counted, paced)) =
            self.state.judge(ask, &found, self.decide, |judged| {
                let encoded = encode_record(judged, record);
                (encoded, judged.begun(), judged.counted(), judged.paced())
            })?;
        let cuts = encoded?;
        let goes = decision.verdict == Verdict::Allow || ask.mode == Mode::Observe;
        if goes {
            self.make_known(ask, &mut found)?;
        }
        let person = found.first().and_then(|addressee| addressee.person);
        let id = DecisionId {
            shard: State::shard_of(person),
            seq: self.state.next_seq(ask.now_ms),
        };
        self.written += ROW_BYTES;
        let row = Row {
            seq: seq_column(id.seq),
            business: self.state.business(ask.business)?.row,
            shard: id.shard.0,
            person: person.map(person_column),
            at_ms: ask.now_ms,
            verdict: verdict_column(decision.verdict, goes),
        };
        self.pending.add(row, cuts);
        match ask.release {
            Some(claim) => self.redecided(claim, id, &decision, ask.now_ms)?,
            None if decision.verdict == Verdict::Hold => {
                self.keep(ask, id, person, &decision)?;
            }
            None => {}
        }
        let flight = goes.then(|| Flight::new(ask.dispatch_by));
        if let (true, Some(begun)) = (goes, &begun) {
            let people = found.iter().filter_map(|to| to.slot.zip(to.person));
            self.state.mark(begun, people, (id.seq, ask.now_ms));
        }
        if let Some(flight) = &flight {
            let people = found.iter().filter_map(|to| to.slot.zip(to.person));
            self.state.paces(ask, people, &paced, id.seq);
            for (addressee, counts) in found.iter().zip(counted) {
                let Some(slot) = addressee.slot else { continue };
                self.state.take_off(slot, flight.watch());
                if counts {
                    self.state.reaches(ask.business, slot, id.seq, ask.now_ms)?;
                }
            }
        }
        Ok(Admitted {
            id,
            decision,
            flight,
        })
    }

    fn make_known(&mut self, ask: &Ask, found: &mut Addressees) -> Result<(), LedgerError> {
        for (addressee, identifier) in found
            .iter_mut()
            .zip(&ask.to)
            .filter(|(addressee, _)| addressee.slot.is_none())
        {
            let slot = self.person(ask.business, identifier, ask.now_ms)?;
            addressee.slot = Some(slot);
            addressee.person = Some(self.person_of(ask.business, &addressee.canonical, slot)?);
        }
        Ok(())
    }

    /// Decides about a send and records nothing.
    pub(crate) fn preview(&mut self, ask: &Ask) -> Result<DecisionRecord, LedgerError> {
        let found = self.state.addressees(ask)?;
        let record = &mut *self.record;
        record.clear();
        let (_, encoded) = self.state.judge(ask, &found, self.decide, |judged| {
            encode_record(judged, record)
        })?;
        encoded?;
        let id = DecisionId {
            shard: State::shard_of(found.first().and_then(|addressee| addressee.person)),
            seq: 0,
        };
        let text = std::str::from_utf8(self.record)
            .map_err(|_| LedgerError::Bug("a record that is not text"))?;
        decode_record(id, &self.state.business(ask.business)?.id, ask.now_ms, text)
    }

    /// Answers a question about a send that is not made.
    pub(crate) fn preview_question(
        &mut self,
        question: &Question,
    ) -> Result<Previewed, LedgerError> {
        let ask = &question.ask;
        let record = self.preview(ask)?;
        answered(question, record, self.decide, || {
            self.state.then(
                ask,
                |name, slot| self.person_of(ask.business, name, slot),
                |person| person_rows(self.connection, person),
            )
        })
    }

    /// Notes what became of sends.
    pub(crate) fn settle(&mut self, settles: &[(DecisionId, Outcome)]) -> Result<(), LedgerError> {
        self.written += settles.len() * OUTCOME_BYTES;
        let cut;
        let mut rest = settles;
        if settles
            .iter()
            .any(|(id, _)| self.state.was_erased_lately(id.seq))
        {
            cut = self.without_erased(settles)?;
            rest = &cut;
        }
        while let Some((now, later)) = chunk(rest) {
            let mut statement = self.connection.prepare_cached(match now.len() {
                16 => sql::UPSERT_16_SENDS,
                4 => sql::UPSERT_4_SENDS,
                _ => sql::UPSERT_SEND,
            })?;
            for (n, (id, outcome)) in now.iter().enumerate() {
                bind_outcome(&mut statement, n, *id, outcome)?;
            }
            statement.raw_execute()?;
            for (id, outcome) in now {
                self.settled(*id, outcome)?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Outcomes without the message ids of those who were erased while their message was on its way.
    fn without_erased(
        &self,
        settles: &[(DecisionId, Outcome)],
    ) -> Result<Vec<(DecisionId, Outcome)>, LedgerError> {
        let mut cut = settles.to_vec();
        for (id, outcome) in &mut cut {
            if let Outcome::Accepted { message_ids } = outcome
                && self.state.was_erased_lately(id.seq)
                && self.is_erased(*id)?
            {
                message_ids.clear();
            }
        }
        Ok(cut)
    }

    /// A record that does not read counts as one of somebody erased: its outcome is kept, without an id.
    fn is_erased(&self, id: DecisionId) -> Result<bool, LedgerError> {
        let mut statement = self.connection.prepare_cached(sql::RECORD)?;
        let found: Option<String> = statement
            .query_row([seq_column(id.seq)], |row| row.get(1))
            .optional()?;
        Ok(found.is_some_and(|text| record_people(&text).and_then(names_erased).unwrap_or(true)))
    }

    /// What follows from an outcome that is written.
    fn settled(&mut self, id: DecisionId, outcome: &Outcome) -> Result<(), LedgerError> {
        if *outcome == Outcome::Unknown {
            self.unsettle(id)?;
        } else {
            self.state.resettle(id.seq);
        }
        match outcome {
            Outcome::Rejected { code } => self.did_not_reach(id.seq, Some(*code), None)?,
            Outcome::NotSent => self.did_not_reach(id.seq, None, None)?,
            Outcome::Accepted { .. } | Outcome::Unknown => {}
        }
        self.state.reach_settled(id.seq, outcome);
        let (_, _, ids) = outcome_columns(outcome);
        if let Some(message_id) = ids.first() {
            self.state
                .note_message(hash(message_id), seq_column(id.seq));
            self.claim_stray(id, message_id)?;
        }
        Ok(())
    }

    fn unsettle(&mut self, id: DecisionId) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached(sql::RECORD)?;
        let found: Option<(i64, String)> = statement
            .query_row([seq_column(id.seq)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((at_ms, text)) = found else {
            return Ok(());
        };
        let record = decode_record(id, "", at_ms, &text)?;
        let people: SmallVec<_> = record
            .people
            .iter()
            .filter_map(|person| person.person)
            .collect();
        self.state.unsettle(
            id.seq,
            (people, record.body_hash),
            at_ms.saturating_add(UNSETTLED_MS),
        );
        Ok(())
    }

    /// A status may have overtaken the answer that names its message.
    fn claim_stray(&mut self, id: DecisionId, message_id: &str) -> Result<(), LedgerError> {
        if !self.state.strays.contains(message_id) {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(sql::FIND_STRAY)?;
        let found: Option<(String, i64, Option<u32>)> = statement
            .query_row([message_id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        self.state.reach_named(id.seq, hash(message_id));
        if let Some((status, at_ms, code)) = found {
            let columns = params![seq_column(id.seq), status, at_ms, code];
            self.connection
                .prepare_cached(sql::SET_SEND_STATUS)?
                .execute(columns)?;
            self.connection
                .prepare_cached(sql::DELETE_STRAY)?
                .execute([message_id])?;
            self.status_counts(seq_column(id.seq), &status, (at_ms, code))?;
        }
        self.forget_stray(message_id.into());
        Ok(())
    }

    fn forget_stray(&mut self, message_id: Box<str>) {
        self.state.strays.remove(&message_id);
        self.state.journal.note(Change::StrayRemoved(message_id));
    }

    /// Notes how relay attempts ended.
    pub(crate) fn relay_done(&mut self, done: &[RelayDone]) -> Result<(), LedgerError> {
        for RelayDone {
            inbox_seq,
            app,
            result,
            ..
        } in done
        {
            match result {
                RelayResult::Delivered => self
                    .connection
                    .prepare_cached(sql::RELAY_DELIVERED)?
                    .execute(params![inbox_seq, &**app])?,
                RelayResult::RetryAt(due_ms) => self
                    .connection
                    .prepare_cached(sql::RELAY_RETRY)?
                    .execute(params![inbox_seq, &**app, due_ms])?,
                RelayResult::PutOff(due_ms) => self
                    .connection
                    .prepare_cached(sql::RELAY_PUT_OFF)?
                    .execute(params![inbox_seq, &**app, due_ms])?,
                RelayResult::Parked => self
                    .connection
                    .prepare_cached(sql::RELAY_PARK)?
                    .execute(params![inbox_seq, &**app])?,
            };
        }
        Ok(())
    }

    /// Makes parked deliveries due again.
    pub(crate) fn relay_replay(
        &mut self,
        business: BusinessIx,
        app: Option<&str>,
        now_ms: i64,
    ) -> Result<u64, LedgerError> {
        let row = self.state.business(business)?.row;
        let changed = match app {
            Some(app) => self
                .connection
                .prepare_cached(sql::RELAY_REPLAY)?
                .execute(params![row, app, now_ms])?,
            None => self
                .connection
                .prepare_cached(sql::RELAY_REPLAY_ALL)?
                .execute(params![row, now_ms])?,
        };
        Ok(changed as u64)
    }

    /// Empties deliveries whose days are over, some at a time. Their hashes stay as long again, so that a late
    /// redelivery is still known.
    pub(crate) fn inbox_prune(&mut self, before_ms: i64) -> Result<Answer, LedgerError> {
        const HASHES_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
        let dropped = self.drop_notices(before_ms, INBOX_BATCH)?;
        let emptied = self
            .connection
            .prepare_cached(sql::EMPTY_INBOX)?
            .execute([before_ms, INBOX_BATCH])?;
        self.connection
            .prepare_cached(sql::PRUNE_INBOX)?
            .execute([before_ms.saturating_sub(HASHES_MS), 2 * INBOX_BATCH])?;
        let strays: Vec<Box<str>> = {
            let mut statement = self.connection.prepare_cached(sql::PRUNE_STRAYS)?;
            let columns = [before_ms, 2 * INBOX_BATCH];
            let rows = statement.query_map(columns, |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for message_id in strays {
            self.forget_stray(message_id);
        }
        let full = |rows: usize| count_column(rows) >= INBOX_BATCH;
        Ok(Answer::Emptied {
            bodies: emptied as u64,
            // What was dropped last may have been all that kept a body.
            more: full(emptied) || dropped,
        })
    }

    /// Hands out own replies, marked as such by the same transaction.
    pub(crate) fn replies_due(&mut self, limit: usize) -> Result<Vec<DueReply>, LedgerError> {
        let mut due = Vec::new();
        let mut statement = self.connection.prepare_cached(sql::DUE_REPLIES)?;
        let mut rows = statement.query([count_column(limit)])?;
        while let Some(row) = rows.next()? {
            let business: i64 = row.get(1)?;
            let Some(at) = self
                .state
                .businesses
                .iter()
                .position(|known| known.row == business)
            else {
                continue;
            };
            let confirms: Option<i64> = row.get(5)?;
            due.push(DueReply {
                claim: ReplyClaim {
                    id: row.get(0)?,
                    hand: 0,
                },
                business: BusinessIx(u32::try_from(at).unwrap_or(u32::MAX)),
                to: identifier(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?,
                number: row.get(3)?,
                reply: decode_reply(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
                confirms: confirms.map(|id| greenline_policy::consent::EventId(seq(id))),
                message_id: row.get(6)?,
                at_ms: row.get(7)?,
            });
        }
        for reply in &due {
            self.connection
                .prepare_cached(sql::HAND_OUT_REPLY)?
                .execute([reply.claim.id])?;
        }
        Ok(due)
    }

    /// Notes that an own reply is over, or still to be sent.
    pub(crate) fn reply_done(
        &mut self,
        claim: ReplyClaim,
        end: ReplyEnd,
    ) -> Result<(), LedgerError> {
        let changed = match end {
            ReplyEnd::Over(decision) => {
                let decision = decision.map(|id| seq_column(id.seq));
                let mut finish = self.connection.prepare_cached(sql::FINISH_REPLY)?;
                finish.execute(params![claim.id, decision])?
            }
            ReplyEnd::NotSent => {
                let mut again = self.connection.prepare_cached(sql::REPLY_NOT_SENT)?;
                again.execute([claim.id])?
            }
        };
        match changed {
            0 => Err(LedgerError::NotFound("the reply")),
            _ => Ok(()),
        }
    }
}

fn bind_outcome(
    statement: &mut Statement<'_>,
    place: usize,
    id: DecisionId,
    outcome: &Outcome,
) -> Result<(), LedgerError> {
    let (name, code, ids) = outcome_columns(outcome);
    let more = match ids {
        [_, more @ ..] if !more.is_empty() => Some(encode_list(more.iter().map(|id| &**id))?),
        _ => None,
    };
    let at = place * 5;
    statement.raw_bind_parameter(at + 1, seq_column(id.seq))?;
    statement.raw_bind_parameter(at + 2, name)?;
    statement.raw_bind_parameter(at + 3, code)?;
    statement.raw_bind_parameter(at + 4, ids.first().map(|id| &**id))?;
    statement.raw_bind_parameter(at + 5, more)?;
    Ok(())
}

fn verdict_column(verdict: Verdict, goes: bool) -> i64 {
    match (verdict, goes) {
        (Verdict::Allow, _) => 1,
        (Verdict::Refuse | Verdict::Hold, true) => 2,
        (Verdict::Refuse | Verdict::Hold, false) => 0,
    }
}

/// An outcome's name, the platform's error code and its message ids.
pub(crate) fn outcome_columns(outcome: &Outcome) -> (&'static str, Option<u32>, &[Box<str>]) {
    match outcome {
        Outcome::Accepted { message_ids } => ("accepted", None, message_ids),
        Outcome::Rejected { code } => ("rejected", Some(*code), &[]),
        Outcome::NotSent => ("not_sent", None, &[]),
        Outcome::Unknown => ("unknown", None, &[]),
    }
}
