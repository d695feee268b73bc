//! What a batch needs, loaded into a throw-away state that is judged as the resident one is.
//!
//! A person comes with everyone linked to them or moved from or to them. Each person's version is read
//! before the rest of them, so that a version that still stands when the batch is written says that
//! nothing of what was read has changed since.
//!
//! Of whoever is only decided about, the stored fold is read and not the events it was made of: a send costs
//! the same however long a person's history is. The fold is written with the event that changed it, under the
//! same version, so it is as good as the events are. Of whoever something is to be appended to, and of all
//! that hangs on them, the whole history is read and folded again.
//!
//! Everything goes out at once: one round trip, and one more for names that this node has not seen yet and for
//! each step along a chain of linked people.

mod build;
mod names;
mod take;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use greenline_policy::consent::Head;
use greenline_policy::identity::Identifier;
use greenline_policy::pace::Limited;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio_postgres::Row;

use super::connect::{Link, Params};
use super::flights::Flights;
use super::marks::{MarkRow, MessageRow};
use super::pairs::PairRow;
use super::reach::{Asks, ROWS_MAX, Reach};
use super::rows::{identifier_columns, person_column, seq, shard, shard_of_number, shard_of_text};
use super::sql;
use super::trouble::Trouble;
use super::wants::{Key, KeyKind, Wants};
use crate::codec::decode_record;
use crate::compose::{EventRow, IdentifierRow};
use crate::erasure::Keys;
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::state::{Business, State};
use crate::subscription::Takes;
use crate::types::{BusinessIx, DecisionId, DecisionRecord, PersonId, PersonShard, UNSETTLED_MS};
pub(super) use names::NamesSeen;
pub(super) use take::{ban, number, restriction};

/// Rounds of looking for linked people at most: chains longer than that are not people.
const ROUNDS_MAX: usize = 64;

/// A canonical identifier of one business's people.
pub(super) type Name = (BusinessIx, Identifier);

/// How much of a person is loaded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Depth {
    /// What a decision needs: the fold as it is stored.
    Head,
    /// What the fold is made of, so that it can be folded again.
    History,
}

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
    pub(super) depth: Depth,
    /// As stored, of those whose history is not loaded.
    pub(super) heads: [Option<Box<Head>>; 2],
    /// With the history.
    pub(super) identifiers: Vec<IdentifierRow>,
    /// With the history.
    pub(super) events: Vec<EventRow>,
    pub(super) windows: FxHashMap<Box<str>, WindowRow>,
    /// What went to them and counts.
    pub(super) marks: Vec<MarkRow>,
    /// How the platform limits them.
    pub(super) limited: Option<Limited>,
    /// What went to them in the last moments.
    pub(super) pairs: Vec<PairRow>,
}

impl Known {
    /// Of whom nothing is known yet, and so all there is.
    pub(super) fn new(business: BusinessIx, version: Option<i64>) -> Self {
        Self {
            business,
            version,
            last_seq: 0,
            depth: Depth::History,
            heads: [None, None],
            identifiers: Vec::new(),
            events: Vec::new(),
            windows: FxHashMap::default(),
            marks: Vec::new(),
            limited: None,
            pairs: Vec::new(),
        }
    }
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
    at_ms: i64,
    age_ms: i64,
    body_hash: [u8; 16],
    unknown: bool,
    /// Whether the node that sends it lives.
    lives: bool,
    /// Whether that is this node.
    ours: bool,
}

/// Rows of portfolios, and of the logs of whom they reached.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) portfolios: Vec<Row>,
    pub(super) reach: Vec<Row>,
}

/// Everything loaded.
#[derive(Default)]
pub(super) struct Snapshot {
    /// As the resident state would hold it.
    pub(super) state: State,
    /// People by id.
    pub(super) people: FxHashMap<PersonId, Known>,
    /// Who has which canonical identifier: of all who were named, and of all whose history is loaded.
    pub(super) owners: FxHashMap<Name, PersonId>,
    /// Keys that are taken.
    pub(super) keys: FxHashMap<Key, i64>,
    /// When events with a key of their person's came.
    pub(super) arrivals: FxHashMap<i64, i64>,
    /// The hands that own replies are in.
    pub(super) replies: FxHashMap<i64, i64>,
    /// Messages whose status may change what counts.
    pub(super) messages: FxHashMap<Box<str>, MessageRow>,
    /// The hands that held messages are in.
    pub(super) later: FxHashMap<i64, i64>,
    /// Who is told of what, of businesses about whose people something is told.
    pub(super) subscribers: Vec<(BusinessIx, Box<str>, Takes)>,
    /// What was heard of portfolios.
    pub(super) heard: Heard,
    /// Decisions about messages that went so long ago that nobody counts for them any more, by their numbers.
    pub(super) forgotten: FxHashMap<i64, DecisionRecord>,
    /// The database's clock, where something is numbered by it.
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
    /// What identifiers of those erased were hashed with.
    pub(super) erasure: &'a Keys,
    /// This node's flights.
    pub(super) flights: &'a Flights,
    /// What this node knows of portfolios, where it matters.
    pub(super) reach: Option<&'a Reach>,
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
    sql::DATABASE_MS,
    sql::FIND_KEYS,
    sql::FIND_REPLIES,
    sql::FIND_LATER,
    sql::FIND_MESSAGES,
    sql::FIND_PORTFOLIOS,
    sql::READ_REACH,
    sql::FORGOTTEN,
    sql::FIND_SUBSCRIBERS,
    sql::FIND_NAMES,
    sql::FIND_TEMPLATES,
    sql::FIND_NUMBERS,
    sql::FIND_ACCOUNTS,
    sql::FIND_RESTRICTIONS,
    sql::PEOPLE_OF,
    sql::HEADS_OF,
    sql::IDENTIFIERS_OF,
    sql::EVENTS_OF,
    sql::LINKS_OF,
    sql::WINDOWS_OF,
    sql::MARKS_OF,
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
    snapshot.state.erasure = around.erasure.clone();
    let mut frontier = Frontier::default();
    for person in more {
        frontier.want(*person, Depth::History);
    }
    let mut unseen = Vec::new();
    for name in wants.names.iter().chain(&wants.heads) {
        match around.names.get(name) {
            Some(person) => {
                frontier.want(person, wants.depth_of(name));
                snapshot.owners.insert(name.clone(), person);
            }
            None if snapshot.owners.contains_key(name) => {}
            None => unseen.push(name),
        }
    }
    // Whoever was erased is known by what was kept of their names alone.
    let kept: Vec<Name> = unseen
        .iter()
        .flat_map(|(business, name)| {
            let kept = around.erasure.pseudonyms(around.id(*business), name);
            kept.into_iter().map(|kept| (*business, kept))
        })
        .collect();
    unseen.extend(&kept);
    // A name may be wanted in both ways.
    unseen.sort_unstable();
    unseen.dedup();
    let asks = PeopleAsks::of(frontier.open(), wants, around);
    let (found, rows) = try_join(
        first_round(link, wants, &unseen, around),
        people_rows(link, &asks),
    )
    .await?;
    let taken = snapshot.take_first(around, &found)?;
    snapshot.heard = found.heard;
    snapshot.remember(link, around).await?;
    for (name, person) in taken {
        frontier.want(person, wants.depth_of(&name));
        snapshot.owners.insert(name, person);
    }
    snapshot.take(around, &asks, &rows)?;
    snapshot
        .everyone(link, &mut frontier, wants, around)
        .await?;
    snapshot.build(around)?;
    Ok(snapshot)
}

/// Who is to be loaded, how deep, and who has been.
#[derive(Default)]
struct Frontier {
    wanted: BTreeMap<PersonId, Depth>,
    looked: FxHashMap<PersonId, Depth>,
}

impl Frontier {
    /// Wants somebody at least that deep; whether that is news.
    fn want(&mut self, person: PersonId, depth: Depth) -> bool {
        let known = self.wanted.get(&person).copied();
        if known < Some(depth) {
            self.wanted.insert(person, depth);
        }
        known < Some(depth)
    }

    /// Who hangs on someone is wanted as deep as they are.
    fn spread(&mut self, links: &FxHashSet<LinkRow>) {
        let mut spreads = !links.is_empty();
        while spreads {
            spreads = false;
            for link in links {
                let ends = [link.one, link.other];
                let depth = ends
                    .iter()
                    .filter_map(|end| self.wanted.get(end).copied())
                    .max();
                for end in ends {
                    spreads |= self.want(end, depth.unwrap_or(Depth::Head));
                }
            }
        }
    }

    /// Those to be loaded next, who count as looked for from now on.
    fn open(&mut self) -> [Vec<PersonId>; 2] {
        let (mut heads, mut histories) = (Vec::new(), Vec::new());
        for (person, depth) in &self.wanted {
            if self.looked.get(person) >= Some(depth) {
                continue;
            }
            self.looked.insert(*person, *depth);
            match depth {
                Depth::Head => heads.push(*person),
                Depth::History => histories.push(*person),
            }
        }
        [heads, histories]
    }
}

impl Snapshot {
    /// Looks up the decisions about messages that were forgotten where it is counted who was reached.
    async fn remember(&mut self, link: &Link, around: &Around<'_>) -> Result<(), Trouble> {
        let Some(reach) = around.reach else {
            return Ok(());
        };
        let decided = self.messages.values().filter_map(|known| known.decision);
        let (shards, seqs): (Vec<i64>, Vec<i64>) = decided
            .filter(|(_, number)| reach.may_forget(*number))
            .unzip();
        if seqs.is_empty() {
            return Ok(());
        }
        for row in &link.ask(sql::FORGOTTEN, &[&shards, &seqs]).await? {
            let number: i64 = row.try_get(0)?;
            let id = DecisionId {
                shard: PersonShard(0),
                seq: seq(number),
            };
            let record = decode_record(id, "", row.try_get(1)?, row.try_get(2)?)?;
            self.forgotten.insert(number, record);
        }
        Ok(())
    }

    /// These people and all that links and moves lead to.
    async fn everyone(
        &mut self,
        link: &Link,
        frontier: &mut Frontier,
        wants: &Wants,
        around: &Around<'_>,
    ) -> Result<(), Trouble> {
        for _ in 0..ROUNDS_MAX {
            frontier.spread(&self.links);
            let asks = PeopleAsks::of(frontier.open(), wants, around);
            if asks.is_empty() {
                return Ok(());
            }
            let rows = people_rows(link, &asks).await?;
            self.take(around, &asks, &rows)?;
        }
        Err(LedgerError::unreadable("people linked without end").into())
    }
}

type Columns = (Vec<i64>, Vec<i64>);

fn columns<'p>(people: impl Iterator<Item = &'p PersonId>) -> Columns {
    people
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

/// Asks, if there is anything to ask for.
async fn ask_if(
    wanted: bool,
    link: &Link,
    sql: &'static str,
    params: Params<'_>,
) -> Result<Vec<Row>, Trouble> {
    if wanted {
        link.ask(sql, params).await
    } else {
        Ok(Vec::new())
    }
}

/// What [`first_round`] found.
struct Found {
    clock: Vec<Row>,
    keys: Vec<Row>,
    replies: Vec<Row>,
    later: Vec<Row>,
    messages: Vec<Row>,
    heard: Heard,
    subscribers: Vec<Row>,
    names: Vec<Row>,
    templates: Vec<Row>,
    numbers: Vec<Row>,
    accounts: Vec<Row>,
    restrictions: Vec<Row>,
}

/// Everything that is found by a name. Keys before people: a key that is found tells that its person is there
/// to be found too.
async fn first_round(
    link: &Link,
    wants: &Wants,
    names: &[&Name],
    around: &Around<'_>,
) -> Result<Found, Trouble> {
    let keys: Vec<&Key> = wants.keys.iter().collect();
    let key_shards: Vec<i64> = keys
        .iter()
        .map(|(b, kind, key)| shard_of_key(around.id(*b), *kind, key))
        .collect();
    let key_businesses: Vec<&str> = keys.iter().map(|(b, ..)| around.id(*b)).collect();
    let key_kinds: Vec<i64> = keys.iter().map(|(_, kind, _)| kind.column()).collect();
    let key_texts: Vec<&str> = keys.iter().map(|(.., key)| &**key).collect();

    let reply_shards: Vec<i64> = wants.replies.iter().copied().map(shard_of_number).collect();

    let (later_shards, later_seqs): (Vec<i64>, Vec<i64>) = wants.later.iter().copied().unzip();

    let messages: Vec<&str> = wants.messages.iter().map(|id| &**id).collect();
    let message_shards: Vec<i64> = messages.iter().copied().map(shard_of_text).collect();

    let logs: Asks = around
        .reach
        .map(|reach| reach.asks(wants))
        .unwrap_or_default();

    let told: Vec<&str> = wants.told.iter().map(|b| around.id(*b)).collect();

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

    let by_account: Params<'_> = &[&account_businesses, &accounts];
    let asks: [(bool, &'static str, Params<'_>); 13] = [
        (wants.clock, sql::DATABASE_MS, &[]),
        (
            !keys.is_empty(),
            sql::FIND_KEYS,
            &[&key_shards, &key_businesses, &key_kinds, &key_texts],
        ),
        (
            !reply_shards.is_empty(),
            sql::FIND_REPLIES,
            &[&reply_shards, &wants.replies],
        ),
        (
            !later_seqs.is_empty(),
            sql::FIND_LATER,
            &[&later_shards, &later_seqs],
        ),
        (
            !messages.is_empty(),
            sql::FIND_MESSAGES,
            &[&message_shards, &messages],
        ),
        (
            !logs.keys.is_empty(),
            sql::FIND_PORTFOLIOS,
            &[&logs.shards, &logs.keys],
        ),
        // After the portfolios: who used places that are no longer held has logged for what.
        (
            !logs.keys.is_empty(),
            sql::READ_REACH,
            &[
                &logs.shards,
                &logs.keys,
                &logs.known.0,
                &logs.known.1,
                &logs.known.2,
                &ROWS_MAX,
            ],
        ),
        (!told.is_empty(), sql::FIND_SUBSCRIBERS, &[&told]),
        (
            !names.is_empty(),
            sql::FIND_NAMES,
            &[&name_shards, &name_businesses, &name_kinds, &name_values],
        ),
        (
            !wants.templates.is_empty(),
            sql::FIND_TEMPLATES,
            &[&template_businesses, &waba_ids, &template_names, &languages],
        ),
        (
            !numbers.is_empty(),
            sql::FIND_NUMBERS,
            &[&number_businesses, &numbers],
        ),
        (!accounts.is_empty(), sql::FIND_ACCOUNTS, by_account),
        (!accounts.is_empty(), sql::FIND_RESTRICTIONS, by_account),
    ];
    let answers = asks
        .iter()
        .map(|(wanted, sql, params)| ask_if(*wanted, link, sql, params));
    let [
        clock,
        keys,
        replies,
        later,
        messages,
        portfolios,
        reach,
        subscribers,
        names,
        templates,
        numbers,
        accounts,
        restrictions,
    ] = all_of(try_join_all(answers).await?)?;
    Ok(Found {
        clock,
        keys,
        replies,
        later,
        messages,
        heard: Heard { portfolios, reach },
        subscribers,
        names,
        templates,
        numbers,
        accounts,
        restrictions,
    })
}

fn all_of<const N: usize>(answers: Vec<Vec<Row>>) -> Result<[Vec<Row>; N], Trouble> {
    let answers = answers.try_into();
    answers.map_err(|_| LedgerError::Bug("fewer answers than questions").into())
}

/// Whom to ask about, and what of their sends matters.
struct PeopleAsks {
    heads: Vec<PersonId>,
    histories: Vec<PersonId>,
    /// Bodies sent up to then wait no longer.
    since_ms: i64,
    /// From when on what went to them counts.
    marks_since_ms: Option<i64>,
    token: i64,
}

impl PeopleAsks {
    fn of([heads, histories]: [Vec<PersonId>; 2], wants: &Wants, around: &Around<'_>) -> Self {
        Self {
            heads,
            histories,
            since_ms: wants
                .now_ms
                .map_or(i64::MAX, |now_ms| now_ms.saturating_sub(UNSETTLED_MS)),
            marks_since_ms: wants.marks_since_ms,
            token: around.token,
        }
    }

    fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.histories.is_empty()
    }
}

/// What [`people_rows`] found.
struct PeopleRows {
    people: Vec<Row>,
    heads: Vec<Row>,
    identifiers: Vec<Row>,
    events: Vec<Row>,
    links: Vec<Row>,
    windows: Vec<Row>,
    marks: Vec<Row>,
    sends: Vec<Row>,
}

/// Everything of these people. Versions first: one that still stands later vouches for the rest.
async fn people_rows(link: &Link, asks: &PeopleAsks) -> Result<PeopleRows, Trouble> {
    let all = columns(asks.histories.iter().chain(&asks.heads));
    let heads = columns(asks.heads.iter());
    let histories = columns(asks.histories.iter());
    let (shards, ids) = (&all.0, &all.1);
    let everyone: Params<'_> = &[shards, ids];
    let with_head: Params<'_> = &[&heads.0, &heads.1];
    let with_history: Params<'_> = &[&histories.0, &histories.1];
    let marks_since_ms = asks.marks_since_ms.unwrap_or(i64::MAX);
    let with_marks = asks.marks_since_ms.is_some() && !shards.is_empty();
    let asks: [(bool, &'static str, Params<'_>); 8] = [
        (!shards.is_empty(), sql::PEOPLE_OF, everyone),
        (!heads.0.is_empty(), sql::HEADS_OF, with_head),
        (!histories.0.is_empty(), sql::IDENTIFIERS_OF, with_history),
        (!histories.0.is_empty(), sql::EVENTS_OF, with_history),
        (!shards.is_empty(), sql::LINKS_OF, everyone),
        (!shards.is_empty(), sql::WINDOWS_OF, everyone),
        (with_marks, sql::MARKS_OF, &[shards, ids, &marks_since_ms]),
        (
            !shards.is_empty(),
            sql::OPEN_SENDS_OF,
            &[shards, ids, &asks.since_ms, &asks.token],
        ),
    ];
    let answers = asks
        .iter()
        .map(|(wanted, sql, params)| ask_if(*wanted, link, sql, params));
    let [
        people,
        heads,
        identifiers,
        events,
        links,
        windows,
        marks,
        sends,
    ] = all_of(try_join_all(answers).await?)?;
    Ok(PeopleRows {
        people,
        heads,
        identifiers,
        events,
        links,
        windows,
        marks,
        sends,
    })
}

/// Shared by tasks that load.
pub(super) type Businesses = Arc<[Box<str>]>;
