//! The ledger from the outside: what is acknowledged holds, whatever happens next.
//!
//! The contract is one suite over every store; what only one of them can be asked has its own module.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the real clock and wait"
)]

mod contract;
mod moving;
mod postgres_only;
mod sqlite_only;
mod support;
mod twin;

/// The contract over the store in memory.
mod memory {
    crate::contract::over!(crate::support::Store::Memory);
}

/// The contract over SQLite.
mod sqlite {
    crate::contract::over!(crate::support::Store::Sqlite);
}

/// The contract over Postgres.
mod postgres {
    crate::contract::over!(crate::support::Store::Postgres);
}
