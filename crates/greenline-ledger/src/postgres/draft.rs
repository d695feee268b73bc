//! What a batch is going to write, gathered while it is judged and written in one go.
//!
//! Everything goes out at once, in one transaction: the batch's own id first, then the comparison of
//! versions, which fails the whole transaction when somebody else was faster, then the rows, then the commit,
//! which the database refuses by itself once anything before it failed. So a batch is written in one round
//! trip.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rustc_hash::FxHashMap;
use tokio_postgres::types::ToSql;

use super::connect::{Link, within};
use super::load::WindowRow;
use super::marks::Told;
use super::pipeline::{Step, change, in_order};
use super::reach::Append;
use super::rows::{person_column, seq_column, shard, shard_of_text};
use super::sql;
use super::trouble::Trouble;
use crate::flight::Watch;
use crate::state::platform::HealthRow;
use crate::types::PersonId;

/// A column of many rows.
type Column<T> = Vec<T>;

/// Declares rows that are inserted many at once: each field one column.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($column:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name { $(pub(super) $column: Column<$kind>),* }

        impl $name {
            /// Adds a row.
            pub(super) fn push(&mut self, ($($column),*): ($($kind),*)) { $(self.$column.push($column);)* }

            fn is_empty(&self) -> bool { [$(self.$column.len()),*].iter().all(|rows| *rows == 0) }

            fn columns(&self) -> Vec<&(dyn ToSql + Sync)> { vec![$(&self.$column),*] }
        }
    };
}

table!(
    /// New people.
    People { shard: i64, id: i64, business: Box<str>, seq: i64, pairs: Option<String> }
);
table!(
    /// New look-ups of people.
    Names { shard: i64, business: Box<str>, kind: i64, value: String, owner_shard: i64, owner_id: i64 }
);
table!(
    /// New identifiers of people.
    Identifiers { shard: i64, id: i64, kind: i64, value: String, known_ms: i64, linked_at_ms: Option<i64> }
);
table!(
    /// New links, each with both people.
    Links { shard: i64, id: i64, kind: i64, other_shard: i64, other_id: i64, at_ms: i64, left_kind: i64, left_value: String }
);
table!(
    /// New events.
    Events {
        shard: i64, id: i64, version: i64, seq: i64, business: Box<str>, kind: &'static str, scope: String, at_ms: i64,
        stated_ms: i64, arrival_ms: i64, strength: &'static str, in_thread: bool, identifiers: String, evidence: String,
        actor: Box<str>, dedup: Option<Box<str>>,
    }
);
table!(
    /// Keys now taken.
    Keys { shard: i64, business: Box<str>, kind: i64, key: Box<str>, taken_by: i64 }
);
table!(
    /// New decisions.
    Decisions { shard: i64, seq: i64, business: Box<str>, person_id: Option<i64>, at_ms: i64, verdict: i64, record: String }
);
table!(
    /// Decisions that go on, each with every addressee.
    Sends { shard: i64, seq: i64, person_id: i64, others: Option<String>, token: i64, at_ms: i64, body_hash: Vec<u8>, mark: Option<String> }
);
table!(
    /// New timeline entries.
    Timeline {
        shard: i64, seq: i64, business: Box<str>, subject: &'static str, subject_id: Box<str>, origin: Box<str>,
        event: Box<str>, at_ms: i64, body: Box<str>,
    }
);
table!(
    /// New deliveries.
    Inbox { shard: i64, seq: i64, business: Box<str>, sha256: Box<str>, received_ms: i64, lane: i64, headers: String, body: Vec<u8> }
);
table!(
    /// Apps they go to.
    Relays { shard: i64, seq: i64, app: Box<str>, business: Box<str>, lane: i64, due_ms: i64 }
);
table!(
    /// Own replies owed.
    Replies {
        shard: i64, id: i64, business: Box<str>, recipient: String, number: Box<str>, reply: String,
        confirms: Option<i64>, message_id: Box<str>, at_ms: i64,
    }
);

table!(
    /// Own replies that are decided about, each with the hand it must be in.
    Decided { shard: i64, id: i64, claim: i64 }
);

table!(
    /// Messages that are held.
    Later {
        shard: i64, seq: i64, business: Box<str>, person_id: i64, recipient: String, app: Box<str>, number: Box<str>,
        template: Box<str>, language: Box<str>, given_id: Box<str>, held_ms: i64, last_ms: i64, due_ms: Option<i64>,
        target: Box<str>, content_type: Box<str>, body: Vec<u8>,
    }
);

table!(
    /// Held messages that are decided about again, each with the hand it must be in.
    Redecisions {
        shard: i64, seq: i64, claim: i64, stage: i64, due_ms: Option<i64>, decision_shard: i64, decision_seq: i64,
        ending: Option<&'static str>, over_ms: Option<i64>,
    }
);

impl Decisions {
    /// What marks them as not sealed.
    fn marks(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![&self.shard, &self.seq, &self.business]
    }
}

/// The latest status of a message within the batch.
#[derive(Clone, Debug)]
pub(super) struct StatusRow {
    pub(super) status: Box<str>,
    pub(super) rank: i64,
    pub(super) at_ms: i64,
    pub(super) code: Option<i64>,
}

/// What the platform said; merged by the database, row by row.
#[derive(Debug)]
pub(super) enum News {
    Template {
        business: Box<str>,
        of: [Box<str>; 3],
        template_id: Option<Box<str>>,
        category: Option<&'static str>,
        status: Option<Box<str>>,
        is_ask: Option<bool>,
        quality: Option<Box<str>>,
        at_ms: i64,
    },
    Number {
        business: Box<str>,
        number: Box<str>,
        status: Option<Box<str>>,
        rating: Option<Box<str>>,
        rating_at_ms: Option<i64>,
        at_ms: i64,
    },
    Spam {
        business: Box<str>,
        number: Box<str>,
        limits: bool,
        at_ms: i64,
    },
    Health {
        business: Box<str>,
        number: Box<str>,
        health: HealthRow,
    },
    Account {
        business: Box<str>,
        waba_id: Box<str>,
        ban: &'static str,
        at_ms: i64,
    },
    Limit {
        shard: i64,
        portfolio: Box<str>,
        people: i64,
        origin: Box<str>,
        at_ms: i64,
    },
    Restriction {
        business: Box<str>,
        waba_id: Box<str>,
        named: Box<str>,
        kind: &'static str,
        until_ms: Option<i64>,
        at_ms: i64,
    },
}

/// An identifier that its person left.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) owner: PersonId,
    pub(super) kind: i64,
    pub(super) value: String,
    pub(super) at_ms: i64,
    pub(super) gone: bool,
}

/// Everything a batch writes.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// People as they were loaded, whom the batch touches: version, and the newest decision about them.
    pub(super) touched: BTreeMap<PersonId, (i64, u64)>,
    /// People that the batch makes: business, and the newest decision about them.
    pub(super) made: BTreeMap<PersonId, (Box<str>, u64)>,
    /// What counts towards the paces of those to whom something goes.
    pub(super) pairs: FxHashMap<PersonId, String>,
    pub(super) names: Names,
    pub(super) identifiers: Identifiers,
    pub(super) marks: Vec<Mark>,
    pub(super) links: Links,
    pub(super) events: Events,
    pub(super) keys: Keys,
    pub(super) heads: BTreeMap<(PersonId, i64), String>,
    pub(super) windows: BTreeMap<(PersonId, Box<str>), WindowRow>,
    pub(super) inbound: BTreeMap<(i64, Box<str>, Box<str>), i64>,
    pub(super) decisions: Decisions,
    /// Decisions that may be on record already.
    pub(super) spilled: Decisions,
    pub(super) sends: Sends,
    pub(super) timeline: Timeline,
    pub(super) inbox: Inbox,
    pub(super) relays: Relays,
    pub(super) replies: Replies,
    pub(super) decided: Decided,
    pub(super) later: Later,
    pub(super) redecided: Redecisions,
    pub(super) statuses: FxHashMap<Box<str>, StatusRow>,
    /// What statuses change in what counts.
    pub(super) told: Told,
    pub(super) news: Vec<News>,
    /// Whom portfolios reached.
    pub(super) reach: Vec<Append>,
    /// Flights to be known once all this is written.
    pub(super) flights: Vec<(PersonId, Watch)>,
}

/// Statements that writing runs.
pub(super) const STATEMENTS: &[&str] = &[
    sql::NOTE_BATCH,
    sql::COMPARE_AND_SET,
    sql::DECIDE_REPLIES,
    sql::REDECIDE_LATER,
    sql::INSERT_PEOPLE,
    sql::INSERT_NAMES,
    sql::INSERT_IDENTIFIERS,
    sql::MARK_IDENTIFIER,
    sql::INSERT_LINKS,
    sql::INSERT_EVENTS,
    sql::INSERT_KEYS,
    sql::PUT_HEADS,
    sql::PUT_WINDOWS,
    sql::PUT_INBOUND,
    sql::INSERT_DECISIONS,
    sql::INSERT_SPILLED,
    sql::MARK_EVENTS,
    sql::MARK_DECISIONS,
    sql::MARK_SPILLED,
    sql::INSERT_SENDS,
    sql::INSERT_TIMELINE,
    sql::INSERT_INBOX,
    sql::INSERT_RELAYS,
    sql::INSERT_REPLIES,
    sql::INSERT_LATER,
    sql::PUT_STATUSES,
    sql::TAKE_BACK,
    sql::LIMIT_PEOPLE,
    sql::EASE_LIMITS,
    sql::TAKE_NOTHING,
    sql::PUT_TEMPLATE,
    sql::PUT_NUMBER,
    sql::PUT_SPAM,
    sql::SPAM_OVER,
    sql::PUT_HEALTH,
    sql::PUT_ACCOUNT,
    sql::PUT_RESTRICTION,
    sql::PUT_LIMIT,
];

/// The batch's own id, kept in the shard it touches first.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchId {
    pub(super) shard: i64,
    pub(super) id: i64,
}

impl Draft {
    /// Where the batch's own id is kept.
    pub(super) fn shard(&self) -> i64 {
        let first = self.touched.keys().chain(self.made.keys()).next();
        first.map_or(0, |person| shard(*person))
    }

    /// Writes everything, or nothing. [`STATEMENTS`] must be ready.
    pub(super) async fn write(&self, link: &Link, batch: BatchId) -> Result<(), Trouble> {
        let done = within(self.transaction(link, batch)).await;
        if matches!(done, Err(Trouble::Again(_) | Trouble::Final(_))) {
            within(link.batch("ROLLBACK")).await?;
        }
        done
    }

    async fn transaction(&self, link: &Link, batch: BatchId) -> Result<(), Trouble> {
        let others = Mutex::default();
        let touched = Touched::of(self);
        let decided = i64::try_from(self.decided.id.len()).unwrap_or(i64::MAX);
        let redecided = i64::try_from(self.redecided.seq.len()).unwrap_or(i64::MAX);
        let made = self.made_rows();
        let heads = Heads::of(self);
        let windows = Windows::of(self);
        let inbound = Inbound::of(self);
        let statuses = Statuses::of(self);
        let mut steps: Vec<Step<'_>> = vec![Box::pin(link.batch("BEGIN"))];
        steps.push(Box::pin(async move {
            link.change(sql::NOTE_BATCH, &[&batch.shard, &batch.id])
                .await
                .map(|_| ())
        }));
        if !touched.columns.0.is_empty() {
            let (shards, ids, versions, seqs) = &touched.columns;
            let (count, pairs) = (&touched.count, &touched.pairs);
            steps.push(Box::pin(async move {
                let columns: [&(dyn ToSql + Sync); 6] = [shards, ids, versions, seqs, count, pairs];
                link.ask(sql::COMPARE_AND_SET, &columns).await.map(|_| ())
            }));
        }
        if !self.decided.is_empty() {
            let (mut columns, count) = (self.decided.columns(), &decided);
            columns.push(count);
            steps.push(Box::pin(async move {
                link.ask(sql::DECIDE_REPLIES, &columns).await.map(|_| ())
            }));
        }
        if !self.redecided.is_empty() {
            let (mut columns, count) = (self.redecided.columns(), &redecided);
            columns.push(count);
            steps.push(Box::pin(async move {
                link.ask(sql::REDECIDE_LATER, &columns).await.map(|_| ())
            }));
        }
        let tables: [(bool, &'static str, Vec<&(dyn ToSql + Sync)>); 21] = [
            (made.is_empty(), sql::INSERT_PEOPLE, made.columns()),
            (
                self.names.is_empty(),
                sql::INSERT_NAMES,
                self.names.columns(),
            ),
            (
                self.identifiers.is_empty(),
                sql::INSERT_IDENTIFIERS,
                self.identifiers.columns(),
            ),
            (
                self.links.is_empty(),
                sql::INSERT_LINKS,
                self.links.columns(),
            ),
            (
                self.events.is_empty(),
                sql::INSERT_EVENTS,
                self.events.columns(),
            ),
            (self.keys.is_empty(), sql::INSERT_KEYS, self.keys.columns()),
            (heads.is_empty(), sql::PUT_HEADS, heads.columns()),
            (windows.is_empty(), sql::PUT_WINDOWS, windows.columns()),
            (inbound.is_empty(), sql::PUT_INBOUND, inbound.columns()),
            (
                self.decisions.is_empty(),
                sql::INSERT_DECISIONS,
                self.decisions.columns(),
            ),
            (
                self.spilled.is_empty(),
                sql::INSERT_SPILLED,
                self.spilled.columns(),
            ),
            (
                self.events.is_empty(),
                sql::MARK_EVENTS,
                vec![&self.events.shard, &self.events.seq, &self.events.business],
            ),
            (
                self.decisions.is_empty(),
                sql::MARK_DECISIONS,
                self.decisions.marks(),
            ),
            (
                self.spilled.is_empty(),
                sql::MARK_SPILLED,
                self.spilled.marks(),
            ),
            (
                self.sends.is_empty(),
                sql::INSERT_SENDS,
                self.sends.columns(),
            ),
            (
                self.timeline.is_empty(),
                sql::INSERT_TIMELINE,
                self.timeline.columns(),
            ),
            (
                self.inbox.is_empty(),
                sql::INSERT_INBOX,
                self.inbox.columns(),
            ),
            (
                self.relays.is_empty(),
                sql::INSERT_RELAYS,
                self.relays.columns(),
            ),
            (
                self.replies.is_empty(),
                sql::INSERT_REPLIES,
                self.replies.columns(),
            ),
            (
                self.later.is_empty(),
                sql::INSERT_LATER,
                self.later.columns(),
            ),
            (statuses.is_empty(), sql::PUT_STATUSES, statuses.columns()),
        ];
        for (is_empty, sql, columns) in tables {
            if !is_empty {
                steps.push(change(link, sql, columns));
            }
        }
        steps.extend(self.told.steps(link, &others));
        // After the inserts: what is marked may be new.
        steps.extend(self.marks.iter().map(|mark| mark.step(link)));
        steps.extend(self.news.iter().map(|news| news.step(link)));
        // Last, so that whoever waits for a portfolio's row holds everything else it needs.
        steps.extend(self.reach.iter().flat_map(|append| append.steps(link)));
        // Should one of them fail, the database takes this for a rollback.
        steps.push(Box::pin(link.batch("COMMIT")));
        in_order(steps).await?;
        let others = others.into_inner().unwrap_or_default();
        self.told.of_others(link, &others).await;
        Ok(())
    }

    fn made_rows(&self) -> People {
        let mut rows = People::default();
        for (id, (business, seq)) in &self.made {
            rows.push((
                shard(*id),
                person_column(*id),
                business.clone(),
                seq_column(*seq),
                self.pairs.get(id).cloned(),
            ));
        }
        rows
    }
}

struct Touched<'d> {
    columns: (Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>),
    pairs: Vec<Option<&'d str>>,
    count: i64,
}

impl<'d> Touched<'d> {
    fn of(draft: &'d Draft) -> Self {
        let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut pairs = Vec::with_capacity(draft.touched.len());
        // In the order of the key, so that two batches meet in one order.
        for (person, (version, seq)) in &draft.touched {
            columns.0.push(shard(*person));
            columns.1.push(person_column(*person));
            columns.2.push(*version);
            columns.3.push(seq_column(*seq));
            pairs.push(draft.pairs.get(person).map(String::as_str));
        }
        let count = i64::try_from(columns.0.len()).unwrap_or(i64::MAX);
        Self {
            columns,
            pairs,
            count,
        }
    }
}

table!(
    /// Folds to be stored.
    Heads { shard: i64, id: i64, spelling: i64, body: String }
);

impl Heads {
    fn of(draft: &Draft) -> Self {
        let mut rows = Self::default();
        for ((id, spelling), body) in &draft.heads {
            rows.push((shard(*id), person_column(*id), *spelling, body.clone()));
        }
        rows
    }
}

table!(
    /// Windows to be stored.
    Windows {
        shard: i64, id: i64, number: Box<str>, wrote_at_ms: Option<i64>, free_until_ms: Option<i64>,
        call_at_ms: Option<i64>, call_until_ms: Option<i64>,
    }
);

impl Windows {
    fn of(draft: &Draft) -> Self {
        let mut rows = Self::default();
        for ((id, number), row) in &draft.windows {
            rows.push((
                shard(*id),
                person_column(*id),
                number.clone(),
                row.wrote_at_ms,
                row.free_until_ms,
                row.call_at_ms,
                row.call_until_ms,
            ));
        }
        rows
    }
}

table!(
    /// When numbers were written to.
    Inbound { shard: i64, business: Box<str>, number: Box<str>, at_ms: i64 }
);

impl Inbound {
    fn of(draft: &Draft) -> Self {
        let mut rows = Self::default();
        for ((shard, business, number), at_ms) in &draft.inbound {
            rows.push((*shard, business.clone(), number.clone(), *at_ms));
        }
        rows
    }
}

table!(
    /// Statuses of messages.
    Statuses { shard: i64, message_id: Box<str>, status: Box<str>, rank: i64, at_ms: i64, code: Option<i64> }
);

impl Statuses {
    fn of(draft: &Draft) -> Self {
        let mut ordered: Vec<_> = draft.statuses.iter().collect();
        // Two batches meet in one order here too.
        ordered.sort_by_key(|(message_id, _)| (shard_of_text(message_id), (*message_id).clone()));
        let mut rows = Self::default();
        for (message_id, row) in ordered {
            rows.push((
                shard_of_text(message_id),
                message_id.clone(),
                row.status.clone(),
                row.rank,
                row.at_ms,
                row.code,
            ));
        }
        rows
    }
}

impl Mark {
    fn step<'s>(&'s self, link: &'s Link) -> Step<'s> {
        Box::pin(async move {
            let (shard, id) = (shard(self.owner), person_column(self.owner));
            let columns: [&(dyn ToSql + Sync); 6] = [
                &shard,
                &id,
                &self.kind,
                &self.value,
                &self.at_ms,
                &self.gone,
            ];
            link.change(sql::MARK_IDENTIFIER, &columns)
                .await
                .map(|_| ())
        })
    }
}

impl News {
    fn step<'s>(&'s self, link: &'s Link) -> Step<'s> {
        match self {
            Self::Template {
                business,
                of: [waba_id, name, language],
                template_id,
                category,
                status,
                is_ask,
                quality,
                at_ms,
            } => change(
                link,
                sql::PUT_TEMPLATE,
                vec![
                    business,
                    waba_id,
                    name,
                    language,
                    template_id,
                    category,
                    status,
                    is_ask,
                    quality,
                    at_ms,
                ],
            ),
            Self::Number {
                business,
                number,
                status,
                rating,
                rating_at_ms,
                at_ms,
            } => change(
                link,
                sql::PUT_NUMBER,
                vec![business, number, status, rating, rating_at_ms, at_ms],
            ),
            Self::Spam {
                business,
                number,
                limits,
                at_ms,
            } => {
                let sql = if *limits {
                    sql::PUT_SPAM
                } else {
                    sql::SPAM_OVER
                };
                change(link, sql, vec![business, number, at_ms])
            }
            Self::Health {
                business,
                number,
                health,
            } => change(
                link,
                sql::PUT_HEALTH,
                vec![
                    business,
                    number,
                    &health.read,
                    &health.read_ms,
                    &health.available_ms,
                    &health.locked_ms,
                    &health.policy_ms,
                ],
            ),
            Self::Account {
                business,
                waba_id,
                ban,
                at_ms,
            } => change(link, sql::PUT_ACCOUNT, vec![business, waba_id, ban, at_ms]),
            Self::Limit {
                shard,
                portfolio,
                people,
                origin,
                at_ms,
            } => change(
                link,
                sql::PUT_LIMIT,
                vec![shard, portfolio, people, origin, at_ms],
            ),
            Self::Restriction {
                business,
                waba_id,
                named,
                kind,
                until_ms,
                at_ms,
            } => change(
                link,
                sql::PUT_RESTRICTION,
                vec![business, waba_id, named, kind, until_ms, at_ms],
            ),
        }
    }
}
