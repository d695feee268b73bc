//! The state that a view decides on: as the writer loads it, from one snapshot, beside a writer that runs.

use rusqlite::Connection;

use super::{Store, load};
use crate::BusinessSetup;
use crate::error::LedgerError;
use crate::state::State;

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
}

fn snapshot(connection: &Connection, configured: &[BusinessSetup]) -> Result<State, LedgerError> {
    connection.execute_batch("BEGIN")?;
    let state = load::state(connection, configured, false);
    connection.execute_batch("ROLLBACK")?;
    state
}
