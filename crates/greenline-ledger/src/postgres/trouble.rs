//! What the database says when it does not do what it was asked, and what follows from it.

use std::sync::Arc;

use tokio_postgres::error::SqlState;

use crate::error::{Cause, LedgerError, Plain};

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody else was faster, or the database asks to try again: nothing was done.
    Again(Cause),
    /// The connection is gone, or the database is: what was under way may or may not have been done.
    Lost(Cause),
    /// Trying again does not help.
    Final(LedgerError),
}

impl Trouble {
    /// The database did not answer in time.
    pub(super) fn late() -> Self {
        Self::Lost(Arc::new(Plain("the database did not answer in time")))
    }

    /// For whoever waits, when no more is tried.
    pub(super) fn given_up(self) -> LedgerError {
        match self {
            Self::Again(cause) | Self::Lost(cause) => LedgerError::Unavailable(told(cause)),
            Self::Final(error) => error,
        }
    }
}

/// What the database said, without what it quotes: its details name the values of rows, and so people.
#[derive(Debug, thiserror::Error)]
#[error("{severity} {state}: {message}")]
struct Said {
    severity: String,
    state: String,
    message: String,
}

/// A cause as it may be logged.
fn told(cause: Cause) -> Cause {
    let error = cause.downcast_ref::<tokio_postgres::Error>();
    match error.and_then(tokio_postgres::Error::as_db_error) {
        Some(said) => Arc::new(Said {
            severity: said.severity().to_owned(),
            state: said.code().code().to_owned(),
            message: said.message().to_owned(),
        }),
        None => cause,
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Final(error)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let state = error.code().cloned();
        let is_io =
            std::error::Error::source(&error).is_some_and(|cause| cause.is::<std::io::Error>());
        let is_closed = error.is_closed();
        let cause: Cause = Arc::new(error);
        let Some(state) = state else {
            return if is_closed || is_io {
                Self::Lost(cause)
            } else {
                Self::Final(LedgerError::Corrupt(told(cause)))
            };
        };
        // A key that is taken and a version that has moved are how one learns that somebody else was
        // faster; the guard speaks by dividing by zero.
        let again = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
            SqlState::DIVISION_BY_ZERO,
            SqlState::DUPLICATE_TABLE,
            SqlState::DUPLICATE_OBJECT,
        ];
        if again.contains(&state) {
            return Self::Again(cause);
        }
        match state.code().get(..2) {
            // A value that does not fit its column, a statement that does not fit the tables.
            Some("22" | "23" | "42") => Self::Final(LedgerError::Corrupt(told(cause))),
            _ => Self::Lost(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;
    use crate::error::Plain;
    use std::sync::Arc;

    #[test]
    fn other_causes_stay_as_they_are() {
        let lost = Trouble::Lost(Arc::new(Plain("gone"))).given_up();
        let source = std::error::Error::source(&lost).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("gone"));
    }
}
