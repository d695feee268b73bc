//! Migrations: numbered, one change each, each safe to run twice and while the release before runs.
//!
//! A migration and the note that it was done are one transaction. The note goes in first, and a second
//! node's note waits for it, so that two nodes that start at once do each migration once, without a lock
//! of their own.

use super::connect::{Link, Pool, retrying};
use super::trouble::Trouble;
use crate::error::LedgerError;

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        /// Name and text of each, in order.
        pub(super) const MIGRATIONS: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("migrations/", $name, ".sql")))),*
        ];
    };
}

migrations!(
    "0001_people",
    "0002_names",
    "0003_identifiers",
    "0004_links",
    "0005_consent_events",
    "0006_consent_events_by_arrival",
    "0007_consent_events_noes",
    "0008_taken_keys",
    "0009_heads",
    "0010_windows",
    "0011_number_inbound",
    "0012_decisions",
    "0013_decisions_by_business",
    "0014_decisions_by_seq",
    "0015_sends",
    "0016_sends_open",
    "0017_messages",
    "0018_messages_stray",
    "0019_numbers",
    "0020_accounts",
    "0021_restrictions",
    "0022_templates",
    "0023_timeline",
    "0024_timeline_by_business",
    "0025_timeline_by_subject",
    "0026_inbox",
    "0027_inbox_by_time",
    "0028_relays",
    "0029_relays_due",
    "0030_relays_by_business",
    "0031_replies",
    "0032_replies_due",
    "0033_batches",
    "0034_batches_by_time",
    "0035_nodes",
);

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL, PRIMARY KEY (name))";
const DONE: &str = "SELECT name FROM migrations";
const NOTE: &str = "INSERT INTO migrations (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";

/// Brings the tables up to this release.
pub(super) async fn migrate(pool: &Pool) -> Result<(), LedgerError> {
    // Two nodes that make this table at once may meet in the catalogue; the second try finds it made.
    retrying!(pool, link => link.batch(TABLE).await)?;
    let done: Vec<String> = retrying!(pool, link => {
        let rows = link.rows(DONE, &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    })?;
    for (name, text) in MIGRATIONS {
        if !done.iter().any(|done| done == name) {
            retrying!(pool, link => one(link, name, text).await)?;
        }
    }
    Ok(())
}

async fn one(link: &mut Link, name: &str, text: &str) -> Result<(), Trouble> {
    link.ready(&[NOTE]).await?;
    link.batch("BEGIN").await?;
    let done = async {
        if link.change(NOTE, &[&name]).await? > 0 {
            link.batch(text).await?;
        }
        link.batch("COMMIT").await
    };
    let done = done.await;
    if done.is_err() {
        // Whatever this says, the connection is given up if it is lost.
        let _ = link.batch("ROLLBACK").await;
    }
    done
}
