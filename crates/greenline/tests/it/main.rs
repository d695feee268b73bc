//! The program from the outside: the real executable, its own ports and store, a simulated platform.

mod cli;
mod clients;
mod gateway;
mod smoke;
mod support;
