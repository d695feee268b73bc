//! Timeline entries and the provable log: which are not sealed yet, what the leaf of one holds, what retention and an
//! erasure leave of it.
//!
//! An entry says itself whether it is sealed, so that noting one costs no statement more. Entries of a release that
//! said nothing of it are sealed too, the first time: what comes without a word *after* all that are sealed is taken
//! for theirs, what comes before was slipped in. Nothing is sealed while a node of such a release lives: it could
//! read the log no more.

use greenline_proof::Salts;
use rustc_hash::FxHashMap;
use tokio_postgres::types::ToSql;

use super::connect::Link;
use super::read::timeline_entry;
use super::rows::{count_column, seq, seq_column};
use super::seal::{numbers, place};
use super::sql;
use super::trouble::Trouble;
use crate::erasure::left_of_entry;
use crate::error::LedgerError;
use crate::prune::Prune;
use crate::seal::{RecordId, Recorded, SealKind, Unsealed, entry_fields};
use crate::types::TimelineEntry;

type Result<T, E = Trouble> = std::result::Result<T, E>;

fn id(number: i64) -> RecordId {
    RecordId {
        kind: SealKind::Timeline,
        seq: seq(number),
    }
}

/// The newest that is sealed.
pub(super) async fn last(link: &mut Link, business: &str) -> Result<i64> {
    let rows = link.rows(sql::LAST_ENTRY, &[&business]).await?;
    let last = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(last.unwrap_or(0))
}

/// Entries that are not sealed, oldest first.
pub(super) async fn unsealed(
    link: &mut Link,
    business: &str,
    limit: usize,
) -> Result<Vec<Unsealed>> {
    let (mut found, mut after, mut sealed) = (Vec::new(), -1_i64, None);
    loop {
        let room = limit.saturating_sub(found.len());
        let asked = count_column(room);
        let columns: [&(dyn ToSql + Sync); 3] = [&business, &after, &asked];
        let rows = link.rows(sql::UNSEALED_ENTRIES, &columns).await?;
        for row in &rows {
            let entry = timeline_entry(row)?;
            after = entry.seq;
            let mark: Option<i64> = row.try_get(7)?;
            if mark.is_none() {
                if sealed.is_none() {
                    sealed = Some(last(link, business).await?);
                }
                if sealed.is_some_and(|sealed| entry.seq <= sealed) {
                    // Slipped in: `verify` tells of it.
                    continue;
                }
            }
            let fields = entry_fields(business, &entry);
            let id = id(entry.seq);
            found.push(Unsealed { id, fields });
        }
        if rows.len() < room || found.len() >= limit {
            return Ok(found);
        }
    }
}

/// Entries as they are stored, by name.
pub(super) async fn recorded(
    link: &mut Link,
    business: &str,
    ids: &[RecordId],
    into: &mut FxHashMap<RecordId, Recorded>,
) -> Result<()> {
    let entries = numbers(ids, SealKind::Timeline);
    if entries.is_empty() {
        return Ok(());
    }
    for row in &link.rows(sql::ENTRIES_IN, &[&business, &entries]).await? {
        let entry = timeline_entry(row)?;
        let fields = entry_fields(business, &entry);
        into.insert(id(entry.seq), Recorded::Fields(fields));
    }
    Ok(())
}

/// Marks entries as sealed; says in which shard each is.
pub(super) async fn take(
    link: &mut Link,
    business: &str,
    ids: &[RecordId],
    shards: &mut FxHashMap<RecordId, i64>,
) -> Result<()> {
    let entries = numbers(ids, SealKind::Timeline);
    if entries.is_empty() {
        return Ok(());
    }
    for row in &link.rows(sql::TAKE_ENTRIES, &[&business, &entries]).await? {
        shards.insert(id(row.try_get(1)?), row.try_get(0)?);
    }
    Ok(())
}

/// Deletes old entries that are sealed; their leaves say that they were pruned.
pub(super) async fn prune(link: &mut Link, business: &str, prune: &Prune) -> Result<u64> {
    let (shards, seqs): (Vec<i64>, Vec<i64>) = prune.rows.iter().copied().unzip();
    let deleted = link
        .rows(sql::PRUNE_TIMELINE, &[&shards, &seqs, &business])
        .await?;
    let (mut shards, mut seqs): (Vec<i64>, Vec<i64>) = Default::default();
    for row in &deleted {
        shards.push(row.try_get(0)?);
        seqs.push(row.try_get(1)?);
    }
    let (salts, kind) = (
        Salts::Pruned(prune.at_ms).to_bytes(),
        SealKind::Timeline.column(),
    );
    link.run(sql::PRUNE_LEAVES, &[&shards, &seqs, &&salts[..], &kind])
        .await?;
    Ok(deleted.len() as u64)
}

/// Takes out of the timeline what it says of somebody who is written so.
pub(super) async fn erase(
    link: &mut Link,
    business: &str,
    texts: &[String],
    patterns: &[String],
) -> Result<()> {
    let columns: [&(dyn ToSql + Sync); 3] = [&business, &texts, &patterns];
    for row in &link.rows(sql::TIMELINE_WITH, &columns).await? {
        let entry = timeline_entry(row)?;
        let Some((subject_id, body, fields)) = left_of_entry(&entry, texts) else {
            continue;
        };
        let shard: i64 = row.try_get(7)?;
        forget(link, business, &entry, fields).await?;
        link.run(
            sql::ERASE_ENTRY,
            &[&shard, &entry.seq, &&*subject_id, &body],
        )
        .await?;
    }
    Ok(())
}

/// Deletes the salts of some fields of an entry, if it is sealed and was not pruned meanwhile.
async fn forget(
    link: &mut Link,
    business: &str,
    entry: &TimelineEntry,
    names: &[&str],
) -> Result<()> {
    let leaf = place(link, business, id(entry.seq)).await?;
    let Some(leaf) = leaf.filter(|leaf| !matches!(leaf.salts, Salts::Pruned(_))) else {
        return Ok(());
    };
    let fields = entry_fields(business, entry);
    let left = leaf.salts.without(&fields, |name| names.contains(&name));
    let left = left.map_err(|_| LedgerError::unreadable("the salts of a record"))?;
    let (kind, number) = (leaf.id.kind.column(), seq_column(leaf.id.seq));
    let (now, before) = (left.to_bytes(), leaf.salts.to_bytes());
    let (now, before) = (&now[..], &before[..]);
    link.run(sql::PUT_SALTS, &[&business, &kind, &number, &now, &before])
        .await?;
    Ok(())
}
