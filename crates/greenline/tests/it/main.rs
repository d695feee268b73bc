//! The program from the outside: the real executable, its own ports and store, a simulated platform.

mod cli;
mod clients;
mod durability;
mod fault;
mod gateway;
mod kill;
mod race;
mod smoke;
mod spill;
mod support;
