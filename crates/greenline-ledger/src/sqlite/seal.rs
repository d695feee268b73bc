//! The provable log in the store.
//!
//! The writer commits records in the order of their numbers, so a mark for each kind says what is sealed. Only
//! decisions made while the store was down come later than higher numbers: they are listed apart. So are timeline
//! entries, each with its place (`entries.rs`).

use std::sync::Arc;

use greenline_proof::{Hash, Head, KeyId, Known, NodeAt, PublicKey, Salts, SignedHead};
use rusqlite::{Connection, OptionalExtension, Row, params};
use rustc_hash::FxHashSet;

use super::recent::Recent;
use super::rows::{count_column, identifiers_column, seq, seq_column, stored_event};
use super::verbs::reading;
use super::write::Hand;
use super::{Store, entries, read, sql};
use crate::codec::rows::encode_evidence;
use crate::error::LedgerError;
use crate::seal::{
    Form, LEAVES_MAX, NewLeaf, NewSeal, RecordId, Recorded, SealKind, SealedLeaf, StoredHead,
    Unsealed, decision_fields, event_fields, stored_parts,
};
use crate::types::{BusinessIx, DecisionId, PersonShard};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Seq numbers up to which everything is sealed.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks {
    size: i64,
    event: i64,
    pub(super) decision: i64,
}

pub(super) fn marks(connection: &Connection, business: i64) -> Result<Marks> {
    let mut statement = connection.prepare_cached(sql::LOG_END)?;
    let found = statement.query_row([business], |row| {
        Ok(Marks {
            size: row.get(0)?,
            event: row.get(1)?,
            decision: row.get(2)?,
        })
    });
    Ok(found.optional()?.unwrap_or_default())
}

pub(super) fn push_entry(into: &mut Vec<u8>, id: RecordId, hash: Hash, salts: &[u8]) {
    into.push(id.kind.column() as u8);
    into.extend_from_slice(&id.seq.to_be_bytes());
    into.extend_from_slice(&hash.0);
    let length = u32::try_from(salts.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(salts);
}

fn read_entry(bytes: &[u8], index: u64) -> Option<(SealedLeaf, &[u8])> {
    let ([kind], rest) = bytes.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (hash, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (salts, rest) = rest.split_at_checked(length)?;
    let leaf = SealedLeaf {
        index,
        id: RecordId {
            kind: SealKind::of_column(i64::from(*kind))?,
            seq: u64::from_be_bytes(*number),
        },
        hash: Hash(*hash),
        salts: Salts::from_bytes(salts).ok()?,
    };
    Some((leaf, rest))
}

/// The leaves of a block; the row begins with its first place and its entries.
pub(super) fn block(row: &Row<'_>) -> Result<Vec<SealedLeaf>> {
    let first = seq(row.get(0)?);
    let mut rest = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    let mut leaves = Vec::new();
    while !rest.is_empty() {
        let index = first + leaves.len() as u64;
        let (leaf, after) =
            read_entry(rest, index).ok_or_else(|| LedgerError::unreadable("a leaf of the log"))?;
        leaves.push(leaf);
        rest = after;
    }
    Ok(leaves)
}

/// Leaves from a place on, whole blocks, until there are `limit` or no more.
fn leaves(
    connection: &Connection,
    business: i64,
    from: u64,
    limit: usize,
) -> Result<Vec<SealedLeaf>> {
    let to = from.saturating_add(limit as u64);
    let mut found = Vec::new();
    let mut statement = connection.prepare_cached(sql::LOG_BLOCKS)?;
    let before = seq_column(from).saturating_sub(count_column(LEAVES_MAX));
    let mut rows = statement.query(params![business, before, seq_column(to)])?;
    while let Some(row) = rows.next()? {
        found.extend(
            block(row)?
                .into_iter()
                .filter(|leaf| (from..to).contains(&leaf.index)),
        );
    }
    Ok(found)
}

fn hashes(connection: &Connection, business: i64, first: NodeAt, count: u64) -> Result<Vec<Hash>> {
    if first.level == 0 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let leaves = leaves(connection, business, first.index, count)?;
        return Ok(leaves.into_iter().map(|leaf| leaf.hash).collect());
    }
    let from = seq_column(first.index);
    let to = seq_column(first.index.saturating_add(count));
    let mut statement = connection.prepare_cached(sql::LOG_NODES)?;
    let rows = statement.query_map(params![business, first.level, from, to], |row| row.get(0))?;
    Ok(rows
        .map(|hash| hash.map(Hash))
        .collect::<Result<_, rusqlite::Error>>()?)
}

fn head(row: &Row<'_>, business: &str) -> Result<StoredHead> {
    let head = Head {
        business: business.into(),
        size: seq(row.get(0)?),
        root: Hash(row.get(1)?),
        at_ms: row.get(2)?,
    };
    Ok(StoredHead {
        key: PublicKey(row.get(3)?),
        signed: SignedHead {
            head,
            key: KeyId(row.get(4)?),
            signature: row.get(5)?,
        },
    })
}

pub(super) fn late(connection: &Connection, business: i64) -> Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(sql::LOG_LATE)?;
    let rows = statement.query_map([business], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is sealed of a decision; the row begins with its number, shard, time and record.
fn parts(row: &Row<'_>, business: &str) -> Result<Unsealed> {
    let id = DecisionId {
        seq: seq(row.get(0)?),
        shard: PersonShard(row.get(1)?),
    };
    let text = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Unsealed {
        id: RecordId {
            kind: SealKind::Decision,
            seq: id.seq,
        },
        fields: stored_parts(id, business, row.get(2)?, text)?,
    })
}

/// Decisions after the mark, as they are stored.
fn unsealed_decisions(
    connection: &Connection,
    (row, id): (i64, &str),
    mut mark: i64,
    limit: usize,
) -> Result<Vec<Unsealed>> {
    let mut statement = connection.prepare_cached(sql::LOG_LATE_AFTER)?;
    let late = statement.query_map([row, mark], |row| row.get(0))?;
    let late: FxHashSet<i64> = late.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    let mut statement = connection.prepare_cached(sql::DECISIONS_AFTER)?;
    // A page of decisions that were all sealed late tells of none, but not that there are no more.
    while found.len() < limit {
        let before = mark;
        let mut rows = statement.query(params![row, mark, count_column(limit - found.len())])?;
        while let Some(row) = rows.next()? {
            mark = row.get(0)?;
            if !late.contains(&mark) {
                found.push(readable(mark, parts(row, id))?);
            }
        }
        if mark == before {
            break;
        }
    }
    Ok(found)
}

/// A decision, also one that does not read.
fn readable(number: i64, read: Result<Unsealed>) -> Result<Unsealed> {
    let id = RecordId {
        kind: SealKind::Decision,
        seq: seq(number),
    };
    Unsealed::of(id, read.map(|unsealed| unsealed.fields))
}

/// An event, also one that does not read; the row begins with its number.
fn unsealed_event(row: &Row<'_>, id: &str, ix: BusinessIx) -> Result<Unsealed> {
    let number = RecordId {
        kind: SealKind::Event,
        seq: seq(row.get(0)?),
    };
    let fields = stored_event(row, ix).and_then(|stored| event_fields(id, &stored));
    Unsealed::of(number, fields)
}

/// Records that are not sealed: those that come late, then events, timeline entries, decisions.
fn unsealed(
    connection: &Connection,
    (row, id, ix): (i64, &str, BusinessIx),
    recent: Option<&Recent>,
    limit: usize,
) -> Result<Vec<Unsealed>> {
    let marks = marks(connection, row)?;
    let mut found = Vec::new();
    for number in late(connection, row)?.into_iter().take(limit) {
        let mut statement = connection.prepare_cached(sql::RECORD_OF)?;
        let mut rows = statement.query([row, number])?;
        if let Some(row) = rows.next()? {
            found.push(readable(number, parts(row, id))?);
            continue;
        }
        let mut statement = connection.prepare_cached(sql::EVENT_OF)?;
        let mut rows = statement.query([row, number])?;
        if let Some(row) = rows.next()? {
            found.push(unsealed_event(row, id, ix)?);
        }
    }
    let room = limit.saturating_sub(found.len());
    let mut statement = connection.prepare_cached(sql::EXPORT)?;
    let mut rows = statement.query(params![row, marks.event, count_column(room)])?;
    while let Some(row) = rows.next()? {
        found.push(unsealed_event(row, id, ix)?);
    }
    let of = (row, id);
    let room = limit.saturating_sub(found.len());
    found.extend(entries::unsealed(connection, of, room)?);
    let room = limit.saturating_sub(found.len());
    let recent = recent.and_then(|recent| recent.unsealed(of, marks.decision, room));
    found.extend(match recent {
        Some(recent) => recent?,
        None => unsealed_decisions(connection, of, marks.decision, room)?,
    });
    Ok(found)
}

/// An event as it is stored, held to the form in which it is written.
fn recorded_event(row: &Row<'_>, id: &str, ix: BusinessIx) -> Result<Recorded> {
    let stored = match stored_event(row, ix) {
        Ok(stored) => stored,
        Err(LedgerError::Corrupt(_)) => return Ok(Recorded::Unreadable),
        Err(error) => return Err(error),
    };
    let raw = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    let in_thread: i64 = row.get(9)?;
    let is_as_written = raw(10)? == identifiers_column(&stored.event.person)?
        && raw(11)? == encode_evidence(&stored.event.evidence)?
        && in_thread == i64::from(stored.event.in_thread);
    if is_as_written {
        Ok(Recorded::Fields(event_fields(id, &stored)?))
    } else {
        Ok(Recorded::Unreadable)
    }
}

fn recorded(
    connection: &Connection,
    (row, id, ix): (i64, &str, BusinessIx),
    record: RecordId,
    form: Form,
) -> Result<Recorded> {
    let found = match record.kind {
        SealKind::Event => {
            let mut statement = connection.prepare_cached(sql::EVENT_OF)?;
            let mut rows = statement.query(params![row, seq_column(record.seq)])?;
            match rows.next()? {
                Some(found) => recorded_event(found, id, ix),
                None => Ok(Recorded::Gone),
            }
        }
        SealKind::Decision if form == Form::Parts => {
            let mut statement = connection.prepare_cached(sql::RECORD_OF)?;
            let mut rows = statement.query(params![row, seq_column(record.seq)])?;
            let found = rows.next()?.map(|row| parts(row, id)).transpose();
            found.map(|found| found.map_or(Recorded::Gone, |found| Recorded::Fields(found.fields)))
        }
        SealKind::Timeline => entries::recorded(connection, (row, id), record.seq),
        SealKind::Decision => match read::decision_of(connection, record.seq) {
            Ok(Some(found)) if *found.business == *id => {
                decision_fields(&found).map(Recorded::Fields)
            }
            Ok(_) => Ok(Recorded::Gone),
            Err(error) => Err(error),
        },
    };
    match found {
        Err(LedgerError::Corrupt(_)) => Ok(Recorded::Unreadable),
        found => found,
    }
}

pub(super) fn place(
    connection: &Connection,
    business: i64,
    id: RecordId,
) -> Result<Option<SealedLeaf>> {
    let number = seq_column(id.seq);
    if id.kind == SealKind::Timeline {
        let place = entries::noted(connection, business, number)?.flatten();
        return match place {
            Some(index) => Ok(leaves(connection, business, seq(index), 1)?.pop()),
            None => Ok(None),
        };
    }
    let mut statement = connection.prepare_cached(sql::LATE_PLACE)?;
    let index: Option<Option<i64>> = statement
        .query_row(params![business, number], |row| row.get(0))
        .optional()?;
    match index {
        Some(Some(index)) => return Ok(leaves(connection, business, seq(index), 1)?.pop()),
        Some(None) => return Ok(None),
        None => {}
    }
    let mut statement = connection.prepare_cached(match id.kind {
        SealKind::Event => sql::BLOCK_OF_EVENT,
        _ => sql::BLOCK_OF_DECISION,
    })?;
    let mut rows = statement.query(params![business, number])?;
    match rows.next()? {
        Some(row) => Ok(block(row)?.into_iter().find(|leaf| leaf.id == id)),
        None => Ok(None),
    }
}

/// How many people were erased, and how many sealed decisions were pruned.
fn counts(connection: &Connection, business: i64) -> Result<(i64, i64)> {
    let mut statement = connection.prepare_cached(sql::LOG_COUNTS)?;
    let found = statement.query_row([business], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?.unwrap_or_default())
}

/// Records below the marks that are not in the log.
fn unlogged(connection: &Connection, business: i64) -> Result<u64> {
    let marks = marks(connection, business)?;
    let count = |sql, columns: &[&dyn rusqlite::ToSql]| -> Result<i64> {
        Ok(connection
            .prepare_cached(sql)?
            .query_row(columns, |row| row.get(0))?)
    };
    let (event, decision) = (marks.event, marks.decision);
    let there = count(sql::COUNT_EVENTS_TO, &[&business, &event])?
        + count(sql::COUNT_DECISIONS_TO, &[&business, &decision])?;
    let waiting = count(sql::COUNT_LATE_WAITING, &[&business, &decision, &event])?;
    let ahead = count(sql::COUNT_LATE_AHEAD, &[&business, &decision, &event])?;
    let (_, pruned) = counts(connection, business)?;
    let leaves = marks.size - entries::leaves(connection, business)?;
    let records = there + pruned - waiting - (leaves - ahead);
    Ok(seq(records) + seq(entries::unlogged(connection, business)?))
}

/// Reads with the business's row, id and place.
macro_rules! of_business {
    ($store:ident, $business:ident, |$connection:ident, $of:ident| $read:expr) => {{
        let id = $store.business_id($business)?.to_owned();
        reading($store, $business, move |$connection, row| {
            let $of = (row, id.as_str(), $business);
            $read
        })
        .await
    }};
}

impl Store {
    pub(crate) async fn unsealed(
        self: &Arc<Self>,
        business: BusinessIx,
        limit: usize,
    ) -> Result<Vec<Unsealed>> {
        let recent = self.recent.clone();
        of_business!(self, business, |connection, of| {
            unsealed(connection, of, recent.as_deref(), limit.min(LEAVES_MAX))
        })
    }

    pub(crate) async fn log_head(
        self: &Arc<Self>,
        business: BusinessIx,
        size: Option<u64>,
    ) -> Result<Option<StoredHead>> {
        of_business!(self, business, |connection, of| {
            let mut statement = connection.prepare_cached(match size {
                Some(_) => sql::LOG_HEAD_AT,
                None => sql::LOG_HEAD,
            })?;
            let mut rows = match size {
                Some(size) => statement.query(params![of.0, seq_column(size)])?,
                None => statement.query([of.0])?,
            };
            rows.next()?.map(|row| head(row, of.1)).transpose()
        })
    }

    pub(crate) async fn log_heads(
        self: &Arc<Self>,
        business: BusinessIx,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredHead>> {
        of_business!(self, business, |connection, of| {
            let mut statement = connection.prepare_cached(sql::LOG_HEADS)?;
            let mut rows =
                statement.query(params![of.0, seq_column(after), count_column(limit)])?;
            let mut heads = Vec::new();
            while let Some(row) = rows.next()? {
                heads.push(head(row, of.1)?);
            }
            Ok(heads)
        })
    }

    pub(crate) async fn log_leaves(
        self: &Arc<Self>,
        business: BusinessIx,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedLeaf>> {
        of_business!(self, business, |connection, of| {
            leaves(connection, of.0, from, limit)
        })
    }

    pub(crate) async fn log_records(
        self: &Arc<Self>,
        business: BusinessIx,
        records: Vec<(RecordId, Form)>,
    ) -> Result<Vec<Recorded>> {
        of_business!(self, business, |connection, of| {
            let records = records.iter();
            records
                .map(|(id, form)| recorded(connection, of, *id, *form))
                .collect()
        })
    }

    pub(crate) async fn log_nodes(
        self: &Arc<Self>,
        business: BusinessIx,
        wanted: Vec<NodeAt>,
    ) -> Result<Known> {
        of_business!(self, business, |connection, of| {
            let mut known = Known::new();
            for at in wanted {
                let (first, count) = at.kept();
                known
                    .add(at, &hashes(connection, of.0, first, count)?)
                    .map_err(|_| LedgerError::unreadable("a node of the log"))?;
            }
            Ok(known)
        })
    }

    pub(crate) async fn log_place(
        self: &Arc<Self>,
        business: BusinessIx,
        id: RecordId,
    ) -> Result<Option<SealedLeaf>> {
        of_business!(self, business, |connection, of| place(connection, of.0, id))
    }

    pub(crate) async fn log_unlogged(self: &Arc<Self>, business: BusinessIx) -> Result<u64> {
        of_business!(self, business, |connection, of| {
            connection.execute_batch("BEGIN")?;
            let counted = unlogged(connection, of.0);
            connection.execute_batch("ROLLBACK")?;
            counted
        })
    }

    pub(crate) async fn log_erasures(self: &Arc<Self>, business: BusinessIx) -> Result<u64> {
        of_business!(self, business, |connection, of| {
            Ok(seq(counts(connection, of.0)?.0))
        })
    }

    /// There is one process at a time.
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn log_lease(self: &Arc<Self>, _: BusinessIx, _: i64) -> Result<bool> {
        Ok(true)
    }
}

impl Hand<'_> {
    /// Appends leaves and their head, if the log still has the size they are made for.
    pub(crate) fn seal(&mut self, seal: &NewSeal) -> Result<bool> {
        let row = self.state.business(seal.business)?.row;
        let mut marks = marks(self.connection, row)?;
        let (erasures, _) = counts(self.connection, row)?;
        if marks.size != seq_column(seal.size) || erasures != seq_column(seal.erasures) {
            return Ok(false);
        }
        if seal.leaves.len() > LEAVES_MAX {
            return Err(LedgerError::Bug("more leaves than a seal may hold"));
        }
        let late = late(self.connection, row)?;
        for leaf in &seal.leaves {
            let number = seq_column(leaf.id.seq);
            let is_sealed = match leaf.id.kind {
                SealKind::Event => number <= marks.event && !late.contains(&number),
                SealKind::Decision => number <= marks.decision && !late.contains(&number),
                SealKind::Timeline => entries::is_sealed(self.connection, row, number)?,
            };
            if is_sealed {
                return Ok(false);
            }
        }
        let mut entries = Vec::with_capacity(seal.leaves.len() * 64);
        let (mut events, mut decisions) = (0_i64, 0_i64);
        for (index, leaf) in (marks.size..).zip(&seal.leaves) {
            let NewLeaf { id, hash, .. } = leaf;
            push_entry(&mut entries, *id, *hash, &leaf.salts().to_bytes());
            let number = seq_column(id.seq);
            match id.kind {
                // Counted with the events.
                SealKind::Timeline => {
                    events += 1;
                    self.note_entry_sealed(row, number, index)?;
                }
                SealKind::Event => {
                    events += 1;
                    if late.contains(&number) {
                        self.connection
                            .prepare_cached(sql::SEAL_LATE)?
                            .execute(params![row, number, index])?;
                    } else {
                        marks.event = marks.event.max(number);
                    }
                }
                SealKind::Decision => {
                    decisions += 1;
                    if late.contains(&number) {
                        self.connection
                            .prepare_cached(sql::SEAL_LATE)?
                            .execute(params![row, number, index])?;
                    } else {
                        marks.decision = marks.decision.max(number);
                    }
                }
            }
        }
        // What does not read is passed over and waits apart, as what comes late.
        for skipped in &seal.skipped {
            let number = seq_column(skipped.seq);
            let mark = match skipped.kind {
                SealKind::Event => marks.event,
                SealKind::Decision => marks.decision,
                SealKind::Timeline => entries::mark(self.connection, row)?,
            };
            match skipped.kind {
                _ if number > mark => {}
                SealKind::Timeline => self.note_entry_waits(row, number)?,
                SealKind::Event | SealKind::Decision => self.note_late(row, skipped.seq)?,
            }
        }
        self.written += entries.len();
        self.connection
            .prepare_cached(sql::INSERT_BLOCK)?
            .execute(params![
                row,
                marks.size,
                events,
                decisions,
                marks.event,
                marks.decision,
                entries
            ])?;
        for (at, hash) in &seal.nodes {
            self.connection
                .prepare_cached(sql::INSERT_NODE)?
                .execute(params![row, at.level, seq_column(at.index), hash.0])?;
        }
        let StoredHead { signed, key } = &seal.head;
        self.connection
            .prepare_cached(sql::INSERT_LOG_HEAD)?
            .execute(params![
                row,
                seq_column(signed.head.size),
                signed.head.root.0,
                signed.head.at_ms,
                key.0,
                signed.key.0,
                signed.signature
            ])?;
        Ok(true)
    }

    /// A decision is recorded that may stand below the mark.
    pub(crate) fn note_late(&self, business: i64, number: u64) -> Result<()> {
        self.connection
            .prepare_cached(sql::INSERT_LATE)?
            .execute(params![business, seq_column(number)])?;
        Ok(())
    }

    /// Deletes the salts of a record's fields; `false` when it is not sealed. To be called in the
    /// transaction that deletes their values, before it does.
    pub(crate) fn forget_salts(
        &mut self,
        business: BusinessIx,
        id: RecordId,
        names: &[Box<str>],
    ) -> Result<bool> {
        let known = self.state.business(business)?;
        let of = (known.row, &*known.id, business);
        let Some(leaf) = place(self.connection, of.0, id)? else {
            return Ok(false);
        };
        let form = Form::of(&leaf.salts);
        let Recorded::Fields(fields) = recorded(self.connection, of, id, form)? else {
            return Err(LedgerError::unreadable("a record that is to be erased"));
        };
        let forgotten = leaf
            .salts
            .without(&fields, |name| names.iter().any(|gone| **gone == *name))
            .map_err(|_| LedgerError::unreadable("the salts of a record"))?;
        let mut statement = self.connection.prepare_cached(sql::LOG_BLOCK_WITH)?;
        let kept = statement.query_row(params![of.0, seq_column(leaf.index)], |row| {
            Ok((row.get(0)?, block(row)))
        });
        let (first, kept): (i64, _) = kept?;
        let mut entries = Vec::new();
        for kept in kept? {
            let salts = if kept.index == leaf.index {
                forgotten.to_bytes()
            } else {
                kept.salts.to_bytes()
            };
            push_entry(&mut entries, kept.id, kept.hash, &salts);
        }
        self.written += entries.len();
        self.connection
            .prepare_cached(sql::UPDATE_BLOCK)?
            .execute(params![of.0, first, entries])?;
        Ok(true)
    }
}
