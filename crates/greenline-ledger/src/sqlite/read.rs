//! Reads, on connections of their own, so that no page and no export makes a send wait.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use rusqlite::{Connection, OptionalExtension, Row, params};
use rustc_hash::FxHashMap;

use super::rows::{
    count_column, identifier_columns, identifier_row, lane_column, person, person_column, seq,
    seq_column, stored_event,
};
use super::{connect, entries, load, sql};
use crate::codec::rows::{decode_headers, decode_list};
use crate::codec::{ban_of, decode_record, restriction_row};
use crate::error::LedgerError;
use crate::state::platform::{self, AccountRow, HealthRow, NumberRow, RestrictionRow};
use crate::types::{
    BusinessIx, Counts, DecisionId, DecisionRecord, Lane, NumberKnown, NumberView, PersonId,
    PersonShard, Relay, StoredEvent, TemplateView, TimelineEntry,
};

/// Idle connections kept.
const IDLE_MAX: usize = 4;
/// How long a delivery that was handed out is not handed out again.
const CLAIM_MS: i64 = 10 * 60 * 1_000;

type Claims = FxHashMap<(i64, Arc<str>), i64>;

/// Connections that read.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    claims: Mutex<Claims>,
}

impl Readers {
    /// Readers of a store.
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        let first = connect::reader(path)?;
        Ok(Self {
            path: path.to_owned(),
            idle: Mutex::new(vec![first]),
            claims: Mutex::default(),
        })
    }

    /// Where the store is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads with a connection.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect::reader(&self.path)?,
        };
        let done = read(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && connection.is_autocommit() {
            idle.push(connection);
        }
        done
    }

    /// Deliveries due in a lane, claimed for a while. `place` tells the business of a row.
    pub(crate) fn relay_due(
        &self,
        now_ms: i64,
        lane: Lane,
        limit: usize,
        place: impl Fn(i64) -> Option<BusinessIx>,
    ) -> Result<Vec<Relay>, LedgerError> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|_, until_ms| *until_ms > now_ms);
        let wanted = limit.saturating_add(claims.len());
        let mut due = self.with(|connection| {
            let mut statement = connection.prepare_cached(sql::RELAYS_DUE)?;
            let mut rows =
                statement.query(params![lane_column(lane), now_ms, count_column(wanted)])?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                let app: Arc<str> = row.get::<_, String>(1)?.into();
                let claim = (row.get(0)?, app);
                if claims.contains_key(&claim) {
                    continue;
                }
                if let Some(relay) = relay(row, claim, lane, &place)? {
                    due.push(relay);
                    if due.len() == limit {
                        break;
                    }
                }
            }
            Ok(due)
        })?;
        due.truncate(limit);
        for relay in &due {
            claims.insert(
                (relay.inbox_seq, Arc::clone(&relay.app)),
                now_ms.saturating_add(CLAIM_MS),
            );
        }
        Ok(due)
    }

    /// Whether a delivery still waits for its app.
    pub(crate) fn relay_waits(&self, inbox_seq: i64, app: &str) -> Result<bool, LedgerError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql::RELAY_WAITS)?;
            Ok(statement.exists(params![inbox_seq, app])?)
        })
    }

    /// Lets a delivery be handed out again.
    pub(crate) fn release(&self, inbox_seq: i64, app: &Arc<str>) {
        self.claims
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(inbox_seq, Arc::clone(app)));
    }
}

fn relay(
    row: &Row<'_>,
    (inbox_seq, app): (i64, Arc<str>),
    lane: Lane,
    place: &impl Fn(i64) -> Option<BusinessIx>,
) -> Result<Option<Relay>, LedgerError> {
    let Some(business) = place(row.get(2)?) else {
        return Ok(None);
    };
    let body: Option<Vec<u8>> = row.get(3)?;
    Ok(Some(Relay {
        inbox_seq,
        app,
        business,
        body: body
            .ok_or_else(|| LedgerError::unreadable("a delivery without its body"))?
            .into(),
        headers: decode_headers(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
        lane,
        attempts: row.get(5)?,
        received_ms: row.get(6)?,
    }))
}

/// What a query finds, each row read by `read`.
fn list<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, LedgerError>,
) -> Result<Vec<T>, LedgerError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Identifiers, whole history and windows of people.
pub(super) type PersonParts = (
    Vec<(Identifier, i64)>,
    Vec<StoredEvent>,
    Vec<(Box<str>, i64, Option<i64>)>,
);

/// The person with this identifier.
pub(super) fn find(
    connection: &Connection,
    business: i64,
    canonical: &Identifier,
) -> Result<Option<PersonId>, LedgerError> {
    let (kind, value) = identifier_columns(canonical);
    let mut statement = connection.prepare_cached(sql::FIND_IDENTIFIER)?;
    let found: Option<i64> = statement
        .query_row(params![business, kind, value], |row| row.get(0))
        .optional()?;
    Ok(found.map(person))
}

/// Everyone linked with a person, the person first.
pub(super) fn linked(
    connection: &Connection,
    first: PersonId,
) -> Result<Vec<PersonId>, LedgerError> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(&at) = found.get(next) {
        next += 1;
        let others = list(
            connection,
            sql::LINKED,
            params![at.shard().0, person_column(at)],
            |row| Ok(person(row.get(0)?)),
        )?;
        for other in others {
            if !found.contains(&other) {
                found.push(other);
            }
        }
    }
    Ok(found)
}

/// The parts of a person's view.
pub(super) fn person_parts(
    connection: &Connection,
    people: &[PersonId],
    ix: BusinessIx,
) -> Result<PersonParts, LedgerError> {
    let (mut identifiers, mut history) = (Vec::new(), Vec::new());
    let mut windows: FxHashMap<Box<str>, (i64, Option<i64>)> = FxHashMap::default();
    for id in people {
        let key = params![id.shard().0, person_column(*id)];
        identifiers.extend(list(connection, sql::IDENTIFIERS_OF, key, |row| {
            let (_, row) = identifier_row(row)?;
            Ok((row.canonical, row.linked_at_ms.unwrap_or(row.known_ms)))
        })?);
        history.extend(list(connection, sql::WHOLE_EVENTS_OF, key, |row| {
            stored_event(row, ix)
        })?);
        for (number, wrote_ms, free_ms) in list(connection, sql::WINDOWS_OF, key, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?))
        })? {
            let window = windows.entry(number).or_insert((wrote_ms, free_ms));
            *window = (window.0.max(wrote_ms), window.1.max(free_ms));
        }
    }
    identifiers.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    history.sort_by_key(|stored| stored.id);
    let mut windows: Vec<_> = windows
        .into_iter()
        .map(|(number, (wrote_ms, free_ms))| (number, wrote_ms, free_ms))
        .collect();
    windows.sort();
    Ok((identifiers, history, windows))
}

/// The stored head of a person.
pub(super) fn head(
    connection: &Connection,
    id: PersonId,
    spelling: usize,
) -> Result<Option<String>, LedgerError> {
    let mut statement = connection.prepare_cached(sql::HEAD)?;
    Ok(statement
        .query_row(
            params![id.shard().0, person_column(id), count_column(spelling)],
            |row| row.get(0),
        )
        .optional()?)
}

fn decision_row(row: &Row<'_>) -> Result<DecisionRecord, LedgerError> {
    let id = DecisionId {
        shard: PersonShard(row.get(1)?),
        seq: seq(row.get(0)?),
    };
    let business: Option<String> = row.get(2)?;
    let text = row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?;
    let mut record = decode_record(
        id,
        business.as_deref().unwrap_or_default(),
        row.get(3)?,
        text,
    )?;
    record.outcome = row.get(5)?;
    record.message_ids = row.get::<_, Option<Box<str>>>(6)?.into_iter().collect();
    if let Some(more) = row.get::<_, Option<String>>(7)? {
        record.message_ids.extend(decode_list(&more)?);
    }
    record.status = row.get(8)?;
    Ok(record)
}

/// One decision.
pub(super) fn decision(
    connection: &Connection,
    id: DecisionId,
) -> Result<Option<DecisionRecord>, LedgerError> {
    let found = list(
        connection,
        sql::DECISION,
        [seq_column(id.seq)],
        decision_row,
    )?
    .pop();
    Ok(found.filter(|record| record.id == id))
}

/// Decisions, newest first.
pub(super) fn decisions(
    connection: &Connection,
    business: Option<i64>,
    before: Option<DecisionId>,
    limit: usize,
) -> Result<Vec<DecisionRecord>, LedgerError> {
    let before = before.map_or(i64::MAX, |id| seq_column(id.seq));
    match business {
        Some(business) => list(
            connection,
            sql::DECISIONS_OF,
            params![business, before, count_column(limit)],
            decision_row,
        ),
        None => list(
            connection,
            sql::DECISIONS,
            params![before, count_column(limit)],
            decision_row,
        ),
    }
}

/// A decision by its number alone.
pub(super) fn decision_of(
    connection: &Connection,
    number: u64,
) -> Result<Option<DecisionRecord>, LedgerError> {
    let found = list(
        connection,
        sql::DECISION,
        [seq_column(number)],
        decision_row,
    );
    Ok(found?.pop())
}

/// The newest noes.
pub(super) fn stops(
    connection: &Connection,
    business: i64,
    ix: BusinessIx,
    limit: usize,
) -> Result<Vec<StoredEvent>, LedgerError> {
    list(
        connection,
        sql::NEWEST_NOES,
        params![business, count_column(limit)],
        |row| stored_event(row, ix),
    )
}

/// Events by arrival.
pub(super) fn export(
    connection: &Connection,
    business: i64,
    ix: BusinessIx,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<StoredEvent>, LedgerError> {
    let after = after.map_or(0, |id| seq_column(id.0));
    list(
        connection,
        sql::EXPORT,
        params![business, after, count_column(limit)],
        |row| stored_event(row, ix),
    )
}

/// Numbers.
pub(super) fn numbers(
    connection: &Connection,
    business: i64,
) -> Result<Vec<NumberView>, LedgerError> {
    list(connection, sql::NUMBERS, [business], |row| {
        Ok(NumberView {
            number: row.get(0)?,
            status: row.get(1)?,
            rating: row.get(2)?,
            at_ms: row.get(3)?,
            last_inbound_ms: row.get(4)?,
        })
    })
}

/// A number and its account.
pub(super) fn number_known(
    connection: &Connection,
    business: i64,
    number: &str,
    waba_id: &str,
) -> Result<NumberKnown, LedgerError> {
    let numbers = list(
        connection,
        sql::KNOWN_NUMBER,
        params![business, number],
        |row| {
            Ok(NumberRow {
                status: row.get(0)?,
                rating: row.get(1)?,
                at_ms: row.get(2)?,
                rating_at_ms: row.get(3)?,
                spam_ms: row.get(4)?,
                health: HealthRow {
                    read: row.get(5)?,
                    read_ms: row.get(6)?,
                    available_ms: row.get(7)?,
                    locked_ms: row.get(8)?,
                    policy_ms: row.get(9)?,
                },
            })
        },
    )?;
    let of_account = params![business, waba_id];
    let accounts = list(connection, sql::KNOWN_ACCOUNT, of_account, |row| {
        let ban: String = row.get(0)?;
        Ok(AccountRow {
            ban: ban_of(&ban).ok_or_else(|| LedgerError::unreadable("a ban state"))?,
            ban_at_ms: row.get(1)?,
            restrictions: Vec::new(),
        })
    })?;
    let mut account = accounts.into_iter().next().unwrap_or_default();
    account.restrictions = list(connection, sql::KNOWN_RESTRICTIONS, of_account, |row| {
        let (named, kind): (Box<str>, String) = (row.get(0)?, row.get(1)?);
        Ok(RestrictionRow {
            kind: restriction_row(&kind, &named)
                .ok_or_else(|| LedgerError::unreadable("a restriction"))?,
            named,
            until_ms: row.get(2)?,
            at_ms: row.get(3)?,
        })
    })?;
    Ok(platform::number_known(
        number,
        numbers.into_iter().next(),
        Some(account),
    ))
}

/// Templates.
pub(super) fn templates(
    connection: &Connection,
    business: i64,
    waba_id: Option<&str>,
) -> Result<Vec<TemplateView>, LedgerError> {
    let read = |row: &Row<'_>| {
        Ok(TemplateView {
            waba_id: row.get(0)?,
            name: row.get(1)?,
            language: row.get(2)?,
            template_id: row.get(3)?,
            category: load::category(row.get::<_, Option<String>>(4)?.as_deref())?,
            status: row.get(5)?,
            is_ask: row.get::<_, Option<bool>>(6)?.unwrap_or(false),
            quality: row.get(8)?,
            at_ms: row.get(7)?,
        })
    };
    match waba_id {
        Some(waba_id) => list(
            connection,
            sql::TEMPLATES_OF,
            params![business, waba_id],
            read,
        ),
        None => list(connection, sql::TEMPLATES, [business], read),
    }
}

/// The timeline.
pub(super) fn timeline(
    connection: &Connection,
    business: i64,
    subject: Option<(&str, &str)>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<TimelineEntry>, LedgerError> {
    let before = before.unwrap_or(i64::MAX);
    match subject {
        Some((subject, id)) => list(
            connection,
            sql::TIMELINE_OF,
            params![business, subject, id, before, count_column(limit)],
            entries::entry,
        ),
        None => list(
            connection,
            sql::TIMELINE,
            params![business, before, count_column(limit)],
            entries::entry,
        ),
    }
}

/// Counts.
pub(super) fn counts(
    connection: &Connection,
    business: i64,
    now_ms: i64,
) -> Result<Counts, LedgerError> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let since_ms = now_ms.saturating_sub(DAY_MS).max(0);
    let count = |sql, params: &[&dyn rusqlite::ToSql]| -> Result<u64, LedgerError> {
        let counted: i64 = connection
            .prepare_cached(sql)?
            .query_row(params, |row| row.get(0))?;
        Ok(seq(counted))
    };
    let mut statement = connection.prepare_cached(sql::COUNT_DECISIONS)?;
    let decided: (i64, i64) = statement.query_row(params![business, since_ms << 20], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(Counts {
        people: count(sql::COUNT_PEOPLE, &[&business])?,
        allowed: seq(decided.0),
        refused: seq(decided.1),
        stops: count(sql::COUNT_NOES, &[&business, &since_ms])?,
        relay_waiting: count(sql::COUNT_RELAYS, &[&business, &0])?,
        relay_parked: count(sql::COUNT_RELAYS, &[&business, &1])?,
    })
}
