//! From rows to the history that is folded: whose events bear on whom, and from which side.
//!
//! Sides are identifiers. One that was linked later counts from its link; one that the person moved
//! away from carries its noes over and leaves its yeses unconfirmed. Where the facts leave a choice, the
//! stricter reading is taken: the label of a side is the time it came to be known as the group's first
//! person, so that two sides never count as linked earlier than they were.

use greenline_policy::consent::{
    Event, EventId, EventKind, Head, History, Side, Standing, Strength, fold,
};
use greenline_policy::identity::{Identifier, Spelling};
use greenline_policy::scope::Scope;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::erasure::spelled;
use crate::state::people::has_doubtful_spelling;
use crate::types::{Actor, BusinessIx, Evidence, NewEvent, PersonId};

/// An identifier as stored.
#[derive(Clone, Debug)]
pub(crate) struct IdentifierRow {
    /// Canonical.
    pub(crate) canonical: Identifier,
    /// When the ledger first heard of it.
    pub(crate) known_ms: i64,
    /// Since when it is linked to the person; `None` for the one first known.
    pub(crate) linked_at_ms: Option<i64>,
    /// Yeses up to then stay unconfirmed.
    pub(crate) left_at_ms: Option<i64>,
    /// The person left it then.
    pub(crate) gone_at_ms: Option<i64>,
}

/// An event as stored, as far as the fold cares.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    /// Its name.
    pub(crate) id: EventId,
    /// What happened.
    pub(crate) kind: EventKind,
    /// What it is about.
    pub(crate) scope: Scope,
    /// When.
    pub(crate) at_ms: i64,
    /// How well it is proved.
    pub(crate) strength: Strength,
    /// In the thread.
    pub(crate) in_thread: bool,
    /// When it arrived.
    pub(crate) arrival_ms: i64,
    /// What it was recorded under, as given.
    pub(crate) identifier: Identifier,
}

/// One person's rows.
#[derive(Clone, Debug)]
pub(crate) struct PersonRows {
    /// The person.
    pub(crate) id: PersonId,
    /// Their identifiers.
    pub(crate) identifiers: Vec<IdentifierRow>,
    /// Their events.
    pub(crate) events: Vec<EventRow>,
}

impl PersonRows {
    /// What puts people in order: who was known first.
    fn precedence(&self) -> (i64, Option<&Identifier>) {
        let first = self
            .identifiers
            .iter()
            .find(|row| row.linked_at_ms.is_none());
        (
            first.map_or(i64::MAX, |row| row.known_ms),
            first.map(|row| &row.canonical),
        )
    }
}

/// One group's rows, as they bear on the group whose history is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupRows {
    /// The people.
    pub(crate) people: Vec<PersonRows>,
    /// When these people moved on to the wanted group; `None` for the wanted group itself.
    pub(crate) carried_at_ms: Option<i64>,
    /// When people moved away from this group to any other.
    pub(crate) left_at_ms: Vec<i64>,
    /// Identifiers left for another one of the same group.
    pub(crate) inner_moves: Vec<(Identifier, i64)>,
    /// Who was linked with whom.
    pub(crate) links: Vec<(PersonId, PersonId, i64)>,
}

impl GroupRows {
    /// Since when each person is known to be the first one.
    fn labels(&self) -> FxHashMap<PersonId, i64> {
        let mut labels = FxHashMap::default();
        let Some(root) = self
            .people
            .iter()
            .min_by(|a, b| a.precedence().cmp(&b.precedence()))
        else {
            return labels;
        };
        labels.insert(root.id, i64::MIN);
        let mut links = self.links.clone();
        links.sort_unstable_by_key(|(_, _, at_ms)| *at_ms);
        // In order of time, as often as something new is reached: a person counts from the latest link
        // on the earliest way to the root.
        while let Some((new, at_ms)) = links.iter().find_map(|(one, other, at_ms)| {
            match (labels.get(one), labels.get(other)) {
                (Some(known_ms), None) => Some((*other, *known_ms.max(at_ms))),
                (None, Some(known_ms)) => Some((*one, *known_ms.max(at_ms))),
                _ => None,
            }
        }) {
            labels.insert(new, at_ms);
        }
        labels
    }

    fn side(&self, row: &IdentifierRow, label_ms: i64) -> Side {
        let inner = self
            .inner_moves
            .iter()
            .filter(|(left, _)| *left == row.canonical)
            .map(|(_, at_ms)| *at_ms);
        let gone_ms = row
            .gone_at_ms
            .into_iter()
            .chain(inner)
            .chain(self.carried_at_ms)
            .min();
        // Seen from where the people went, what happened to the old number later is not their affair.
        let concerns = |left_ms: &i64| {
            self.carried_at_ms
                .is_none_or(|carried_ms| *left_ms < carried_ms)
        };
        let left_ms = self
            .left_at_ms
            .iter()
            .copied()
            .chain(row.left_at_ms)
            .filter(concerns)
            .max();
        let linked_ms = label_ms.max(row.linked_at_ms.unwrap_or(i64::MIN));
        Side {
            linked_at_ms: self
                .carried_at_ms
                .map_or(linked_ms, |carried_ms| carried_ms.max(linked_ms)),
            left_at_ms: left_ms,
            carried_at_ms: gone_ms,
        }
    }
}

/// The history of the first group, the others having moved on to it. `None` when an event stands
/// under an identifier that no person has.
pub(crate) fn history(groups: &[GroupRows]) -> Option<History> {
    let mut sides = Vec::new();
    let mut places: FxHashMap<&Identifier, usize> = FxHashMap::default();
    for group in groups {
        let labels = group.labels();
        for person in &group.people {
            let label_ms = labels.get(&person.id).copied().unwrap_or(i64::MAX);
            for row in &person.identifiers {
                places.insert(&row.canonical, sides.len());
                sides.push(group.side(row, label_ms));
            }
        }
    }
    let mut events = Vec::new();
    for row in groups
        .iter()
        .flat_map(|group| &group.people)
        .flat_map(|person| &person.events)
    {
        let (canonical, spelling) = spelled(&row.identifier);
        let event = Event {
            id: row.id,
            version: 0,
            kind: row.kind,
            scope: row.scope.clone(),
            at_ms: row.at_ms,
            strength: row.strength,
            in_thread: row.in_thread,
            side: *places.get(&canonical)?,
            spelling,
        };
        events.push(event);
    }
    events.sort_unstable_by_key(|event| event.id);
    for (version, event) in (1..).zip(&mut events) {
        event.version = version;
    }
    Some(History { events, sides })
}

/// The heads of the first group, for each spelling that its numbers can have; `None` while nothing is
/// known.
pub(crate) fn heads(groups: &[GroupRows], history: &History) -> [Option<Box<Head>>; 2] {
    if history.events.is_empty() {
        return [None, None];
    }
    let own = groups
        .first()
        .into_iter()
        .flat_map(|group| &group.people)
        .flat_map(|person| &person.identifiers);
    let doubtful = own
        .into_iter()
        .any(|row| has_doubtful_spelling(&row.canonical));
    [
        Some(Box::new(fold(history, Spelling::Mobile))),
        doubtful.then(|| Box::new(fold(history, Spelling::MaybeLandline))),
    ]
}

/// Scopes of yeses that were carried from before a move and that the person's writing at `at_ms`
/// confirms. Yeses of a number that people moved away from stay as they are: a stranger may hold it.
pub(crate) fn confirmable(history: &History, head: &Head, at_ms: i64) -> Vec<Scope> {
    let standings = head
        .base
        .iter()
        .chain(head.topics.iter().map(|(_, standing)| standing));
    let unconfirmed: FxHashSet<EventId> = standings
        .filter_map(|standing| match standing {
            Standing::Unconfirmed { event } => Some(*event),
            _ => None,
        })
        .collect();
    let mut scopes: Vec<Scope> = history
        .events
        .iter()
        .filter(|event| unconfirmed.contains(&event.id))
        .filter(|event| {
            let side = history
                .sides
                .get(event.side)
                .copied()
                .unwrap_or(Side::FIRST);
            let left = side
                .left_at_ms
                .is_some_and(|left_ms| event.at_ms <= left_ms);
            !left
                && side
                    .carried_at_ms
                    .is_some_and(|carried_ms| at_ms > carried_ms)
        })
        .map(|event| event.scope.clone())
        .collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

/// The event by which a person's writing confirms a yes that was carried over.
pub(crate) fn reconfirmed(
    business: BusinessIx,
    person: &[Identifier],
    scope: Scope,
    at_ms: i64,
    message_id: &str,
) -> NewEvent {
    NewEvent {
        business,
        person: person.iter().cloned().collect(),
        kind: EventKind::Reconfirmed,
        dedup: Some(format!("reconfirmed:{message_id}:{scope}").into()),
        scope,
        at_ms,
        stated_ms: at_ms,
        arrival_ms: at_ms,
        strength: Strength::Evidenced,
        in_thread: true,
        evidence: Evidence {
            method: "whatsapp_thread".into(),
            message_id: message_id.into(),
            ..Evidence::default()
        },
        actor: Actor("the person".into()),
    }
}
