//! Letting go of old rows: found by a statement of its own, deleted in one short transaction.

use tokio_postgres::Row;

use super::connect::{Link, retrying, within};
use super::rows::{count_column, person, shard, shard_of_text};
use super::sql;
use super::trouble::Trouble;
use super::{Store, entries};
use crate::codec::rows::decode_list;
use crate::error::LedgerError;
use crate::prune::{BATCH_MAX, Prune, PruneKind, first_number};
use crate::request::Answer;
use crate::seal::SealKind;
use crate::types::BusinessIx;
use greenline_proof::Salts;

type Result<T, E = Trouble> = std::result::Result<T, E>;

fn pair(row: &Row) -> Result<(i64, i64)> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Sends of decisions with their messages, in whichever shard their addressees are.
async fn sends(link: &mut Link, decisions: &(Vec<i64>, Vec<i64>)) -> Result<()> {
    let mut homes = decisions.clone();
    let mut messages = (Vec::new(), Vec::new());
    let rows = link
        .rows(sql::SENT_AS_MANY, &[&decisions.0, &decisions.1])
        .await?;
    for row in &rows {
        let number: i64 = row.try_get(0)?;
        let (first, more): (Option<String>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        let more = more.map(|more| decode_list(&more)).transpose()?;
        for message in first
            .into_iter()
            .chain(more.into_iter().flatten().map(String::from))
        {
            messages.0.push(shard_of_text(&message));
            messages.1.push(message);
        }
        let others: Option<String> = row.try_get(3)?;
        let others = others.map(|others| decode_list(&others)).transpose()?;
        for other in others.into_iter().flatten() {
            let other: u64 = other
                .parse()
                .map_err(|_| LedgerError::unreadable("another addressee"))?;
            homes.0.push(shard(person(other as i64)));
            homes.1.push(number);
        }
    }
    link.run(sql::PRUNE_MESSAGES, &[&messages.0, &messages.1])
        .await?;
    link.run(sql::PRUNE_SENDS, &[&homes.0, &homes.1]).await?;
    Ok(())
}

async fn decisions(link: &mut Link, id: &str, prune: &Prune) -> Result<u64> {
    let (shards, seqs): (Vec<i64>, Vec<i64>) = prune.rows.iter().copied().unzip();
    let deleted = link
        .rows(sql::PRUNE_DECISIONS, &[&shards, &seqs, &id])
        .await?;
    let gone: Vec<(i64, i64)> = deleted.iter().map(pair).collect::<Result<_>>()?;
    let gone: (Vec<i64>, Vec<i64>) = gone.into_iter().unzip();
    sends(link, &gone).await?;
    link.run(sql::PRUNE_LATER, &[&gone.0, &gone.1]).await?;
    let salts = Salts::Pruned(prune.at_ms).to_bytes();
    let salts = &salts[..];
    let kind = SealKind::Decision.column();
    link.run(sql::PRUNE_LEAVES, &[&gone.0, &gone.1, &salts, &kind])
        .await?;
    Ok(deleted.len() as u64)
}

async fn all(link: &mut Link, id: &str, prune: &Prune) -> Result<u64> {
    let (shards, rows): (Vec<i64>, Vec<i64>) = prune.rows.iter().copied().unzip();
    match prune.kind {
        PruneKind::Decisions => decisions(link, id, prune).await,
        PruneKind::Messages => Ok(0),
        PruneKind::Replies => link.run(sql::PRUNE_REPLIES, &[&shards, &rows]).await,
        PruneKind::Timeline => entries::prune(link, id, prune).await,
    }
}

async fn transaction(link: &mut Link, id: &str, prune: &Prune) -> Result<u64> {
    link.batch("BEGIN").await?;
    let done = within(all(link, id, prune)).await;
    match done {
        Ok(rows) => {
            link.batch("COMMIT").await?;
            Ok(rows)
        }
        Err(trouble @ Trouble::Lost(_)) => Err(trouble),
        Err(other) => {
            link.batch("ROLLBACK").await?;
            Err(other)
        }
    }
}

impl Store {
    pub(crate) async fn prunable(
        &self,
        business: BusinessIx,
        kind: PruneKind,
        before_ms: i64,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let (id, limit) = (self.business(business)?, count_column(BATCH_MAX));
        retrying!(self.pool, link => {
            let rows = match kind {
                PruneKind::Decisions => {
                    let before = first_number(before_ms);
                    link.rows(sql::OLD_DECISIONS, &[&id, &before, &limit]).await?
                }
                // Gone with their sends.
                PruneKind::Messages => Vec::new(),
                PruneKind::Replies => {
                    link.rows(sql::OLD_REPLIES, &[&id, &before_ms, &limit]).await?
                }
                PruneKind::Timeline => {
                    let mut rows = link.rows(sql::OLD_TIMELINE, &[&id, &limit]).await?;
                    // By what it says and by when it came.
                    let is_old = |row: &Row| {
                        row.try_get::<_, i64>(2).is_ok_and(|at| at < before_ms)
                            && row.try_get::<_, i64>(1).is_ok_and(|seq| seq < first_number(before_ms))
                    };
                    let old = rows.iter().take_while(|row| is_old(row)).count();
                    rows.truncate(old);
                    rows
                }
            };
            rows.iter().map(pair).collect()
        })
    }

    pub(super) async fn prune(&self, prune: &Prune) -> Result<Answer, LedgerError> {
        let id = self.business(prune.business)?;
        retrying!(self.pool, link => transaction(link, id, prune).await).map(Answer::Count)
    }
}
