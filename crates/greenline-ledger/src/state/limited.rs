//! People to whom the platform lets no more marketing through for now, as its error 131049 told.

use greenline_policy::decide;
use greenline_policy::pace::Limited;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::State;
use super::journal::Change;
use super::people::Slot;
use crate::types::{BusinessIx, DecisionRecord, PersonId};

/// The platform's code for it.
pub(crate) const USER_LIMIT: u32 = 131_049;

/// Whether a send was marketing, as the platform counts it.
pub(crate) fn is_marketing(record: &DecisionRecord) -> bool {
    decide::is_marketing(record.intent, record.template_facts.as_ref())
}

/// How the platform limits somebody, and by which decision's message it last told so.
pub(crate) type LimitedBy = (Limited, u64);

/// All of them, with those whose wait is over until something is delivered to them: the next one may be longer.
#[derive(Debug, Default)]
pub(crate) struct AllLimited(FxHashMap<PersonId, LimitedBy>);

impl AllLimited {
    /// Whether there is nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everyone in it.
    pub(crate) fn people(&self) -> impl Iterator<Item = PersonId> + '_ {
        self.0.keys().copied()
    }

    /// One person's.
    pub(crate) fn get(&self, person: PersonId) -> Option<LimitedBy> {
        self.0.get(&person).copied()
    }

    /// Puts it in the place of what was there.
    pub(crate) fn set(&mut self, person: PersonId, limited: Option<LimitedBy>) {
        match limited {
            Some(limited) => self.0.insert(person, limited),
            None => self.0.remove(&person),
        };
    }
}

impl State {
    /// Notes that the platform limits somebody.
    pub(crate) fn limit(&mut self, person: PersonId, limited: LimitedBy) {
        let before = self.limited.get(person);
        self.journal.note(Change::Limited(person, before));
        self.limited.set(person, Some(limited));
    }

    /// Forgets it.
    pub(crate) fn unlimit(&mut self, person: PersonId) {
        let before = self.limited.get(person);
        if before.is_some() {
            self.journal.note(Change::Limited(person, before));
            self.limited.set(person, None);
        }
    }

    /// Until when the platform lets nothing of marketing through to a group.
    pub(crate) fn limited_until(&self, slot: Slot) -> Option<i64> {
        if self.limited.is_empty() {
            return None;
        }
        let members = self.group(slot).members.iter();
        members
            .filter_map(|person| self.limited.get(*person))
            .map(|(limited, _)| limited.until_ms())
            .max()
    }

    /// Who a decision was about, each once; whoever it did not know then is found by their name.
    pub(crate) fn people_of(
        &self,
        business: BusinessIx,
        record: &DecisionRecord,
    ) -> SmallVec<[PersonId; 1]> {
        let mut people: SmallVec<[PersonId; 1]> = SmallVec::new();
        for to in &record.people {
            let known = to.person.or_else(|| {
                let canonical = to.identifier.canonical().0;
                let slot = self.find(business, &canonical).ok().flatten()?;
                self.group(slot).first()
            });
            people.extend(known.filter(|person| !people.contains(person)));
        }
        people
    }
}
