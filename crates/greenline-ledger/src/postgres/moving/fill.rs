//! Rows of another store as rows of this one: with the shard that each is looked up in.

use tokio_postgres::types::ToSql;

use super::sql;
use crate::error::LedgerError;
use crate::moving::rows::{Identifiers, Keys, Links, Messages, Rows, Strays};
use crate::postgres::connect::Link;
use crate::postgres::effects::rank;
use crate::postgres::load::{shard_of_key, shard_of_name};
use crate::postgres::rows::{identifier, person, shard, shard_of_number, shard_of_text};
use crate::postgres::trouble::Trouble;
use crate::postgres::wants::KeyKind;

type Param<'p> = &'p (dyn ToSql + Sync);

fn shards_of_people(ids: &[i64]) -> Vec<i64> {
    ids.iter().map(|id| shard(person(*id))).collect()
}

fn shards_of_numbers(numbers: &[i64]) -> Vec<i64> {
    numbers
        .iter()
        .map(|number| shard_of_number(*number))
        .collect()
}

fn shards_of_names(businesses: &[Box<str>]) -> Vec<i64> {
    businesses.iter().map(|id| shard_of_text(id)).collect()
}

fn shards_of_texts(texts: &[String]) -> Vec<i64> {
    texts.iter().map(|text| shard_of_text(text)).collect()
}

/// Inserts rows of one kind. `last_seq` is the newest decision of all: nobody's next one may come before it.
pub(super) async fn insert(link: &mut Link, rows: &Rows, last_seq: i64) -> Result<(), Trouble> {
    match rows {
        Rows::People(p) => {
            let shards = shards_of_people(&p.id);
            let columns: [Param<'_>; 7] = [
                &shards,
                &p.id,
                &p.business,
                &p.limited_ms,
                &p.limited_times,
                &p.limited_by,
                &last_seq,
            ];
            run(link, sql::PEOPLE, &columns).await
        }
        Rows::Identifiers(rows) => identifiers(link, rows).await,
        Rows::Links(rows) => links(link, rows).await,
        Rows::Events(e) => {
            let shards = shards_of_people(&e.id);
            let columns: [Param<'_>; 16] = [
                &shards,
                &e.id,
                &e.version,
                &e.seq,
                &e.business,
                &e.kind,
                &e.scope,
                &e.at_ms,
                &e.stated_ms,
                &e.arrival_ms,
                &e.strength,
                &e.in_thread,
                &e.identifiers,
                &e.evidence,
                &e.actor,
                &e.dedup,
            ];
            run(link, sql::EVENTS, &columns).await
        }
        Rows::Keys(rows) => keys(link, rows).await,
        Rows::Heads(h) => {
            let shards = shards_of_people(&h.id);
            run(link, sql::HEADS, &[&shards, &h.id, &h.spelling, &h.body]).await
        }
        Rows::Windows(w) => {
            let shards = shards_of_people(&w.id);
            let columns: [Param<'_>; 7] = [
                &shards,
                &w.id,
                &w.number,
                &w.wrote_at_ms,
                &w.free_until_ms,
                &w.call_at_ms,
                &w.call_until_ms,
            ];
            run(link, sql::WINDOWS, &columns).await
        }
        Rows::PersonLinks(l) => {
            let shards = shards_of_people(&l.id);
            run(
                link,
                sql::PERSON_LINKS,
                &[&shards, &l.id, &l.generation, &l.revoked_ms],
            )
            .await
        }
        Rows::Decisions(d) => {
            let columns: [Param<'_>; 7] = [
                &d.shard,
                &d.seq,
                &d.business,
                &d.person,
                &d.at_ms,
                &d.verdict,
                &d.record,
            ];
            run(link, sql::DECISIONS, &columns).await
        }
        Rows::Sends(s) => {
            let shards = shards_of_people(&s.person);
            let columns: [Param<'_>; 11] = [
                &shards,
                &s.seq,
                &s.person,
                &s.others,
                &s.at_ms,
                &s.body_hash,
                &s.outcome,
                &s.code,
                &s.message_id,
                &s.more_ids,
                &s.mark,
            ];
            run(link, sql::SENDS, &columns).await
        }
        Rows::Messages(rows) => messages(link, rows).await,
        Rows::Strays(rows) => strays(link, rows).await,
        Rows::Unsealed(_)
        | Rows::Leaves(_)
        | Rows::Logs(_)
        | Rows::LogNodes(_)
        | Rows::LogHeads(_) => of_log(link, rows).await,
        platform => of_platform(link, platform).await,
    }
}

async fn run(link: &mut Link, sql: &'static str, columns: &[Param<'_>]) -> Result<(), Trouble> {
    link.run(sql, columns).await?;
    Ok(())
}

async fn identifiers(link: &mut Link, i: &Identifiers) -> Result<(), Trouble> {
    let shards = shards_of_people(&i.id);
    let mut name_shards = Vec::with_capacity(i.value.len());
    for (business, value) in i.business.iter().zip(&i.value) {
        name_shards.push(shard_of_name(business, &identifier(value)?));
    }
    let columns: [Param<'_>; 6] = [&name_shards, &i.business, &i.kind, &i.value, &shards, &i.id];
    run(link, sql::NAMES, &columns).await?;
    let columns: [Param<'_>; 8] = [
        &shards,
        &i.id,
        &i.kind,
        &i.value,
        &i.known_ms,
        &i.linked_at_ms,
        &i.left_at_ms,
        &i.gone_at_ms,
    ];
    run(link, sql::IDENTIFIERS, &columns).await
}

/// Each is written with both people.
async fn links(link: &mut Link, l: &Links) -> Result<(), Trouble> {
    let other_kinds: Vec<i64> = l
        .kind
        .iter()
        .map(|kind| if *kind == 2 { 3 } else { *kind })
        .collect();
    let (shards, others) = (shards_of_people(&l.id), shards_of_people(&l.other));
    let columns: [Param<'_>; 8] = [
        &shards,
        &l.id,
        &l.kind,
        &others,
        &l.other,
        &l.at_ms,
        &l.left_kind,
        &l.left_value,
    ];
    run(link, sql::LINKS, &columns).await?;
    let columns: [Param<'_>; 8] = [
        &others,
        &l.other,
        &other_kinds,
        &shards,
        &l.id,
        &l.at_ms,
        &l.left_kind,
        &l.left_value,
    ];
    run(link, sql::LINKS, &columns).await
}

async fn keys(link: &mut Link, k: &Keys) -> Result<(), Trouble> {
    let mut shards = Vec::with_capacity(k.key.len());
    for ((business, kind), key) in k.business.iter().zip(&k.kind).zip(&k.key) {
        let kind = KeyKind::of(*kind).ok_or(LedgerError::Bug("a key of no known kind"))?;
        shards.push(shard_of_key(business, kind, key));
    }
    run(
        link,
        sql::KEYS,
        &[&shards, &k.business, &k.kind, &k.key, &k.taken_by],
    )
    .await
}

async fn messages(link: &mut Link, m: &Messages) -> Result<(), Trouble> {
    let shards = shards_of_texts(&m.message_id);
    let ranks: Vec<Option<i64>> = m
        .status
        .iter()
        .map(|status| status.as_deref().map(rank))
        .collect();
    let columns: [Param<'_>; 8] = [
        &shards,
        &m.message_id,
        &m.shard,
        &m.seq,
        &m.status,
        &ranks,
        &m.at_ms,
        &m.code,
    ];
    run(link, sql::MESSAGES, &columns).await
}

async fn strays(link: &mut Link, s: &Strays) -> Result<(), Trouble> {
    let shards = shards_of_texts(&s.message_id);
    let ranks: Vec<i64> = s.status.iter().map(|status| rank(status)).collect();
    let columns: [Param<'_>; 6] = [&shards, &s.message_id, &s.status, &ranks, &s.at_ms, &s.code];
    run(link, sql::STRAYS, &columns).await
}

/// What the platform said and sent, and what is owed for it.
async fn of_platform(link: &mut Link, rows: &Rows) -> Result<(), Trouble> {
    match rows {
        Rows::Numbers(n) => {
            let columns: [Param<'_>; 12] = [
                &n.business,
                &n.number,
                &n.status,
                &n.rating,
                &n.at_ms,
                &n.rating_at_ms,
                &n.spam_ms,
                &n.health,
                &n.health_ms,
                &n.available_ms,
                &n.locked_ms,
                &n.policy_ms,
            ];
            run(link, sql::NUMBERS, &columns).await
        }
        Rows::Inbound(i) => {
            let shards = shards_of_texts(&i.number);
            run(
                link,
                sql::INBOUND,
                &[&shards, &i.business, &i.number, &i.last_ms],
            )
            .await
        }
        Rows::Accounts(a) => {
            run(
                link,
                sql::ACCOUNTS,
                &[&a.business, &a.waba_id, &a.ban, &a.ban_at_ms],
            )
            .await
        }
        Rows::Restrictions(r) => {
            let columns: [Param<'_>; 6] = [
                &r.business,
                &r.waba_id,
                &r.named,
                &r.kind,
                &r.until_ms,
                &r.at_ms,
            ];
            run(link, sql::RESTRICTIONS, &columns).await
        }
        Rows::Templates(t) => {
            let columns: [Param<'_>; 10] = [
                &t.business,
                &t.waba_id,
                &t.name,
                &t.language,
                &t.template_id,
                &t.category,
                &t.status,
                &t.is_ask,
                &t.at_ms,
                &t.quality,
            ];
            run(link, sql::TEMPLATES, &columns).await
        }
        Rows::Subscriptions(s) => {
            let columns: [Param<'_>; 7] = [
                &s.business,
                &s.id,
                &s.version,
                &s.active,
                &s.consents,
                &s.imports,
                &s.body,
            ];
            run(link, sql::SUBSCRIPTIONS, &columns).await
        }
        Rows::Timeline(t) => {
            let shards = shards_of_texts(&t.subject_id);
            let columns: [Param<'_>; 10] = [
                &shards,
                &t.seq,
                &t.business,
                &t.subject,
                &t.subject_id,
                &t.origin,
                &t.event,
                &t.at_ms,
                &t.body,
                &t.sealed,
            ];
            run(link, sql::TIMELINE, &columns).await
        }
        Rows::Inbox(i) => {
            let shards = shards_of_numbers(&i.seq);
            let columns: [Param<'_>; 8] = [
                &shards,
                &i.seq,
                &i.business,
                &i.sha256,
                &i.received_ms,
                &i.lane,
                &i.headers,
                &i.body,
            ];
            run(link, sql::INBOX, &columns).await
        }
        Rows::Portfolios(p) => {
            let shards = shards_of_texts(&p.portfolio);
            let columns: [Param<'_>; 5] = [&shards, &p.portfolio, &p.people, &p.origin, &p.at_ms];
            run(link, sql::PORTFOLIOS, &columns).await
        }
        Rows::Reach(r) => {
            let shards = shards_of_texts(&r.portfolio);
            let columns: [Param<'_>; 5] =
                [&shards, &r.portfolio, &r.version, &r.until_ms, &r.entries];
            run(link, sql::REACH, &columns).await?;
            let columns: [Param<'_>; 3] = [&shards, &r.portfolio, &r.version];
            run(link, sql::REACH_VERSIONS, &columns).await
        }
        Rows::Relays(r) => {
            let shards = shards_of_numbers(&r.seq);
            let columns: [Param<'_>; 8] = [
                &shards,
                &r.seq,
                &r.app,
                &r.business,
                &r.lane,
                &r.due_ms,
                &r.attempts,
                &r.parked,
            ];
            run(link, sql::RELAYS, &columns).await
        }
        Rows::Replies(r) => {
            let shards = shards_of_numbers(&r.id);
            let columns: [Param<'_>; 11] = [
                &shards,
                &r.id,
                &r.business,
                &r.recipient,
                &r.number,
                &r.reply,
                &r.confirms,
                &r.message_id,
                &r.at_ms,
                &r.state,
                &r.decision,
            ];
            run(link, sql::REPLIES, &columns).await
        }
        Rows::Later(l) => {
            let columns: [Param<'_>; 23] = [
                &l.shard,
                &l.seq,
                &l.business,
                &l.person,
                &l.recipient,
                &l.app,
                &l.number,
                &l.template,
                &l.language,
                &l.given_id,
                &l.held_ms,
                &l.last_ms,
                &l.due_ms,
                &l.stage,
                &l.decision_shard,
                &l.decision_seq,
                &l.message_id,
                &l.code,
                &l.ending,
                &l.over_ms,
                &l.target,
                &l.content_type,
                &l.body,
            ];
            run(link, sql::LATER, &columns).await
        }
        _ => Err(Trouble::Final(LedgerError::Bug("rows of no table"))),
    }
}

/// What proves the rest.
async fn of_log(link: &mut Link, rows: &Rows) -> Result<(), Trouble> {
    match rows {
        Rows::Unsealed(u) => {
            run(
                link,
                sql::UNSEALED,
                &[&u.shard, &u.kind, &u.seq, &u.business],
            )
            .await
        }
        Rows::Leaves(l) => {
            let columns: [Param<'_>; 7] = [
                &l.shard,
                &l.kind,
                &l.seq,
                &l.business,
                &l.index,
                &l.hash,
                &l.salts,
            ];
            run(link, sql::LEAVES, &columns).await
        }
        Rows::Logs(l) => {
            run(
                link,
                sql::LOGS,
                &[&shards_of_names(&l.business), &l.business, &l.size],
            )
            .await
        }
        Rows::LogNodes(n) => {
            let shards = shards_of_names(&n.business);
            run(
                link,
                sql::LOG_NODES,
                &[&shards, &n.business, &n.level, &n.place, &n.hash],
            )
            .await
        }
        Rows::LogHeads(h) => {
            let shards = shards_of_names(&h.business);
            let columns: [Param<'_>; 8] = [
                &shards,
                &h.business,
                &h.size,
                &h.root,
                &h.at_ms,
                &h.public_key,
                &h.key_id,
                &h.signature,
            ];
            run(link, sql::LOG_HEADS, &columns).await
        }
        _ => Err(Trouble::Final(LedgerError::Bug("rows of no table"))),
    }
}
