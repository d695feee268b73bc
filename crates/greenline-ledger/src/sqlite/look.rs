//! The state that a view decides on: as the writer loads it, from one snapshot, beside a writer that runs.

use greenline_policy::identity::Identifier;
use rusqlite::Connection;

use super::{Store, load};
use crate::BusinessSetup;
use crate::error::LedgerError;
use crate::state::State;
use crate::types::Ask;

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
