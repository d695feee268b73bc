//! The slow, obvious twin: it keeps what happened in lists, has no indexes and no caches, and works
//! everything out anew for each question. On generated histories the ledger must answer as it does,
//! live, opened again, and when it verifies itself.

use greenline_ledger::types::{Effect, NewEvent};
use greenline_policy::consent::{
    Event, EventId, EventKind, Head, History, Side, Standing, Strength, fold,
};
use greenline_policy::decide::{
    Facts, NumberFacts, PersonFacts, Rules, TemplateFacts, TemplateStatus, decide,
};
use greenline_policy::identity::{Identifier, Spelling};
use greenline_policy::scope::{Category, Scope};
use proptest::prelude::*;

use crate::support::*;

struct Name {
    id: Identifier,
    linked: Option<i64>,
    left: Option<i64>,
    gone: Option<i64>,
}

struct Person {
    names: Vec<Name>,
    known: i64,
}

/// What happened.
#[derive(Default)]
struct Twin {
    people: Vec<Person>,
    links: Vec<(usize, usize, i64)>,
    moves: Vec<(usize, Identifier, usize, i64)>,
    events: Vec<(usize, NewEvent)>,
    writings: Vec<(usize, i64)>,
    keys: Vec<String>,
}

fn is_parent(id: &Identifier) -> bool {
    id.reveal().contains(".ENT.")
}

impl Twin {
    fn person(&self, id: &Identifier) -> Option<usize> {
        self.people
            .iter()
            .position(|person| person.names.iter().any(|name| name.id == *id))
    }

    fn same(&self, one: usize, other: usize) -> bool {
        self.group(one).contains(&other)
    }

    fn group(&self, person: usize) -> Vec<usize> {
        let mut group = vec![person];
        while let Some(more) =
            self.links
                .iter()
                .find_map(|(a, b, _)| match (group.contains(a), group.contains(b)) {
                    (true, false) => Some(*b),
                    (false, true) => Some(*a),
                    _ => None,
                })
        {
            group.push(more);
        }
        group.sort_unstable();
        group
    }

    fn name(&mut self, id: &Identifier) -> &mut Name {
        self.people
            .iter_mut()
            .flat_map(|person| &mut person.names)
            .find(|name| name.id == *id)
            .unwrap()
    }

    fn meet(&mut self, given: &[Identifier], at: i64) -> usize {
        let ids: Vec<Identifier> = given.iter().map(|id| id.canonical().0).collect();
        self.replaced(&ids, at);
        let into = ids
            .iter()
            .find_map(|id| self.person(id))
            .unwrap_or_else(|| {
                let first = Name {
                    id: ids[0].clone(),
                    linked: None,
                    left: None,
                    gone: None,
                };
                self.people.push(Person {
                    names: vec![first],
                    known: at,
                });
                self.people.len() - 1
            });
        for id in &ids {
            match self.person(id) {
                None => self.people[into].names.push(Name {
                    id: id.clone(),
                    linked: Some(at),
                    left: None,
                    gone: None,
                }),
                Some(other) if !self.same(into, other) => self.links.push((into, other, at)),
                Some(_) => {}
            }
        }
        self.person(&ids[0]).unwrap()
    }

    /// A known number with a user id that is not of its people, who have another of that form.
    fn replaced(&mut self, ids: &[Identifier], at: i64) {
        let mut marks: Vec<(Identifier, bool)> = Vec::new();
        for phone in ids.iter().filter(|id| matches!(id, Identifier::Phone(_))) {
            let Some(holder) = self.person(phone) else {
                continue;
            };
            for user in ids.iter().filter(|id| matches!(id, Identifier::User(_))) {
                if self
                    .person(user)
                    .is_some_and(|other| self.same(holder, other))
                {
                    continue;
                }
                for old in self
                    .group(holder)
                    .iter()
                    .flat_map(|person| &self.people[*person].names)
                {
                    let is_user = matches!(old.id, Identifier::User(_));
                    if is_user && is_parent(&old.id) == is_parent(user) && !ids.contains(&old.id) {
                        marks.push((phone.clone(), false));
                        marks.push((old.id.clone(), true));
                    }
                }
            }
        }
        for (id, gone) in marks {
            let name = self.name(&id);
            name.left = Some(name.left.map_or(at, |left| left.max(at)));
            if gone {
                name.gone = Some(name.gone.map_or(at, |gone| gone.min(at)));
            }
        }
    }

    fn append(&mut self, event: NewEvent) {
        if let Some(key) = &event.dedup {
            if self.keys.contains(&key.to_string()) {
                return;
            }
            self.keys.push(key.to_string());
        }
        let person = self.meet(&event.person, event.arrival_ms);
        self.events.push((person, event));
    }

    fn happen(&mut self, effect: Effect) {
        match effect {
            Effect::Consent(event) => self.append(event),
            Effect::Known { person, at_ms } => drop(self.meet(&person, at_ms)),
            Effect::Moved { from, to, at_ms } => {
                let (left, arrived) = (from.canonical().0, to.canonical().0);
                if left != arrived {
                    let from = self.meet(&[from], at_ms);
                    let to = self.meet(&[to], at_ms);
                    self.moves.push((from, left, to, at_ms));
                }
            }
            Effect::Wrote {
                person,
                at_ms,
                message_id,
                ..
            } => {
                let writer = self.meet(&person, at_ms);
                self.writings.push((writer, at_ms));
                for scope in self.confirmed(&person[0], at_ms) {
                    let mut event = event(&[], EventKind::Reconfirmed, "all", at_ms);
                    event.dedup = Some(format!("{message_id} {scope}").into());
                    (event.scope, event.person) = (scope, person.clone());
                    self.append(event);
                }
            }
            _ => unreachable!("not generated"),
        }
    }

    fn confirmed(&self, given: &Identifier, at: i64) -> Vec<Scope> {
        let (id, spelling) = given.canonical();
        let history = self.history(self.person(&id).unwrap());
        let head = fold(&history, spelling);
        let mut scopes = Vec::new();
        for standing in head
            .base
            .into_iter()
            .chain(head.topics.into_iter().map(|(_, standing)| standing))
        {
            let Standing::Unconfirmed { event } = standing else {
                continue;
            };
            let event = history
                .events
                .iter()
                .find(|known| known.id == event)
                .unwrap();
            let side = history.sides[event.side];
            if side.left_at_ms.is_none_or(|left| event.at_ms > left)
                && side.carried_at_ms.is_some_and(|at_ms| at > at_ms)
            {
                scopes.push(event.scope.clone());
            }
        }
        scopes.sort();
        scopes.dedup();
        scopes
    }

    /// Since when each person of a group is known to be its first one, by trying every way.
    fn label(&self, group: &[usize], person: usize) -> i64 {
        let first = |person: &usize| {
            let first = self.people[*person]
                .names
                .iter()
                .find(|name| name.linked.is_none())
                .unwrap();
            (self.people[*person].known, first.id.clone())
        };
        let root = *group.iter().min_by_key(|person| first(person)).unwrap();
        let mut ways: Vec<Vec<i64>> = vec![vec![i64::MAX; self.people.len()]; self.people.len()];
        for (at, row) in ways.iter_mut().enumerate() {
            row[at] = i64::MIN;
        }
        for (a, b, at) in &self.links {
            ways[*a][*b] = ways[*a][*b].min(*at);
            ways[*b][*a] = ways[*b][*a].min(*at);
        }
        for via in 0..ways.len() {
            for a in 0..ways.len() {
                for b in 0..ways.len() {
                    ways[a][b] = ways[a][b].min(ways[a][via].max(ways[via][b]));
                }
            }
        }
        ways[root][person]
    }

    /// The earliest move on the way from every other person to this group.
    fn carried(&self, group: &[usize]) -> Vec<(usize, i64)> {
        let mut carried: Vec<(usize, i64)> = Vec::new();
        loop {
            let mut changed = false;
            for (from, _, to, at) in &self.moves {
                let sources = self.group(*from);
                let targets = self.group(*to);
                if sources == targets || sources == group {
                    continue;
                }
                let onward = if targets == group {
                    Some(i64::MAX)
                } else {
                    carried
                        .iter()
                        .find(|(person, _)| targets.contains(person))
                        .map(|(_, at)| *at)
                };
                let Some(onward) = onward else { continue };
                for source in sources {
                    let at = onward.min(*at);
                    match carried.iter_mut().find(|(person, _)| *person == source) {
                        Some((_, known)) if *known <= at => {}
                        Some((_, known)) => (*known, changed) = (at, true),
                        None => {
                            carried.push((source, at));
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

    fn history(&self, person: usize) -> History {
        let own = self.group(person);
        let mut people: Vec<(usize, Option<i64>)> =
            own.iter().map(|person| (*person, None)).collect();
        people.extend(
            self.carried(&own)
                .into_iter()
                .map(|(person, at)| (person, Some(at))),
        );
        let (mut history, mut places) = (History::default(), Vec::new());
        for (person, carried) in &people {
            let group = self.group(*person);
            for name in &self.people[*person].names {
                let label = self
                    .label(&group, *person)
                    .max(name.linked.unwrap_or(i64::MIN));
                let inner = self.moves.iter().filter(|(from, left, to, _)| {
                    group.contains(from) && group.contains(to) && *left == name.id
                });
                let outer = self
                    .moves
                    .iter()
                    .filter(|(from, _, to, _)| group.contains(from) && !group.contains(to));
                let left = outer.map(|(.., at)| *at).chain(name.left);
                history.sides.push(Side {
                    linked_at_ms: carried.map_or(label, |carried| carried.max(label)),
                    left_at_ms: left
                        .filter(|left| carried.is_none_or(|carried| *left < carried))
                        .max(),
                    carried_at_ms: inner
                        .map(|(.., at)| *at)
                        .chain(name.gone)
                        .chain(*carried)
                        .min(),
                });
                places.push(name.id.clone());
            }
        }
        for (at, (recorded, event)) in self.events.iter().enumerate() {
            if !people.iter().any(|(person, _)| person == recorded) {
                continue;
            }
            let (id, spelling) = event.person[0].canonical();
            history.events.push(Event {
                id: EventId(at as u64 + 1),
                version: u32::try_from(at).unwrap(),
                kind: event.kind,
                scope: event.scope.clone(),
                at_ms: event.at_ms,
                strength: event.strength,
                in_thread: event.in_thread,
                side: places.iter().position(|place| *place == id).unwrap(),
                spelling,
            });
        }
        history
    }

    /// Head, last writing, and the answers to a marketing template, a utility one and a text.
    fn answer(&self, given: &Identifier, now: i64) -> String {
        let (id, spelling) = given.canonical();
        let person = self.person(&id);
        let head = person.map_or_else(Head::default, |person| self.head(person, spelling));
        let group = person.map_or_else(Vec::new, |person| self.group(person));
        let wrote = self
            .writings
            .iter()
            .filter(|(writer, _)| group.contains(writer))
            .map(|(_, at)| *at)
            .max();
        let facts = PersonFacts {
            head: &head,
            wrote_at_ms: wrote,
            call_permission_until_ms: None,
            unsettled_until_ms: None,
        };
        let known = |category| TemplateFacts {
            known: true,
            category,
            topic: None,
            status: TemplateStatus::Sendable,
            is_ask: false,
        };
        let (offer, receipt) = (known(Category::Marketing), known(Category::Utility));
        let decided: Vec<_> = [
            ("offer", Some(&offer)),
            ("receipt", Some(&receipt)),
            ("text", None),
        ]
        .into_iter()
        .map(|(name, template)| {
            let intent = ask(given, name, now).intent;
            let facts = Facts {
                people: &[facts],
                template,
                number: &NumberFacts::default(),
            };
            decide(intent, &facts, &Rules::default(), now)
        })
        .collect();
        format!("{head:?} {wrote:?} {decided:?}")
    }

    fn head(&self, person: usize, spelling: Spelling) -> Head {
        let history = self.history(person);
        if history.events.is_empty() {
            Head::default()
        } else {
            fold(&history, spelling)
        }
    }
}

fn ask(to: &Identifier, name: &str, now: i64) -> greenline_ledger::types::Ask {
    match name {
        "text" => text(&to.reveal(), now),
        name => template(&to.reveal(), name, now),
    }
}

async fn answer(ledger: &greenline_ledger::Ledger, to: &Identifier, now: i64) -> String {
    let mut decided = Vec::new();
    let mut person = None;
    for name in ["offer", "receipt", "text"] {
        let record = ledger.preview(ask(to, name, now)).await.unwrap();
        person = record.people.into_iter().next();
        decided.push(record.decision);
    }
    let person = person.unwrap();
    format!("{:?} {:?} {decided:?}", person.head, person.wrote_at_ms)
}

/// Two spellings of one doubtful number, two plain ones, user ids of both forms.
const NAMES: [&str; 8] = [
    "15551230001",
    "15551230002",
    "5491155551234",
    "541155551234",
    "US.aaa111",
    "US.bbb222",
    "US.ENT.ccc333",
    "DE.ddd444",
];

fn who() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        3 => prop::sample::select(NAMES.to_vec()).prop_map(|name| vec![name]),
        1 => prop::sample::subsequence(NAMES.to_vec(), 2..=3).prop_shuffle(),
    ]
}

fn when() -> impl Strategy<Value = i64> {
    (0..30_i64).prop_map(|second| NOON + second * SECOND)
}

fn consent() -> impl Strategy<Value = Effect> {
    use EventKind::{
        Expired, Granted, NativeResumed, NativeStopped, Reconfirmed, Refused, Withdrawn,
    };
    let kinds = vec![
        Granted,
        Granted,
        Granted,
        Refused,
        Withdrawn,
        Reconfirmed,
        Expired,
        NativeStopped,
        NativeResumed,
    ];
    let scopes = vec!["all", "marketing", "utility", "marketing.offers", "calls"];
    let strengths = vec![
        Strength::Evidenced,
        Strength::Evidenced,
        Strength::Imported,
        Strength::Claimed,
    ];
    let chosen = (
        prop::sample::select(kinds),
        prop::sample::select(scopes),
        prop::sample::select(strengths),
        any::<bool>(),
    );
    (who(), chosen, when(), when(), 0..40_u8).prop_map(
        |(person, (kind, what, strength, in_thread), at, arrival, key)| {
            let mut new = event(&person, kind, what, at.min(arrival));
            new.arrival_ms = arrival;
            new.strength = strength;
            new.in_thread = in_thread;
            // Some keys come twice, always for the same person.
            new.dedup = (key < 4).then(|| format!("key {key} {}", person[0]).into());
            Effect::Consent(new)
        },
    )
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        6 => consent(),
        2 => (who(), when()).prop_map(|(person, at)| known(&person, at)),
        2 => (who(), when(), 0..1_000_u16).prop_map(|(person, at, n)| wrote(&person, &format!("wamid.{n}"), at)),
        2 => (prop::sample::select(NAMES.to_vec()), prop::sample::select(NAMES.to_vec()), when())
            .prop_map(|(from, to, at)| moved(from, to, at)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_answers_as_its_twin_does(effects in prop::collection::vec(effect(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let ledger = place.open();
            ledger.learn(ACME, listed(NOON)).await.unwrap();
            let mut twin = Twin::default();
            let now = NOON + 100 * SECOND;
            for (n, effect) in effects.into_iter().enumerate() {
                twin.happen(effect.clone());
                ledger.learn(ACME, vec![effect]).await.unwrap();
                for name in NAMES {
                    assert_eq!(answer(&ledger, &id(name), now).await, twin.answer(&id(name), now), "{name} after step {n}");
                }
            }
            assert_clean(&ledger).await;
            drop(ledger);
            let ledger = place.open();
            for name in NAMES {
                assert_eq!(answer(&ledger, &id(name), now).await, twin.answer(&id(name), now), "{name}, opened again");
            }
        });
    }
}
