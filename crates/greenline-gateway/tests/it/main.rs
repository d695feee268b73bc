//! The gateway's parts from the outside; whole sends are tested with the binary.

mod admin;
mod avenues;
mod express;
mod preferences;
mod relay;
mod spill;
mod tokens;
mod upstream;
mod webhooks;
