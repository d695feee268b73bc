//! Builders of what the platform says: answers to calls, and webhooks.
//!
//! The gateway builds the few that it makes itself, the simulated platform all of
//! them. Both take them from here and share nothing else, so that the simulator
//! reads requests with eyes of its own.
//!
//! Everything comes out compact and in pure ASCII, as the platform's texts do.
//! Nothing here decides what to say: the caller hands in every id, time and word.

pub mod account;
pub mod answer;
pub mod message;
pub mod person;
pub mod status;
pub mod template;
mod text;
pub mod webhook;

pub use text::ascii;
