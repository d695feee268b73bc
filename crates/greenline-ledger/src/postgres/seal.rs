//! The provable log in the database.
//!
//! Numbers of records are made on many nodes and committed in any order, so none of them can say up to where
//! everything is sealed. Instead each record comes with a mark, written by the same transaction, and its leaf
//! takes the mark away: what has a mark is not sealed, however late it was committed. The log's size is
//! compared and set first, so that of two sealers one writes and the other learns that it was late.

use greenline_proof::{Hash, Head, KeyId, Known, NodeAt, PublicKey, Salts, SignedHead};
use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::connect::{Link, retrying, within};
use super::rows::{count_column, seq, seq_column, shard_of_text, stored_event};
use super::sql;
use super::trouble::Trouble;
use super::{Store, entries};
use crate::codec::decode_record;
use crate::error::LedgerError;
use crate::request::Answer;
use crate::seal::{
    Form, LEAVES_MAX, NewSeal, RecordId, Recorded, SealKind, SealedLeaf, StoredHead, Unsealed,
    decision_fields, event_fields, stored_parts,
};
use crate::types::{BusinessIx, DecisionId, PersonShard};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Records that do not read and keep no others from being sealed.
const UNREADABLE_MAX: usize = 256;
/// Shards there are.
const SHARDS: i64 = 1 << 12;
/// Shards looked through by one statement.
const SHARDS_AT_ONCE: i64 = 256;

fn fixed<const BYTES: usize>(row: &Row, at: usize) -> Result<[u8; BYTES], Trouble> {
    let bytes: &[u8] = row.try_get(at)?;
    let fixed = bytes.try_into();
    Ok(fixed.map_err(|_| LedgerError::unreadable("a hash or key of the log"))?)
}

fn record_id(kind: i64, number: i64) -> Result<RecordId> {
    let kind = SealKind::of_column(kind);
    Ok(RecordId {
        kind: kind.ok_or_else(|| LedgerError::unreadable("the kind of a record"))?,
        seq: seq(number),
    })
}

fn leaf(row: &Row) -> Result<SealedLeaf, Trouble> {
    let salts = Salts::from_bytes(row.try_get(4)?);
    Ok(SealedLeaf {
        index: seq(row.try_get(0)?),
        id: record_id(row.try_get(1)?, row.try_get(2)?)?,
        hash: Hash(fixed(row, 3)?),
        salts: salts.map_err(|_| LedgerError::unreadable("the salts of a leaf"))?,
    })
}

fn head(row: &Row, business: &str) -> Result<StoredHead, Trouble> {
    let head = Head {
        business: business.into(),
        size: seq(row.try_get(0)?),
        root: Hash(fixed(row, 1)?),
        at_ms: row.try_get(2)?,
    };
    Ok(StoredHead {
        key: PublicKey(fixed(row, 3)?),
        signed: SignedHead {
            head,
            key: KeyId(fixed(row, 4)?),
            signature: fixed(row, 5)?,
        },
    })
}

pub(super) fn numbers(ids: &[RecordId], kind: SealKind) -> Vec<i64> {
    let of_kind = ids.iter().filter(|id| id.kind == kind);
    of_kind.map(|id| seq_column(id.seq)).collect()
}

/// What a reading of one record comes to: what does not read is told of it, and fails nothing else.
fn told(read: Result<Recorded, Trouble>) -> Result<Recorded, Trouble> {
    match read {
        Err(Trouble::Final(LedgerError::Corrupt(_))) => Ok(Recorded::Unreadable),
        read => read,
    }
}

/// Records as they are stored, by name, each in the form asked for.
async fn recorded(
    link: &mut Link,
    (id, ix): (&str, BusinessIx),
    records: &[(RecordId, Form)],
) -> Result<FxHashMap<RecordId, Recorded>, Trouble> {
    let mut found = FxHashMap::default();
    let ids: Vec<RecordId> = records.iter().map(|(id, _)| *id).collect();
    let forms: FxHashMap<RecordId, Form> = records.iter().copied().collect();
    let events = numbers(&ids, SealKind::Event);
    for row in &link.rows(sql::EVENTS_IN, &[&id, &events]).await? {
        let read = || Ok(Recorded::Fields(event_fields(id, &stored_event(row, ix)?)?));
        let key = record_id(SealKind::Event.column(), row.try_get(0)?)?;
        found.insert(key, told(read())?);
    }
    let decisions = numbers(&ids, SealKind::Decision);
    for row in &link.rows(sql::DECISIONS_IN, &[&id, &decisions]).await? {
        let key = record_id(SealKind::Decision.column(), row.try_get(0)?)?;
        let form = forms.get(&key).copied().unwrap_or(Form::Parts);
        found.insert(key, told(decision(row, id, form))?);
    }
    entries::recorded(link, id, &ids, &mut found).await?;
    Ok(found)
}

fn decision(row: &Row, business: &str, form: Form) -> Result<Recorded, Trouble> {
    let shard: i64 = row.try_get(1)?;
    let id = DecisionId {
        seq: seq(row.try_get(0)?),
        shard: PersonShard(u16::try_from(shard).map_err(|_| LedgerError::unreadable("a shard"))?),
    };
    let (at_ms, text) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Recorded::Fields(match form {
        Form::Parts => stored_parts(id, business, at_ms, text)?,
        Form::Fields => decision_fields(&decode_record(id, business, at_ms, text)?)?,
    }))
}

async fn leaves(
    link: &mut Link,
    business: &str,
    from: u64,
    count: u64,
) -> Result<Vec<SealedLeaf>, Trouble> {
    let (from, to) = (seq_column(from), seq_column(from.saturating_add(count)));
    let rows = link.rows(sql::LOG_LEAVES, &[&business, &from, &to]).await?;
    rows.iter().map(leaf).collect()
}

async fn hashes(
    link: &mut Link,
    business: &str,
    first: NodeAt,
    count: u64,
) -> Result<Vec<Hash>, Trouble> {
    if first.level == 0 {
        let leaves = leaves(link, business, first.index, count).await?;
        return Ok(leaves.into_iter().map(|leaf| leaf.hash).collect());
    }
    let (shard, level) = (shard_of_text(business), i64::from(first.level));
    let (from, to) = (
        seq_column(first.index),
        seq_column(first.index.saturating_add(count)),
    );
    let rows = link
        .rows(sql::LOG_NODES, &[&shard, &business, &level, &from, &to])
        .await?;
    rows.iter().map(|row| fixed(row, 0).map(Hash)).collect()
}

pub(super) async fn place(
    link: &mut Link,
    business: &str,
    id: RecordId,
) -> Result<Option<SealedLeaf>, Trouble> {
    let (kind, number) = (id.kind.column(), seq_column(id.seq));
    let rows = link
        .rows(sql::LOG_PLACE, &[&business, &kind, &number])
        .await?;
    rows.first().map(leaf).transpose()
}

/// Rows of leaves, column by column.
#[derive(Default)]
struct Leaves<'s> {
    shards: Vec<i64>,
    kinds: Vec<i64>,
    numbers: Vec<i64>,
    places: Vec<i64>,
    hashes: Vec<&'s [u8]>,
    salts: Vec<Vec<u8>>,
}

/// Writes a seal; `false` when the log has grown or one of the records has been sealed.
async fn write(link: &mut Link, id: &str, seal: &NewSeal) -> Result<bool, Trouble> {
    let shard = shard_of_text(id);
    let size = seq_column(seal.size);
    let grown = seq_column(seal.head.signed.head.size);
    let erasures = seq_column(seal.erasures);
    if link
        .run(sql::GROW_LOG, &[&shard, &id, &size, &grown, &erasures])
        .await?
        == 0
    {
        return Ok(false);
    }
    let ids: Vec<RecordId> = seal.leaves.iter().map(|leaf| leaf.id).collect();
    let mut shards: FxHashMap<RecordId, i64> = FxHashMap::default();
    for kind in [SealKind::Event, SealKind::Decision] {
        let column = kind.column();
        let taken = numbers(&ids, kind);
        let rows = link
            .rows(sql::TAKE_UNSEALED, &[&id, &column, &taken])
            .await?;
        for row in &rows {
            let of = record_id(row.try_get(1)?, row.try_get(2)?)?;
            shards.insert(of, row.try_get(0)?);
        }
    }
    entries::take(link, id, &ids, &mut shards).await?;
    let mut rows = Leaves::default();
    for (at, leaf) in (size..).zip(&seal.leaves) {
        let Some(shard) = shards.get(&leaf.id) else {
            return Ok(false);
        };
        rows.shards.push(*shard);
        rows.kinds.push(leaf.id.kind.column());
        rows.numbers.push(seq_column(leaf.id.seq));
        rows.places.push(at);
        rows.hashes.push(&leaf.hash.0);
        rows.salts.push(leaf.salts().to_bytes());
    }
    link.run(
        sql::INSERT_LEAVES,
        &[
            &rows.shards,
            &rows.kinds,
            &rows.numbers,
            &id,
            &rows.places,
            &rows.hashes,
            &rows.salts,
        ],
    )
    .await?;
    let levels: Vec<i64> = seal
        .nodes
        .iter()
        .map(|(at, _)| i64::from(at.level))
        .collect();
    let places: Vec<i64> = seal
        .nodes
        .iter()
        .map(|(at, _)| seq_column(at.index))
        .collect();
    let hashes: Vec<&[u8]> = seal
        .nodes
        .iter()
        .map(|(_, hash)| hash.0.as_slice())
        .collect();
    if !levels.is_empty() {
        link.run(sql::INSERT_NODES, &[&shard, &id, &levels, &places, &hashes])
            .await?;
    }
    let StoredHead { signed, key } = &seal.head;
    let (root, key, key_id) = (&signed.head.root.0[..], &key.0[..], &signed.key.0[..]);
    let (at_ms, signature) = (signed.head.at_ms, &signed.signature[..]);
    link.run(
        sql::INSERT_LOG_HEAD,
        &[
            &shard, &id, &grown, &root, &at_ms, &key, &key_id, &signature,
        ],
    )
    .await?;
    Ok(true)
}

async fn transaction(link: &mut Link, id: &str, seal: &NewSeal) -> Result<bool, Trouble> {
    let shard = shard_of_text(id);
    link.run(sql::INSERT_LOG, &[&shard, &id]).await?;
    link.batch("BEGIN").await?;
    let done = within(write(link, id, seal)).await;
    match done {
        Ok(true) => {
            link.batch("COMMIT").await?;
            Ok(true)
        }
        Err(trouble @ Trouble::Lost(_)) => Err(trouble),
        other => {
            link.batch("ROLLBACK").await?;
            other
        }
    }
}

/// Events and decisions that are marked as not sealed: up to `limit` that read, and with them those that do not.
async fn unsealed(
    link: &mut Link,
    (id, business): (&str, BusinessIx),
    limit: usize,
    more: usize,
) -> Result<Vec<Unsealed>, Trouble> {
    let asked = count_column(limit + more);
    let mut ids = Vec::new();
    for row in &link.rows(sql::UNSEALED, &[&id, &asked]).await? {
        ids.push((record_id(row.try_get(0)?, row.try_get(1)?)?, Form::Parts));
    }
    let mut found = recorded(link, (id, business), &ids).await?;
    let (mut unsealed, mut readable) = (Vec::with_capacity(ids.len()), 0);
    for (id, _) in ids {
        let fields = match found.remove(&id) {
            Some(Recorded::Fields(fields)) => fields,
            // Its mark stays, so that it is sealed once it reads.
            _ => Vec::new(),
        };
        readable += usize::from(!fields.is_empty());
        if readable > limit {
            break;
        }
        unsealed.push(Unsealed { id, fields });
    }
    Ok(unsealed)
}

/// Deletes the salts of a record's fields; `false` when it is not sealed.
pub(super) async fn forget(
    link: &mut Link,
    (id, business): (&str, BusinessIx),
    record: RecordId,
    names: &[&str],
) -> Result<bool, Trouble> {
    let Some(leaf) = place(link, id, record).await? else {
        return Ok(false);
    };
    let asked = [(record, Form::of(&leaf.salts))];
    let mut found = recorded(link, (id, business), &asked).await?;
    let Some(Recorded::Fields(fields)) = found.remove(&record) else {
        return Err(LedgerError::unreadable("a record that is to be erased").into());
    };
    let left = leaf.salts.without(&fields, |name| names.contains(&name));
    let left = left.map_err(|_| LedgerError::unreadable("the salts of a record"))?;
    let (kind, number) = (record.kind.column(), seq_column(record.seq));
    let (now, before) = (left.to_bytes(), leaf.salts.to_bytes());
    let (now, before) = (&now[..], &before[..]);
    link.run(sql::PUT_SALTS, &[&id, &kind, &number, &now, &before])
        .await?;
    Ok(true)
}

impl Store {
    pub(super) async fn seal(&self, seal: &NewSeal) -> Result<Answer> {
        let id = self.business(seal.business)?;
        if seal.leaves.len() > LEAVES_MAX {
            return Err(LedgerError::Bug("more leaves than a seal may hold"));
        }
        // Written and not told, it is found to be written: the size is another one then.
        retrying!(self.pool, link => transaction(link, id, seal).await).map(Answer::Sealed)
    }

    pub(super) async fn forget_salts(
        &self,
        business: BusinessIx,
        record: RecordId,
        names: &[Box<str>],
    ) -> Result<Answer> {
        let id = self.business(business)?;
        let gone: Vec<&str> = names.iter().map(|name| &**name).collect();
        let done = retrying!(self.pool, link => {
            forget(link, (id, business), record, &gone).await
        });
        done.map(Answer::Sealed)
    }

    pub(crate) async fn unsealed(
        &self,
        business: BusinessIx,
        limit: usize,
    ) -> Result<Vec<Unsealed>> {
        let id = self.business(business)?;
        let limit = limit.min(LEAVES_MAX);
        retrying!(self.pool, link => {
            let mut records = entries::unsealed(link, id, limit).await?;
            let room = limit.saturating_sub(records.len());
            let mut found = unsealed(link, (id, business), room, 0).await?;
            if found.iter().any(Unsealed::is_unreadable) {
                // What does not read comes first for ever: others must find room behind it.
                found = unsealed(link, (id, business), room, UNREADABLE_MAX).await?;
            }
            records.extend(found);
            Ok(records)
        })
    }

    pub(crate) async fn log_head(
        &self,
        business: BusinessIx,
        size: Option<u64>,
    ) -> Result<Option<StoredHead>> {
        let id = self.business(business)?;
        let shard = shard_of_text(id);
        retrying!(self.pool, link => {
            let rows = match size.map(seq_column) {
                Some(size) => link.rows(sql::LOG_HEAD_AT, &[&shard, &id, &size]).await?,
                None => link.rows(sql::LOG_HEAD, &[&shard, &id]).await?,
            };
            rows.first().map(|row| head(row, id)).transpose()
        })
    }

    pub(crate) async fn log_heads(
        &self,
        business: BusinessIx,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredHead>> {
        let id = self.business(business)?;
        let (shard, after, limit) = (shard_of_text(id), seq_column(after), count_column(limit));
        retrying!(self.pool, link => {
            let rows = link.rows(sql::LOG_HEADS, &[&shard, &id, &after, &limit]).await?;
            rows.iter().map(|row| head(row, id)).collect()
        })
    }

    pub(crate) async fn log_leaves(
        &self,
        business: BusinessIx,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedLeaf>> {
        let id = self.business(business)?;
        retrying!(self.pool, link => leaves(link, id, from, limit as u64).await)
    }

    pub(crate) async fn log_records(
        &self,
        business: BusinessIx,
        asked: Vec<(RecordId, Form)>,
    ) -> Result<Vec<Recorded>> {
        let id = self.business(business)?;
        let mut found = retrying!(self.pool, link => recorded(link, (id, business), &asked).await)?;
        let records = asked
            .iter()
            .map(|(id, _)| found.remove(id).unwrap_or(Recorded::Gone));
        Ok(records.collect())
    }

    pub(crate) async fn log_nodes(
        &self,
        business: BusinessIx,
        wanted: Vec<NodeAt>,
    ) -> Result<Known> {
        let id = self.business(business)?;
        retrying!(self.pool, link => {
            let mut known = Known::new();
            for at in &wanted {
                let (first, count) = at.kept();
                let kept = hashes(link, id, first, count).await?;
                let added = known.add(*at, &kept);
                added.map_err(|_| LedgerError::unreadable("a node of the log"))?;
            }
            Ok(known)
        })
    }

    pub(crate) async fn log_place(
        &self,
        business: BusinessIx,
        record: RecordId,
    ) -> Result<Option<SealedLeaf>> {
        let id = self.business(business)?;
        retrying!(self.pool, link => place(link, id, record).await)
    }

    pub(crate) async fn log_unlogged(&self, business: BusinessIx) -> Result<u64> {
        let id = self.business(business)?;
        let last = retrying!(self.pool, link => entries::last(link, id).await)?;
        let mut unlogged = 0;
        for from in (0..SHARDS).step_by(256) {
            let to = from + SHARDS_AT_ONCE;
            for sql in [sql::UNLOGGED_EVENTS, sql::UNLOGGED_DECISIONS] {
                unlogged += retrying!(self.pool, link => {
                    let rows = link.rows(sql, &[&from, &to, &id]).await?;
                    let count = rows.first().map(|row| row.try_get(0)).transpose()?;
                    Ok(seq(count.unwrap_or(0)))
                })?;
            }
            unlogged += retrying!(self.pool, link => {
                let rows = link.rows(sql::UNLOGGED_ENTRIES, &[&from, &to, &id, &last]).await?;
                let count = rows.first().map(|row| row.try_get(0)).transpose()?;
                Ok(seq(count.unwrap_or(0)))
            })?;
        }
        Ok(unlogged)
    }

    pub(crate) async fn log_erasures(&self, business: BusinessIx) -> Result<u64> {
        let id = self.business(business)?;
        let shard = shard_of_text(id);
        retrying!(self.pool, link => {
            let rows = link.rows(sql::LOG_ERASURES, &[&shard, &id]).await?;
            let count = rows.first().map(|row| row.try_get(0)).transpose()?;
            Ok(seq(count.unwrap_or(0)))
        })
    }

    pub(crate) async fn log_lease(&self, business: BusinessIx, for_ms: i64) -> Result<bool> {
        let id = self.business(business)?;
        let shard = shard_of_text(id);
        retrying!(self.pool, link => {
            let token = self.seat.hold(link).await?.token;
            link.run(sql::INSERT_LOG, &[&shard, &id]).await?;
            Ok(link.run(sql::LEASE_LOG, &[&shard, &id, &token, &for_ms]).await? > 0)
        })
    }
}
