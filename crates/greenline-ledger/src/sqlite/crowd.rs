//! A crowd read from the store: identifiers and heads in the order of their people, side by side, each once.
//!
//! Whoever has anything that a class does not tell is loaded whole: several identifiers or a user id, a link or a move,
//! an open window, marks where the business caps them, the platform's word that no more gets through, messages of the
//! last minutes, a place in the portfolio's count where that is bound. What a decision comes to look at of a person in
//! time to come has to be named in [`alone`] too; that decisions by class are those by person is held by tests.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use greenline_policy::decide::WINDOW_MS;
use greenline_policy::identity::{Identifier, Phone};
use greenline_policy::lasting::YesLasts;
use greenline_policy::reach;
use rusqlite::{Connection, Rows, params};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::kept::{self, Stamp};
use super::load::Loading;
use super::rows::{identifier, person, person_column};
use super::{Store, load, marks, read, sql};
use crate::BusinessSetup;
use crate::crowd::{Crowd, Gathering};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::state::State;
use crate::types::{Ask, PersonId};

impl Store {
    /// Everybody of the ask's business, described where that can be and loaded where not. What is kept beside the store
    /// is used and renewed.
    pub(crate) fn gather(&self, ask: &Ask) -> Result<Option<(State, Crowd)>, LedgerError> {
        let business = (
            self.business(ask.business)?,
            self.business_id(ask.business)?,
        );
        let (configured, path) = (&self.configured, kept::path_of(self.readers.path()));
        let (mut state, crowd) = self.readers.with(|connection| {
            connection.execute_batch("BEGIN")?;
            let gathered = gathered(connection, configured, business, ask, &path);
            connection.execute_batch("ROLLBACK")?;
            let (state, crowd, written) = gathered?;
            // Somebody was erased meanwhile, and the erasure found nothing to delete yet.
            if let Some(stamp) = written
                && stamp.changed(connection, business.1, usize::MAX)?.is_none()
            {
                self.forget_crowd()
                    .map_err(|error| LedgerError::Unavailable(Arc::new(error)))?;
            }
            Ok((state, crowd))
        })?;
        state.erasure = self.erasure.clone();
        Ok(Some((state, crowd)))
    }

    /// Deletes what is kept beside the store.
    pub(super) fn forget_crowd(&self) -> std::io::Result<()> {
        match std::fs::remove_file(kept::path_of(self.readers.path())) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn gathered(
    connection: &Connection,
    configured: &[BusinessSetup],
    (row, id): (i64, &str),
    ask: &Ask,
    path: &Path,
) -> Result<(State, Crowd, Option<Stamp>), LedgerError> {
    let mut alone = alone(connection, configured, ask)?;
    let mut written = None;
    let dated = ask.rules.yes_lasts != YesLasts::FOR_EVER;
    let mut crowd = match still(connection, id, path, dated)? {
        Some((crowd, people)) => {
            alone.extend(people);
            crowd
        }
        None => {
            let stamp = Stamp::now(connection, id, dated)?;
            let mut people = FxHashSet::default();
            let crowd = pass(connection, (row, dated), &mut people)?;
            match kept::write(path, &stamp, &crowd, &people) {
                Ok(()) => written = Some(stamp),
                Err(error) => {
                    tracing::warn!(%error, "who is in the store could not be kept for the next list");
                }
            }
            alone.extend(people);
            crowd
        }
    };
    for number in crowd.as_of(ask.rules.yes_lasts, ask.now_ms)? {
        alone.extend(owner(connection, row, number)?);
    }
    let mut has_erased = false;
    for person in &alone {
        for (of, known) in identifiers(connection, *person)? {
            if of == row {
                has_erased |= is_pseudonym(&known);
                if let Identifier::Phone(phone) = known {
                    crowd.alone(phone.digits());
                }
            }
        }
    }
    crowd.erased(has_erased);
    let state = load::some(connection, configured, alone)?;
    Ok((state, crowd, written))
}

/// What is kept, with whoever has to be looked at anew, as far as it still holds.
fn still(
    connection: &Connection,
    business: &str,
    path: &Path,
    dated: bool,
) -> Result<Option<(Crowd, FxHashSet<PersonId>)>, LedgerError> {
    let Some((stamp, crowd, mut alone)) = kept::read(path) else {
        return Ok(None);
    };
    if dated && !stamp.is_dated() {
        return Ok(None);
    }
    let Some(changed) = stamp.changed(connection, business, crowd.len())? else {
        return Ok(None);
    };
    alone.extend(changed);
    Ok(Some((crowd, alone)))
}

/// Whose number that is, as it is kept.
fn owner(
    connection: &Connection,
    business: i64,
    number: u64,
) -> Result<Option<PersonId>, LedgerError> {
    let Some(phone) = Phone::from_digits(number) else {
        return Ok(None);
    };
    read::find(connection, business, &Identifier::Phone(phone))
}

/// Every identifier of a person, with its business.
fn identifiers(
    connection: &Connection,
    of: PersonId,
) -> Result<Vec<(i64, Identifier)>, LedgerError> {
    let mut statement = connection.prepare_cached(sql::IDENTIFIERS_OF)?;
    let mut rows = statement.query(params![of.shard().0, person_column(of)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        found.push((row.get(0)?, identifier(text)?));
    }
    Ok(found)
}

/// People of whom more than their head counts, as far as the tables about that tell.
fn alone(
    connection: &Connection,
    configured: &[BusinessSetup],
    ask: &Ask,
) -> Result<FxHashSet<PersonId>, LedgerError> {
    let mut alone = FxHashSet::default();
    let mut list = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<(), LedgerError> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            alone.insert(person(row.get(0)?));
        }
        Ok(())
    };
    list(sql::LOAD_LINKED, &[])?;
    list(sql::LOAD_LINKED_IDENTIFIERS, &[])?;
    let open_since_ms = ask.now_ms.saturating_sub(WINDOW_MS);
    list(sql::LOAD_OPEN_WINDOWS, &[&open_since_ms])?;
    let mut world = Loading::new(connection, configured)?;
    let found = RefCell::new(alone);
    let note = |person| {
        if !ask.caps.all().is_empty() {
            found.borrow_mut().insert(person);
        }
        None
    };
    marks::load(connection, &mut world.state, note)?;
    super::reach::load(connection, &mut world.state)?;
    let mut alone = found.into_inner();
    alone.extend(world.state.limited.people());
    if ask.paced {
        super::pairs::load(connection, &mut world.state, Some(ask.now_ms))?;
        alone.extend(world.state.pairs.people());
    }
    let portfolio = world.state.portfolio(ask.business)?;
    let limit = portfolio.limit.as_ref().map(|known| known.limit);
    if reach::bound(limit, ask.rules.portfolio_limit).is_some() {
        alone.extend(portfolio.counted.reached());
    }
    Ok(alone)
}

/// Heads in the order of their people, one row ahead.
struct Heads<'r> {
    rows: Rows<'r>,
    next: Option<(PersonId, usize, String)>,
}

impl<'r> Heads<'r> {
    fn new(rows: Rows<'r>) -> Result<Self, LedgerError> {
        let mut heads = Self { rows, next: None };
        heads.step()?;
        Ok(heads)
    }

    fn step(&mut self) -> Result<(), LedgerError> {
        self.next = match self.rows.next()? {
            None => None,
            Some(row) => Some((
                person(row.get(0)?),
                usize::from(row.get::<_, u8>(1)?),
                row.get(2)?,
            )),
        };
        Ok(())
    }

    /// Those of a person, by spelling. People are asked for in their order.
    fn of(&mut self, person: PersonId) -> Result<[Option<String>; 2], LedgerError> {
        let mut found = [None, None];
        while let Some((of, spelling, body)) = &mut self.next {
            if *of > person {
                break;
            }
            if *of == person
                && let Some(place) = found.get_mut(*spelling)
            {
                *place = Some(std::mem::take(body));
            }
            self.step()?;
        }
        Ok(found)
    }
}

/// One walk over everybody; whoever cannot be described goes to `alone`.
fn pass(
    connection: &Connection,
    (business, dated): (i64, bool),
    alone: &mut FxHashSet<PersonId>,
) -> Result<Crowd, LedgerError> {
    let mut gathering = Gathering::new(dated);
    let mut heads = connection.prepare(sql::LOAD_HEADS_IN_ORDER)?;
    let mut heads = Heads::new(heads.query([])?)?;
    let mut identifiers = connection.prepare(sql::LOAD_IDENTIFIERS_IN_ORDER)?;
    let mut rows = identifiers.query([])?;
    let mut one: (Option<PersonId>, SmallVec<[Identifier; 2]>) = Default::default();
    loop {
        let next = match rows.next()? {
            None => None,
            // Of another business.
            Some(row) if row.get::<_, i64>(1)? != business => continue,
            Some(row) => {
                let known = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
                Some((person(row.get(0)?), identifier(known)?))
            }
        };
        let of = next.as_ref().map(|(person, _)| *person);
        if let (Some(person), true) = (one.0, one.0 != of) {
            let known = std::mem::take(&mut one.1);
            let heads = heads.of(person)?;
            if !gathering.describe(&known, heads.each_ref().map(Option::as_deref))? {
                alone.insert(person);
            }
        }
        let Some((person, identifier)) = next else {
            return Ok(gathering.finish());
        };
        one.0 = Some(person);
        one.1.push(identifier);
    }
}
