//! The gateway's parts from the outside; whole sends are tested with the binary.

mod admin;
mod express;
mod relay;
mod spill;
mod tokens;
mod upstream;
mod webhooks;
