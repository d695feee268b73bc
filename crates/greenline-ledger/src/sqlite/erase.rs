//! Erasing a person, table by table.
//!
//! Neither decisions nor deliveries can be found by a person, so they are looked through, which takes as
//! long as the store is large. That is done by a reader first; the writer then looks only at what came since,
//! and sends wait no longer than for any other write. Deleted bytes are overwritten in the file.

use std::sync::Arc;

use greenline_policy::identity::Identifier;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{
    identifier_columns, identifier_row, identifiers_column, person, person_column, seq,
    stored_event,
};
use super::verbs::reading;
use super::write::Hand;
use super::{Store, read, sql};
use crate::codec::rows::encode_evidence;
use crate::compose::IdentifierRow;
use crate::erasure::{
    DECISION_FIELDS, Erase, Erased, ErasureKey, Found, Keys, Replacements, is_pseudonym, left_of,
    mentions, of_event, spellings, without_people,
};
use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::seal::{RecordId, SealKind};
use crate::state::people::Slot;
use crate::types::{BusinessIx, PersonId};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// What is looked through, in the order of [`Found::rows`].
const LOOKED_THROUGH: [&str; 4] = [
    sql::DECISIONS_FROM,
    sql::INBOX_FROM,
    sql::REPLIES_FROM,
    sql::TIMELINE_FROM,
];

/// A person by an identifier, or by what an erasure kept of it.
pub(super) fn find(
    connection: &Connection,
    (row, id): (i64, &str),
    keys: &Keys,
    canonical: &Identifier,
) -> Result<Option<PersonId>> {
    if let Some(found) = read::find(connection, row, canonical)? {
        return Ok(Some(found));
    }
    for kept in keys.pseudonyms(id, canonical) {
        if let Some(found) = read::find(connection, row, &kept)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

pub(super) fn identifiers(connection: &Connection, of: PersonId) -> Result<Vec<IdentifierRow>> {
    let mut statement = connection.prepare_cached(sql::IDENTIFIERS_OF)?;
    let mut rows = statement.query(params![of.shard().0, person_column(of)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(identifier_row(row)?.1);
    }
    Ok(found)
}

/// A person, everyone linked to them, and whom they moved to or from.
pub(super) fn whole_person(connection: &Connection, first: PersonId) -> Result<Vec<PersonId>> {
    reached(connection, first, sql::ALL_LINKED)
}

/// A person and everyone whom a statement leads to from them, step by step.
pub(super) fn reached(
    connection: &Connection,
    first: PersonId,
    others: &'static str,
) -> Result<Vec<PersonId>> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(&at) = found.get(next) {
        next += 1;
        let mut statement = connection.prepare_cached(others)?;
        let key = params![at.shard().0, person_column(at)];
        for other in statement.query_map(key, |row| row.get(0))? {
            let other = person(other?);
            if !found.contains(&other) {
                found.push(other);
            }
        }
    }
    Ok(found)
}

/// How a person may be written, in order.
fn texts(connection: &Connection, people: &[PersonId], asked: &Identifier) -> Result<Vec<String>> {
    let mut texts = spellings(asked);
    for one in people {
        let names = identifiers(connection, *one)?.into_iter();
        let names = names.filter(|name| !is_pseudonym(&name.canonical));
        texts.extend(names.flat_map(|name| spellings(&name.canonical)));
    }
    texts.sort();
    texts.dedup();
    Ok(texts)
}

/// Looks through everything that came after what `found` tells of.
fn look(connection: &Connection, business: i64, found: &mut Found) -> Result<()> {
    for (statement, (rows, to)) in LOOKED_THROUGH.iter().zip(&mut found.rows) {
        let mut statement = connection.prepare_cached(statement)?;
        let mut asked = statement.query(params![*to, business])?;
        while let Some(row) = asked.next()? {
            let number: i64 = row.get(0)?;
            let value = row.get_ref(1)?;
            let bytes = value.as_bytes().map_err(rusqlite::Error::from)?;
            if mentions(bytes, &found.texts) {
                rows.push(number);
            }
            *to = number;
        }
    }
    Ok(())
}

impl Store {
    pub(crate) fn use_erasure_keys(&self, keys: Vec<ErasureKey>) {
        self.erasure.set(keys);
    }

    pub(crate) async fn erase(self: &Arc<Self>, mut erase: Erase) -> Result<Answer> {
        let (business, keys) = (erase.business, self.erasure.clone());
        let id = self.business_id(business)?.to_owned();
        let canonical = erase.identifier.canonical().0;
        erase.found = reading(self, business, move |connection, row| {
            let mut found = Found::default();
            if let Some(first) = find(connection, (row, &id), &keys, &canonical)? {
                found.texts = texts(connection, &whole_person(connection, first)?, &canonical)?;
                look(connection, row, &mut found)?;
            }
            Ok(found)
        })
        .await?;
        let answer = self.ask(Request::Erase(Box::new(erase))).await?;
        // It may hold their number.
        self.forget_crowd()
            .map_err(|error| LedgerError::Unavailable(Arc::new(error)))?;
        Ok(answer)
    }
}

/// The person at hand.
struct Whose<'e> {
    business: BusinessIx,
    row: i64,
    people: Vec<PersonId>,
    replaced: Replacements,
    erase: &'e Erase,
}

impl Whose<'_> {
    fn kept(&self, canonical: &Identifier) -> Result<Identifier> {
        let kept = self.replaced.get(canonical);
        kept.ok_or(LedgerError::NotFound("a key that a no could be kept under"))
    }
}

impl Hand<'_> {
    /// Identifiers of someone erased that turn up again are theirs from the erasure on.
    pub(super) fn come_back(
        &mut self,
        business: BusinessIx,
        canonical: &[Identifier],
        at_ms: i64,
    ) -> Result<()> {
        for id in canonical {
            let Some((kept, slot)) = self.state.kept_only(business, id)? else {
                continue;
            };
            let owner = self.person_of(business, &kept, slot)?;
            let names = identifiers(self.connection, owner)?;
            let row = names.iter().find(|row| row.canonical == kept);
            let erased_ms = row.and_then(|row| row.left_at_ms);
            let back = IdentifierRow {
                canonical: id.clone(),
                known_ms: at_ms,
                linked_at_ms: erased_ms,
                left_at_ms: erased_ms,
                gone_at_ms: None,
            };
            self.keep_identifier(self.state.business(business)?.row, owner, &back)?;
            self.state.add_identifier(business, id, slot)?;
            self.refold_from(&[slot])?;
        }
        Ok(())
    }

    fn keep_identifier(&self, business: i64, owner: PersonId, row: &IdentifierRow) -> Result<()> {
        let (kind, value) = identifier_columns(&row.canonical);
        self.connection
            .prepare_cached(sql::KEEP_IDENTIFIER)?
            .execute(params![
                business,
                kind,
                value,
                owner.shard().0,
                person_column(owner),
                row.known_ms,
                row.linked_at_ms,
                row.left_at_ms,
                row.gone_at_ms
            ])?;
        Ok(())
    }

    /// Erases a person.
    pub(crate) fn erase(&mut self, erase: &Erase) -> Result<Erased> {
        let business = erase.business;
        let known = self.state.business(business)?;
        let (row, id, keys) = (known.row, known.id.clone(), self.state.erasure.clone());
        let canonical = erase.identifier.canonical().0;
        let Some(slot) = self.state.find(business, &canonical)? else {
            return Err(LedgerError::NotFound("a person of that identifier"));
        };
        if keys.newest(&id, &canonical).is_none() {
            return Err(LedgerError::NotFound("a key that a no could be kept under"));
        }
        // What this batch recorded is looked at too.
        self.written += self.pending.write(self.connection)?;
        self.connection
            .prepare_cached(sql::COUNT_ERASURE)?
            .execute([row])?;
        let event = self.append(&erase.event)?.id;
        let slots = self.state.whole_person(slot);
        let members = slots
            .iter()
            .flat_map(|slot| &self.state.group(*slot).members);
        let people: Vec<PersonId> = members.copied().collect();
        let mut names = Vec::new();
        for one in &people {
            let rows = identifiers(self.connection, *one)?.into_iter();
            names.extend(rows.map(|name| (name.canonical, name.linked_at_ms)));
        }
        let whose = Whose {
            business,
            row,
            people,
            replaced: Replacements::of(&keys, &id, &names),
            erase,
        };
        let mut done = Erased {
            event,
            people: whose.people.len() as u64,
            ..Erased::default()
        };
        for slot in &slots {
            self.flights_from(*slot, &mut done.flights);
        }
        self.connection.pragma_update(None, "secure_delete", true)?;
        let erased = self.wipe(&whose, &slots, &mut done);
        self.connection
            .pragma_update(None, "secure_delete", false)?;
        erased.map(|()| done)
    }

    fn wipe(&mut self, whose: &Whose<'_>, slots: &[Slot], done: &mut Erased) -> Result<()> {
        let mut found = whose.erase.found.clone();
        let texts = texts(
            self.connection,
            &whose.people,
            &whose.erase.identifier.canonical().0,
        )?;
        if texts != found.texts {
            // Another identifier of theirs came up meanwhile.
            found = Found {
                texts,
                ..Found::default()
            };
        }
        look(self.connection, whose.row, &mut found)?;
        let [decisions, deliveries, replies, timeline] = &found.rows;
        for number in &decisions.0 {
            self.wipe_decision(whose, *number, done)?;
        }
        for number in &deliveries.0 {
            self.wipe_delivery(*number, done)?;
        }
        for number in &replies.0 {
            self.connection
                .prepare_cached(sql::DELETE_REPLY)?
                .execute([number])?;
        }
        for number in &timeline.0 {
            self.wipe_entry((whose.business, whose.row), *number, &found.texts)?;
        }
        for one in &whose.people {
            self.wipe_events(whose, *one, done)?;
            self.wipe_identifiers(whose, *one, done)?;
            let key = params![one.shard().0, person_column(*one)];
            self.connection
                .prepare_cached(sql::DELETE_WINDOWS)?
                .execute(key)?;
            self.connection
                .prepare_cached(sql::ERASE_HELD)?
                .execute([person_column(*one)])?;
            self.connection
                .prepare_cached(sql::REVOKE_LINKS)?
                .execute(params![
                    one.shard().0,
                    person_column(*one),
                    whose.erase.event.at_ms
                ])?;
        }
        for (at, left) in self.state.links.left_by(&whose.people) {
            let kept = whose.kept(&left)?;
            self.state.put_left(at, kept);
        }
        for slot in slots {
            self.state.group_mut(*slot).windows.clear();
        }
        self.forget_sent(slots, &whose.people)?;
        self.refold_from(slots)
    }

    fn wipe_decision(&mut self, whose: &Whose<'_>, number: i64, done: &mut Erased) -> Result<()> {
        let record: Option<String> = self
            .connection
            .prepare_cached(sql::RECORD)?
            .query_row([number], |row| row.get(1))
            .optional()?;
        let Some(record) = record else {
            // Its days were over meanwhile.
            return Ok(());
        };
        let theirs = |person: Option<u64>, canonical: &Identifier| {
            let is_theirs = person.is_some_and(|id| whose.people.contains(&PersonId(id)))
                || self
                    .state
                    .find(whose.business, canonical)
                    .ok()
                    .flatten()
                    .and_then(|slot| self.state.group(slot).first())
                    .is_some_and(|first| whose.people.contains(&first));
            is_theirs.then(|| whose.kept(canonical).ok()).flatten()
        };
        let Some(left) = without_people(&record, theirs)? else {
            return Ok(());
        };
        let id = RecordId {
            kind: SealKind::Decision,
            seq: seq(number),
        };
        self.forget_salts(whose.business, id, &DECISION_FIELDS.map(Into::into))?;
        self.written += left.len();
        self.connection
            .prepare_cached(sql::SET_RECORD)?
            .execute(params![number, left])?;
        self.connection
            .prepare_cached(sql::ERASE_SEND)?
            .execute([number])?;
        self.state
            .erased_lately(seq(number), whose.erase.event.arrival_ms);
        done.decisions += 1;
        Ok(())
    }

    fn wipe_delivery(&mut self, number: i64, done: &mut Erased) -> Result<()> {
        self.connection
            .prepare_cached(sql::DELETE_PARKED)?
            .execute([number])?;
        let emptied = self
            .connection
            .prepare_cached(sql::ERASE_DELIVERY)?
            .execute([number])?;
        if emptied > 0 {
            done.deliveries += 1;
        } else {
            self.connection
                .prepare_cached(sql::ERASE_DELIVERY_LATER)?
                .execute([number])?;
            done.waiting += 1;
        }
        Ok(())
    }

    fn wipe_events(&mut self, whose: &Whose<'_>, of: PersonId, done: &mut Erased) -> Result<()> {
        let events = {
            let mut statement = self.connection.prepare_cached(sql::WHOLE_EVENTS_OF)?;
            let mut rows = statement.query(params![of.shard().0, person_column(of)])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                events.push(stored_event(row, whose.business)?);
            }
            events
        };
        for stored in events.iter().filter(|one| !is_pseudonym(&one.identifier)) {
            let id = RecordId {
                kind: SealKind::Event,
                seq: stored.id.0,
            };
            let (evidence, actor, fields) = left_of(&stored.event);
            let fields: Vec<Box<str>> = fields.iter().map(|name| (*name).into()).collect();
            self.forget_salts(whose.business, id, &fields)?;
            let kept = whose.kept(&stored.identifier.canonical().0)?;
            let kept = of_event(kept, &stored.identifier);
            self.connection
                .prepare_cached(sql::ERASE_EVENT)?
                .execute(params![
                    super::rows::seq_column(stored.id.0),
                    identifiers_column(&[kept])?,
                    encode_evidence(&evidence)?,
                    &*actor.0
                ])?;
            if let Some(key) = &stored.event.dedup {
                self.connection
                    .prepare_cached(sql::DELETE_DEDUP)?
                    .execute(params![whose.row, &**key])?;
            }
            done.events += 1;
        }
        Ok(())
    }

    fn wipe_identifiers(
        &mut self,
        whose: &Whose<'_>,
        of: PersonId,
        done: &mut Erased,
    ) -> Result<()> {
        let at_ms = whose.erase.event.at_ms;
        for row in identifiers(self.connection, of)? {
            let kept = whose.kept(&row.canonical)?;
            let (kind, value) = identifier_columns(&row.canonical);
            if kept != row.canonical {
                self.connection
                    .prepare_cached(sql::DELETE_IDENTIFIER)?
                    .execute(params![whose.row, kind, value])?;
                done.identifiers += 1;
            }
            let (kept_kind, kept_value) = identifier_columns(&kept);
            self.connection
                .prepare_cached(sql::ERASE_LEFT)?
                .execute(params![
                    of.shard().0,
                    person_column(of),
                    value,
                    kept_kind,
                    kept_value
                ])?;
            let left = IdentifierRow {
                canonical: kept.clone(),
                left_at_ms: row.left_at_ms.max(Some(at_ms)),
                ..row.clone()
            };
            self.keep_identifier(whose.row, of, &left)?;
            self.state
                .replace_identifier(whose.business, &row.canonical, &kept)?;
        }
        Ok(())
    }
}
