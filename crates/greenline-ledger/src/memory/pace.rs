//! How much people got, counted anew from every send there was.

use greenline_policy::decide::{Intent, TemplateFacts, Verdict};
use greenline_policy::identity::Identifier;
use greenline_policy::pace::{Kind, Limited, Pace};
use greenline_policy::pair::{Pair, Went};

use super::All;
use super::sends::{Paced, Send, Status, rank};
use crate::erasure::is_pseudonym;
use crate::state::limited::{USER_LIMIT, is_marketing};
use crate::state::marks::Begun;
use crate::state::pairs::PAIR_LIMIT;
use crate::types::{Ask, BusinessIx, DecisionId, PersonId};

impl Send {
    fn went(&self) -> bool {
        self.record.decision.verdict == Verdict::Allow || self.record.observed
    }
}

impl All {
    fn person_named(&self, business: BusinessIx, name: &Identifier) -> Option<PersonId> {
        let person = self.find(business, &name.canonical().0)?;
        Some(self.people[person].id)
    }

    /// What a send counts as with any of these people.
    fn counted(&self, send: &Send, people: &[PersonId]) -> Option<Begun> {
        if !send.went() || send.taken_back {
            return None;
        }
        let begun = send.record.begun()?;
        let is_theirs = send
            .record
            .people
            .iter()
            .zip(&begun.with)
            .any(|(to, begins)| {
                let person = to
                    .person
                    .or_else(|| self.person_named(send.business, &to.identifier));
                *begins
                    && !is_pseudonym(&to.identifier)
                    && person.is_some_and(|person| people.contains(&person))
            });
        is_theirs.then_some(begun)
    }

    /// Until when what went to these people makes a message wait.
    pub(super) fn pace(
        &self,
        ask: &Ask,
        people: &[PersonId],
        template: Option<&TemplateFacts>,
    ) -> Pace {
        let Some(kind) = Kind::of(ask.intent, template) else {
            return Pace::default();
        };
        let sent: Vec<(i64, Begun)> = self
            .sends
            .iter()
            .filter_map(|send| Some((send.record.at_ms, self.counted(send, people)?)))
            .collect();
        let sent = sent.iter().map(|(at_ms, begun)| {
            let kind = Kind {
                categories: begun.categories,
                topic: begun.topic.as_ref(),
            };
            (*at_ms, kind)
        });
        let limited = people.iter().filter_map(|person| self.limited.get(person));
        let limited = limited.map(|(limited, _)| limited.until_ms()).max();
        Pace {
            capped_until_ms: ask.caps.until_ms(kind, ask.now_ms, &sent),
            limited_until_ms: limited.filter(|until_ms| *until_ms > ask.now_ms),
            paired_until_ms: None,
        }
    }

    /// Until when a message from the ask's number to these people has to wait, by all that ever went.
    pub(super) fn paired(&self, ask: &Ask, people: &[PersonId]) -> Option<i64> {
        if !ask.paced || ask.intent == Intent::Call {
            return None;
        }
        let mut sends: Vec<&Send> = self.sends.iter().collect();
        sends.sort_by_key(|send| send.record.id.seq);
        let went = sends.into_iter().filter_map(|send| {
            let record = &send.record;
            let refused_ms = match send.paced {
                Paced::Not => return None,
                Paced::Went => None,
                Paced::Refused(at_ms) => Some(at_ms),
            };
            let is_a_message = record.intent != Intent::Call && send.went();
            let is_theirs = record.people.iter().any(|to| {
                let named = || self.person_named(send.business, &to.identifier);
                let person = to.person.or_else(named);
                to.pace.paired_until_ms.is_none()
                    && !is_pseudonym(&to.identifier)
                    && person.is_some_and(|person| people.contains(&person))
            });
            let is_of_the_pair = *record.number == *ask.number && send.business == ask.business;
            (is_a_message && is_of_the_pair && is_theirs).then_some(Went {
                at_ms: record.at_ms,
                refused_ms,
            })
        });
        Pair::after(went).until_ms(ask.now_ms)
    }

    /// A message did not reach whoever it went to.
    pub(super) fn did_not_reach(
        &mut self,
        id: DecisionId,
        code: Option<u32>,
        told_ms: Option<i64>,
    ) {
        let mut sends = self.sends.iter_mut();
        let Some(send) = sends.find(|send| send.record.id.seq == id.seq) else {
            return;
        };
        send.taken_back = true;
        let sent_ms = send.record.at_ms;
        send.paced = match (send.paced, code, told_ms) {
            (Paced::Refused(at_ms), ..) => Paced::Refused(at_ms),
            (_, Some(PAIR_LIMIT), _) => Paced::Refused(told_ms.unwrap_or(sent_ms).max(sent_ms)),
            (_, _, None) => Paced::Not,
            (paced, ..) => paced,
        };
        if code != Some(USER_LIMIT) || !is_marketing(&send.record) {
            return;
        }
        let (at_ms, seq) = (send.record.at_ms, send.record.id.seq);
        let at_ms = told_ms.map_or(at_ms, |told_ms| told_ms.max(at_ms));
        for person in self.addressed(id) {
            let before = self.limited.get(&person).copied();
            if before.is_some_and(|(_, by)| by == seq) {
                continue;
            }
            let again = Limited::again(before.map(|(limited, _)| limited), at_ms);
            self.limited.insert(person, (again, seq));
        }
    }

    fn reached(&mut self, id: DecisionId) {
        let Some(send) = self.sends.iter().find(|send| send.record.id.seq == id.seq) else {
            return;
        };
        let (at_ms, is_marketing) = (send.record.at_ms, is_marketing(&send.record));
        // Of two addressees the first: a wait that is longer than it need be does no harm.
        for person in self.addressed(id).into_iter().take(1) {
            if let Some((limited, _)) = self.limited.get_mut(&person)
                && is_marketing
                && at_ms > limited.at_ms
            {
                limited.times = 0;
            }
        }
    }

    fn addressed(&self, id: DecisionId) -> Vec<PersonId> {
        let mut people = Vec::new();
        for send in self
            .sends
            .iter()
            .filter(|send| send.record.id.seq == id.seq)
        {
            for to in &send.record.people {
                let named = || self.person_named(send.business, &to.identifier);
                people.extend(to.person.or_else(named));
            }
        }
        people
    }

    /// A status came: whether it changes what counts.
    pub(super) fn status(&mut self, status: Status) {
        let order = |status: &Status| (status.at_ms, rank(&status.status));
        let mut earlier = self
            .statuses
            .iter()
            .filter(|known| known.message_id == status.message_id);
        let is_latest = earlier.all(|known| order(&status) > order(known));
        if is_latest {
            let mut sends = self.sends.iter();
            let of = sends.find(|send| send.record.message_ids.first() == Some(&status.message_id));
            if let Some(id) = of.map(|send| send.record.id) {
                self.status_counts(id, &status);
            }
        }
        self.statuses.push(status);
    }

    /// What the latest status of a message changes.
    pub(super) fn status_counts(&mut self, id: DecisionId, status: &Status) {
        match &*status.status {
            "failed" => self.did_not_reach(id, status.code, Some(status.at_ms)),
            "delivered" | "read" | "played" => self.reached(id),
            _ => {}
        }
    }
}
