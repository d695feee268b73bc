//! What only a store of many nodes can be asked: nodes beside each other, nodes that end, connections that
//! break while something is being written, a database that is away.

mod batches;
mod crowd;
mod faults;
mod lost;
mod nodes;
mod once;
mod pair;
mod races;
mod reach;
mod timeline;

use greenline_ledger::Ledger;

use crate::support::setup;

async fn node(url: &str) -> Ledger {
    Ledger::open(url, setup()).await.unwrap()
}
