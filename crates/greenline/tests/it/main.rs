//! The program from the outside: the real executable, its own ports and store, a simulated platform.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the real clock and wait"
)]

mod ahead;
mod alerts;
mod avenues;
mod capabilities;
mod cli;
mod clients;
mod durability;
mod erasure;
mod events;
mod fault;
mod forecast;
mod gateway;
mod guide;
mod health;
mod importing;
mod keeping;
mod kill;
mod later;
mod likely;
mod migrate;
mod nodes;
mod opt_in;
mod pace;
mod pair;
mod polls;
mod preference;
mod questions;
mod race;
mod reach;
mod receipts;
mod screening;
mod screenings;
mod smoke;
mod spill;
mod support;
mod timeline;
mod tls;
