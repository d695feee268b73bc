//! The databases that tests are given, tested themselves: a fault here would look like a fault of the store.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the real clock and wait"
)]

mod client;
mod database;
mod processes;
mod proxy;
mod server;
