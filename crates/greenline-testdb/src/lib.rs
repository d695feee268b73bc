//! A real Postgres for tests and benchmarks, started when the first of them asks and gone soon after the last.
//!
//! The Postgres store is judged on the database people run, never on a stand-in. So a test asks [`Database::fresh`] for an
//! empty database of its own. All test processes of a run share one server; a test that stops, kills or freezes its server asks
//! for [`Server::private`], and a [`Proxy`] between a node and its database cuts, stalls and slows their connections.
//!
//! This crate never ships: only tests and benchmarks depend on it. It knows no table of the ledger, listens on loopback only,
//! touches no server that it did not start, and keeps everything in one folder that it may delete.
//!
//! How a shared server ends without anybody to end it: each process that uses it holds a shared lock on a file, which the
//! kernel releases however the process ends. A keeper, a few lines of shell beside the server, stops the server and deletes its
//! folder once nobody has held that lock for half a minute. A private server goes as soon as its test is gone.

#![expect(
    clippy::disallowed_methods,
    reason = "starting a program means real time, waiting and the environment"
)]

mod database;
mod home;
mod install;
mod ports;
mod process;
mod proxy;
mod run;
mod server;

pub use database::Database;
pub use proxy::Proxy;
pub use server::Server;

use std::fmt;

/// Tests want the value or the whole story, and nothing in between.
#[expect(clippy::panic, reason = "only tests call this, and they end here")]
fn or_panic<T>(outcome: anyhow::Result<T>, what: fmt::Arguments<'_>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error:#}"),
    }
}
