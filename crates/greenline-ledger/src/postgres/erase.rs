//! Erasing a person, table by table, in one transaction that fails when anybody else touched the person.
//!
//! First the erasure is recorded, as any event, by the node's writer, which knows what is under way; then
//! everything goes, that event's person too. Should the node die between the two, the event still names its
//! person: by that any node finds the erasure and carries it to its end.

use std::collections::BTreeSet;

use greenline_policy::identity::Identifier;
use tokio_postgres::types::ToSql;

use super::connect::{Link, retrying};
use super::load::{Snapshot, shard_of_key, shard_of_name};
use super::rows::{
    identifier_columns, identifiers_column, person_column, seq, seq_column, shard, shard_of_text,
    stored_event,
};
use super::seal::forget;
use super::sql;
use super::trouble::Trouble;
use super::wants::{KeyKind, Wants};
use super::{Store, entries};
use crate::codec::encode_head;
use crate::codec::rows::{decode_list, encode_evidence};
use crate::compose::IdentifierRow;
use crate::erasure::{
    DECISION_FIELDS, Erase, Erased, ErasureKey, Replacements, is_pseudonym, left_of, mentions,
    of_event, prefix_of, spellings, without_people,
};
use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::seal::{RecordId, SealKind};
use crate::state::State;
use crate::state::people::Slot;
use crate::types::{BusinessIx, PersonId};

type Result<T, E = Trouble> = std::result::Result<T, E>;

/// How old an unfinished erasure is before another node takes it for broken off.
const RESUME_AFTER_MS: i64 = 10_000;

/// How long before others a delivery may say it came, and be written after them.
const LATE_MS: i64 = 60_000;

/// A delivery's shard and number.
type Delivery = (i64, i64);

/// The person at hand.
struct Whose<'e> {
    business: BusinessIx,
    id: &'e str,
    replaced: Replacements,
    at_ms: i64,
    people: People,
    texts: Vec<String>,
}

impl Whose<'_> {
    fn kept(&self, canonical: &Identifier) -> Result<Identifier> {
        let kept = self.replaced.get(canonical);
        kept.ok_or_else(|| LedgerError::NotFound("a key that a no could be kept under").into())
    }

    fn has(&self, person: Option<u64>, canonical: &Identifier) -> bool {
        person.is_some_and(|id| self.people.iter().any(|(known, _)| known.0 == id))
            || spellings(canonical)
                .iter()
                .any(|text| self.texts.contains(text))
    }

    fn columns(&self) -> (Vec<i64>, Vec<i64>) {
        let people = self.people.iter();
        people
            .map(|(person, _)| (shard(*person), person_column(*person)))
            .unzip()
    }
}

impl Store {
    pub(crate) fn use_erasure_keys(&self, keys: Vec<ErasureKey>) {
        self.erasure.set(keys);
    }

    pub(crate) async fn erase(&self, erase: Erase) -> Result<Answer, LedgerError> {
        self.check_open()?;
        let id = self.business(erase.business)?;
        let canonical = erase.identifier.canonical().0;
        if self.erasure.newest(id, &canonical).is_none() {
            return Err(LedgerError::NotFound("a key that a no could be kept under"));
        }
        if self
            .person(erase.business, &erase.identifier)
            .await?
            .is_none()
        {
            return Err(LedgerError::NotFound("a person of that identifier"));
        }
        let event = Request::Append(Box::new(erase.event.clone()));
        let Answer::Appended(appended) = self.ask(event).await? else {
            return Err(LedgerError::Bug("an answer to another request"));
        };
        let mut done = self.finish(&erase).await?;
        done.event = appended.id;
        done.flights = appended.flights;
        Ok(Answer::Erased(Box::new(done)))
    }

    /// Everything goes, once the erasure is recorded.
    async fn finish(&self, erase: &Erase) -> Result<Erased, LedgerError> {
        let id = self.business(erase.business)?;
        // Found before the transaction, a page at a time, since every delivery must be looked at.
        let texts = retrying!(self.pool, link => self.texts(link, erase).await)?;
        let mut spoken_of = SpokenOf::with(texts);
        self.deliveries_with(id, &mut spoken_of).await?;
        retrying!(self.pool, link => {
            // And what came since, before each try.
            let texts = self.texts(link, erase).await?;
            if texts != spoken_of.texts {
                spoken_of = SpokenOf::with(texts);
            }
            spoken_of.look_again(erase.event.arrival_ms);
            while spoken_of.look(link, id).await? {}
            self.transaction(link, erase, &spoken_of.found).await
        })
    }

    /// Erasures that were recorded and whose person is still named were broken off: their node died. They are
    /// carried to their end by whoever finds them; two at once do no harm.
    pub(crate) async fn resume_erasures(
        &self,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<u64, LedgerError> {
        self.check_open()?;
        let id = self.business(business)?;
        let before_ms = now_ms.saturating_sub(RESUME_AFTER_MS);
        let stored = retrying!(self.pool, link => {
            let rows = link.rows(sql::UNFINISHED_ERASURES, &[&id, &before_ms]).await?;
            let stored = rows.iter().map(|row| stored_event(row, business));
            stored.collect::<Result<Vec<_>>>()
        })?;
        let (mut resumed, mut failed) = (0, None);
        for one in stored.iter().filter(|one| !is_pseudonym(&one.identifier)) {
            let erase = Erase {
                business,
                identifier: one.identifier.clone(),
                event: one.event.clone(),
                found: Default::default(),
            };
            // One that cannot be ended holds up none of the others.
            match self.finish(&erase).await {
                Ok(_) => resumed += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(resumed), Err)
    }

    pub(crate) async fn is_erasure_key_used(&self, key: &str) -> Result<bool, LedgerError> {
        let from = prefix_of(key);
        // Behind every hexadecimal digit.
        let (to, pattern) = (format!("{from}g"), format!("{from}%"));
        let shards: Vec<i64> = (0..1 << 12).collect();
        // Also of businesses that no configuration names any more: their noes count again once one does.
        let mut businesses = retrying!(self.pool, link => {
            let rows = link.rows(sql::LOGGED, &[]).await?;
            rows.iter().map(|row| Ok(row.try_get::<_, String>(0)?)).collect::<Result<BTreeSet<_>>>()
        })?;
        businesses.extend(self.businesses.iter().map(ToString::to_string));
        for business in &businesses {
            let found = retrying!(self.pool, link => {
                let rows = link
                    .rows(sql::KEPT_BY_KEY, &[&shards, business, &from, &to, &pattern])
                    .await?;
                Ok(!rows.is_empty())
            })?;
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn transaction(
        &self,
        link: &mut Link,
        erase: &Erase,
        spoken_of: &BTreeSet<Delivery>,
    ) -> Result<Erased> {
        link.batch("BEGIN").await?;
        let done = self.wipe(link, erase, spoken_of).await;
        match done {
            Ok(done) => {
                link.batch("COMMIT").await?;
                Ok(done)
            }
            Err(trouble @ Trouble::Lost(_)) => Err(trouble),
            Err(other) => {
                link.batch("ROLLBACK").await?;
                Err(other)
            }
        }
    }

    /// Whom it is about.
    async fn whom(&self, link: &mut Link, erase: &Erase) -> Result<(Snapshot, BTreeSet<PersonId>)> {
        let canonical = erase.identifier.canonical().0;
        self.everyone(link, erase.business, &canonical).await
    }

    /// Everyone who is the person with an identifier.
    pub(super) async fn everyone(
        &self,
        link: &mut Link,
        business: BusinessIx,
        canonical: &Identifier,
    ) -> Result<(Snapshot, BTreeSet<PersonId>)> {
        let mut wants = Wants::default();
        wants.names.insert((business, canonical.clone()));
        let snapshot = self.snapshot(link, &wants, &[]).await?;
        let Some(slot) = snapshot.state.find(business, canonical)? else {
            return Err(LedgerError::NotFound("a person of that identifier").into());
        };
        let whole = members(&snapshot.state, &snapshot.state.whole_person(slot));
        Ok((snapshot, whole))
    }

    /// How they are written wherever they are spoken of.
    async fn texts(&self, link: &mut Link, erase: &Erase) -> Result<Vec<String>> {
        let (snapshot, members) = self.whom(link, erase).await?;
        Ok(texts(&people_of(&snapshot, &members), erase))
    }

    /// Deliveries that speak of them.
    async fn deliveries_with(&self, id: &str, of: &mut SpokenOf) -> Result<(), LedgerError> {
        while retrying!(self.pool, link => of.look(link, id).await)? {}
        Ok(())
    }

    async fn wipe(
        &self,
        link: &mut Link,
        erase: &Erase,
        spoken_of: &BTreeSet<Delivery>,
    ) -> Result<Erased> {
        let id = self.business(erase.business).map_err(Trouble::from)?;
        // First, and held to the end: whatever was read before to be sealed is not taken any more, and what is
        // sealed already is found as such below.
        let home = shard_of_text(id);
        link.run(sql::INSERT_LOG, &[&home, &id]).await?;
        link.run(sql::COUNT_ERASURE, &[&home, &id]).await?;
        let (snapshot, members) = self.whom(link, erase).await?;
        hold(link, &snapshot, &members).await?;
        let people = people_of(&snapshot, &members);
        let names = people.iter().flat_map(|(_, rows)| rows);
        let names: Vec<_> = names
            .map(|row| (row.canonical.clone(), row.linked_at_ms))
            .collect();
        let whose = Whose {
            business: erase.business,
            id,
            replaced: Replacements::of(&self.erasure, id, &names),
            at_ms: erase.event.at_ms,
            texts: texts(&people, erase),
            people,
        };
        let mut done = Erased {
            people: members.len() as u64,
            ..Erased::default()
        };
        decisions(link, &whose, &mut done).await?;
        events(link, &whose, &mut done).await?;
        identifiers(link, &whose, &mut done).await?;
        deliveries(link, &whose, spoken_of, &mut done).await?;
        let (shards, ids) = whose.columns();
        link.run(sql::ERASE_LATER, &[&shards, &ids]).await?;
        for (shard, id) in shards.iter().zip(&ids) {
            link.run(sql::DELETE_WINDOWS, &[shard, id]).await?;
        }
        link.run(sql::FORGET_LIMITS, &[&shards, &ids]).await?;
        link.run(sql::REVOKE_LINKS, &[&shards, &ids, &whose.at_ms])
            .await?;
        self.fold(link, members).await?;
        Ok(done)
    }

    /// Folds what is left, as it was just written.
    async fn fold(&self, link: &mut Link, members: BTreeSet<PersonId>) -> Result<()> {
        let members: Vec<PersonId> = members.into_iter().collect();
        let snapshot = self.snapshot(link, &Wants::default(), &members).await?;
        for group in &snapshot.state.groups {
            for (spelling, head) in (0_i64..).zip(&group.heads) {
                let Some(head) = head else { continue };
                let body = encode_head(head)?;
                for member in &group.members {
                    let (shards, ids) = (vec![shard(*member)], vec![person_column(*member)]);
                    let rest = (vec![spelling], vec![body.as_str()]);
                    link.run(sql::PUT_HEADS, &[&shards, &ids, &rest.0, &rest.1])
                        .await?;
                }
            }
        }
        Ok(())
    }
}

/// Everyone in some groups.
pub(super) fn members(state: &State, slots: &[Slot]) -> BTreeSet<PersonId> {
    let groups = slots.iter().map(|slot| state.group(*slot));
    groups
        .flat_map(|group| group.members.iter().copied())
        .collect()
}

/// Deliveries that speak of somebody, as far as was looked: in the order in which they came.
struct SpokenOf {
    texts: Vec<String>,
    patterns: Vec<String>,
    found: BTreeSet<Delivery>,
    after: (i64, i64),
}

impl SpokenOf {
    fn with(texts: Vec<String>) -> Self {
        Self {
            patterns: texts.iter().map(|text| format!("%{text}%")).collect(),
            texts,
            found: BTreeSet::new(),
            after: (i64::MIN, i64::MIN),
        }
    }

    /// Goes on with what may have come since a moment, and what was being written when it was looked.
    fn look_again(&mut self, since_ms: i64) {
        let from_ms = self.after.0.min(since_ms);
        self.after = (from_ms.saturating_sub(LATE_MS), i64::MIN);
    }

    /// Looks at a page; `false` after the last.
    async fn look(&mut self, link: &mut Link, id: &str) -> Result<bool> {
        let (at_ms, number) = self.after;
        let rows = link
            .rows(sql::INBOX_WITH, &[&id, &self.patterns, &at_ms, &number])
            .await?;
        for row in &rows {
            let delivery: Delivery = (row.try_get(0)?, row.try_get(1)?);
            let body: Option<Vec<u8>> = row.try_get(3)?;
            if body.is_some_and(|body| mentions(&body, &self.texts)) {
                self.found.insert(delivery);
            }
            self.after = (row.try_get(2)?, delivery.1);
        }
        Ok(!rows.is_empty())
    }
}

type People = Vec<(PersonId, Vec<IdentifierRow>)>;

fn people_of(snapshot: &Snapshot, members: &BTreeSet<PersonId>) -> People {
    let rows = |person: &PersonId| {
        let known = snapshot.people.get(person);
        let identifiers = known.map(|known| known.identifiers.clone());
        (*person, identifiers.unwrap_or_default())
    };
    members.iter().map(rows).collect()
}

fn texts(people: &People, erase: &Erase) -> Vec<String> {
    let asked = erase.identifier.canonical().0;
    let names = people.iter().flat_map(|(_, rows)| rows);
    let texts: BTreeSet<String> = names
        .map(|row| &row.canonical)
        .chain([&asked])
        .filter(|name| !is_pseudonym(name))
        .flat_map(spellings)
        .collect();
    texts.into_iter().collect()
}

/// Fails unless everybody is still as they were loaded.
async fn hold(link: &mut Link, snapshot: &Snapshot, members: &BTreeSet<PersonId>) -> Result<()> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for person in members {
        let known = snapshot.people.get(person);
        columns.0.push(shard(*person));
        columns.1.push(person_column(*person));
        columns
            .2
            .push(known.and_then(|known| known.version).unwrap_or(0));
        columns
            .3
            .push(seq_column(known.map_or(0, |known| known.last_seq)));
    }
    let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
    let (shards, ids, versions, seqs) = &columns;
    let pairs: Vec<Option<String>> = vec![None; members.len()];
    let columns: [&(dyn ToSql + Sync); 6] = [shards, ids, versions, seqs, &count, &pairs];
    link.rows(sql::COMPARE_AND_SET, &columns).await?;
    Ok(())
}

async fn decisions(link: &mut Link, whose: &Whose<'_>, done: &mut Erased) -> Result<()> {
    let (shards, ids) = whose.columns();
    let mut seqs: Vec<i64> = Vec::new();
    for row in link.rows(sql::SENDS_TO, &[&shards, &ids]).await? {
        seqs.push(row.try_get(0)?);
    }
    let mut rows = link.rows(sql::DECISIONS_ABOUT, &[&shards, &ids]).await?;
    rows.extend(link.rows(sql::DECISIONS_ABOUT_NOBODY, &[&whose.id]).await?);
    rows.extend(
        link.rows(sql::DECISIONS_NUMBERED, &[&whose.id, &seqs])
            .await?,
    );
    let mut seen: BTreeSet<(i64, i64)> = BTreeSet::new();
    for row in &rows {
        let (of, number): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if !seen.insert((of, number)) {
            continue;
        }
        let replace = |person: Option<u64>, canonical: &Identifier| {
            let theirs = whose.has(person, canonical);
            theirs.then(|| whose.kept(canonical).ok()).flatten()
        };
        let Some(left) = without_people(row.try_get(2)?, replace)? else {
            continue;
        };
        let record = RecordId {
            kind: SealKind::Decision,
            seq: seq(number),
        };
        forget(link, (whose.id, whose.business), record, &DECISION_FIELDS).await?;
        link.run(sql::SET_RECORD, &[&of, &number, &left]).await?;
        let mut homes = shards.clone();
        homes.push(of);
        for home in homes {
            sent(link, home, number).await?;
        }
        done.decisions += 1;
    }
    Ok(())
}

/// The message ids of a send go, which hold the number in another writing.
async fn sent(link: &mut Link, of: i64, number: i64) -> Result<()> {
    for row in link.rows(sql::SENT_AS, &[&of, &number]).await? {
        let (first, more): (Option<String>, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let more = more.map(|more| decode_list(&more)).transpose()?;
        let more = more.into_iter().flatten().map(String::from);
        for message_id in first.into_iter().chain(more) {
            let home = shard_of_text(&message_id);
            link.run(sql::DELETE_MESSAGE, &[&home, &message_id]).await?;
        }
    }
    link.run(sql::ERASE_SENDS, &[&of, &number]).await?;
    Ok(())
}

async fn events(link: &mut Link, whose: &Whose<'_>, done: &mut Erased) -> Result<()> {
    for (person, _) in &whose.people {
        let key = (shard(*person), person_column(*person));
        let rows = link.rows(sql::WHOLE_EVENTS_OF, &[&key.0, &key.1]).await?;
        for row in &rows {
            let stored = stored_event(row, whose.business)?;
            if is_pseudonym(&stored.identifier) {
                continue;
            }
            let record = RecordId {
                kind: SealKind::Event,
                seq: stored.id.0,
            };
            let (evidence, actor, fields) = left_of(&stored.event);
            forget(link, (whose.id, whose.business), record, fields).await?;
            let kept = whose.kept(&stored.identifier.canonical().0)?;
            let kept = identifiers_column(&[of_event(kept, &stored.identifier)])?;
            let evidence = encode_evidence(&evidence)?;
            let (of, id) = (shard(*person), person_column(*person));
            let number = seq_column(stored.id.0);
            link.run(
                sql::ERASE_EVENT,
                &[&of, &id, &number, &kept, &evidence, &&*actor.0],
            )
            .await?;
            if let Some(key) = &stored.event.dedup {
                let home = shard_of_key(whose.id, KeyKind::Event, key);
                link.run(sql::DELETE_EVENT_KEY, &[&home, &whose.id, &&**key])
                    .await?;
            }
            done.events += 1;
        }
    }
    Ok(())
}

async fn identifiers(link: &mut Link, whose: &Whose<'_>, done: &mut Erased) -> Result<()> {
    for (person, rows) in &whose.people {
        let (of, id) = (shard(*person), person_column(*person));
        for row in rows {
            let kept = whose.kept(&row.canonical)?;
            let (kind, value) = identifier_columns(&row.canonical);
            let (kept_kind, kept_value) = identifier_columns(&kept);
            if kept != row.canonical {
                let home = shard_of_name(whose.id, &row.canonical);
                link.run(sql::DELETE_NAME, &[&home, &whose.id, &kind, &value])
                    .await?;
                link.run(sql::DELETE_IDENTIFIER, &[&of, &id, &kind, &value])
                    .await?;
                done.identifiers += 1;
            }
            let home = shard_of_name(whose.id, &kept);
            link.run(
                sql::KEEP_NAME,
                &[&home, &whose.id, &kept_kind, &kept_value, &of, &id],
            )
            .await?;
            let left_ms = row.left_at_ms.max(Some(whose.at_ms));
            link.run(
                sql::KEEP_IDENTIFIER,
                &[
                    &of,
                    &id,
                    &kept_kind,
                    &kept_value,
                    &row.known_ms,
                    &row.linked_at_ms,
                    &left_ms,
                    &row.gone_at_ms,
                ],
            )
            .await?;
            for (other, _) in &whose.people {
                let key = (shard(*other), person_column(*other));
                link.run(
                    sql::ERASE_LEFT,
                    &[&key.0, &key.1, &value, &kept_kind, &kept_value],
                )
                .await?;
            }
        }
    }
    Ok(())
}

async fn deliveries(
    link: &mut Link,
    whose: &Whose<'_>,
    spoken_of: &BTreeSet<Delivery>,
    done: &mut Erased,
) -> Result<()> {
    let patterns: Vec<String> = whose.texts.iter().map(|text| format!("%{text}%")).collect();
    link.run(sql::DELETE_REPLIES_TO, &[&whose.id, &whose.texts])
        .await?;
    entries::erase(link, whose.id, &whose.texts, &patterns).await?;
    for (of, number) in spoken_of {
        link.run(sql::DELETE_PARKED, &[of, number]).await?;
        let emptied = link
            .run(sql::EMPTY_INBOX, &[&vec![*of], &vec![*number]])
            .await?;
        if emptied > 0 {
            done.deliveries += 1;
        } else {
            link.run(sql::ERASE_DELIVERY_LATER, &[of, number]).await?;
            done.waiting += 1;
        }
    }
    Ok(())
}
