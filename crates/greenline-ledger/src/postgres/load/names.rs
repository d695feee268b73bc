//! Who has which canonical identifier, as once seen. A name never changes its owner, so remembering it is
//! safe; remembering all of them would not be small, so those not met for long are forgotten.

use rustc_hash::FxHashMap;

use super::Name;
use crate::types::PersonId;

/// Names of one generation at most.
const GENERATION_MAX: usize = 250_000;

type Names = FxHashMap<Name, PersonId>;

/// Names in two generations: when the younger is full, the older is forgotten and the younger takes its place.
#[derive(Debug, Default)]
pub(in crate::postgres) struct NamesSeen {
    young: Names,
    old: Names,
}

impl NamesSeen {
    /// Whose name that is, if it was seen of late.
    pub(in crate::postgres) fn get(&self, name: &Name) -> Option<PersonId> {
        let seen = self.young.get(name).or_else(|| self.old.get(name));
        seen.copied()
    }

    /// Notes names that are in the database.
    pub(in crate::postgres) fn extend(&mut self, names: Names) {
        for (name, person) in names {
            self.young.entry(name).or_insert(person);
        }
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
    }
}
