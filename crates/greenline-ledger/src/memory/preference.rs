//! Generations of preference links.

use greenline_policy::identity::Identifier;

use super::All;
use crate::preference::{Known, LinkHolder, best};
use crate::types::{BusinessIx, PersonId};

impl All {
    fn holder(&self, person: usize) -> Option<LinkHolder> {
        let person = self.people.get(person)?;
        let known = person.names.iter().map(|name| Known {
            canonical: name.id.clone(),
            linked_ms: name.linked_ms,
            gone_ms: name.gone_ms,
        });
        Some(LinkHolder {
            person: person.id,
            identifier: best(known)?,
            generation: person.link_generation,
        })
    }

    pub(super) fn link_holder(&self, business: BusinessIx, id: PersonId) -> Option<LinkHolder> {
        let mut people = self.people.iter();
        let at = people.position(|person| person.id == id && person.business == business)?;
        self.holder(at)
    }

    pub(super) fn link_holders(
        &self,
        business: BusinessIx,
        identifiers: &[Identifier],
    ) -> Vec<Option<LinkHolder>> {
        let holder = |id: &Identifier| self.holder(self.find(business, &id.canonical().0)?);
        identifiers.iter().map(holder).collect()
    }

    /// Raises the generation of a person and everyone who is the same; says of how many.
    pub(super) fn revoke_links(
        &mut self,
        business: BusinessIx,
        identifier: &Identifier,
        at_ms: i64,
    ) -> u64 {
        let Some(person) = self.find(business, &identifier.canonical().0) else {
            return 0;
        };
        let group = self.group(person);
        for member in &group {
            let member = &mut self.people[*member];
            member.link_generation += 1;
            member.links_revoked_ms = Some(at_ms);
        }
        group.len() as u64
    }
}
