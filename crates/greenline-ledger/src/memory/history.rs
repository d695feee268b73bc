//! Whose events bear on whom, and what they mean: worked out from the links and moves, each time.

use greenline_policy::consent::{Event, EventId, Head, History, Side, Standing, fold};
use greenline_policy::identity::{Identifier, Spelling};
use greenline_policy::scope::Scope;

use super::All;
use super::people::Name;
use crate::erasure::spelled;
use crate::types::{BusinessIx, StoredEvent};

impl All {
    /// Since when each of a group is known to be its first person: the quickest way of links there,
    /// found by trying every detour.
    fn labels(&self, group: &[usize]) -> Vec<i64> {
        let first = |person: usize| {
            let first = self.people[person]
                .names
                .iter()
                .find(|name| name.linked_ms.is_none());
            (self.people[person].known_ms, first.map(|name| &name.id))
        };
        let place = |person| group.iter().position(|member| *member == person);
        let mut ways = vec![vec![i64::MAX; group.len()]; group.len()];
        for (at, row) in ways.iter_mut().enumerate() {
            row[at] = i64::MIN;
        }
        for link in &self.links {
            if let (Some(a), Some(b)) = (place(link.one), place(link.other)) {
                ways[a][b] = ways[a][b].min(link.at_ms);
                ways[b][a] = ways[b][a].min(link.at_ms);
            }
        }
        for via in 0..group.len() {
            for a in 0..group.len() {
                for b in 0..group.len() {
                    ways[a][b] = ways[a][b].min(ways[a][via].max(ways[via][b]));
                }
            }
        }
        let root = (0..group.len()).min_by_key(|at| first(group[*at]));
        root.map(|root| ways.swap_remove(root)).unwrap_or_default()
    }

    /// Everyone who moved on to this group, near or far, with the earliest move on the way.
    pub(super) fn carried(&self, group: &[usize]) -> Vec<(usize, i64)> {
        let mut carried: Vec<(usize, i64)> = Vec::new();
        loop {
            let mut changed = false;
            for moved in &self.moves {
                let (sources, targets) = (self.group(moved.from), self.group(moved.to));
                if sources == targets || sources == group {
                    continue;
                }
                let onward = if targets == group {
                    Some(i64::MAX)
                } else {
                    let reached = carried.iter().find(|(person, _)| targets.contains(person));
                    reached.map(|(_, at_ms)| *at_ms)
                };
                let Some(onward_ms) = onward else { continue };
                let at_ms = onward_ms.min(moved.at_ms);
                for source in sources {
                    match carried.iter_mut().find(|(person, _)| *person == source) {
                        Some((_, known_ms)) if *known_ms <= at_ms => {}
                        Some((_, known_ms)) => (*known_ms, changed) = (at_ms, true),
                        None => {
                            carried.push((source, at_ms));
                            changed = true;
                        }
                    }
                }
            }
            if !changed {
                return carried;
            }
        }
    }

    /// How an identifier of a group is seen by those who moved on from it at `carried_ms`, or by the
    /// group itself.
    fn side(&self, group: &[usize], name: &Name, label_ms: i64, carried_ms: Option<i64>) -> Side {
        let leaving = self
            .moves
            .iter()
            .filter(|moved| group.contains(&moved.from));
        let (within, away): (Vec<_>, Vec<_>) = leaving.partition(|moved| group.contains(&moved.to));
        let linked_ms = name.linked_ms.unwrap_or(i64::MIN).max(label_ms);
        let left = away.iter().map(|moved| moved.at_ms).chain(name.left_ms);
        let left_here = within.iter().filter(|moved| moved.left == name.id);
        Side {
            linked_at_ms: carried_ms.map_or(linked_ms, |carried_ms| carried_ms.max(linked_ms)),
            // What happened to the old number after the move is no affair of those who moved.
            left_at_ms: left
                .filter(|left_ms| carried_ms.is_none_or(|carried_ms| *left_ms < carried_ms))
                .max(),
            carried_at_ms: left_here
                .map(|moved| moved.at_ms)
                .chain(name.gone_ms)
                .chain(carried_ms)
                .min(),
        }
    }

    /// Everything that bears on a person.
    pub(super) fn history(&self, person: usize) -> History {
        let own = self.group(person);
        let mut people: Vec<(usize, Option<i64>)> =
            own.iter().map(|member| (*member, None)).collect();
        let carried = self.carried(&own);
        people.extend(carried.into_iter().map(|(who, at_ms)| (who, Some(at_ms))));
        let (mut sides, mut places): (Vec<Side>, Vec<&Identifier>) = (Vec::new(), Vec::new());
        let mut stored = Vec::new();
        for (who, carried_ms) in people {
            let group = self.group(who);
            let labels = self.labels(&group);
            let at = group.iter().position(|member| *member == who).unwrap_or(0);
            for name in &self.people[who].names {
                sides.push(self.side(&group, name, labels[at], carried_ms));
                places.push(&name.id);
            }
            stored.extend(&self.people[who].events);
        }
        stored.sort_by_key(|stored| stored.id);
        let events = (1..).zip(stored).map(|(version, stored)| {
            let (canonical, spelling) = spelled(&stored.identifier);
            let side = places.iter().position(|place| **place == canonical);
            Event {
                id: stored.id,
                version,
                kind: stored.event.kind,
                scope: stored.event.scope.clone(),
                at_ms: stored.event.at_ms,
                strength: stored.event.strength,
                in_thread: stored.event.in_thread,
                // Invariant: an event is kept with the person who has its identifier.
                side: side.unwrap_or_default(),
                spelling,
            }
        });
        let events = events.collect();
        History { events, sides }
    }

    /// The fold, as one spelling sees it.
    pub(super) fn head(&self, person: usize, spelling: Spelling) -> Head {
        let history = self.history(person);
        if history.events.is_empty() {
            Head::default()
        } else {
            fold(&history, spelling)
        }
    }

    /// What a person's writing at `at_ms` confirms: yeses carried from before a move, but not those of a
    /// number that people moved away from.
    pub(super) fn confirmed_by(&self, person: usize, spelling: Spelling, at_ms: i64) -> Vec<Scope> {
        let history = self.history(person);
        let head = self.head(person, spelling);
        let topics = head.topics.into_iter().map(|(_, standing)| standing);
        let mut scopes = Vec::new();
        for standing in head.base.into_iter().chain(topics) {
            let Standing::Unconfirmed { event } = standing else {
                continue;
            };
            let Some(yes) = history.events.iter().find(|known| known.id == event) else {
                continue;
            };
            let side = history.sides[yes.side];
            let is_left = side.left_at_ms.is_some_and(|left_ms| yes.at_ms <= left_ms);
            let is_carried = side.carried_at_ms.is_some_and(|moved_ms| at_ms > moved_ms);
            if !is_left && is_carried {
                scopes.push(yes.scope.clone());
            }
        }
        scopes.sort();
        scopes.dedup();
        scopes
    }

    /// Every event of a business, as they came.
    pub(super) fn events_of(&self, business: BusinessIx) -> Vec<&StoredEvent> {
        let people = self.people.iter().filter(|p| p.business == business);
        let mut events: Vec<_> = people.flat_map(|person| &person.events).collect();
        events.sort_by_key(|stored| stored.id);
        events
    }

    /// The next name for an event.
    pub(super) fn next_event(&mut self, arrival_ms: i64) -> EventId {
        EventId(self.next(arrival_ms))
    }
}
