//! Sends: decided from everything that happened, recorded, and what became of them.

use greenline_policy::country::Place;
use greenline_policy::decide::{Decision, Facts, NumberFacts, TemplateFacts, Verdict};
use greenline_policy::identity::Identifier;
use greenline_policy::pace::Pace;
use greenline_policy::pack::Pack;

use super::reach::Became;
use super::{All, Result};
use crate::codec::{decode_record, encode_record};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::flight::Flight;
use crate::state::facts::{Addressee, Judged};
use crate::types::{
    Admitted, Ask, BusinessIx, DecisionId, DecisionRecord, Mode, Outcome, PersonId, PersonShard,
    RecordedPerson, Spilled, UNSETTLED_MS, Unrecorded,
};

/// A decision, with what became of it.
#[derive(Debug)]
pub(super) struct Send {
    pub(super) business: BusinessIx,
    pub(super) record: DecisionRecord,
    /// With which the platform refused it at once.
    pub(super) code: Option<u32>,
    /// It did not reach whoever it went to, and does not count.
    pub(super) taken_back: bool,
    /// What it takes of the pace of its number and its people.
    pub(super) paced: Paced,
    /// What became of its message, where nobody can find that any more.
    pub(super) became: Option<Became>,
}

/// What a message takes of a pace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Paced {
    /// Nothing: nobody looks at it, or it was rejected, or did not go out.
    Not,
    /// What one message takes.
    Went,
    /// Nothing: the platform said then that the pair is too fast.
    Refused(i64),
}

/// The status of a message, as it came.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) message_id: Box<str>,
    pub(super) status: Box<str>,
    pub(super) at_ms: i64,
    pub(super) code: Option<u32>,
}

/// How far along a status is.
pub(super) fn rank(status: &str) -> usize {
    let stages = ["sent", "delivered", "read", "played", "failed"];
    let stage = stages.iter().position(|stage| *stage == status);
    stage.map_or(0, |stage| stage + 1)
}

impl All {
    fn id(&mut self, person: Option<PersonId>, now_ms: i64) -> DecisionId {
        DecisionId {
            shard: person.map_or(PersonShard(0), PersonId::shard),
            seq: self.next(now_ms),
        }
    }

    fn addressees(&self, ask: &Ask) -> Vec<Option<usize>> {
        let find = |to: &Identifier| self.find(ask.business, &to.canonical().0);
        ask.to.iter().map(find).collect()
    }

    fn make_known(&mut self, ask: &Ask) {
        for to in &ask.to {
            if self.find(ask.business, &to.canonical().0).is_none() {
                self.meet(ask.business, std::slice::from_ref(to), ask.now_ms);
            }
        }
    }

    fn recorded(
        &self,
        ask: &Ask,
        to: &Identifier,
        place: Place,
        template: Option<&TemplateFacts>,
    ) -> RecordedPerson {
        let (canonical, spelling) = to.canonical();
        let Some(person) = self.find(ask.business, &canonical) else {
            return RecordedPerson {
                person: None,
                identifier: to.clone(),
                head: Default::default(),
                wrote_at_ms: None,
                call_permission_until_ms: None,
                unsettled_until_ms: None,
                place,
                reached_at_ms: None,
                pace: Pace::default(),
            };
        };
        let group = self.group(person);
        let people = || group.iter().map(|member| &self.people[*member]);
        let writings = people().flat_map(|person| &person.writings);
        let answers = people().flat_map(|person| &person.answers);
        // The newest answer about calls; of two at the same time the stricter.
        let answer = answers
            .filter(|answer| *answer.number == *ask.number)
            .max_by_key(|answer| (answer.at_ms, std::cmp::Reverse(answer.until_ms)));
        let wrote = writings
            .filter(|writing| *writing.number == *ask.number)
            .map(|writing| writing.at_ms);
        let ids: Vec<PersonId> = people().map(|person| person.id).collect();
        RecordedPerson {
            person: Some(self.people[person].id),
            identifier: to.clone(),
            head: self.head(person, spelling),
            wrote_at_ms: wrote.max(),
            call_permission_until_ms: answer.and_then(|answer| answer.until_ms),
            unsettled_until_ms: self.unsettled(&ids, ask),
            place,
            reached_at_ms: None,
            pace: Pace {
                paired_until_ms: self.paired(ask, &ids),
                ..self.pace(ask, &ids, template)
            },
        }
    }

    /// Until when this body to these people waits: a send of it may have gone out.
    fn unsettled(&self, people: &[PersonId], ask: &Ask) -> Option<i64> {
        let sends = self.sends.iter().map(|send| &send.record);
        sends
            .filter(|record| record.outcome.as_deref() == Some("unknown"))
            .filter(|record| record.body_hash == ask.body_hash)
            .filter(|record| {
                let sent_to = record.people.iter().filter_map(|to| to.person);
                sent_to.into_iter().any(|person| people.contains(&person))
            })
            .map(|record| record.at_ms.saturating_add(UNSETTLED_MS))
            .filter(|until_ms| *until_ms > ask.now_ms)
            .max()
    }

    /// The decision that stands now; records nothing.
    pub(super) fn preview(&self, ask: &Ask) -> DecisionRecord {
        let place = |at| ask.places.get(at).copied().unwrap_or_default();
        let template_facts = self.template_facts(ask);
        let mut people: Vec<_> = ask
            .to
            .iter()
            .enumerate()
            .map(|(at, to)| self.recorded(ask, to, place(at), template_facts.as_ref()))
            .collect();
        let number_facts = self.number_facts(ask);
        let portfolio = self.portfolio_facts(ask, &mut people);
        let decision = {
            let people: Vec<_> = people.iter().map(RecordedPerson::facts).collect();
            let facts = Facts {
                people: &people,
                template: template_facts.as_ref(),
                number: &number_facts,
                portfolio,
            };
            (self.decide)(ask.intent, &facts, &ask.rules, ask.now_ms)
        };
        let template = ask.template.as_ref();
        DecisionRecord {
            id: DecisionId {
                shard: people
                    .first()
                    .and_then(|to| to.person)
                    .map_or(PersonShard(0), PersonId::shard),
                seq: 0,
            },
            business: self.business(ask.business).unwrap_or_default().into(),
            number: (&*ask.number).into(),
            app: (&*ask.app).into(),
            at_ms: ask.now_ms,
            pack: Pack::at(ask.now_ms).version.into(),
            intent: ask.intent,
            template: template.map(|asked| (asked.name.clone(), asked.language.clone())),
            template_facts,
            number_facts,
            portfolio,
            people,
            rules: ask.rules,
            observed: ask.mode == Mode::Observe,
            confirms: ask.confirms,
            body_hash: ask.body_hash,
            decision,
            outcome: None,
            message_ids: Vec::new(),
            status: None,
        }
    }

    fn take_off(&mut self, ask: &Ask) -> Flight {
        let flight = Flight::new(ask.dispatch_by);
        for person in self.addressees(ask).into_iter().flatten() {
            let flights = &mut self.people[person].flights;
            flights.retain(|watch| !watch.is_over());
            flights.push(flight.watch());
        }
        flight
    }

    /// Decides about a send, records it, and lets it take off.
    pub(super) fn admit(&mut self, ask: &Ask) -> Result<Admitted> {
        if ask.mode == Mode::Observe {
            // It goes whatever the answer is, so a stop must find it.
            self.make_known(ask);
        }
        let mut record = self.preview(ask);
        let goes = record.decision.verdict == Verdict::Allow || ask.mode == Mode::Observe;
        if goes {
            self.make_known(ask);
        }
        let first = record.people.first().and_then(|to| to.person);
        record.id = self.id(first, ask.now_ms);
        let (id, decision) = (record.id, record.decision.clone());
        self.sends.push(Send {
            business: ask.business,
            record,
            code: None,
            taken_back: false,
            paced: if ask.paced { Paced::Went } else { Paced::Not },
            became: None,
        });
        match ask.release {
            Some(claim) => self.redecided(claim, id, &decision, ask.now_ms),
            None if decision.verdict == Verdict::Hold => self.keep(ask, id, &decision)?,
            None => {}
        }
        let flight = goes.then(|| self.take_off(ask));
        Ok(Admitted {
            id,
            decision,
            flight,
        })
    }

    /// Decides about a send without recording it, and lets it take off.
    pub(super) fn admit_unrecorded(
        &mut self,
        ask: &Ask,
        stopped: &[Identifier],
    ) -> Result<Option<Unrecorded>> {
        let found = self.addressees(ask);
        let known: Vec<usize> = found.iter().flatten().copied().collect();
        let is_stopped = stopped.iter().any(|to| {
            let person = self.find(ask.business, &to.canonical().0);
            person.is_some_and(|person| self.group(person).iter().any(|one| known.contains(one)))
        });
        let mut record = self.preview(ask);
        if is_stopped || known.len() < found.len() || record.decision.verdict != Verdict::Allow {
            return Ok(None);
        }
        let person = record.people.first().and_then(|to| to.person);
        record.id = self.id(person, ask.now_ms);
        let spilled = Spilled {
            id: record.id,
            business: record.business.clone(),
            person,
            at_ms: ask.now_ms,
            record: written(ask, &record)?,
        };
        let admitted = Admitted {
            id: record.id,
            decision: record.decision,
            flight: Some(self.take_off(ask)),
        };
        Ok(Some(Unrecorded { admitted, spilled }))
    }

    /// Records decisions that were made without the store; all or none.
    pub(super) fn record_spilled(&mut self, spilled: &[Spilled]) -> Result<()> {
        let mut sends = Vec::new();
        for one in spilled {
            let business = (0..)
                .zip(&self.businesses)
                .find(|(_, id)| **id == one.business);
            let (business, _) =
                business.ok_or(LedgerError::NotFound("the business of a spilled decision"))?;
            sends.push(Send {
                business: BusinessIx(business),
                record: self.without_erased(
                    BusinessIx(business),
                    decode_record(one.id, &one.business, one.at_ms, &one.record)?,
                ),
                code: None,
                taken_back: false,
                paced: Paced::Went,
                became: None,
            });
        }
        for send in sends {
            let seq = send.record.id.seq;
            if self.sends.iter().all(|known| known.record.id.seq != seq) {
                self.last = self.last.max(seq);
                self.sends.push(send);
            }
        }
        Ok(())
    }

    /// A record without whoever was erased since it was made.
    fn without_erased(&self, business: BusinessIx, mut record: DecisionRecord) -> DecisionRecord {
        let (mut erased, id) = (false, &*record.business);
        for person in &mut record.people {
            let canonical = person.identifier.canonical().0;
            let is_known = self.known.contains_key(&(business, canonical.clone()));
            if !is_known
                && self.kept(business, &canonical).is_some()
                && let Some(kept) = self.erasure.newest(id, &canonical)
            {
                person.identifier = kept;
                erased = true;
            }
        }
        if erased {
            record.body_hash = [0; 16];
        }
        record
    }

    /// Notes what became of a send.
    pub(super) fn settle(&mut self, id: DecisionId, outcome: Outcome) {
        let of = |send: &&mut Send| send.record.id.seq == id.seq;
        let Some(send) = self.sends.iter_mut().find(of) else {
            return;
        };
        let mut named = None;
        let (name, refused) = match outcome {
            Outcome::Accepted { message_ids } => {
                // Whoever was erased meanwhile has no message ids.
                let mut people = send.record.people.iter();
                let erased = people.any(|person| is_pseudonym(&person.identifier));
                if !message_ids.is_empty() && !erased {
                    if send.record.message_ids.is_empty() {
                        named = message_ids.first().cloned();
                    }
                    send.record.message_ids = message_ids.into_vec();
                }
                ("accepted", None)
            }
            Outcome::Rejected { code } => ("rejected", Some(Some(code))),
            Outcome::NotSent => ("not_sent", Some(None)),
            Outcome::Unknown => ("unknown", None),
        };
        send.record.outcome = Some(name.into());
        send.code = refused.flatten();
        if let Some(code) = refused {
            self.did_not_reach(id, code, None);
        }
        // A status may have come before the answer.
        if let Some(message_id) = named
            && let Some(status) = self.latest(&message_id).cloned()
        {
            self.status_counts(id, &status);
        }
    }

    /// The latest status of a message.
    pub(super) fn latest(&self, message_id: &str) -> Option<&Status> {
        let order = |status: &Status| (status.at_ms, rank(&status.status));
        let about = self.statuses.iter();
        let about = about.filter(|status| *status.message_id == *message_id);
        about.fold(None, |latest: Option<&Status>, status| match latest {
            Some(latest) if order(status) <= order(latest) => Some(latest),
            _ => Some(status),
        })
    }

    /// A decision as it reads now, with the latest status of its message.
    pub(super) fn read(&self, send: &Send) -> DecisionRecord {
        let mut record = send.record.clone();
        let first = record.message_ids.first();
        let latest = first.and_then(|message_id| self.latest(message_id));
        record.status = latest.map(|status| status.status.clone());
        record
    }

    /// Drops statuses from before then whose message nobody knows.
    pub(super) fn prune_strays(&mut self, before_ms: i64) {
        let sends = &self.sends;
        let is_known = |status: &Status| {
            let mut sends = sends.iter();
            sends.any(|send| send.record.message_ids.first() == Some(&status.message_id))
        };
        let latest_ms = |message_id: &str| {
            let about = self.statuses.iter();
            let about = about.filter(|status| *status.message_id == *message_id);
            about.map(|status| status.at_ms).max()
        };
        let kept: Vec<bool> = self
            .statuses
            .iter()
            .map(|status| latest_ms(&status.message_id) >= Some(before_ms) || is_known(status))
            .collect();
        let mut kept = kept.into_iter();
        self.statuses.retain(|_| kept.next().unwrap_or(true));
    }
}

/// A record in the form that outlives the process.
fn written(ask: &Ask, record: &DecisionRecord) -> Result<Box<str>> {
    let addressee = |to: &RecordedPerson| {
        let (canonical, spelling) = to.identifier.canonical();
        Addressee {
            canonical,
            spelling,
            slot: None,
            person: to.person,
        }
    };
    let found: Vec<_> = record.people.iter().map(addressee).collect();
    let people: Vec<_> = record.people.iter().map(RecordedPerson::facts).collect();
    let (template, number): (Option<&TemplateFacts>, &NumberFacts) =
        (record.template_facts.as_ref(), &record.number_facts);
    let decision: &Decision = &record.decision;
    let judged = Judged {
        ask,
        people: &people,
        found: &found,
        template,
        number,
        portfolio: record.portfolio,
        decision,
    };
    let mut text = Vec::new();
    encode_record(&judged, &mut text)?;
    let text =
        String::from_utf8(text).map_err(|_| LedgerError::Bug("a record that is not text"))?;
    Ok(text.into())
}
