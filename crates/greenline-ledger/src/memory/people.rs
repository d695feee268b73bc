//! Who is known under which identifier, who turned out to be one, and who moved on.

use greenline_policy::identity::Identifier;

use super::All;
use crate::erasure::is_pseudonym;
use crate::flight::Watch;
use crate::types::{BusinessIx, PersonId, StoredEvent};

/// An identifier of a person, canonical.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) id: Identifier,
    /// Since when it is linked; `None` for the one the person was first known by.
    pub(super) linked_ms: Option<i64>,
    /// Yeses up to then need the person's new act.
    pub(super) left_ms: Option<i64>,
    /// The person left it then.
    pub(super) gone_ms: Option<i64>,
}

/// Something a person wrote to a number.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    pub(super) number: Box<str>,
    pub(super) at_ms: i64,
    pub(super) free_until_ms: Option<i64>,
}

/// What a person answered when asked about calls.
#[derive(Clone, Debug)]
pub(super) struct CallAnswer {
    pub(super) number: Box<str>,
    pub(super) at_ms: i64,
    pub(super) until_ms: Option<i64>,
}

/// A person, with everything of theirs.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: PersonId,
    pub(super) business: BusinessIx,
    pub(super) known_ms: i64,
    pub(super) names: Vec<Name>,
    pub(super) events: Vec<StoredEvent>,
    pub(super) writings: Vec<Writing>,
    pub(super) answers: Vec<CallAnswer>,
    pub(super) flights: Vec<Watch>,
    /// How often their preference links were revoked.
    pub(super) link_generation: u32,
    /// When that was last.
    pub(super) links_revoked_ms: Option<i64>,
}

/// Two people who are one.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) one: usize,
    pub(super) other: usize,
    pub(super) at_ms: i64,
}

/// Someone moved from one identifier to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Move {
    pub(super) from: usize,
    pub(super) left: Identifier,
    pub(super) to: usize,
    pub(super) at_ms: i64,
}

fn is_user(id: &Identifier) -> bool {
    matches!(id, Identifier::User(_))
}

fn is_parent(id: &Identifier) -> bool {
    id.reveal().contains(".ENT.")
}

impl All {
    /// The person with an identifier.
    pub(super) fn find(&self, business: BusinessIx, canonical: &Identifier) -> Option<usize> {
        let known = self.known.get(&(business, canonical.clone())).copied();
        known.or_else(|| self.kept(business, canonical))
    }

    /// A person and everyone who is the same.
    pub(super) fn group(&self, person: usize) -> Vec<usize> {
        let mut group = vec![person];
        while let Some(more) = self.links.iter().find_map(|link| {
            match (group.contains(&link.one), group.contains(&link.other)) {
                (true, false) => Some(link.other),
                (false, true) => Some(link.one),
                _ => None,
            }
        }) {
            group.push(more);
        }
        group.sort_unstable();
        group
    }

    /// A person's group and all the groups that people moved on to from it, near or far.
    pub(super) fn onward(&self, person: usize) -> Vec<usize> {
        let mut found = self.group(person);
        while let Some(next) = self
            .moves
            .iter()
            .find(|moved| found.contains(&moved.from) && !found.contains(&moved.to))
        {
            found.extend(self.group(next.to));
        }
        found
    }

    /// Sends under way to a person and to whoever a closing event of theirs closes something for.
    pub(super) fn flights(&self, person: usize) -> Vec<Watch> {
        let people = self.onward(person);
        let flights = people
            .iter()
            .flat_map(|person| &self.people[*person].flights);
        flights.filter(|watch| !watch.is_over()).cloned().collect()
    }

    fn add_name(&mut self, person: usize, id: &Identifier, linked_ms: Option<i64>) {
        let business = self.people[person].business;
        self.known.insert((business, id.clone()), person);
        self.people[person].names.push(Name {
            id: id.clone(),
            linked_ms,
            left_ms: None,
            gone_ms: None,
        });
    }

    fn new_person(&mut self, business: BusinessIx, id: &Identifier, at_ms: i64) -> usize {
        let person = self.people.len();
        self.people.push(Person {
            id: self.ids.next(),
            business,
            known_ms: at_ms,
            names: Vec::new(),
            events: Vec::new(),
            writings: Vec::new(),
            answers: Vec::new(),
            flights: Vec::new(),
            link_generation: 0,
            links_revoked_ms: None,
        });
        self.add_name(person, id, None);
        person
    }

    /// Takes identifiers, at least one, to be of one person; the person of the first.
    pub(super) fn meet(&mut self, business: BusinessIx, given: &[Identifier], at_ms: i64) -> usize {
        let ids: Vec<Identifier> = given.iter().map(|id| id.canonical().0).collect();
        self.come_back(business, &ids);
        self.replaced(business, &ids, at_ms);
        let known = ids.iter().find_map(|id| self.find(business, id));
        let into = known.unwrap_or_else(|| self.new_person(business, &ids[0], at_ms));
        for id in &ids {
            match self.find(business, id) {
                None => self.add_name(into, id, Some(at_ms)),
                Some(other) if !self.group(into).contains(&other) => self.links.push(Link {
                    one: into,
                    other,
                    at_ms,
                }),
                Some(_) => {}
            }
        }
        self.find(business, &ids[0]).unwrap_or(into)
    }

    /// A known number turns up with a user id that is not of its people, who have another of that form:
    /// the number may have gone to someone else.
    fn replaced(&mut self, business: BusinessIx, ids: &[Identifier], at_ms: i64) {
        let mut left: Vec<Identifier> = Vec::new();
        let mut gone: Vec<Identifier> = Vec::new();
        for phone in ids.iter().filter(|id| !is_user(id)) {
            let Some(holder) = self.find(business, phone) else {
                continue;
            };
            let group = self.group(holder);
            for user in ids.iter().filter(|id| is_user(id)) {
                let other = self.find(business, user);
                if other.is_some_and(|other| group.contains(&other)) {
                    continue;
                }
                let held = group.iter().flat_map(|person| &self.people[*person].names);
                for old in held.filter(|old| {
                    is_user(&old.id) && !is_pseudonym(&old.id) && !ids.contains(&old.id)
                }) {
                    if is_parent(&old.id) == is_parent(user) {
                        left.push(phone.clone());
                        gone.push(old.id.clone());
                    }
                }
            }
        }
        for id in left.iter().chain(&gone) {
            let Some(person) = self.find(business, id) else {
                continue;
            };
            for name in self.people[person].names.iter_mut().filter(|n| n.id == *id) {
                name.left_ms = name.left_ms.max(Some(at_ms));
                if gone.contains(id) {
                    name.gone_ms = Some(name.gone_ms.map_or(at_ms, |known| known.min(at_ms)));
                }
            }
        }
    }

    /// Notes a move.
    pub(super) fn moved(
        &mut self,
        business: BusinessIx,
        from: &Identifier,
        to: &Identifier,
        at_ms: i64,
    ) {
        let (left, arrived) = (from.canonical().0, to.canonical().0);
        if left == arrived {
            return;
        }
        let moved = Move {
            from: self.meet(business, std::slice::from_ref(&left), at_ms),
            to: self.meet(business, &[arrived], at_ms),
            left,
            at_ms,
        };
        if !self.moves.contains(&moved) {
            self.moves.push(moved);
        }
    }
}
