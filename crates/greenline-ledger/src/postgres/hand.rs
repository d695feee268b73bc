//! Judges a batch over what was loaded for it, and drafts what is to be written.
//!
//! The same folds, the same look-ups of people and the same `decide` as where the state is resident; only
//! that nothing here outlives the batch.

use greenline_policy::decide::Verdict;

use super::draft::Draft;
use super::load::Snapshot;
use super::marks::marked;
use super::node::Counter;
use super::pairs;
use super::rows::{person_column, seq_column, shard, shard_of_number};
use crate::DecideFn;
use crate::codec::rows::encode_list;
use crate::codec::{decode_record, encode_record};
use crate::error::{LedgerError, NOT_IN_HAND};
use crate::flight::Flight;
use crate::ids::Ids;
use crate::question::{Previewed, Question, answered};
use crate::request::{Answer, Request};
use crate::state::State;
use crate::state::facts::Addressees;
use crate::state::people::Slot;
use crate::types::{
    Admitted, Ask, BusinessIx, DecisionId, DecisionRecord, Mode, PersonId, Spilled,
};

/// Where this node's numbers come from.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) node: u64,
    pub(super) token: i64,
    pub(super) decisions: Counter,
    pub(super) events: Counter,
    pub(super) others: Counter,
}

/// The hands on one batch.
pub(super) struct Hand<'w> {
    pub(super) snapshot: Snapshot,
    pub(super) draft: Draft,
    pub(super) counters: &'w mut Counters,
    pub(super) ids: &'w mut Ids,
    pub(super) decide: DecideFn,
    /// Identifiers were marked as left since the last fold.
    pub(super) marked: bool,
    /// The moment of the piece of an import that is being done.
    pub(super) importing_ms: Option<i64>,
}

impl Hand<'_> {
    /// Does one request. The outer error fails the batch, the inner one only this request.
    pub(super) fn answer(
        &mut self,
        request: &Request,
    ) -> Result<Result<Answer, LedgerError>, LedgerError> {
        let done = match request {
            Request::Admit(ask) => self.admit(ask).map(Answer::Admitted),
            Request::Preview(ask) => self
                .preview(ask)
                .map(|record| Answer::Previewed(Box::new(record))),
            Request::PreviewAll(questions) => {
                return questions
                    .iter()
                    .map(|question| apart(self.preview_question(question)))
                    .collect::<Result<_, _>>()
                    .map(|previewed| Ok(Answer::PreviewedAll(previewed)));
            }
            Request::Portfolio(business, now_ms) => self
                .snapshot
                .state
                .portfolio_view(*business, *now_ms)
                .map(Answer::Portfolio),
            Request::RecordSpilled(spilled) => self.record_spilled(spilled).map(|()| Answer::Done),
            Request::Append(event) => self
                .append(event)
                .map(|appended| Answer::Appended(Box::new(appended))),
            Request::AppendAll(events) => {
                return events
                    .iter()
                    .map(|event| apart(self.append(event)))
                    .collect::<Result<_, _>>()
                    .map(|appended| Ok(Answer::AppendedAll(appended)));
            }
            Request::Import(piece) => self.import(piece).map(Answer::Imported),
            Request::Ingest(delivery) => self.ingest(delivery).map(Answer::Ingested),
            Request::Learn(business, effects) => self
                .learn(*business, effects, &mut Default::default())
                .map(|()| Answer::Done),
            _ => Err(LedgerError::Bug("a request that is none of a batch's")),
        };
        match request {
            // Some of it may be drafted already: all of it is taken back.
            Request::Ingest(_)
            | Request::Import(_)
            | Request::Learn(..)
            | Request::RecordSpilled(_) => done.map(Ok),
            _ => apart(done),
        }
    }

    /// The business's `id`.
    pub(super) fn business(&self, ix: BusinessIx) -> Result<Box<str>, LedgerError> {
        Ok(self.snapshot.state.business(ix)?.id.clone())
    }

    /// Notes that the batch rests on these people or changes them. Their versions must still stand when
    /// it is written, and move on then.
    pub(super) fn touch(&mut self, slot: Slot) {
        for person in self.snapshot.component(slot) {
            self.touch_one(person);
        }
    }

    fn touch_one(&mut self, person: PersonId) {
        let Some(known) = self.snapshot.people.get(&person) else {
            return;
        };
        if let Some(version) = known.version {
            self.draft
                .touched
                .entry(person)
                .or_insert((version, known.last_seq));
        }
    }

    /// Decides about a send, records it, and lets it take off.
    fn admit(&mut self, ask: &Ask) -> Result<Admitted, LedgerError> {
        if let Some(reply) = &ask.reply
            && self.snapshot.replies.get(&reply.id) != Some(&reply.hand)
        {
            return Err(LedgerError::Conflict(NOT_IN_HAND));
        }
        if let Some(claim) = &ask.release
            && self.snapshot.later.get(&seq_column(claim.id.seq)) != Some(&claim.hand)
        {
            return Err(LedgerError::Conflict(NOT_IN_HAND));
        }
        self.snapshot.state.unsettled.sweep(ask.now_ms);
        let mut found = self.snapshot.state.addressees(ask)?;
        if ask.mode == Mode::Observe {
            // It goes whatever the answer is, so a stop must find it.
            self.make_known(ask, &mut found)?;
        }
        let mut record = Vec::with_capacity(1 << 10);
        let (decision, (encoded, begun, is_marketing, counted, paced)) = self
            .snapshot
            .state
            .judge(ask, &found, self.decide, |judged| {
                let encoded = encode_record(judged, &mut record);
                (
                    encoded,
                    judged.begun(),
                    judged.is_marketing(),
                    judged.counted(),
                    judged.paced(),
                )
            })?;
        encoded?;
        let goes = decision.verdict == Verdict::Allow || ask.mode == Mode::Observe;
        if goes {
            self.make_known(ask, &mut found)?;
        }
        for slot in found.iter().filter_map(|addressee| addressee.slot) {
            self.touch(slot);
        }
        let people: Vec<PersonId> = found
            .iter()
            .filter_map(|addressee| addressee.person)
            .collect();
        let person = found.first().and_then(|addressee| addressee.person);
        let id = DecisionId {
            shard: State::shard_of(person),
            seq: self.next_seq(ask.now_ms, &people),
        };
        let record =
            String::from_utf8(record).map_err(|_| LedgerError::Bug("a record that is not text"))?;
        let business = self.business(ask.business)?;
        let verdict = verdict_column(decision.verdict, goes);
        self.draft.decisions.push((
            i64::from(id.shard.0),
            seq_column(id.seq),
            business,
            person.map(person_column),
            ask.now_ms,
            verdict,
            record,
        ));
        match ask.release {
            Some(claim) => self.redecided(claim, id, &decision, ask.now_ms),
            None if decision.verdict == Verdict::Hold => self.keep(ask, id, person, &decision)?,
            None => {}
        }
        if let Some(reply) = &ask.reply {
            let shard = shard_of_number(reply.id);
            self.draft.decided.push((shard, reply.id, reply.hand));
        }
        let flight = goes.then(|| Flight::new(ask.dispatch_by));
        if let Some(flight) = &flight {
            let marked = begun
                .as_ref()
                .map(|begun| marked(&found, begun, is_marketing))
                .unwrap_or_default();
            self.send(id, &people, (ask.now_ms, &ask.body_hash), &marked)?;
            if let Some(begun) = &begun {
                let people = found.iter().filter_map(|to| to.slot.zip(to.person));
                self.snapshot
                    .state
                    .mark(begun, people, (id.seq, ask.now_ms));
            }
            let to = found.iter().filter_map(|to| to.slot.zip(to.person));
            self.snapshot.state.paces(ask, to, &paced, id.seq);
            if paced.contains(&true) {
                self.draft_pairs(ask.business, &people)?;
            }
            for (addressee, counts) in found.iter().zip(counted) {
                let (Some(slot), Some(person)) = (addressee.slot, addressee.person) else {
                    continue;
                };
                self.snapshot.state.take_off(slot, flight.watch());
                if counts {
                    let state = &mut self.snapshot.state;
                    state.reaches(ask.business, slot, id.seq, ask.now_ms)?;
                }
                self.draft.flights.push((person, flight.watch()));
            }
        }
        Ok(Admitted {
            id,
            decision,
            flight,
        })
    }

    /// A decision's number: above every one about these people.
    fn next_seq(&mut self, now_ms: i64, people: &[PersonId]) -> u64 {
        let last = |person: &PersonId| {
            let touched = self.draft.touched.get(person).map(|(_, seq)| *seq);
            let made = self.draft.made.get(person).map(|(_, seq)| *seq);
            touched.or(made).unwrap_or(0)
        };
        let last = people.iter().map(last).max().unwrap_or(0);
        let next = self
            .counters
            .decisions
            .next(self.counters.node, now_ms, last);
        for person in people {
            if let Some((_, seq)) = self.draft.touched.get_mut(person) {
                *seq = (*seq).max(next);
            }
            if let Some((_, seq)) = self.draft.made.get_mut(person) {
                *seq = (*seq).max(next);
            }
        }
        next
    }

    /// What counts towards the paces of these people now.
    fn draft_pairs(
        &mut self,
        business: BusinessIx,
        people: &[PersonId],
    ) -> Result<(), LedgerError> {
        let state = &self.snapshot.state;
        let platform = &state.business(business)?.platform;
        for person in people {
            let text = pairs::column(state.pairs.of(*person), |place| platform.name_of(place));
            self.draft.pairs.insert(*person, text);
        }
        Ok(())
    }

    fn send(
        &mut self,
        id: DecisionId,
        people: &[PersonId],
        (at_ms, body_hash): (i64, &[u8; 16]),
        marked: &[(PersonId, String)],
    ) -> Result<(), LedgerError> {
        let mut people = people.to_vec();
        let Some(first) = people.first().copied() else {
            return Ok(());
        };
        people.sort_unstable();
        people.dedup();
        for person in &people {
            let others: Vec<String> = people
                .iter()
                .filter(|other| *person == first && **other != first)
                .map(|other| other.0.to_string())
                .collect();
            let others = match others.as_slice() {
                [] => None,
                some => Some(encode_list(some.iter().map(String::as_str))?),
            };
            self.draft.sends.push((
                shard(*person),
                seq_column(id.seq),
                person_column(*person),
                others,
                self.counters.token,
                at_ms,
                body_hash.to_vec(),
                marked
                    .iter()
                    .find(|(marked, _)| marked == person)
                    .map(|(_, text)| text.clone()),
            ));
        }
        Ok(())
    }

    fn make_known(&mut self, ask: &Ask, found: &mut Addressees) -> Result<(), LedgerError> {
        for (addressee, identifier) in found
            .iter_mut()
            .zip(&ask.to)
            .filter(|(addressee, _)| addressee.slot.is_none())
        {
            let slot = self.person(ask.business, identifier, ask.now_ms)?;
            addressee.slot = Some(slot);
            addressee.person = Some(self.person_of(ask.business, &addressee.canonical)?);
        }
        Ok(())
    }

    /// Decides about a send and records nothing.
    fn preview(&mut self, ask: &Ask) -> Result<DecisionRecord, LedgerError> {
        let found = self.snapshot.state.addressees(ask)?;
        let mut record = Vec::with_capacity(1 << 10);
        let (_, encoded) = self
            .snapshot
            .state
            .judge(ask, &found, self.decide, |judged| {
                encode_record(judged, &mut record)
            })?;
        encoded?;
        let id = DecisionId {
            shard: State::shard_of(found.first().and_then(|addressee| addressee.person)),
            seq: 0,
        };
        let text = std::str::from_utf8(&record)
            .map_err(|_| LedgerError::Bug("a record that is not text"))?;
        decode_record(id, &self.business(ask.business)?, ask.now_ms, text)
    }

    /// Answers a question about a send that is not made.
    fn preview_question(&mut self, question: &Question) -> Result<Previewed, LedgerError> {
        let ask = &question.ask;
        let record = self.preview(ask)?;
        answered(question, record, self.decide, || {
            self.snapshot.state.then(
                ask,
                |name, _| self.person_of(ask.business, name),
                |person| self.snapshot.person_rows(person),
            )
        })
    }

    /// Records decisions that were made without the store; one that is there already is left alone.
    fn record_spilled(&mut self, spilled: &[Spilled]) -> Result<(), LedgerError> {
        for one in spilled {
            let record = decode_record(one.id, &one.business, one.at_ms, &one.record)?;
            let mut businesses = self.snapshot.state.businesses.iter();
            if !businesses.any(|business| business.id == one.business) {
                return Err(LedgerError::NotFound("the business of a spilled decision"));
            }
            self.draft.spilled.push((
                i64::from(one.id.shard.0),
                seq_column(one.id.seq),
                one.business.clone(),
                one.person.map(person_column),
                one.at_ms,
                1,
                one.record.to_string(),
            ));
            let people: Vec<PersonId> = record
                .people
                .iter()
                .filter_map(|person| person.person)
                .collect();
            self.send(one.id, &people, (one.at_ms, &record.body_hash), &[])?;
        }
        Ok(())
    }
}

fn verdict_column(verdict: Verdict, goes: bool) -> i64 {
    match (verdict, goes) {
        (Verdict::Allow, _) => 1,
        (Verdict::Refuse | Verdict::Hold, true) => 2,
        (Verdict::Refuse | Verdict::Hold, false) => 0,
    }
}

/// A contradiction was found before anything was drafted: it concerns its request alone.
fn apart<T>(done: Result<T, LedgerError>) -> Result<Result<T, LedgerError>, LedgerError> {
    match done {
        Err(error @ (LedgerError::Conflict(_) | LedgerError::NotFound(_))) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(value) => Ok(Ok(value)),
    }
}
