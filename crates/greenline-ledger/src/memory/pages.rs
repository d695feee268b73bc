//! What pages and exports show, and verification.

use std::collections::BTreeMap;

use greenline_policy::consent::EventId;
use greenline_policy::decide::Verdict;
use greenline_policy::identity::Identifier;

use super::All;
use super::outbox::Inbox;
use super::sends::Send;
use crate::DecideFn;
use crate::types::{
    BusinessIx, Counts, DecisionId, DecisionRecord, Difference, PersonView, StoredEvent,
    TimelineEntry, Verification,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl All {
    pub(super) fn view(&self, business: BusinessIx, given: &Identifier) -> Option<PersonView> {
        let (canonical, spelling) = given.canonical();
        let person = self.find(business, &canonical)?;
        let (mut identifiers, mut history) = (Vec::new(), Vec::new());
        let mut windows: BTreeMap<Box<str>, (i64, Option<i64>)> = BTreeMap::new();
        for member in self.group(person) {
            let member = &self.people[member];
            let since = |linked_ms: Option<i64>| linked_ms.unwrap_or(member.known_ms);
            let names = member.names.iter();
            identifiers.extend(names.map(|name| (name.id.clone(), since(name.linked_ms))));
            history.extend(member.events.iter().cloned());
            for writing in &member.writings {
                let new = (writing.at_ms, writing.free_until_ms);
                let window = windows.entry(writing.number.clone()).or_insert(new);
                *window = (window.0.max(new.0), window.1.max(new.1));
            }
        }
        identifiers.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        history.sort_by_key(|stored| stored.id);
        let windows = windows.into_iter();
        Some(PersonView {
            id: self.people[person].id,
            identifiers,
            head: self.head(person, spelling),
            history,
            windows: windows
                .map(|(number, (at, free))| (number, at, free))
                .collect(),
        })
    }

    pub(super) fn decision(&self, id: DecisionId) -> Option<DecisionRecord> {
        let send = self.sends.iter().find(|send| send.record.id == id)?;
        Some(self.read(send))
    }

    pub(super) fn decisions(
        &self,
        business: Option<BusinessIx>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Vec<DecisionRecord> {
        let wanted = |send: &&Send| {
            business.is_none_or(|business| send.business == business)
                && before.is_none_or(|before| send.record.id.seq < before.seq)
        };
        let mut sends: Vec<&Send> = self.sends.iter().filter(wanted).collect();
        sends.sort_by_key(|send| std::cmp::Reverse(send.record.id.seq));
        sends
            .into_iter()
            .take(limit)
            .map(|send| self.read(send))
            .collect()
    }

    pub(super) fn stops(&self, business: BusinessIx, limit: usize) -> Vec<StoredEvent> {
        let mut events = self.events_of(business);
        events.retain(|stored| stored.event.kind.closes());
        events.sort_by_key(|stored| std::cmp::Reverse((stored.event.arrival_ms, stored.id)));
        events.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn export(
        &self,
        business: BusinessIx,
        after: Option<EventId>,
        limit: usize,
    ) -> Vec<StoredEvent> {
        let events = self.events_of(business).into_iter();
        let rest = events.filter(|stored| after.is_none_or(|after| stored.id > after));
        rest.take(limit).cloned().collect()
    }

    pub(super) fn timeline(
        &self,
        business: BusinessIx,
        subject: Option<(&str, &str)>,
        before: Option<i64>,
        limit: usize,
    ) -> Vec<TimelineEntry> {
        let wanted = |(of, entry): &&(BusinessIx, TimelineEntry)| {
            *of == business
                && before.is_none_or(|before| entry.seq < before)
                && subject.is_none_or(|of| of == (&*entry.subject, &*entry.subject_id))
        };
        let entries = self.timeline.iter().rev().filter(wanted).take(limit);
        entries.map(|(_, entry)| entry.clone()).collect()
    }

    pub(super) fn counts(&self, business: BusinessIx, now_ms: i64) -> Counts {
        let since_ms = now_ms.saturating_sub(DAY_MS);
        let sends = self.sends.iter().filter(|send| send.business == business);
        let of_late = sends.filter(|send| send.record.at_ms >= since_ms);
        let (allowed, refused): (Vec<&Send>, Vec<_>) =
            of_late.partition(|send| send.record.decision.verdict == Verdict::Allow);
        let people = self.people.iter().filter(|p| p.business == business);
        let noes = self
            .events_of(business)
            .into_iter()
            .filter(|stored| stored.event.kind.closes() && stored.event.arrival_ms >= since_ms);
        let for_apps = |i: &&Inbox| i.business == business && !i.lane.is_of_notices();
        let inbox = self.inbox.iter().filter(for_apps);
        let (parked, waiting): (Vec<_>, Vec<_>) = inbox
            .flat_map(|inbox| &inbox.waiting)
            .partition(|waiting| waiting.is_parked);
        Counts {
            people: people.count() as u64,
            allowed: allowed.len() as u64,
            refused: refused.len() as u64,
            stops: noes.count() as u64,
            relay_waiting: waiting.len() as u64,
            relay_parked: parked.len() as u64,
        }
    }

    /// Nothing is projected here, so there are only the decisions to make again, and the numbering.
    pub(super) fn verify(&self, decide: DecideFn) -> Verification {
        let mut found = Verification {
            people: self.people.len() as u64,
            decisions: self.sends.len() as u64,
            ..Verification::default()
        };
        for person in &self.people {
            found.events += person.events.len() as u64;
            if !(1..)
                .zip(&person.events)
                .all(|(at, stored)| stored.version == at)
            {
                found.differences.push(Difference {
                    kind: "version_gap",
                    person: Some(person.id),
                    what: "events are not numbered in order".to_owned(),
                });
            }
        }
        for Send { record, .. } in &self.sends {
            if record.is_of_its_time() && record.again(decide) != record.decision {
                found.differences.push(Difference {
                    kind: "decision",
                    person: None,
                    what: "deciding again gives another answer".to_owned(),
                });
            }
        }
        found
    }
}
