//! Held messages: kept by the decision that holds them, handed out by claim, so that of many nodes one releases each.
//!
//! A claim holds while its node lives, and for a time at most. A decision about a held message names its claim and is
//! recorded only while that stands, so a node that was taken for dead cannot send what another has taken over. What a
//! dead node had let go is not sent again: what is known of its decision says what became of it.

use greenline_policy::decide::Decision;
use greenline_policy::identity::Identifier;
use tokio_postgres::Row;

use super::Store;
use super::connect::{Link, retrying};
use super::hand::Hand;
use super::in_hand::{Begun, CLAIM_MS, Work};
use super::relay::{claim, dead, live};
use super::rows::{boxed, count_column, identifier, maybe_boxed, person_column, seq, seq_column};
use super::sql;
use super::trouble::Trouble;
use crate::error::LedgerError;
use crate::later::{
    Cancelled, DueMessage, GivenIds, HeldClaim, HeldEnd, HeldFilter, HeldMessage, HeldStage,
    HeldStep, KeptRequest, Redecided, Stepped,
};
use crate::request::Answer;
use crate::types::{Ask, BusinessIx, DecisionId, PersonId, PersonShard};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Held messages of dead nodes that are looked at in one go.
const LET_GO_MAX: usize = 256;

fn code(column: Option<i64>) -> Option<u32> {
    column.and_then(|code| u32::try_from(code).ok())
}

/// Reads the columns of a held message, from that column on.
pub(super) fn held_message(
    row: &Row,
    business: BusinessIx,
    at: usize,
) -> Result<HeldMessage, Trouble> {
    let id = |shard: usize, number: usize| -> Result<DecisionId, Trouble> {
        let shard: i64 = row.try_get(at + shard)?;
        Ok(DecisionId {
            shard: PersonShard(u16::try_from(shard).unwrap_or(u16::MAX)),
            seq: seq(row.try_get(at + number)?),
        })
    };
    Ok(HeldMessage {
        id: id(0, 1)?,
        business,
        to: identifier(row.try_get(at + 2)?)?,
        app: boxed(row, at + 3)?,
        number: boxed(row, at + 4)?,
        template: (boxed(row, at + 5)?, boxed(row, at + 6)?),
        given_id: boxed(row, at + 7)?,
        held_ms: row.try_get(at + 8)?,
        last_ms: row.try_get(at + 9)?,
        due_ms: row.try_get(at + 10)?,
        stage: HeldStage::of_column(row.try_get(at + 11)?)?,
        decision: id(12, 13)?,
        message_id: maybe_boxed(row, at + 14)?,
        code: code(row.try_get(at + 15)?),
        end: HeldEnd::of_columns(row.try_get(at + 16)?, row.try_get(at + 17)?)?,
    })
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
        let business = self.business(ask.business)?;
        let template = ask.template.as_ref();
        let (name, language) = template.map_or_else(Default::default, |asked| {
            (asked.name.clone(), asked.language.clone())
        });
        self.draft.later.push((
            i64::from(id.shard.0),
            seq_column(id.seq),
            business,
            person_column(person),
            to.canonical().0.reveal(),
            (&*ask.app).into(),
            (&*ask.number).into(),
            name,
            language,
            keep.given_id.clone(),
            ask.now_ms,
            ask.rules.hold.parts().1,
            decision.held_until_ms(),
            keep.request.target.clone(),
            keep.request.content_type.clone(),
            keep.request.body.to_vec(),
        ));
        Ok(())
    }

    /// Notes what a new decision makes of a held message.
    pub(super) fn redecided(
        &mut self,
        claim: HeldClaim,
        id: DecisionId,
        decision: &Decision,
        now_ms: i64,
    ) {
        let Redecided { stage, due_ms, end } = Redecided::of(decision, now_ms);
        self.draft.redecided.push((
            i64::from(claim.id.shard.0),
            seq_column(claim.id.seq),
            claim.hand,
            stage.column(),
            due_ms,
            i64::from(id.shard.0),
            seq_column(id.seq),
            end.map(HeldEnd::as_str),
            end.map(|_| now_ms),
        ));
    }
}

impl Store {
    /// Hands out held messages that are due and that nobody has in hand who lives.
    pub(super) async fn held_due(&self, now_ms: i64, limit: usize) -> Result<Answer> {
        self.settle_let_go(now_ms).await?;
        let mut begun = self.in_hand.unfinished(Work::Later);
        let businesses: Vec<&str> = self.businesses.iter().map(|id| &**id).collect();
        let due = retrying!(self.pool, link => {
            let lease = self.seat.hold(link).await?;
            if !begun.stands(lease.token) {
                begun = Begun::new(claim(), lease.token);
                look(link, &mut begun, (now_ms, limit), &businesses).await?;
            }
            if begun.seqs.is_empty() {
                return Ok(Vec::new());
            }
            let Begun { shards, seqs, claim, token, dead, .. } = &begun;
            link.run(sql::CLAIM_LATER, &[shards, seqs, dead, token, &CLAIM_MS, claim]).await?;
            let rows = link.rows(sql::CLAIMED_LATER, &[shards, seqs, claim]).await?;
            let mut due = Vec::with_capacity(rows.len());
            for row in &rows {
                due.extend(self.due_message(row, *claim)?);
            }
            Ok(due)
        });
        if due.is_err() {
            self.in_hand.leave(Work::Later, begun);
        }
        Ok(Answer::HeldDue(due?))
    }

    fn due_message(&self, row: &Row, hand: i64) -> Result<Option<DueMessage>, Trouble> {
        let Some(business) = self.business_of(row.try_get(0)?) else {
            return Ok(None);
        };
        let message = held_message(row, business, 4)?;
        let body: Option<Vec<u8>> = row.try_get(3)?;
        let request = match body {
            Some(body) => Some(KeptRequest {
                target: boxed(row, 1)?,
                content_type: boxed(row, 2)?,
                body: body.into(),
            }),
            None => None,
        };
        Ok(Some(DueMessage {
            claim: HeldClaim {
                id: message.id,
                hand,
            },
            message,
            request,
        }))
    }

    /// What nodes that died had let go.
    async fn settle_let_go(&self, now_ms: i64) -> Result<()> {
        let businesses: Vec<&str> = self.businesses.iter().map(|id| &**id).collect();
        retrying!(self.pool, link => {
            let live = live(link).await?;
            let limit = count_column(LET_GO_MAX);
            let rows = link.rows(sql::LATER_LET_GO, &[&businesses, &live, &limit]).await?;
            for row in &rows {
                let (shard, number, claim): (i64, i64, Option<i64>) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let decision: (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
                let outcome = link.rows(sql::OUTCOME_OF, &[&decision.0, &decision.1]).await?;
                let stepped = match outcome.first() {
                    Some(row) => Stepped::after_a_crash(
                        row.try_get(0)?,
                        code(row.try_get(1)?),
                        maybe_boxed(row, 2)?,
                        now_ms,
                    ),
                    None => Stepped::after_a_crash(None, None, None, now_ms),
                };
                step(link, (shard, number, claim.unwrap_or(0)), &stepped, now_ms).await?;
            }
            Ok(())
        })
    }

    /// Notes what became of a held message in hand.
    pub(super) async fn held_done(
        &self,
        claim: HeldClaim,
        what: &HeldStep,
        now_ms: i64,
    ) -> Result<Answer> {
        let stepped = Stepped::of(what, now_ms);
        let key = (
            i64::from(claim.id.shard.0),
            seq_column(claim.id.seq),
            claim.hand,
        );
        let done = retrying!(self.pool, link => step(link, key, &stepped, now_ms).await)?;
        match done {
            0 => Err(LedgerError::NotFound("the held message")),
            _ => Ok(Answer::Done),
        }
    }

    pub(super) async fn cancel_held(
        &self,
        business: BusinessIx,
        id: DecisionId,
        now_ms: i64,
    ) -> Result<Answer> {
        let business = self.business(business)?;
        let (shard, number) = (i64::from(id.shard.0), seq_column(id.seq));
        let cancelled = retrying!(self.pool, link => {
            let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&shard, &number, &business, &now_ms];
            if link.run(sql::CANCEL_LATER, &columns).await? > 0 {
                return Ok(Some(Cancelled::Now));
            }
            let rows = link.rows(sql::LATER_MESSAGE, &[&shard, &number, &business]).await?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let ending = maybe_boxed(row, 16)?;
            Ok(Some(match ending.as_deref().and_then(HeldEnd::parse) {
                Some(HeldEnd::Cancelled) => Cancelled::Before,
                _ => Cancelled::TooLate,
            }))
        })?;
        cancelled
            .map(Answer::Cancelled)
            .ok_or(LedgerError::NotFound("the held message"))
    }

    pub(crate) async fn held_message(
        &self,
        business: BusinessIx,
        id: DecisionId,
    ) -> Result<Option<HeldMessage>> {
        let name = self.business(business)?;
        let (shard, number) = (i64::from(id.shard.0), seq_column(id.seq));
        retrying!(self.pool, link => {
            let rows = link.rows(sql::LATER_MESSAGE, &[&shard, &number, &name]).await?;
            let found = rows.first().map(|row| held_message(row, business, 0));
            found.transpose()
        })
    }

    pub(crate) async fn held_messages(
        &self,
        business: BusinessIx,
        filter: &HeldFilter,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<HeldMessage>> {
        let name = self.business(business)?;
        let number = filter.number.as_deref();
        let to: Vec<String> = filter.to.iter().map(Identifier::reveal).collect();
        let after = after.map_or(-1, |after| seq_column(after.seq));
        let limit = count_column(limit);
        retrying!(self.pool, link => {
            let rows = link
                .rows(sql::LATER_MESSAGES, &[&name, &after, &number, &to, &limit])
                .await?;
            rows.iter().map(|row| held_message(row, business, 0)).collect()
        })
    }

    pub(crate) async fn held_waiting(&self, business: BusinessIx) -> Result<Vec<(Box<str>, u64)>> {
        let name = self.business(business)?;
        retrying!(self.pool, link => {
            let rows = link.rows(sql::LATER_WAITING, &[&name]).await?;
            rows.iter()
                .map(|row| Ok((boxed(row, 0)?, seq(row.try_get(1)?))))
                .collect()
        })
    }

    pub(crate) async fn given_ids(
        &self,
        business: BusinessIx,
        message_ids: &[Box<str>],
        people: &[Identifier],
    ) -> Result<GivenIds> {
        let name = self.business(business)?;
        let message_ids: Vec<&str> = message_ids.iter().map(|id| &**id).collect();
        let people: Vec<String> = people.iter().map(Identifier::reveal).collect();
        retrying!(self.pool, link => {
            let rows = link.rows(sql::GIVEN_IDS, &[&name, &message_ids]).await?;
            let pairs: Result<Vec<_>, Trouble> =
                rows.iter().map(|row| Ok((boxed(row, 0)?, boxed(row, 1)?))).collect();
            let in_the_air = link.rows(sql::IN_THE_AIR, &[&name, &people]).await?;
            Ok(GivenIds { pairs: pairs?, in_the_air: !in_the_air.is_empty() })
        })
    }
}

/// Held messages that are due and nobody has in hand who lives.
async fn look(
    link: &mut Link,
    begun: &mut Begun,
    (now_ms, limit): (i64, usize),
    businesses: &[&str],
) -> Result<(), Trouble> {
    let live = live(link).await?;
    let due = link
        .rows(
            sql::LATER_DUE,
            &[&now_ms, &count_column(limit), &businesses, &live],
        )
        .await?;
    let mut holders: Vec<i64> = Vec::new();
    for row in &due {
        begun.shards.push(row.try_get(0)?);
        begun.seqs.push(row.try_get(1)?);
        holders.extend(row.try_get::<_, Option<i64>>(2)?);
    }
    begun.dead = dead(link, holders).await?;
    Ok(())
}

async fn step(
    link: &mut Link,
    (shard, number, claim): (i64, i64, i64),
    stepped: &Stepped,
    now_ms: i64,
) -> Result<u64, Trouble> {
    let stage = stepped.stage.column();
    let message_id = stepped.message_id.as_deref();
    let code = stepped.code.map(i64::from);
    let (ending, over_ms) = (
        stepped.end.map(HeldEnd::as_str),
        stepped.end.map(|_| now_ms),
    );
    link.run(
        sql::STEP_LATER,
        &[
            &shard,
            &number,
            &claim,
            &stage,
            &stepped.due_ms,
            &message_id,
            &code,
            &ending,
            &over_ms,
        ],
    )
    .await
}
