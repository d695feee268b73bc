//! The program from the outside: the real executable, its own ports and store, a simulated platform.

mod avenues;
mod cli;
mod clients;
mod durability;
mod erasure;
mod fault;
mod gateway;
mod kill;
mod migrate;
mod nodes;
mod preference;
mod race;
mod smoke;
mod spill;
mod support;
mod tls;
