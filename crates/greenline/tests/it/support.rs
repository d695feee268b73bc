//! What the tests of the program share: starting it, a simulated platform, posting sends and webhooks.
//!
//! Everything is on loopback, every wait has an end, and what was started is stopped with the test.

#![expect(dead_code, reason = "each helper is here for whichever test needs it")]

pub(crate) mod browser;
pub(crate) mod chance;
pub(crate) mod command;
pub(crate) mod fixed;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod place;
pub(crate) mod platform;
pub(crate) mod ports;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod slow_line;
pub(crate) mod store;
pub(crate) mod stuck;
pub(crate) mod trace;
pub(crate) mod webhook;

use std::time::Duration;

/// Longest wait for anything that should happen at once, on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// Waits for something that should happen soon.
pub(crate) async fn soon<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, waiting).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {SOON:?}"),
    }
}
