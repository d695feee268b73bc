//! The state that a view decides on: as the writer loads it, from one snapshot, beside a writer that runs.

use greenline_policy::identity::Identifier;
use rusqlite::{Connection, params};
use rustc_hash::FxHashSet;

use super::rows::person;
use super::{Store, kept, load, read, sql};
use crate::BusinessSetup;
use crate::crowd::Crowd;
use crate::erasure::Keys;
use crate::error::LedgerError;
use crate::state::State;
use crate::types::{Ask, BusinessIx};

impl Store {
    /// Everything that decisions rest on, as it is now.
    pub(crate) fn look(&self) -> Result<Option<State>, LedgerError> {
        let configured = &self.configured;
        let mut state = self
            .readers
            .with(|connection| snapshot(connection, configured))?;
        state.erasure = self.erasure.clone();
        Ok(Some(state))
    }

    /// As [`Self::look`], but of people only these and whoever is linked to others.
    pub(crate) fn look_at(
        &self,
        ask: &Ask,
        people: &[Identifier],
    ) -> Result<Option<State>, LedgerError> {
        let business = (
            self.business(ask.business)?,
            self.business_id(ask.business)?,
        );
        let (configured, keys) = (&self.configured, &self.erasure);
        let mut state = self.readers.with(|connection| {
            connection.execute_batch("BEGIN")?;
            let state = looked_up(connection, (configured, keys), business, people);
            connection.execute_batch("ROLLBACK")?;
            state
        })?;
        state.erasure = self.erasure.clone();
        Ok(Some(state))
    }

    /// Whether everybody is known from the last list.
    pub(crate) fn keeps_crowd(&self) -> bool {
        kept::path_of(self.readers.path()).exists()
    }

    /// How many people of a business there are in the shards below that one.
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn people_in(
        &self,
        business: BusinessIx,
        shards: u16,
    ) -> Result<u64, LedgerError> {
        let business = self.business(business)?;
        let count: i64 = self.readers.with(|connection| {
            let mut statement = connection.prepare_cached(sql::PEOPLE_IN)?;
            Ok(statement.query_row(params![shards, business], |row| row.get(0))?)
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// A crowd is gathered here at once.
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn walk(&self, _: &Ask, _: &State) -> Result<Option<Crowd>, LedgerError> {
        Ok(None)
    }

    /// Everybody is looked at at once.
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn nobody(&self, _: &Ask) -> Result<Option<State>, LedgerError> {
        Ok(None)
    }

    /// As [`Self::nobody`].
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn piece(
        &self,
        _: &Ask,
        _: &[Identifier],
    ) -> Result<Option<State>, LedgerError> {
        Ok(None)
    }
}

fn snapshot(connection: &Connection, configured: &[BusinessSetup]) -> Result<State, LedgerError> {
    connection.execute_batch("BEGIN")?;
    let state = load::state(connection, configured, false);
    connection.execute_batch("ROLLBACK")?;
    state
}

/// Those whom these identifiers lead to, and whoever is linked: they are read with all they hang on.
fn looked_up(
    connection: &Connection,
    (configured, keys): (&[BusinessSetup], &Keys),
    (row, id): (i64, &str),
    people: &[Identifier],
) -> Result<State, LedgerError> {
    let mut found = FxHashSet::default();
    let mut linked = connection.prepare(sql::LOAD_LINKED)?;
    let mut rows = linked.query([])?;
    while let Some(row) = rows.next()? {
        found.insert(person(row.get(0)?));
    }
    for identifier in people {
        let canonical = identifier.canonical().0;
        found.extend(read::find(connection, row, &canonical)?);
        for kept in keys.pseudonyms(id, &canonical) {
            found.extend(read::find(connection, row, &kept)?);
        }
    }
    load::some(connection, configured, found)
}
