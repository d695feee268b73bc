//! Spreads the tables over many servers, where the database can: with Citus, by `person_shard`.
//!
//! A person's rows lie together: every table that grows is distributed by the same column and colocated, so that
//! what one decision or one stop touches of a person is on one server. The few small tables are copied to all.
//!
//! What is spread already is asked of the database's own catalogue, each time: so a start that was interrupted
//! goes on where it was, two nodes that start at once do no harm, and an installation that gets the extension
//! later is spread at its next start. Without the extension nothing happens here.

#[cfg(test)]
mod checked;
#[cfg(test)]
mod pretended;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod tables;

use super::connect::{Link, Pool, retrying};
use super::migrate;
use super::trouble::Trouble;
use crate::error::LedgerError;

/// Where the rows of a table are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// By `person_shard`, each shard on one server.
    Spread,
    /// Whole on every server: small, read often, changed seldom.
    Copied,
}
use Kept::{Copied, Spread};

/// The table all others are colocated with.
const FIRST: &str = "people";

/// Every table. The one the others are colocated with comes first, the notes of what was done last.
pub(super) const TABLES: &[(&str, Kept)] = &[
    (FIRST, Spread),
    ("names", Spread),
    ("identifiers", Spread),
    ("links", Spread),
    ("consent_events", Spread),
    ("taken_keys", Spread),
    ("heads", Spread),
    ("person_links", Spread),
    ("windows", Spread),
    ("number_inbound", Spread),
    ("decisions", Spread),
    ("sends", Spread),
    ("messages", Spread),
    ("timeline", Spread),
    ("inbox", Spread),
    ("relays", Spread),
    ("replies", Spread),
    ("held_messages", Spread),
    ("portfolios", Spread),
    ("reach_log", Spread),
    ("reach_parts", Spread),
    ("batches", Spread),
    ("logs", Spread),
    ("unsealed", Spread),
    ("log_leaves", Spread),
    ("log_nodes", Spread),
    ("log_heads", Spread),
    ("numbers", Copied),
    ("accounts", Copied),
    ("restrictions", Copied),
    ("templates", Copied),
    ("subscriptions", Copied),
    ("moves", Copied),
    ("nodes", Copied),
    ("migrations", Copied),
];

const IS_HERE: &str = "SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus'";

/// Only where the extension is: the names below are its own.
const PLACED: &str = "SELECT 1 FROM pg_catalog.pg_dist_partition
     WHERE logicalrelid = CAST(CAST($1 AS TEXT) AS REGCLASS)";
const SPREAD: &str =
    "SELECT create_distributed_table(CAST(CAST($1 AS TEXT) AS REGCLASS), 'person_shard',
       colocate_with => CAST($2 AS TEXT))";
const COPY: &str = "SELECT create_reference_table(CAST(CAST($1 AS TEXT) AS REGCLASS))";

/// Distributes and copies what is not yet. Does nothing without the extension.
pub(super) async fn distribute(pool: &Pool) -> Result<(), LedgerError> {
    if !retrying!(pool, link => Ok(!link.rows(IS_HERE, &[]).await?.is_empty()))? {
        return Ok(());
    }
    let mut changes = migrate::Changes::of(pool);
    for (table, kept) in TABLES {
        changes
            .make(async |link| place(link, table, *kept).await)
            .await?;
    }
    Ok(())
}

async fn is_placed(link: &mut Link, table: &str) -> Result<bool, Trouble> {
    Ok(!link.rows(PLACED, &[&table]).await?.is_empty())
}

async fn place(link: &mut Link, table: &str, kept: Kept) -> Result<(), Trouble> {
    if is_placed(link, table).await? {
        return Ok(());
    }
    let placed = match kept {
        // Its shards are a group of their own, whatever else the database holds.
        Spread if table == FIRST => link.rows(SPREAD, &[&table, &"none"]).await,
        Spread => link.rows(SPREAD, &[&table, &FIRST]).await,
        Copied => link.rows(COPY, &[&table]).await,
    };
    match placed {
        Ok(_) => Ok(()),
        // Another node was faster: this one waited for its lock and was told that it is done.
        Err(_) if is_placed(link, table).await? => Ok(()),
        Err(trouble) => Err(trouble),
    }
}
