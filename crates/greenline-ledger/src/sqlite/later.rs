//! Held messages in the store.

use std::sync::Arc;

use greenline_policy::decide::Decision;
use greenline_policy::identity::Identifier;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{count_column, identifier, person_column, seq, seq_column};
use super::verbs::reading;
use super::write::Hand;
use super::{Store, sql};
use crate::codec::rows::encode_list;
use crate::error::{LedgerError, NOT_IN_HAND};
use crate::later::{
    Cancelled, DueMessage, GivenIds, HeldClaim, HeldEnd, HeldFilter, HeldMessage, HeldStage,
    HeldStep, KeptRequest, Redecided, Stepped,
};
use crate::types::{Ask, BusinessIx, DecisionId, PersonId, PersonShard};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

fn text<'r>(row: &'r Row<'_>, at: usize) -> Result<&'r str> {
    Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?)
}

/// Reads the columns of a held message, from that column on.
pub(super) fn held_message(row: &Row<'_>, business: BusinessIx, at: usize) -> Result<HeldMessage> {
    let id = |shard: usize, number: usize| -> Result<DecisionId> {
        Ok(DecisionId {
            shard: PersonShard(row.get(at + shard)?),
            seq: seq(row.get(at + number)?),
        })
    };
    let ending: Option<String> = row.get(at + 16)?;
    Ok(HeldMessage {
        id: id(0, 1)?,
        business,
        to: identifier(text(row, at + 2)?)?,
        app: row.get(at + 3)?,
        number: row.get(at + 4)?,
        template: (row.get(at + 5)?, row.get(at + 6)?),
        given_id: row.get(at + 7)?,
        held_ms: row.get(at + 8)?,
        last_ms: row.get(at + 9)?,
        due_ms: row.get(at + 10)?,
        stage: HeldStage::of_column(row.get(at + 11)?)?,
        decision: id(12, 13)?,
        message_id: row.get(at + 14)?,
        code: row.get(at + 15)?,
        end: HeldEnd::of_columns(ending.as_deref(), row.get(at + 17)?)?,
    })
}

/// What is to be done with those that were let go when the last process ended: what is known of their decision says
/// what became of them, and what is not known stays so.
pub(super) fn recover(connection: &Connection, now_ms: i64) -> Result<()> {
    connection.execute(sql::HELD_OUT_OF_HAND, [])?;
    let found = {
        let mut statement = connection.prepare(sql::HELD_LET_GO)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let outcome: Option<String> = row.get(1)?;
            let stepped =
                Stepped::after_a_crash(outcome.as_deref(), row.get(2)?, row.get(3)?, now_ms);
            found.push((row.get::<_, i64>(0)?, stepped));
        }
        found
    };
    for (number, stepped) in found {
        step(connection, sql::STEP_LET_GO, number, &stepped, now_ms)?;
    }
    Ok(())
}

fn step(
    connection: &Connection,
    sql: &str,
    number: i64,
    stepped: &Stepped,
    now_ms: i64,
) -> Result<usize> {
    let over_ms = stepped.end.map(|_| now_ms);
    Ok(connection.prepare_cached(sql)?.execute(params![
        number,
        stepped.stage.column(),
        stepped.due_ms,
        stepped.message_id,
        stepped.code,
        stepped.end.map(HeldEnd::as_str),
        over_ms
    ])?)
}

impl Hand<'_> {
    /// Keeps a message that was just held.
    pub(super) fn keep(
        &mut self,
        ask: &Ask,
        id: DecisionId,
        person: Option<PersonId>,
        decision: &Decision,
    ) -> Result<()> {
        let (Some(keep), Some(to), Some(person)) = (&ask.keep, ask.to.first(), person) else {
            return Err(LedgerError::Bug("a message was held and not given"));
        };
        let business = self.state.business(ask.business)?.row;
        let template = ask.template.as_ref();
        let (name, language) = template.map_or(("", ""), |asked| (&asked.name, &asked.language));
        self.written += keep.request.body.len();
        self.connection
            .prepare_cached(sql::INSERT_HELD)?
            .execute(params![
                seq_column(id.seq),
                id.shard.0,
                business,
                person_column(person),
                to.canonical().0.reveal(),
                &*ask.app,
                &*ask.number,
                name,
                language,
                keep.given_id,
                ask.now_ms,
                ask.rules.hold.parts().1,
                decision.held_until_ms(),
                keep.request.target,
                keep.request.content_type,
                &*keep.request.body
            ])?;
        Ok(())
    }

    /// Whether a decision may be made about a held message.
    pub(super) fn check_release(&self, claim: HeldClaim) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql::HELD_IN_HAND)?;
        if statement.exists([seq_column(claim.id.seq)])? {
            return Ok(());
        }
        Err(LedgerError::Conflict(NOT_IN_HAND))
    }

    /// Notes what a new decision makes of a held message.
    pub(super) fn redecided(
        &mut self,
        claim: HeldClaim,
        id: DecisionId,
        decision: &Decision,
        now_ms: i64,
    ) -> Result<()> {
        let Redecided { stage, due_ms, end } = Redecided::of(decision, now_ms);
        self.connection
            .prepare_cached(sql::REDECIDE_HELD)?
            .execute(params![
                seq_column(claim.id.seq),
                stage.column(),
                due_ms,
                id.shard.0,
                seq_column(id.seq),
                end.map(HeldEnd::as_str),
                end.map(|_| now_ms)
            ])?;
        Ok(())
    }

    /// Hands out held messages, marked as such by the same transaction.
    pub(super) fn held_due(&mut self, now_ms: i64, limit: usize) -> Result<Vec<DueMessage>> {
        let mut due = Vec::new();
        let mut statement = self.connection.prepare_cached(sql::HELD_DUE)?;
        let mut rows = statement.query([now_ms, count_column(limit)])?;
        while let Some(row) = rows.next()? {
            let business: i64 = row.get(0)?;
            let mut businesses = self.state.businesses.iter();
            let Some(at) = businesses.position(|known| known.row == business) else {
                continue;
            };
            let business = BusinessIx(u32::try_from(at).unwrap_or(u32::MAX));
            let message = held_message(row, business, 4)?;
            let body: Option<Vec<u8>> = row.get(3)?;
            due.push(DueMessage {
                claim: HeldClaim {
                    id: message.id,
                    hand: 0,
                },
                message,
                request: match body {
                    Some(body) => Some(KeptRequest {
                        target: row.get(1)?,
                        content_type: row.get(2)?,
                        body: body.into(),
                    }),
                    None => None,
                },
            });
        }
        let mut hand_out = self.connection.prepare_cached(sql::HAND_OUT_HELD)?;
        for one in &due {
            hand_out.execute([seq_column(one.claim.id.seq)])?;
        }
        Ok(due)
    }

    /// Notes what became of a held message in hand.
    pub(super) fn held_done(
        &mut self,
        claim: HeldClaim,
        what: &HeldStep,
        now_ms: i64,
    ) -> Result<()> {
        let stepped = Stepped::of(what, now_ms);
        let number = seq_column(claim.id.seq);
        match step(self.connection, sql::STEP_HELD, number, &stepped, now_ms)? {
            0 => Err(LedgerError::NotFound("the held message")),
            _ => Ok(()),
        }
    }

    pub(super) fn cancel_held(
        &mut self,
        business: BusinessIx,
        id: DecisionId,
        now_ms: i64,
    ) -> Result<Cancelled> {
        let row = self.state.business(business)?.row;
        let number = seq_column(id.seq);
        let mut cancel = self.connection.prepare_cached(sql::CANCEL_HELD)?;
        if cancel.execute(params![number, row, now_ms])? > 0 {
            return Ok(Cancelled::Now);
        }
        let mut find = self.connection.prepare_cached(sql::HELD_ENDING)?;
        let ending: Option<Option<String>> = find
            .query_row(params![number, row], |row| row.get(0))
            .optional()?;
        match ending {
            None => Err(LedgerError::NotFound("the held message")),
            Some(Some(ending)) if ending == HeldEnd::Cancelled.as_str() => Ok(Cancelled::Before),
            Some(_) => Ok(Cancelled::TooLate),
        }
    }
}

impl Store {
    pub(crate) async fn held_message(
        self: &Arc<Self>,
        business: BusinessIx,
        id: DecisionId,
    ) -> Result<Option<HeldMessage>> {
        reading(self, business, move |connection, row| {
            let mut statement = connection.prepare_cached(sql::HELD_MESSAGE)?;
            let mut rows = statement.query(params![seq_column(id.seq), row])?;
            match rows.next()? {
                Some(row) => Ok(Some(held_message(row, business, 0)?)),
                None => Ok(None),
            }
        })
        .await
    }

    pub(crate) async fn held_messages(
        self: &Arc<Self>,
        business: BusinessIx,
        filter: &HeldFilter,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<HeldMessage>> {
        let number = filter.number.clone();
        let to: Vec<String> = filter.to.iter().map(Identifier::reveal).collect();
        let to = match to.as_slice() {
            [] => None,
            to => Some(encode_list(to.iter().map(String::as_str))?),
        };
        let after = after.map_or(-1, |after| seq_column(after.seq));
        reading(self, business, move |connection, row| {
            let mut statement = connection.prepare_cached(sql::HELD_MESSAGES)?;
            let columns = params![row, after, number, to, count_column(limit)];
            let mut rows = statement.query(columns)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(held_message(row, business, 0)?);
            }
            Ok(found)
        })
        .await
    }

    pub(crate) async fn held_waiting(
        self: &Arc<Self>,
        business: BusinessIx,
    ) -> Result<Vec<(Box<str>, u64)>> {
        reading(self, business, move |connection, row| {
            let mut statement = connection.prepare_cached(sql::HELD_WAITING)?;
            let rows =
                statement.query_map([row], |row| Ok((row.get(0)?, seq(row.get::<_, i64>(1)?))))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(crate) async fn given_ids(
        self: &Arc<Self>,
        business: BusinessIx,
        message_ids: &[Box<str>],
        people: &[Identifier],
    ) -> Result<GivenIds> {
        let message_ids = message_ids.to_vec();
        let people: Vec<String> = people.iter().map(Identifier::reveal).collect();
        reading(self, business, move |connection, row| {
            let mut given = GivenIds::default();
            let mut find = connection.prepare_cached(sql::GIVEN_ID)?;
            for id in message_ids {
                let found: Option<Box<str>> = find
                    .query_row(params![id, row], |row| row.get(0))
                    .optional()?;
                given.pairs.extend(found.map(|found| (id, found)));
            }
            let mut find = connection.prepare_cached(sql::IN_THE_AIR)?;
            for person in people {
                given.in_the_air = given.in_the_air || find.exists(params![person, row])?;
            }
            Ok(given)
        })
        .await
    }
}
