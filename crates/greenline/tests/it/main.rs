//! The program from the outside: the real executable, its own ports and store, a simulated platform.

mod avenues;
mod cli;
mod clients;
mod durability;
mod erasure;
mod events;
mod fault;
mod gateway;
mod guide;
mod importing;
mod keeping;
mod kill;
mod migrate;
mod nodes;
mod opt_in;
mod preference;
mod questions;
mod race;
mod receipts;
mod smoke;
mod spill;
mod support;
mod tls;
