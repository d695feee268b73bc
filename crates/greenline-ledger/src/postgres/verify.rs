//! Folds everything again and compares: what is projected must follow from what was appended.
//!
//! It reads a page of people at a time, beside live writers. What looks wrong is looked at once more before
//! it is reported, because somebody may have written in between.

use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::Store;
use super::connect::{Link, Params, retrying};
use super::rows::{count_column, person, person_column, seq, shard};
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::DecideFn;
use crate::codec::{decode_head, decode_record};
use crate::compose;
use crate::error::LedgerError;
use crate::types::{DecisionId, Difference, PersonId, PersonShard, Verification};
use greenline_policy::decide::Verdict;

/// Differences reported at most; past it one more says that there are others.
const DIFFERENCES_MAX: usize = 1_000;
/// People or decisions read at once.
const PAGE: i64 = 500;
/// Shards there are.
const SHARDS: i64 = 4_096;
/// People whose rows are looked through in one statement, about.
const PEOPLE_AT_ONCE: u64 = 100_000;

fn differ(found: &mut Verification, difference: Difference) {
    match found.differences.len() {
        DIFFERENCES_MAX => found.differences.push(Difference {
            what: "there are more".to_owned(),
            ..difference
        }),
        more if more > DIFFERENCES_MAX => {}
        _ => found.differences.push(difference),
    }
}

fn difference(kind: &'static str, person: Option<PersonId>, what: String) -> Difference {
    Difference { kind, person, what }
}

impl Store {
    pub(crate) async fn verify(&self, decide: DecideFn) -> Result<Verification, LedgerError> {
        let mut found = Verification::default();
        self.people(&mut found).await?;
        self.references(&mut found).await?;
        self.records(decide, &mut found).await?;
        Ok(found)
    }

    async fn references(&self, found: &mut Verification) -> Result<(), LedgerError> {
        let checks = [
            (sql::LOST_EVENTS, "events of a person without an identifier"),
            (sql::LOST_SENDS, "outcomes of a decision that is not there"),
            (sql::LOST_RELAYS, "relays of a delivery that is not there"),
            (sql::WRONG_SHARDS, "rows in the wrong shard"),
        ];
        let mut lost = Vec::with_capacity(checks.len() + 2);
        for (sql, what) in checks {
            lost.push((self.lost_in_shards(sql, found.people).await?, what));
        }
        let what = "names of an identifier that is not there";
        lost.push((self.lost_names().await?, what));
        let what = "dedup keys of an event that is not there";
        lost.push((self.lost_keys().await?, what));
        for (lost, what) in lost.into_iter().filter(|(lost, _)| *lost > 0) {
            differ(found, difference("missing", None, format!("{lost} {what}")));
        }
        Ok(())
    }

    /// Counts what is missing, some shards at a time: as many as hold [`PEOPLE_AT_ONCE`], and half as many when
    /// that takes too long.
    async fn lost_in_shards(&self, sql: &'static str, people: u64) -> Result<i64, LedgerError> {
        let shards_max = u64::try_from(SHARDS).unwrap_or(1);
        let width = (PEOPLE_AT_ONCE * shards_max / people.max(1)).clamp(1, shards_max);
        let mut width = i64::try_from(width).unwrap_or(1);
        let (mut from, mut lost) = (0, 0);
        while from < SHARDS {
            match self.lost(sql, from, from + width).await {
                Ok(count) => {
                    lost += count;
                    from += width;
                }
                Err(error) if error.is_passing() && width > 1 => width /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    async fn lost(&self, sql: &'static str, from: i64, to: i64) -> Result<i64, LedgerError> {
        let look = async || {
            retrying!(self.pool, link => {
                let rows = link.rows(sql, &[&from, &to]).await?;
                let count = rows.first().map(|row| row.try_get(0)).transpose()?;
                Ok(count.unwrap_or(0))
            })
        };
        match look().await? {
            0 => Ok(0),
            _ => look().await,
        }
    }

    async fn lost_names(&self) -> Result<i64, LedgerError> {
        let mut after = (-1_i64, String::new(), 0_i64, String::new());
        let mut lost = 0;
        loop {
            let page = retrying!(self.pool, link => {
                link.rows(sql::NAMES_AFTER, &[&after.0, &after.1, &after.2, &after.3, &PAGE]).await
            })?;
            let mut asked = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for row in &page {
                let read = || {
                    let key = (
                        row.try_get(0)?,
                        row.try_get(1)?,
                        row.try_get(2)?,
                        row.try_get(3)?,
                    );
                    Ok::<_, Trouble>((key, row.try_get::<_, i64>(4)?, row.try_get::<_, i64>(5)?))
                };
                let (key, owner_shard, owner_id) = read().map_err(Trouble::given_up)?;
                after = key;
                asked.0.push(owner_shard);
                asked.1.push(owner_id);
                asked.2.push(after.2);
                asked.3.push(after.3.clone());
            }
            if page.is_empty() {
                return Ok(lost);
            }
            let there = self
                .among(
                    sql::IDENTIFIERS_AMONG,
                    &[&asked.0, &asked.1, &asked.2, &asked.3],
                )
                .await?;
            lost += count_column(page.len()) - there;
        }
    }

    async fn lost_keys(&self) -> Result<i64, LedgerError> {
        let mut after = (-1_i64, String::new(), String::new());
        let mut lost = 0;
        loop {
            let page = retrying!(self.pool, link => {
                link.rows(sql::KEYS_AFTER, &[&after.0, &after.1, &after.2, &PAGE]).await
            })?;
            let mut asked = (Vec::new(), Vec::new(), Vec::new());
            for row in &page {
                let read = || {
                    let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                    Ok::<_, Trouble>((key, row.try_get::<_, i64>(3)?))
                };
                let (key, taken_by) = read().map_err(Trouble::given_up)?;
                after = key;
                asked.0.push(after.1.clone());
                asked.1.push(taken_by);
                asked.2.push(after.2.clone());
            }
            if page.is_empty() {
                return Ok(lost);
            }
            let there = self
                .among(sql::EVENTS_AMONG, &[&asked.0, &asked.1, &asked.2])
                .await?;
            lost += count_column(page.len()) - there;
        }
    }

    async fn among(&self, sql: &'static str, asked: Params<'_>) -> Result<i64, LedgerError> {
        retrying!(self.pool, link => {
            let rows = link.rows(sql, asked).await?;
            let count = rows.first().map(|row| row.try_get(0)).transpose()?;
            Ok(count.unwrap_or(0))
        })
    }

    async fn people(&self, found: &mut Verification) -> Result<(), LedgerError> {
        let mut after = (-1_i64, -1_i64);
        loop {
            let page = retrying!(self.pool, link => link.rows(sql::PEOPLE_AFTER, &[&after.0, &after.1, &PAGE]).await)?;
            let mut people = Vec::with_capacity(page.len());
            for row in &page {
                after = columns(row)?;
                people.push(person(after.1));
            }
            if people.is_empty() {
                return Ok(());
            }
            let mut looked = retrying!(self.pool, link => self.page(link, &people).await)?;
            if !looked.differences.is_empty() {
                looked = retrying!(self.pool, link => self.page(link, &people).await)?;
            }
            found.people += looked.people;
            found.events += looked.events;
            for one in looked.differences {
                differ(found, one);
            }
        }
    }

    async fn page(&self, link: &mut Link, people: &[PersonId]) -> Result<Verification, Trouble> {
        let mut found = Verification::default();
        let (shards, ids): (Vec<i64>, Vec<i64>) = people
            .iter()
            .map(|person| (shard(*person), person_column(*person)))
            .unzip();
        let snapshot = match self.snapshot(link, &Wants::default(), people).await {
            Ok(snapshot) => snapshot,
            Err(Trouble::Final(LedgerError::Corrupt(cause))) => {
                found.people = people.len() as u64;
                let what = format!("cannot be loaded: {cause}");
                found.differences.push(difference("store", None, what));
                return Ok(found);
            }
            Err(trouble) => return Err(trouble),
        };
        let mut stored: FxHashMap<(PersonId, i64), String> = FxHashMap::default();
        for row in &link.rows(sql::HEADS_OF, &[&shards, &ids]).await? {
            stored.insert((person(row.try_get(0)?), row.try_get(1)?), row.try_get(2)?);
        }
        for row in &link.rows(sql::VERSIONS_OF, &[&shards, &ids]).await? {
            let (count, first, last): (i64, i64, i64) =
                (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            found.events += seq(count);
            if first != 1 || last != count {
                let what = format!("{count} events are numbered {first} to {last}");
                found.differences.push(difference(
                    "version_gap",
                    Some(person(row.try_get(0)?)),
                    what,
                ));
            }
        }
        found.people = people.len() as u64;
        for (slot, group) in (0..).zip(&snapshot.state.groups) {
            let (groups, history) = snapshot.history(slot)?;
            let heads = compose::heads(&groups, &history);
            for member in group
                .members
                .iter()
                .filter(|member| people.contains(member))
            {
                for (spelling, folded) in (0..).zip(&heads) {
                    let head = stored
                        .get(&(*member, spelling))
                        .map(|body| decode_head(body));
                    let is_same = match head.transpose() {
                        Ok(head) => head.as_ref() == folded.as_deref(),
                        Err(_) => false,
                    };
                    if !is_same {
                        let what = format!(
                            "the stored head (spelling {spelling}) is not the fold of the events"
                        );
                        found
                            .differences
                            .push(difference("head", Some(*member), what));
                    }
                }
            }
        }
        Ok(found)
    }

    async fn records(&self, decide: DecideFn, found: &mut Verification) -> Result<(), LedgerError> {
        let mut after = (-1_i64, -1_i64);
        loop {
            let page = retrying!(self.pool, link => link.rows(sql::RECORDS_AFTER, &[&after.0, &after.1, &PAGE]).await)?;
            if page.is_empty() {
                return Ok(());
            }
            for row in &page {
                let (number, shard) = columns(row)?;
                after = (shard, number);
                found.decisions += 1;
                match decision(row, decide).map_err(Trouble::given_up) {
                    Ok(None) => {}
                    Ok(Some(what)) => {
                        differ(
                            found,
                            difference("decision", None, format!("decision {number}: {what}")),
                        );
                    }
                    Err(LedgerError::Corrupt(cause)) => {
                        differ(
                            found,
                            difference("record", None, format!("decision {number}: {cause}")),
                        );
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

fn columns(row: &Row) -> Result<(i64, i64), LedgerError> {
    let read = || Ok::<_, Trouble>((row.try_get(0)?, row.try_get(1)?));
    read().map_err(Trouble::given_up)
}

fn decision(row: &Row, decide: DecideFn) -> Result<Option<&'static str>, Trouble> {
    let shard: i64 = row.try_get(1)?;
    let id = DecisionId {
        shard: PersonShard(u16::try_from(shard).map_err(|_| LedgerError::unreadable("a shard"))?),
        seq: seq(row.try_get(0)?),
    };
    let record = decode_record(id, "", row.try_get(3)?, row.try_get(5)?)?;
    let column: Option<i64> = row.try_get(2)?;
    if column.map(person) != record.people.first().and_then(|first| first.person) {
        return Ok(Some("its person is not the record's"));
    }
    let verdict: i64 = row.try_get(4)?;
    if (verdict == 1) != (record.decision.verdict == Verdict::Allow) {
        return Ok(Some("its verdict is not the record's"));
    }
    let is_other = record.is_of_its_time() && record.again(decide) != record.decision;
    Ok(is_other.then_some("deciding again gives another answer"))
}
