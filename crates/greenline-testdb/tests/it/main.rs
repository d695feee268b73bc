//! The databases that tests are given, tested themselves: a fault here would look like a fault of the store.

mod client;
mod database;
mod processes;
mod proxy;
mod server;
