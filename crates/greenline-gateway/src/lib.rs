//! The live path of Greenline: the gateway apps send through, the webhooks that come back, and the
//! admin surface beside them.
//!
//! This crate is the shell: the only sender, the only speaker to the platform. It asks the policy core
//! and the ledger, and does what it was told.

pub mod admin;
pub mod alerts;
pub mod app;
pub mod avenues;
pub mod caps;
pub mod clock;
pub mod config;
pub mod directory;
pub mod events;
mod express;
mod forecast;
pub mod graph;
pub mod health;
pub mod ids;
pub mod imports;
pub mod inbound;
pub mod inbound_probe;
pub mod keyring;
pub mod later;
pub mod learn;
pub mod media;
pub mod metrics;
pub mod opt_in;
mod outlive;
pub mod own;
pub mod pass;
mod patience;
pub mod pipeline;
pub mod places;
pub mod polling;
pub mod preferences;
pub mod reception;
pub mod refusal;
pub mod relay;
pub mod replies;
pub mod retention;
pub mod router;
pub mod screen;
pub mod sealer;
pub mod serve;
pub mod spill;
pub mod templates;
pub mod timeline;
pub mod token;
pub mod upstream;
pub mod webhooks;
mod workers;
