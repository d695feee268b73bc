//! Looks at a database without changing anything: what an operator must know before nodes run on it.
//!
//! It only reads the database's own catalogue and settings, which are no part of the statements that run on
//! every engine; each question stands alone, and one that an engine cannot answer is left open.

use tokio_postgres::Row;

use super::connect::{CONNECTIONS_MAX, Link, Pool, retrying};
use super::migrate;
use super::trouble::Trouble;
use crate::error::LedgerError;

/// What is known of a database that answers. What could not be found out is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Database {
    /// As the server tells it, such as `17.2`.
    pub version: String,
    /// The major part of it.
    pub major: Option<i64>,
    /// What protects this connection, such as `TLSv1.3`; empty for nothing.
    pub tls: Option<String>,
    /// The user and the database.
    pub user: String,
    /// The database's name.
    pub database: String,
    /// It only follows another server, or takes no writes for another reason.
    pub is_read_only: Option<bool>,
    /// Its encoding.
    pub encoding: Option<String>,
    /// The user may make tables here.
    pub may_create: Option<bool>,
    /// Tables of ours that the user may not read or change.
    pub not_ours: Vec<String>,
    /// `synchronous_commit` as the server has it for this user.
    pub synchronous_commit: Option<String>,
    /// `fsync`.
    pub fsync: Option<String>,
    /// `synchronous_standby_names`.
    pub synchronous_standby_names: Option<String>,
    /// Servers that follow it now.
    pub followers: Option<i64>,
    /// Connections that are there for this user at most.
    pub connections_max: Option<i64>,
    /// Connections that one node takes at most.
    pub connections_per_node: i64,
    /// Nodes that run now.
    pub nodes: Option<i64>,
    /// The version of Citus, if it is installed in this database.
    pub citus: Option<String>,
    /// Migrations that are still to be done, in order.
    pub pending: Vec<&'static str>,
    /// Whether there are any tables of ours yet.
    pub is_fresh: bool,
}

const ABOUT: &str = "SELECT current_setting('server_version'), CAST(current_user AS TEXT),
       CAST(current_database() AS TEXT)";
const MAJOR: &str = "SELECT CAST(current_setting('server_version_num') AS BIGINT) / 10000";
const TLS: &str = "SELECT CASE WHEN ssl THEN version ELSE '' END FROM pg_catalog.pg_stat_ssl
       WHERE pid = pg_backend_pid()";
const READ_ONLY: &str =
    "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'";
const ENCODING: &str = "SELECT current_setting('server_encoding')";
const MAY_CREATE: &str = "SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE)
       AND COALESCE(has_schema_privilege(current_schema(), 'USAGE'), FALSE)";
const NOT_OURS: &str = "SELECT CAST(relname AS TEXT) FROM pg_catalog.pg_class
       WHERE relkind IN ('r', 'p') AND relnamespace = CAST(current_schema() AS REGNAMESPACE)
         AND relname IN ('people', 'consent_events', 'decisions', 'sends', 'inbox', 'nodes', 'migrations')
         AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
              AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
       ORDER BY 1";
/// As the server and the user's own settings have it, before this connection changed it.
const SYNCHRONOUS_COMMIT: &str = "SELECT reset_val FROM pg_catalog.pg_settings
       WHERE name = 'synchronous_commit'";
const FSYNC: &str = "SELECT current_setting('fsync')";
const STANDBYS: &str = "SELECT current_setting('synchronous_standby_names')";
const FOLLOWERS: &str = "SELECT count(*) FROM pg_catalog.pg_stat_replication";
const CONNECTIONS: &str = "SELECT LEAST(
       CAST(current_setting('max_connections') AS BIGINT)
         - CAST(current_setting('superuser_reserved_connections') AS BIGINT),
       (SELECT CAST(NULLIF(rolconnlimit, -1) AS BIGINT) FROM pg_catalog.pg_roles WHERE rolname = current_user),
       (SELECT CAST(NULLIF(datconnlimit, -1) AS BIGINT) FROM pg_catalog.pg_database
          WHERE datname = current_database()))";
const CITUS: &str = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus'";
const NODES: &str = "SELECT count(*) FROM nodes
       WHERE lease_until_ms > CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)";

/// Looks at the database at `url`.
///
/// # Errors
/// `Unavailable` when it cannot be reached or does not let this user in.
pub async fn examine(url: &str) -> Result<Database, LedgerError> {
    let pool = Pool::new(url, tokio::runtime::Handle::current())?;
    let mut seen = retrying!(pool, link => look(link).await)?;
    seen.pending = migrate::pending(&pool).await?;
    seen.is_fresh = seen.pending.len() == migrate::MIGRATIONS.len();
    Ok(seen)
}

async fn look(link: &mut Link) -> Result<Database, Trouble> {
    let rows = link.rows(ABOUT, &[]).await?;
    let about = |column: usize| -> String {
        let text = rows.first().map(|row| row.try_get(column));
        text.and_then(Result::ok).unwrap_or_default()
    };
    let (version, user, database) = (about(0), about(1), about(2));
    Ok(Database {
        version,
        user,
        database,
        major: one(link, MAJOR).await?,
        tls: one(link, TLS).await?,
        is_read_only: one(link, READ_ONLY).await?,
        encoding: one(link, ENCODING).await?,
        may_create: one(link, MAY_CREATE).await?,
        not_ours: answers(link, NOT_OURS)
            .await?
            .iter()
            .filter_map(|row| row.try_get(0).ok())
            .collect(),
        synchronous_commit: one(link, SYNCHRONOUS_COMMIT).await?,
        fsync: one(link, FSYNC).await?,
        synchronous_standby_names: one(link, STANDBYS).await?,
        followers: one(link, FOLLOWERS).await?,
        connections_max: one(link, CONNECTIONS).await?,
        connections_per_node: i64::try_from(CONNECTIONS_MAX).unwrap_or(i64::MAX),
        nodes: one(link, NODES).await?,
        citus: one(link, CITUS).await?,
        ..Database::default()
    })
}

/// One value, if this engine has an answer.
async fn one<T>(link: &mut Link, question: &'static str) -> Result<Option<T>, Trouble>
where
    T: for<'r> tokio_postgres::types::FromSql<'r>,
{
    let rows = answers(link, question).await?;
    let first = rows.first().map(|row| row.try_get::<_, Option<T>>(0));
    Ok(first.and_then(Result::ok).flatten())
}

/// The rows, none where the engine does not know what is asked for.
async fn answers(link: &mut Link, question: &'static str) -> Result<Vec<Row>, Trouble> {
    match link.rows(question, &[]).await {
        Ok(rows) => Ok(rows),
        Err(Trouble::Final(LedgerError::Corrupt(_))) => Ok(Vec::new()),
        Err(trouble) => Err(trouble),
    }
}
