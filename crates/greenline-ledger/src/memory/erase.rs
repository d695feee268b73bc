//! Erasing a person, list by list.

use greenline_policy::identity::Identifier;

use super::people::Name;
use super::{All, Result};
use crate::erasure::{
    DECISION_FIELDS, Erase, Erased, Replacements, is_pseudonym, left_of, left_of_entry, mentions,
    of_event, spellings,
};
use crate::error::LedgerError;
use crate::seal::{RecordId, SealKind};
use crate::types::BusinessIx;

impl All {
    /// Under which name an identifier is known, if only by what an erasure kept.
    pub(super) fn kept(&self, business: BusinessIx, canonical: &Identifier) -> Option<usize> {
        let id = self.business(business).ok()?;
        let kept = self.erasure.pseudonyms(id, canonical).into_iter();
        let mut kept = kept.filter_map(|kept| self.known.get(&(business, kept)));
        kept.next().copied()
    }

    /// Identifiers of someone erased that turn up again are theirs from the erasure on.
    pub(super) fn come_back(&mut self, business: BusinessIx, ids: &[Identifier]) {
        for id in ids {
            if self.known.contains_key(&(business, id.clone())) {
                continue;
            }
            let Some(person) = self.kept(business, id) else {
                continue;
            };
            let names = self.people[person].names.iter();
            let kept = names.filter(|name| is_pseudonym(&name.id));
            let erased_ms = kept.filter_map(|name| name.left_ms).max();
            self.known.insert((business, id.clone()), person);
            self.people[person].names.push(Name {
                id: id.clone(),
                linked_ms: erased_ms,
                left_ms: erased_ms,
                gone_ms: None,
            });
        }
    }

    pub(super) fn whole_person(&self, person: usize) -> Vec<usize> {
        let mut found = self.group(person);
        while let Some(next) = self.moves.iter().find_map(|moved| {
            match (found.contains(&moved.from), found.contains(&moved.to)) {
                (true, false) => Some(moved.to),
                (false, true) => Some(moved.from),
                _ => None,
            }
        }) {
            found.extend(self.group(next));
        }
        found
    }

    /// A person, everyone who is the same, and who of those moved here, near or far.
    pub(super) fn person_until_here(&self, person: usize) -> Vec<usize> {
        let mut found = self.group(person);
        while let Some(moved) = self
            .moves
            .iter()
            .find(|moved| found.contains(&moved.to) && !found.contains(&moved.from))
        {
            found.extend(self.group(moved.from));
        }
        found
    }

    pub(super) fn erase(&mut self, erase: &Erase) -> Result<Erased> {
        let business = erase.business;
        let id = self.business(business)?.to_owned();
        let canonical = erase.identifier.canonical().0;
        let person = self.find(business, &canonical);
        let person = person.ok_or(LedgerError::NotFound("a person of that identifier"))?;
        let no_key = LedgerError::NotFound("a key that a no could be kept under");
        if self.erasure.newest(&id, &canonical).is_none() {
            return Err(no_key);
        }
        *self.erasures.entry(business).or_default() += 1;
        let event = self.append(&erase.event)?.id;
        let people = self.whole_person(person);
        let mut done = Erased {
            event,
            people: people.len() as u64,
            flights: people.iter().flat_map(|one| self.flights(*one)).collect(),
            ..Erased::default()
        };
        let names = people.iter().flat_map(|one| &self.people[*one].names);
        let names = names.map(|name| &name.id).chain([&canonical]);
        let texts: Vec<String> = names
            .filter(|id| !is_pseudonym(id))
            .flat_map(spellings)
            .collect();
        let names = people.iter().flat_map(|one| &self.people[*one].names);
        let names: Vec<_> = names
            .map(|name| (name.id.clone(), name.linked_ms))
            .collect();
        let replaced = Replacements::of(&self.erasure, &id, &names);
        let kept = |canonical: &Identifier| replaced.get(canonical);
        self.erase_decisions(business, &people, &texts, kept, &mut done)?;
        let ids: Vec<_> = people.iter().map(|one| self.people[*one].id).collect();
        self.forget_held(&ids);
        self.limited.retain(|person, _| !ids.contains(person));
        for one in people {
            self.erase_events(business, one, kept, &mut done)?;
            self.erase_names(business, one, erase.event.at_ms, kept, &mut done);
        }
        self.erase_deliveries(business, &texts, &mut done);
        self.erase_entries(business, &texts)?;
        Ok(done)
    }

    fn erase_decisions(
        &mut self,
        business: BusinessIx,
        people: &[usize],
        texts: &[String],
        kept: impl Fn(&Identifier) -> Option<Identifier>,
        done: &mut Erased,
    ) -> Result<()> {
        let ids: Vec<_> = people.iter().map(|one| self.people[*one].id).collect();
        for at in 0..self.sends.len() {
            let send = &self.sends[at];
            let theirs: Vec<usize> = (0..)
                .zip(&send.record.people)
                .filter(|(_, person)| {
                    let written = person.identifier.canonical().0.reveal();
                    !is_pseudonym(&person.identifier)
                        && (person.person.is_some_and(|id| ids.contains(&id))
                            || texts.contains(&written))
                })
                .map(|(place, _)| place)
                .collect();
            if send.business != business || theirs.is_empty() {
                continue;
            }
            let record = RecordId {
                kind: SealKind::Decision,
                seq: send.record.id.seq,
            };
            self.forget_salts(business, record, &DECISION_FIELDS.map(Into::into))?;
            self.sends[at].became = Some(self.became(&self.sends[at]));
            let record = &mut self.sends[at].record;
            for place in theirs {
                if let Some(person) = record.people.get_mut(place) {
                    let canonical = person.identifier.canonical().0;
                    person.identifier = kept(&canonical).unwrap_or(canonical);
                }
            }
            record.message_ids.clear();
            record.body_hash = [0; 16];
            done.decisions += 1;
        }
        Ok(())
    }

    fn erase_events(
        &mut self,
        business: BusinessIx,
        person: usize,
        kept: impl Fn(&Identifier) -> Option<Identifier>,
        done: &mut Erased,
    ) -> Result<()> {
        for at in 0..self.people[person].events.len() {
            let stored = &self.people[person].events[at];
            if is_pseudonym(&stored.identifier) {
                continue;
            }
            let record = RecordId {
                kind: SealKind::Event,
                seq: stored.id.0,
            };
            let (evidence, actor, fields) = left_of(&stored.event);
            let fields: Vec<Box<str>> = fields.iter().map(|name| (*name).into()).collect();
            self.forget_salts(business, record, &fields)?;
            let stored = &mut self.people[person].events[at];
            let canonical = stored.identifier.canonical().0;
            stored.identifier = of_event(kept(&canonical).unwrap_or(canonical), &stored.identifier);
            stored.event.person = std::iter::once(stored.identifier.clone()).collect();
            (stored.event.evidence, stored.event.actor) = (evidence, actor);
            if let Some(key) = stored.event.dedup.take() {
                self.keys.remove(&(business, key));
            }
            done.events += 1;
        }
        Ok(())
    }

    fn erase_names(
        &mut self,
        business: BusinessIx,
        person: usize,
        at_ms: i64,
        kept: impl Fn(&Identifier) -> Option<Identifier>,
        done: &mut Erased,
    ) {
        let names = std::mem::take(&mut self.people[person].names);
        let mut left: Vec<Name> = Vec::with_capacity(names.len());
        for mut name in names {
            if !is_pseudonym(&name.id) {
                self.known.remove(&(business, name.id.clone()));
                done.identifiers += 1;
            }
            if let Some(kept) = kept(&name.id) {
                name.id = kept;
            }
            name.left_ms = name.left_ms.max(Some(at_ms));
            self.known.insert((business, name.id.clone()), person);
            match left.iter_mut().find(|other| other.id == name.id) {
                Some(other) => other.left_ms = other.left_ms.max(name.left_ms),
                None => left.push(name),
            }
        }
        for moved in self.moves.iter_mut().filter(|moved| moved.from == person) {
            moved.left = kept(&moved.left).unwrap_or_else(|| moved.left.clone());
        }
        let person = &mut self.people[person];
        person.names = left;
        person.writings.clear();
        person.answers.clear();
        person.link_generation += 1;
        person.links_revoked_ms = Some(at_ms);
    }

    fn erase_deliveries(&mut self, business: BusinessIx, texts: &[String], done: &mut Erased) {
        for inbox in self.inbox.iter_mut().filter(|one| one.business == business) {
            let body = inbox.body.as_deref().unwrap_or_default();
            if !mentions(body, texts) {
                continue;
            }
            let is_notice = inbox.lane.is_of_notices();
            inbox
                .waiting
                .retain(|waiting| !waiting.is_parked && !is_notice);
            if inbox.waiting.is_empty() {
                inbox.body = None;
                inbox.headers.clear();
                done.deliveries += 1;
            } else {
                inbox.received_ms = 0;
                done.waiting += 1;
            }
        }
        self.forget_replies(business, texts);
    }

    fn erase_entries(&mut self, business: BusinessIx, texts: &[String]) -> Result<()> {
        for at in 0..self.timeline.len() {
            let (of, entry) = &self.timeline[at];
            if *of != business {
                continue;
            }
            let Some((subject_id, body, fields)) = left_of_entry(entry, texts) else {
                continue;
            };
            let record = RecordId {
                kind: SealKind::Timeline,
                seq: u64::try_from(entry.seq).unwrap_or(0),
            };
            let fields: Vec<Box<str>> = fields.iter().map(|name| (*name).into()).collect();
            self.forget_salts(business, record, &fields)?;
            let (_, entry) = &mut self.timeline[at];
            (entry.subject_id, entry.body) = (subject_id, body.into());
        }
        Ok(())
    }
}
