//! What a batch needs, loaded into a throw-away state that is judged as the resident one is.
//!
//! A person comes with everyone linked to them or moved from or to them. Each person's version is read
//! before the rest of them, so that a version that still stands when the batch is written says that
//! nothing of what was read has changed since.

use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use greenline_policy::identity::Identifier;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::{Link, Params};
use super::flights::{Flights, OVER_AFTER_MS};
use super::rows::{
    boxed, category, event_row, identifier, identifier_columns, identifier_row, maybe_boxed,
    person, person_column, seq, shard, shard_of_text,
};
use super::sql;
use super::trouble::Trouble;
use super::wants::{Key, KeyKind, Wants};
use crate::codec::{ban_of, restriction_kind};
use crate::compose::{self, EventRow, GroupRows, IdentifierRow, PersonRows};
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::state::links::Move;
use crate::state::people::{Group, Slot};
use crate::state::platform::{AccountRow, NumberRow, RestrictionRow, TemplateRow};
use crate::state::unsettled::Waiting;
use crate::state::{Business, State};
use crate::types::{BusinessIx, PersonId, UNSETTLED_MS};

/// Rounds of looking for linked people at most: chains longer than that are not people.
const ROUNDS_MAX: usize = 64;

/// One window as stored.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct WindowRow {
    pub(super) wrote_at_ms: Option<i64>,
    pub(super) free_until_ms: Option<i64>,
    pub(super) call_at_ms: Option<i64>,
    pub(super) call_until_ms: Option<i64>,
}

/// One person as loaded, or as made by this batch.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) business: BusinessIx,
    /// `None` for one that this batch makes.
    pub(super) version: Option<i64>,
    pub(super) last_seq: u64,
    pub(super) identifiers: Vec<IdentifierRow>,
    pub(super) events: Vec<EventRow>,
    pub(super) windows: FxHashMap<Box<str>, WindowRow>,
}

/// A link as stored with one person.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct LinkRow {
    one: PersonId,
    kind: i64,
    other: PersonId,
    at_ms: i64,
    left: Box<str>,
}

/// A send that is under way, or of unknown outcome.
struct OpenSend {
    person: PersonId,
    seq: u64,
    token: i64,
    at_ms: i64,
    age_ms: i64,
    body_hash: [u8; 16],
    unknown: bool,
}

/// Everything loaded.
#[derive(Default)]
pub(super) struct Snapshot {
    /// As the resident state would hold it.
    pub(super) state: State,
    /// People by id.
    pub(super) people: FxHashMap<PersonId, Known>,
    /// Who has which canonical identifier.
    pub(super) owners: FxHashMap<(BusinessIx, Identifier), PersonId>,
    /// Keys that are taken.
    pub(super) keys: FxHashMap<Key, i64>,
    /// The database's clock.
    pub(super) now_ms: i64,
    links: FxHashSet<LinkRow>,
    open: Vec<OpenSend>,
}

/// What loading needs to know besides.
pub(super) struct Around<'a> {
    /// Ids from the configuration, by [`BusinessIx`].
    pub(super) businesses: &'a [Box<str>],
    /// Names that need no looking up.
    pub(super) names: &'a NamesSeen,
    /// This node's flights.
    pub(super) flights: &'a Flights,
    /// This node's token.
    pub(super) token: i64,
    /// A watch on a send of another node.
    pub(super) remote: &'a (dyn Fn(i64, i64) -> Watch + Sync),
}

impl Around<'_> {
    fn ix(&self, business: &str) -> Option<BusinessIx> {
        let at = self.businesses.iter().position(|id| **id == *business)?;
        u32::try_from(at).ok().map(BusinessIx)
    }

    fn id(&self, ix: BusinessIx) -> &str {
        self.businesses.get(ix.0 as usize).map_or("", |id| id)
    }
}

/// Statements that loading runs.
pub(super) const STATEMENTS: &[&str] = &[
    sql::LIVE_NODES,
    sql::DATABASE_MS,
    sql::FIND_KEYS,
    sql::FIND_NAMES,
    sql::FIND_TEMPLATES,
    sql::FIND_NUMBERS,
    sql::FIND_ACCOUNTS,
    sql::FIND_RESTRICTIONS,
    sql::PEOPLE_OF,
    sql::IDENTIFIERS_OF,
    sql::EVENTS_OF,
    sql::LINKS_OF,
    sql::WINDOWS_OF,
    sql::OPEN_SENDS_OF,
];

/// Loads what is wanted. [`STATEMENTS`] must be ready.
pub(super) async fn load(
    link: &Link,
    wants: &Wants,
    around: &Around<'_>,
) -> Result<Snapshot, Trouble> {
    load_with(link, wants, &[], around).await
}

/// As [`load`], with people who are wanted by their number.
pub(super) async fn load_with(
    link: &Link,
    wants: &Wants,
    more: &[PersonId],
    around: &Around<'_>,
) -> Result<Snapshot, Trouble> {
    let mut snapshot = Snapshot::default();
    snapshot.state.businesses = around
        .businesses
        .iter()
        .map(|id| Business {
            id: id.clone(),
            ..Business::default()
        })
        .collect();
    let mut known: Vec<PersonId> = more.to_vec();
    let names = wants.names.iter();
    known.extend(names.filter_map(|name| around.names.get(name)));
    known.sort_unstable();
    known.dedup();
    let (found, people) =
        try_join(first_round(link, wants, around), people_rows(link, &known)).await?;
    let (live, mut frontier) = snapshot.take_first(around, &found)?;
    frontier.extend(snapshot.take(around, &people)?);
    snapshot.everyone(link, frontier, around).await?;
    snapshot.build(around, &live)?;
    Ok(snapshot)
}

fn columns(people: &[PersonId]) -> (Vec<i64>, Vec<i64>) {
    people
        .iter()
        .map(|person| (shard(*person), person_column(*person)))
        .unzip()
}

/// The shard a canonical identifier is looked up in.
pub(super) fn shard_of_name(business: &str, canonical: &Identifier) -> i64 {
    let (kind, value) = identifier_columns(canonical);
    shard_of_text(&format!("{business}\u{0}{kind}\u{0}{value}"))
}

/// The shard a key is looked up in.
pub(super) fn shard_of_key(business: &str, kind: KeyKind, key: &str) -> i64 {
    shard_of_text(&format!("{business}\u{0}{}\u{0}{key}", kind.column()))
}

type Tokens = Vec<i64>;

/// Who has which canonical identifier, as once seen. It never changes, so remembering it is safe.
pub(super) type NamesSeen = FxHashMap<(BusinessIx, Identifier), PersonId>;

/// Everything that is found by a name. Keys before people: a key that is found tells that its person is there
/// to be found too.
async fn first_round(
    link: &Link,
    wants: &Wants,
    around: &Around<'_>,
) -> Result<Vec<Vec<Row>>, Trouble> {
    let keys: Vec<&Key> = wants.keys.iter().collect();
    let key_shards: Vec<i64> = keys
        .iter()
        .map(|(b, kind, key)| shard_of_key(around.id(*b), *kind, key))
        .collect();
    let key_businesses: Vec<&str> = keys.iter().map(|(b, ..)| around.id(*b)).collect();
    let key_kinds: Vec<i64> = keys.iter().map(|(_, kind, _)| kind.column()).collect();
    let key_texts: Vec<&str> = keys.iter().map(|(.., key)| &**key).collect();

    let names: Vec<_> = wants
        .names
        .iter()
        .filter(|name| !around.names.contains_key(*name))
        .collect();
    let name_shards: Vec<i64> = names
        .iter()
        .map(|(b, id)| shard_of_name(around.id(*b), id))
        .collect();
    let name_businesses: Vec<&str> = names.iter().map(|(b, _)| around.id(*b)).collect();
    let (name_kinds, name_values): (Vec<i64>, Vec<String>) =
        names.iter().map(|(_, id)| identifier_columns(id)).unzip();

    let template_businesses: Vec<&str> =
        wants.templates.iter().map(|(b, _)| around.id(*b)).collect();
    let part =
        |at: usize| -> Vec<&str> { wants.templates.iter().map(|(_, name)| &*name[at]).collect() };
    let (waba_ids, template_names, languages) = (part(0), part(1), part(2));
    let (number_businesses, numbers): (Vec<&str>, Vec<&str>) = wants
        .numbers
        .iter()
        .map(|(b, number)| (around.id(*b), &**number))
        .unzip();
    let (account_businesses, accounts): (Vec<&str>, Vec<&str>) = wants
        .accounts
        .iter()
        .map(|(b, waba_id)| (around.id(*b), &**waba_id))
        .unzip();

    let asks: [(&'static str, Params<'_>); 8] = [
        (sql::LIVE_NODES, &[]),
        (sql::DATABASE_MS, &[]),
        (
            sql::FIND_KEYS,
            &[&key_shards, &key_businesses, &key_kinds, &key_texts],
        ),
        (
            sql::FIND_NAMES,
            &[&name_shards, &name_businesses, &name_kinds, &name_values],
        ),
        (
            sql::FIND_TEMPLATES,
            &[&template_businesses, &waba_ids, &template_names, &languages],
        ),
        (sql::FIND_NUMBERS, &[&number_businesses, &numbers]),
        (sql::FIND_ACCOUNTS, &[&account_businesses, &accounts]),
        (sql::FIND_RESTRICTIONS, &[&account_businesses, &accounts]),
    ];
    try_join_all(asks.iter().map(|(sql, params)| link.ask(sql, params))).await
}

/// Everything of these people. Versions first: one that still stands later vouches for the rest.
async fn people_rows(link: &Link, people: &[PersonId]) -> Result<Vec<Vec<Row>>, Trouble> {
    let (shards, ids) = columns(people);
    let asks = [
        sql::PEOPLE_OF,
        sql::IDENTIFIERS_OF,
        sql::EVENTS_OF,
        sql::LINKS_OF,
        sql::WINDOWS_OF,
        sql::OPEN_SENDS_OF,
    ];
    if people.is_empty() {
        return Ok(asks.iter().map(|_| Vec::new()).collect());
    }
    let asked: [&(dyn ToSql + Sync); 2] = [&shards, &ids];
    try_join_all(asks.iter().map(|sql| link.ask(sql, &asked))).await
}

impl Snapshot {
    /// Takes what [`first_round`] found: who lives, and who was named.
    fn take_first(
        &mut self,
        around: &Around<'_>,
        found: &[Vec<Row>],
    ) -> Result<(Tokens, Vec<PersonId>), Trouble> {
        let [
            nodes,
            clock,
            keys,
            names,
            templates,
            numbers,
            accounts,
            restrictions,
        ] = found
        else {
            return Err(LedgerError::Bug("fewer answers than questions").into());
        };
        for row in clock {
            self.now_ms = row.try_get(0)?;
        }
        for row in keys {
            let (Some(business), Some(kind)) =
                (around.ix(row.try_get(0)?), KeyKind::of(row.try_get(1)?))
            else {
                continue;
            };
            self.keys
                .insert((business, kind, boxed(row, 2)?), row.try_get(3)?);
        }
        self.platform(around, templates, numbers, accounts, restrictions)?;
        let mut live = Tokens::new();
        for row in nodes {
            if row.try_get(1)? {
                live.push(row.try_get(0)?);
            }
        }
        let mut first: Vec<PersonId> = Vec::new();
        for row in names {
            first.push(person(row.try_get(2)?));
        }
        Ok((live, first))
    }

    fn platform(
        &mut self,
        around: &Around<'_>,
        templates: &[Row],
        numbers: &[Row],
        accounts: &[Row],
        restrictions: &[Row],
    ) -> Result<(), Trouble> {
        for row in templates {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let read = TemplateRow {
                template_id: None,
                category: category(row.try_get(4)?)?,
                status: maybe_boxed(row, 5)?,
                is_ask: row.try_get(6)?,
                at_ms: row.try_get(7)?,
            };
            let platform = &mut self.state.business_mut(business)?.platform;
            let _ = platform.set_template(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, read);
        }
        for row in numbers {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let read = NumberRow {
                status: maybe_boxed(row, 2)?,
                rating: maybe_boxed(row, 3)?,
                at_ms: row.try_get(4)?,
            };
            let platform = &mut self.state.business_mut(business)?.platform;
            let _ = platform.set_number(row.try_get(1)?, read);
        }
        let mut found: FxHashMap<(BusinessIx, Box<str>), AccountRow> = FxHashMap::default();
        for row in accounts {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let account = found.entry((business, boxed(row, 1)?)).or_default();
            account.ban =
                ban_of(row.try_get(2)?).ok_or_else(|| LedgerError::unreadable("a ban state"))?;
            account.ban_at_ms = row.try_get(3)?;
        }
        for row in restrictions {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let kind = restriction_kind(row.try_get(3)?)
                .ok_or_else(|| LedgerError::unreadable("a restriction"))?;
            let read = RestrictionRow {
                kind,
                named: boxed(row, 2)?,
                until_ms: row.try_get(4)?,
                at_ms: row.try_get(5)?,
            };
            found
                .entry((business, boxed(row, 1)?))
                .or_default()
                .restrictions
                .push(read);
        }
        for ((business, waba_id), account) in found {
            let platform = &mut self.state.business_mut(business)?.platform;
            let _ = platform.set_account(&waba_id, account);
        }
        Ok(())
    }

    /// These people and all that links and moves lead to.
    async fn everyone(
        &mut self,
        link: &Link,
        first: Vec<PersonId>,
        around: &Around<'_>,
    ) -> Result<(), Trouble> {
        let mut frontier = first;
        for _ in 0..ROUNDS_MAX {
            frontier.sort_unstable();
            frontier.dedup();
            frontier.retain(|person| !self.people.contains_key(person));
            if frontier.is_empty() {
                return Ok(());
            }
            let found = people_rows(link, &frontier).await?;
            frontier = self.take(around, &found)?;
        }
        Err(LedgerError::unreadable("people linked without end").into())
    }

    /// Takes what [`people_rows`] found; whom links and moves lead to.
    fn take(&mut self, around: &Around<'_>, found: &[Vec<Row>]) -> Result<Vec<PersonId>, Trouble> {
        let [people, identifiers, events, links, windows, sends] = found else {
            return Err(LedgerError::Bug("fewer answers than questions").into());
        };
        self.take_people(around, people, identifiers, events)?;
        self.take_windows(windows)?;
        self.take_sends(sends)?;
        self.take_links(links)
    }

    fn take_people(
        &mut self,
        around: &Around<'_>,
        people: &[Row],
        identifiers: &[Row],
        events: &[Row],
    ) -> Result<(), Trouble> {
        for row in people {
            let business = around.ix(row.try_get(1)?);
            let known = Known {
                // Of a business that the configuration no longer names: nobody asks for it.
                business: business.unwrap_or(BusinessIx(u32::MAX)),
                version: Some(row.try_get(2)?),
                last_seq: seq(row.try_get(3)?),
                identifiers: Vec::new(),
                events: Vec::new(),
                windows: FxHashMap::default(),
            };
            self.people.insert(person(row.try_get(0)?), known);
        }
        for row in identifiers {
            let (owner, read) = identifier_row(row)?;
            if let Some(known) = self.people.get_mut(&owner) {
                self.owners
                    .insert((known.business, read.canonical.clone()), owner);
                known.identifiers.push(read);
            }
        }
        for row in events {
            let (owner, read) = event_row(row)?;
            let dedup = maybe_boxed(row, 8)?;
            let Some(known) = self.people.get_mut(&owner) else {
                continue;
            };
            if let Some(key) = dedup {
                let id = i64::try_from(read.id.0).unwrap_or(i64::MAX);
                self.keys.insert((known.business, KeyKind::Event, key), id);
            }
            known.events.push(read);
        }
        Ok(())
    }

    fn take_windows(&mut self, windows: &[Row]) -> Result<(), Trouble> {
        for row in windows {
            let read = WindowRow {
                wrote_at_ms: row.try_get(2)?,
                free_until_ms: row.try_get(3)?,
                call_at_ms: row.try_get(4)?,
                call_until_ms: row.try_get(5)?,
            };
            if let Some(known) = self.people.get_mut(&person(row.try_get(0)?)) {
                known.windows.insert(boxed(row, 1)?, read);
            }
        }
        Ok(())
    }

    fn take_sends(&mut self, sends: &[Row]) -> Result<(), Trouble> {
        for row in sends {
            let hash: &[u8] = row.try_get(5)?;
            let body_hash = hash
                .try_into()
                .map_err(|_| LedgerError::unreadable("the hash of a body"))?;
            self.open.push(OpenSend {
                person: person(row.try_get(0)?),
                seq: seq(row.try_get(1)?),
                token: row.try_get(2)?,
                at_ms: row.try_get(3)?,
                age_ms: row.try_get(4)?,
                body_hash,
                unknown: row.try_get::<_, Option<&str>>(6)?.is_some(),
            });
        }
        Ok(())
    }

    fn take_links(&mut self, links: &[Row]) -> Result<Vec<PersonId>, Trouble> {
        let mut next = Vec::new();
        for row in links {
            let read = LinkRow {
                one: person(row.try_get(0)?),
                kind: row.try_get(1)?,
                other: person(row.try_get(2)?),
                at_ms: row.try_get(3)?,
                left: boxed(row, 4)?,
            };
            next.push(read.other);
            self.links.insert(read);
        }
        Ok(next)
    }

    /// The state, from the rows.
    fn build(&mut self, around: &Around<'_>, live: &[i64]) -> Result<(), Trouble> {
        self.state.begin();
        let slots = self.groups()?;
        self.moves(&slots)?;
        self.windows(&slots)?;
        self.sends(&slots, around, live);
        let groups: Vec<Slot> = (0..).take(self.state.groups.len()).collect();
        for slot in groups {
            let (rows, history) = self.history(slot)?;
            self.state.group_mut(slot).heads = compose::heads(&rows, &history);
        }
        Ok(())
    }

    fn groups(&mut self) -> Result<FxHashMap<PersonId, Slot>, Trouble> {
        let mut same: FxHashMap<PersonId, Vec<PersonId>> = FxHashMap::default();
        for link in self.links.iter().filter(|link| link.kind == 1) {
            same.entry(link.one).or_default().push(link.other);
            same.entry(link.other).or_default().push(link.one);
        }
        let mut ids: Vec<PersonId> = self.people.keys().copied().collect();
        ids.sort_unstable();
        let mut slots: FxHashMap<PersonId, Slot> = FxHashMap::default();
        for first in ids {
            if slots.contains_key(&first) {
                continue;
            }
            let slot = Slot::try_from(self.state.groups.len())
                .map_err(|_| LedgerError::Bug("more people than slots"))?;
            let mut members: SmallVec<[PersonId; 1]> = SmallVec::new();
            let mut open = vec![first];
            while let Some(member) = open.pop() {
                if self.people.contains_key(&member) && slots.insert(member, slot).is_none() {
                    members.push(member);
                    open.extend(same.get(&member).into_iter().flatten());
                }
            }
            members.sort_unstable();
            let business = self
                .people
                .get(&first)
                .map_or(BusinessIx(u32::MAX), |known| known.business);
            let mut group = Group::of(business, first);
            group.members = members;
            self.state.groups.push(group);
        }
        for link in self
            .links
            .iter()
            .filter(|link| link.kind == 1 && link.one < link.other)
        {
            self.state.links.link(link.one, link.other, link.at_ms);
        }
        for ((business, canonical), owner) in &self.owners {
            if let (Some(business), Some(slot)) = (
                self.state.businesses.get_mut(business.0 as usize),
                slots.get(owner),
            ) {
                business.known.insert(canonical, *slot);
            }
        }
        Ok(slots)
    }

    fn moves(&mut self, slots: &FxHashMap<PersonId, Slot>) -> Result<(), Trouble> {
        let mut moves: Vec<&LinkRow> = self.links.iter().filter(|link| link.kind == 2).collect();
        moves.sort_by_key(|link| (link.at_ms, link.one, link.other));
        for link in moves {
            if let (Some(from), Some(to)) = (slots.get(&link.one), slots.get(&link.other)) {
                let moved = Move {
                    from: link.one,
                    left: identifier(&link.left)?,
                    to: link.other,
                    at_ms: link.at_ms,
                };
                self.state.links.moved(moved, *from, *to);
            }
        }
        Ok(())
    }

    fn windows(&mut self, slots: &FxHashMap<PersonId, Slot>) -> Result<(), Trouble> {
        for (person, known) in &self.people {
            let Some(slot) = slots.get(person) else {
                continue;
            };
            for (number, row) in &known.windows {
                let Some(business) = self.state.businesses.get_mut(known.business.0 as usize)
                else {
                    continue;
                };
                let place = business.platform.place(number);
                let window = self.state.group_mut(*slot).window_mut(place);
                window.wrote_at_ms = window.wrote_at_ms.max(row.wrote_at_ms);
                if let Some(at_ms) = row.call_at_ms {
                    window.allow_calls(at_ms, row.call_until_ms);
                }
            }
        }
        Ok(())
    }

    /// What is under way is watched; what may have gone out makes its body wait. A send of this node that
    /// has no outcome yet is known here; one of a node that died may have gone out.
    fn sends(&mut self, slots: &FxHashMap<PersonId, Slot>, around: &Around<'_>, live: &[i64]) {
        for person in self.people.keys() {
            if let Some(slot) = slots.get(person) {
                let group = &mut self.state.groups[*slot as usize];
                group.flights.extend(around.flights.of(*person));
            }
        }
        let mut waits: Vec<(u64, Waiting, i64)> = Vec::new();
        for send in &self.open {
            if !send.unknown && send.token != around.token && send.age_ms < OVER_AFTER_MS {
                let watch = (around.remote)(
                    shard(send.person),
                    i64::try_from(send.seq).unwrap_or(i64::MAX),
                );
                if let Some(slot) = slots.get(&send.person) {
                    self.state.groups[*slot as usize].flights.push(watch);
                }
            }
            let is_lost = send.token != around.token && !live.contains(&send.token);
            if send.unknown || is_lost {
                match waits.iter_mut().find(|(seq, ..)| *seq == send.seq) {
                    Some((_, (people, _), _)) => people.push(send.person),
                    None => waits.push((
                        send.seq,
                        (SmallVec::from_slice(&[send.person]), send.body_hash),
                        send.at_ms,
                    )),
                }
            }
        }
        for (seq, waiting, at_ms) in waits {
            self.state
                .unsettle(seq, waiting, at_ms.saturating_add(UNSETTLED_MS));
        }
    }

    /// What a fold needs of a group and of everyone who moved there.
    pub(super) fn history(
        &self,
        slot: Slot,
    ) -> Result<(Vec<GroupRows>, greenline_policy::consent::History), LedgerError> {
        let groups: Vec<GroupRows> = self
            .state
            .upstream(slot)
            .into_iter()
            .map(|carried| self.group_rows(carried.slot, carried.at_ms))
            .collect();
        let history = compose::history(&groups)
            .ok_or_else(|| LedgerError::unreadable("an event of an unknown identifier"))?;
        Ok((groups, history))
    }

    fn group_rows(&self, slot: Slot, carried_at_ms: Option<i64>) -> GroupRows {
        let mut rows = GroupRows {
            carried_at_ms,
            ..GroupRows::default()
        };
        for member in &self.state.group(slot).members {
            let known = self.people.get(member);
            rows.people.push(PersonRows {
                id: *member,
                identifiers: known
                    .map(|known| known.identifiers.clone())
                    .unwrap_or_default(),
                events: known.map(|known| known.events.clone()).unwrap_or_default(),
            });
            let linked = self.state.links.linked(*member).iter();
            rows.links
                .extend(linked.map(|(other, at_ms)| (*member, *other, *at_ms)));
        }
        for (moved, leaves, arrives) in self.state.moves_of_group(slot) {
            match (leaves, arrives) {
                (true, true) => rows.inner_moves.push((moved.left.clone(), moved.at_ms)),
                (true, false) => rows.left_at_ms.push(moved.at_ms),
                _ => {}
            }
        }
        rows
    }

    /// Everyone whose rows bear on a group, or on whom its rows bear: their versions guard what is read.
    pub(super) fn component(&self, slot: Slot) -> Vec<PersonId> {
        let mut found: Vec<Slot> = vec![slot];
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let down = self.state.downstream(at);
            let up = self
                .state
                .upstream(at)
                .into_iter()
                .map(|carried| carried.slot);
            let around: Vec<Slot> = down.into_iter().chain(up).collect();
            for slot in around {
                if !found.contains(&slot) {
                    found.push(slot);
                }
            }
        }
        let members = found
            .iter()
            .flat_map(|slot| &self.state.group(*slot).members);
        members.copied().collect()
    }
}

/// Shared by tasks that load.
pub(super) type Businesses = Arc<[Box<str>]>;
