//! Migrations: numbered, one change each, each safe to run twice and while the release before runs.
//!
//! A migration and the note that it was done are one transaction. The note goes in first, and a second
//! node's note waits for it, so that two nodes that start at once do each migration once, without a lock
//! of their own.
//!
//! # Expand, backfill, contract
//!
//! While nodes are replaced one by one, two releases write to the same tables. So a migration only ever
//! *expands*: a new table, a new index, a new column that may be null or has a constant default. What was
//! written before is carried over (*backfilled*) in small steps by the program, never by a migration. Only a
//! release that no longer runs beside one that knows the old form may take something away (*contract*), and
//! a test refuses any migration that drops, renames or narrows. It also refuses an index on a table of an
//! earlier release: building one makes writers wait for as long as that table is long, so it needs a way of its
//! own first.
//!
//! A change of the tables waits only briefly for its lock and then tries again, so that no send queues
//! behind it; and it may take as long as it takes, whatever the time-outs of other statements are.

#[cfg(test)]
mod forms;

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::citus;
use super::connect::{Link, Pool, retrying, within};
use super::trouble::Trouble;
use crate::error::LedgerError;

/// How long a migration stands in the way of those who want the same table, before it lets them pass.
const FOR_LONG_CHANGES: &str = "SET statement_timeout = 0; SET lock_timeout = 2000";
/// How often a migration tries that others are in the way of, such as a node that is at the same one: with the
/// wait above about an hour.
const BLOCKED_TRIES_MAX: u32 = 1_800;
/// How often it tries when the connection breaks or two meet in the catalogue.
const TRIES_MAX: u32 = 8;
/// How long one change may take.
const CHANGE_WITHIN: Duration = Duration::from_secs(60 * 60);

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
    "0036_person_links",
    "0037_inbox_emptied",
    "0038_people_by_business",
    "0039_number_inbound_by_number",
    "0040_logs",
    "0041_unsealed",
    "0042_unsealed_by_business",
    "0043_log_leaves",
    "0044_log_leaves_by_place",
    "0045_log_leaves_by_record",
    "0046_log_nodes",
    "0047_log_heads",
    "0048_moves",
    "0049_replies_by_recipient",
    "0050_replies_held",
    "0051_replies_held_until",
    "0052_subscriptions",
    "0053_logs_erasures",
    "0054_replies_over",
    "0055_consent_events_erased",
    "0056_held_messages",
    "0057_held_messages_due",
    "0058_held_messages_in_order",
    "0059_held_messages_let_go",
    "0060_held_messages_by_app",
    "0061_held_messages_by_business",
    "0062_held_messages_by_message",
    "0063_held_messages_by_decision",
    "0064_numbers_rating_at",
    "0065_templates_quality",
    "0066_sends_mark",
    "0067_sends_marked",
    "0068_people_limited_ms",
    "0069_people_limited_times",
    "0070_people_limited_by",
    "0071_portfolios",
    "0072_reach_log",
    "0073_people_pairs",
    "0074_numbers_spam",
    "0075_reach_parts",
    "0076_reach_first_part",
    "0077_numbers_health",
    "0078_numbers_health_at",
    "0079_numbers_available",
    "0080_numbers_locked",
    "0081_numbers_policy",
    "0082_timeline_sealed",
    "0083_timeline_unsealed",
    "0084_nodes_timeline",
);

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL, PRIMARY KEY (name))";
const THERE: &str = "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('migrations')";
const DONE: &str = "SELECT name FROM migrations";
const NOTE: &str = "INSERT INTO migrations (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";

/// What is still to be done, in order; changes nothing.
pub(super) async fn pending(pool: &Pool) -> Result<Vec<&'static str>, LedgerError> {
    let is_there = retrying!(pool, link => Ok(!link.rows(THERE, &[]).await?.is_empty()))?;
    let done = if is_there {
        done(pool).await?
    } else {
        Vec::new()
    };
    Ok(missing(&done).map(|(name, _)| name).collect())
}

/// Brings the tables up to this release. Returns what was missing before, whoever has done it since.
pub(super) async fn migrate(pool: &Pool) -> Result<Vec<&'static str>, LedgerError> {
    // Two nodes that make this table at once may meet in the catalogue; the second try finds it made.
    retrying!(pool, link => link.batch(TABLE).await)?;
    let done = done(pool).await?;
    let mut changes = Changes::of(pool);
    for (name, text) in missing(&done) {
        changes
            .make(async |link| one(link, name, text).await)
            .await?;
    }
    citus::distribute(pool).await?;
    Ok(missing(&done).map(|(name, _)| name).collect())
}

async fn done(pool: &Pool) -> Result<Vec<String>, LedgerError> {
    retrying!(pool, link => {
        let rows = link.rows(DONE, &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    })
}

fn missing(done: &[String]) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = MIGRATIONS.iter().copied();
    all.filter(move |(name, _)| !done.iter().any(|done| done == name))
}

/// Changes the tables, one change after the other, on a connection of its own for as long as that does.
pub(super) struct Changes<'a> {
    pool: &'a Pool,
    link: Option<Link>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(pool: &'a Pool) -> Self {
        Self { pool, link: None }
    }

    /// Makes one: again while others are in the way, for a long time; again a few times after anything else that passes.
    pub(super) async fn make(
        &mut self,
        change: impl AsyncFn(&mut Link) -> Result<(), Trouble>,
    ) -> Result<(), LedgerError> {
        let (mut tries, mut blocked) = (0, 0);
        loop {
            let done = async {
                let mut link = self.connection().await?;
                let changed = tokio::time::timeout(CHANGE_WITHIN, change(&mut link)).await;
                changed.unwrap_or_else(|_| Err(Trouble::late()))?;
                Ok(link)
            };
            let trouble = match done.await {
                Ok(link) => {
                    self.link = Some(link);
                    return Ok(());
                }
                Err(trouble @ Trouble::Final(_)) => return Err(trouble.given_up()),
                Err(trouble) => trouble,
            };
            if is_blocked(&trouble) {
                blocked += 1;
            } else {
                tries += 1;
            }
            if tries >= TRIES_MAX || blocked >= BLOCKED_TRIES_MAX {
                return Err(trouble.given_up());
            }
        }
    }

    /// That of the change before, if it went well.
    async fn connection(&mut self) -> Result<Link, Trouble> {
        if let Some(link) = self.link.take() {
            return Ok(link);
        }
        let link = self.pool.connect().await?;
        within(link.batch(FOR_LONG_CHANGES)).await?;
        Ok(link)
    }
}

/// Whether a lock was not to be had in time.
fn is_blocked(trouble: &Trouble) -> bool {
    let (Trouble::Again(cause) | Trouble::Lost(cause)) = trouble else {
        return false;
    };
    let error = cause.downcast_ref::<tokio_postgres::Error>();
    error.and_then(tokio_postgres::Error::code) == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

async fn one(link: &mut Link, name: &str, text: &str) -> Result<(), Trouble> {
    link.ready(&[NOTE]).await?;
    link.batch("BEGIN").await?;
    if link.change(NOTE, &[&name]).await? > 0 {
        link.batch(text).await?;
    }
    // Left open by a failure, the transaction ends with its connection.
    link.batch("COMMIT").await
}
