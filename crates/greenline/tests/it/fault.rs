//! What the program does when what it stands on gives way, or when clients misbehave.
//!
//! A store that cannot be written refuses what it cannot record and loses nothing it acknowledged (law
//! 11); a client that is slow, wrong or many gets an answer that says so, and costs the others nothing.

mod books;
mod clients;
mod start;
mod store;

use crate::support::gateway::Gateway;

/// Nothing may have panicked, whatever was done.
fn nothing_panicked(gateway: &Gateway) {
    let log = gateway.log_text();
    let line = log.lines().find(|line| line.contains("panicked"));
    assert_eq!(line, None);
}
