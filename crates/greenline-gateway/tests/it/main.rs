//! The gateway's parts from the outside; whole sends are tested with the binary.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the real clock and wait"
)]

mod admin;
mod alerts;
mod avenues;
mod events;
mod express;
mod opt_in;
mod preferences;
mod relay;
mod spill;
mod tokens;
mod upstream;
mod webhooks;
