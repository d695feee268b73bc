//! The simulator from the outside: what a client, a webhook receiver and an operator see.

mod arrivals;
mod backtest;
mod faults;
mod graph;
mod health;
mod media;
mod people;
mod seeds;
mod sends;
mod support;
mod templates;
mod webhooks;
