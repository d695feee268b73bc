//! What became of sends, written for a whole batch at once. It may be written twice: it says the same then.

use rustc_hash::FxHashMap;
use tokio_postgres::types::ToSql;

use super::connect::Link;
use super::marks::{Limits, Told};
use super::pairs::TookNothing;
use super::pipeline::{Step, change, in_order};
use super::reach::Append;
use super::rows::{person, seq, seq_column, shard, shard_of_text};
use super::sql;
use super::trouble::Trouble;
use crate::codec::rows::{decode_list, encode_list};
use crate::error::LedgerError;
use crate::state::limited::USER_LIMIT;
use crate::state::pairs::PAIR_LIMIT;
use crate::types::{DecisionId, Outcome};

/// Statements that this runs.
pub(super) const STATEMENTS: &[&str] = &[
    sql::SETTLE,
    sql::PUT_MESSAGES,
    sql::DELETE_MESSAGE,
    sql::TAKE_BACK,
    sql::LIMIT_PEOPLE,
    sql::EASE_LIMITS,
    sql::TAKE_NOTHING,
];

/// An outcome, of all that was said of one decision.
#[derive(Debug)]
pub(super) struct Settled {
    shard: i64,
    seq: i64,
    outcome: &'static str,
    code: Option<i64>,
    message_id: Option<Box<str>>,
    more_ids: Option<String>,
}

impl Settled {
    /// What it says of who counts: its number, whether it certainly reached nobody, and its message.
    pub(super) fn reach(&self) -> (u64, bool, Option<&str>) {
        let came_back = matches!(self.outcome, "rejected" | "not_sent");
        (seq(self.seq), came_back, self.message_id.as_deref())
    }

    /// The last word about each decision, and the ids that any word gave.
    pub(super) fn of(settles: &[(DecisionId, Outcome)]) -> Result<Vec<Self>, LedgerError> {
        let mut places: FxHashMap<u64, usize> = FxHashMap::default();
        let mut settled: Vec<Settled> = Vec::with_capacity(settles.len());
        for (id, outcome) in settles {
            let (outcome, code, ids): (_, Option<u32>, &[Box<str>]) = match outcome {
                Outcome::Accepted { message_ids } => ("accepted", None, message_ids),
                Outcome::Rejected { code } => ("rejected", Some(*code), &[]),
                Outcome::NotSent => ("not_sent", None, &[]),
                Outcome::Unknown => ("unknown", None, &[]),
            };
            let more_ids = match ids {
                [_, more @ ..] if !more.is_empty() => {
                    Some(encode_list(more.iter().map(|id| &**id))?)
                }
                _ => None,
            };
            let mut new = Settled {
                shard: i64::from(id.shard.0),
                seq: seq_column(id.seq),
                outcome,
                code: code.map(i64::from),
                message_id: ids.first().cloned(),
                more_ids,
            };
            match places.get(&id.seq).and_then(|at| settled.get_mut(*at)) {
                Some(old) => {
                    new.message_id = new.message_id.or_else(|| old.message_id.take());
                    new.more_ids = new.more_ids.or_else(|| old.more_ids.take());
                    *old = new;
                }
                None => {
                    places.insert(id.seq, settled.len());
                    settled.push(new);
                }
            }
        }
        Ok(settled)
    }
}

/// Writes outcomes in one round trip, and in a second one those of sends to several people; whether there were
/// such, for what is loaded at the same time has not seen them. [`STATEMENTS`] must be ready.
pub(super) async fn settle(
    link: &Link,
    settled: &[Settled],
    reach: &[Append],
) -> Result<bool, Trouble> {
    if settled.is_empty() {
        return Ok(false);
    }
    let of = settled.iter().map(|one| (one.shard, one));
    let others = write(link, of, Some(reach)).await?;
    let mut more: Vec<(i64, &Settled)> = Vec::new();
    for (seq, people) in others {
        let of = settled.iter().find(|one| one.seq == seq);
        for (other, of) in decode_list(&people)?.iter().zip(of.into_iter().cycle()) {
            let other: u64 = other
                .parse()
                .map_err(|_| LedgerError::unreadable("another addressee"))?;
            more.push((shard(person(other as i64)), of));
        }
    }
    if more.is_empty() {
        return Ok(false);
    }
    write(link, more.into_iter(), None).await?;
    Ok(true)
}

/// Other people of a send, by its number.
type Others = Vec<(i64, String)>;

/// One transaction, and so one flush; the database refuses its commit once anything before it failed.
async fn write<'s>(
    link: &Link,
    settled: impl Iterator<Item = (i64, &'s Settled)>,
    with_ids: Option<&[Append]>,
) -> Result<Others, Trouble> {
    let rows = Outcomes::of(settled);
    let messages = if with_ids.is_some() {
        Messages::of(&rows)
    } else {
        Messages::default()
    };
    // Their marks are taken back by the outcome itself.
    let limited = rows.limited();
    let took_nothing = TookNothing::of(&rows.took_nothing(), 0);
    let mut early = Told::default();
    let mut others = Others::new();
    let mut erased: Vec<i64> = Vec::new();
    let settle = async {
        for row in &link.ask(sql::SETTLE, &rows.columns()).await? {
            if row.try_get::<_, bool>(2)? {
                erased.push(row.try_get(0)?);
            }
            if let Some(people) = row.try_get::<_, Option<String>>(1)? {
                others.push((row.try_get(0)?, people));
            }
        }
        Ok(())
    };
    let mut steps: Vec<Step<'_>> = vec![Box::pin(link.batch("BEGIN")), Box::pin(settle)];
    if !limited.is_empty() {
        steps.push(change(link, sql::LIMIT_PEOPLE, limited.columns()));
    }
    steps.extend(took_nothing.iter().map(|some| some.step(link)));
    if !messages.is_empty() {
        let columns = messages.columns();
        let early = &mut early;
        steps.push(Box::pin(async move {
            for row in &link.ask(sql::PUT_MESSAGES, &columns).await? {
                let status: Option<&str> = row.try_get(2)?;
                let at_ms: Option<i64> = row.try_get(3)?;
                if let (Some(status), Some(at_ms)) = (status, at_ms) {
                    let code: Option<i64> = row.try_get(4)?;
                    let code = code.and_then(|code| u32::try_from(code).ok());
                    let decision = (row.try_get(0)?, row.try_get(1)?);
                    early.status(decision, status, (at_ms, code));
                }
            }
            Ok(())
        }));
    }
    let reach = with_ids.unwrap_or_default();
    steps.extend(reach.iter().flat_map(|append| append.steps(link)));
    steps.push(Box::pin(link.batch("COMMIT")));
    let done = in_order(steps).await;
    if matches!(done, Err(Trouble::Again(_) | Trouble::Final(_))) {
        link.batch("ROLLBACK").await?;
    }
    done?;
    // Statuses that came before the answer.
    early.all(link).await;
    forget(link, &messages, &erased).await?;
    Ok(others)
}

/// Messages to people who were erased while they were on their way are not to be known by their id.
async fn forget(link: &Link, messages: &Messages<'_>, erased: &[i64]) -> Result<(), Trouble> {
    if erased.is_empty() {
        return Ok(());
    }
    for (at, seq) in messages.decision_seqs.iter().enumerate() {
        if erased.contains(seq)
            && let (Some(shard), Some(id)) = (messages.shards.get(at), messages.ids.get(at))
        {
            link.change(sql::DELETE_MESSAGE, &[shard, id]).await?;
        }
    }
    Ok(())
}

/// Outcomes, column by column.
#[derive(Default)]
struct Outcomes<'s> {
    shards: Vec<i64>,
    seqs: Vec<i64>,
    outcomes: Vec<&'static str>,
    codes: Vec<Option<i64>>,
    ids: Vec<Option<&'s str>>,
    more_ids: Vec<Option<&'s str>>,
}

impl<'s> Outcomes<'s> {
    fn of(settled: impl Iterator<Item = (i64, &'s Settled)>) -> Self {
        let mut rows = Self::default();
        for (shard, one) in settled {
            rows.shards.push(shard);
            rows.seqs.push(one.seq);
            rows.outcomes.push(one.outcome);
            rows.codes.push(one.code);
            rows.ids.push(one.message_id.as_deref());
            rows.more_ids.push(one.more_ids.as_deref());
        }
        rows
    }

    /// Those by which the platform tells that a person gets too much marketing.
    fn limited(&self) -> Limits {
        let mut limited = Limits::default();
        for (at, code) in self.codes.iter().enumerate() {
            if *code == Some(i64::from(USER_LIMIT))
                && let (Some(shard), Some(seq)) = (self.shards.get(at), self.seqs.get(at))
            {
                limited.push((*shard, *seq), None);
            }
        }
        limited
    }

    /// Those whose message took nothing of any pace, and whether because the platform said that the pair is too fast.
    fn took_nothing(&self) -> Vec<(i64, i64, bool)> {
        let came_back = |outcome: &str| matches!(outcome, "rejected" | "not_sent");
        let rows = self.outcomes.iter().zip(&self.codes);
        let rows = rows.zip(self.shards.iter().zip(&self.seqs));
        rows.filter(|((outcome, _), _)| came_back(outcome))
            .map(|((_, code), (shard, seq))| (*shard, *seq, *code == Some(i64::from(PAIR_LIMIT))))
            .collect()
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 6] {
        [
            &self.shards,
            &self.seqs,
            &self.outcomes,
            &self.codes,
            &self.ids,
            &self.more_ids,
        ]
    }
}

/// Which message belongs to which decision, column by column.
#[derive(Default)]
struct Messages<'s> {
    shards: Vec<i64>,
    ids: Vec<&'s str>,
    decision_shards: Vec<i64>,
    decision_seqs: Vec<i64>,
}

impl<'s> Messages<'s> {
    fn of(rows: &Outcomes<'s>) -> Self {
        let decisions = rows.shards.iter().zip(&rows.seqs);
        let mut named: Vec<(i64, &str, i64, i64)> = decisions
            .zip(&rows.ids)
            .filter_map(|((shard, seq), id)| id.map(|id| (shard_of_text(id), id, *shard, *seq)))
            .collect();
        // As statuses are written, so that two batches meet in one order.
        named.sort_unstable();
        named.dedup_by(|a, b| a.1 == b.1);
        let mut messages = Self::default();
        for (shard, id, decision_shard, decision_seq) in named {
            messages.shards.push(shard);
            messages.ids.push(id);
            messages.decision_shards.push(decision_shard);
            messages.decision_seqs.push(decision_seq);
        }
        messages
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn columns(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.shards,
            &self.ids,
            &self.decision_shards,
            &self.decision_seqs,
        ]
    }
}
