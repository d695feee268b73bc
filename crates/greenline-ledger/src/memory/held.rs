//! What is held about a person: every list, looked through from its start.

use greenline_policy::identity::Identifier;

use super::All;
use crate::erasure::{mentions, spellings};
use crate::held::{CallAnswer, FOUND_MAX, Held, HeldAt, HeldKind, HeldPage, Holding, elsewhere};
use crate::types::BusinessIx;

impl All {
    pub(super) fn holding(&self, business: BusinessIx, given: &Identifier) -> Option<Holding> {
        let canonical = given.canonical().0;
        let first = self.find(business, &canonical)?;
        let members = self.person_until_here(first);
        let people = members.iter().map(|member| &self.people[*member]);
        let names = people.clone().flat_map(|person| &person.names);
        let identifiers: Vec<Identifier> = names.map(|name| name.id.clone()).collect();
        // Of each number the newest answer.
        let mut calls: Vec<CallAnswer> = Vec::new();
        for answer in people.clone().flat_map(|person| &person.answers) {
            let new = CallAnswer {
                number: answer.number.clone(),
                at_ms: answer.at_ms,
                until_ms: answer.until_ms,
            };
            match calls.iter_mut().find(|call| call.number == new.number) {
                Some(call) if call.at_ms <= new.at_ms => *call = new,
                Some(_) => {}
                None => calls.push(new),
            }
        }
        let mut texts: Vec<String> = identifiers.iter().flat_map(spellings).collect();
        texts.extend(spellings(&canonical));
        texts.sort();
        texts.dedup();
        let whole = self.whole_person(first);
        let left = whole.iter().filter(|one| !members.contains(one));
        let left = left.flat_map(|one| &self.people[*one].names);
        let elsewhere = elsewhere(left.map(|name| &name.id), &texts);
        let revoked = people.clone().map(|person| person.link_generation).max();
        Some(Holding {
            people: people.clone().map(|person| person.id).collect(),
            identifiers,
            calls,
            links_revoked: u64::from(revoked.unwrap_or(0)),
            links_revoked_ms: people.filter_map(|person| person.links_revoked_ms).max(),
            texts,
            elsewhere,
        })
    }

    fn all_held(&self, business: BusinessIx, of: &Holding, kind: HeldKind) -> Vec<Held> {
        let texts = &of.texts;
        match kind {
            HeldKind::Decisions => {
                let mut sends: Vec<_> = self
                    .sends
                    .iter()
                    .filter(|send| send.business == business)
                    .filter(|send| {
                        let mut people = send.record.people.iter();
                        people.any(|person| {
                            person.person.is_some_and(|id| of.people.contains(&id))
                                || texts.contains(&person.identifier.reveal())
                        })
                    })
                    .collect();
                sends.sort_by_key(|send| send.record.id.seq);
                let records = sends.into_iter().map(|send| self.read(send));
                records
                    .map(|record| Held::Decision(Box::new(record)))
                    .collect()
            }
            HeldKind::Deliveries => {
                let inbox = self.inbox.iter().filter(|one| one.business == business);
                inbox
                    .filter_map(|one| {
                        let body = one.body.as_ref().filter(|body| mentions(body, texts))?;
                        Some(Held::Delivery {
                            received_ms: one.received_ms,
                            lane: one.lane,
                            body: body.to_vec(),
                        })
                    })
                    .collect()
            }
            HeldKind::Replies => self.replies_to(business, texts),
            HeldKind::Messages => self.held_later(business, texts),
            HeldKind::Timeline => {
                let entries = self.timeline.iter().filter(|(of, _)| *of == business);
                entries
                    .filter(|(_, entry)| {
                        let about = [&*entry.subject_id, &*entry.body];
                        about.iter().any(|text| mentions(text.as_bytes(), texts))
                    })
                    .map(|(_, entry)| Held::Timeline(entry.clone()))
                    .collect()
            }
        }
    }

    pub(super) fn held(
        &self,
        business: BusinessIx,
        of: &Holding,
        kind: HeldKind,
        after: HeldAt,
    ) -> HeldPage {
        let all = self.all_held(business, of, kind);
        let from = usize::try_from(after.0).unwrap_or(0);
        let to = from.saturating_add(FOUND_MAX);
        let next = (to < all.len()).then(|| HeldAt(i64::try_from(to).unwrap_or(i64::MAX), 0));
        HeldPage {
            records: all.into_iter().skip(from).take(FOUND_MAX).collect(),
            next,
        }
    }
}
