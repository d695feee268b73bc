//! A stand-in for the WhatsApp Cloud platform and its people: for demos, for tests,
//! and for other teams' pipelines.
//!
//! It serves the part of the Graph API that clients use, sends signed webhooks with
//! retries, and has people in it who open windows, read, reply and stop. It follows
//! a seed, runs on real time that can be put ahead, and can be told what goes wrong.
//!
//! This crate never looks at requests with the gateway's eyes: it shares with the
//! gateway only the builders of what the platform says, so that a misreading there
//! is found here instead of repeated.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use greenline_sim::{Inbound, Sim, SimConfig};
//!
//! let sim = Sim::start(SimConfig::sample()).await?;
//! println!("the platform answers at {}", sim.url());
//! let written = sim.inbound(&Inbound::text("301500000000001", "15550100123", "Hello"));
//! assert!(written.is_ok());
//! sim.stop().await;
//! # Ok(())
//! # }
//! ```

mod accounts;
mod admin;
mod arrival;
mod batch;
mod behaviour;
mod changes;
mod clock;
pub mod config;
mod deliver;
mod faults;
mod health;
mod ids;
mod inbound;
mod log;
mod media;
mod numbers;
mod pending;
mod people;
mod platform;
mod reply;
mod request;
mod rng;
mod router;
mod send;
mod server;
mod sim;
mod templates;
mod tokens;
mod unclear;
mod world;

pub use changes::{AccountChange, NumberChange, Restriction, TemplateChange};
pub use config::{SAMPLE_ACCOUNT, SAMPLE_NUMBER, SAMPLE_PORTFOLIO, SimConfig};
pub use deliver::HookError;
pub use faults::{Effect, Fault, Match};
pub use health::{
    AccountTruth, Cause, Feedback, Feeling, HealthState, Hidden, Mood, Nature, NumberTruth,
    PortfolioTruth, Script, Step, TemplateTruth, Transition, Truth,
};
pub use inbound::{
    ActError, Button, CallPermission, Edit, Inbound, Media, Other, Reaction, Row, Written,
};
pub use log::{Attempt, Delivery, DeliveryState, EventKind, Received};
pub use people::PersonView;
pub use sim::{Answered, Sim};
pub use tokens::TokenChange;
pub use unclear::{Point, QuietNumber, RestrictionCode, Unclear};
