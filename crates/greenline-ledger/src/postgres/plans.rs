//! Every statement prepared on a real database, and the tables held to what a database in shards asks:
//! where none is installed, its rules are checked all the same.

use greenline_testdb::Database;

use super::connect::{Pool, retrying};
use super::{migrate, sql};

macro_rules! statements {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), sql::$name)),*] };
}

const ALL: &[(&str, &str)] = statements![
    LIVE_NODES,
    DATABASE_MS,
    LEASE_NODE,
    RENEW_NODE,
    RELEASE_NODE,
    FIND_KEYS,
    FIND_NAMES,
    PEOPLE_OF,
    IDENTIFIERS_OF,
    EVENTS_OF,
    LINKS_OF,
    WINDOWS_OF,
    OPEN_SENDS_OF,
    FIND_TEMPLATES,
    FIND_NUMBERS,
    FIND_ACCOUNTS,
    FIND_RESTRICTIONS,
    NOTE_BATCH,
    BAR_BATCH,
    PRUNE_BATCHES,
    COMPARE_AND_SET,
    INSERT_PEOPLE,
    INSERT_NAMES,
    INSERT_IDENTIFIERS,
    MARK_IDENTIFIER,
    INSERT_LINKS,
    INSERT_EVENTS,
    INSERT_KEYS,
    PUT_HEADS,
    PUT_WINDOWS,
    PUT_INBOUND,
    INSERT_DECISIONS,
    INSERT_SPILLED,
    INSERT_SENDS,
    INSERT_TIMELINE,
    INSERT_INBOX,
    INSERT_RELAYS,
    INSERT_REPLIES,
    PUT_STATUSES,
    PUT_TEMPLATE,
    PUT_NUMBER,
    PUT_ACCOUNT,
    PUT_RESTRICTION,
    SETTLE,
    PUT_MESSAGES,
    OUTCOMES,
    RELAYS_DUE,
    CLAIM_RELAYS,
    CLAIMED_RELAYS,
    RELAYS_DELIVERED,
    RELAYS_AGAIN,
    RELAY_REPLAY,
    EMPTY_INBOX,
    OLD_INBOX,
    DELETE_KEYS,
    DELETE_INBOX,
    PRUNE_STRAYS,
    REPLIES_DUE,
    CLAIM_REPLIES,
    CLAIMED_REPLIES,
    FINISH_REPLY,
    WHOLE_EVENTS_OF,
    EXPORT,
    NEWEST_NOES,
    HEADS_OF,
    DECISION,
    DECISIONS,
    DECISIONS_OF,
    STATUSES,
    NUMBERS,
    INBOUND,
    TEMPLATES,
    TIMELINE,
    TIMELINE_OF,
    COUNT_PEOPLE,
    COUNT_DECISIONS,
    COUNT_NOES,
    COUNT_RELAYS,
    PEOPLE_AFTER,
    VERSIONS_OF,
    RECORDS_AFTER,
    LOST_EVENTS,
    LOST_SENDS,
    LOST_RELAYS,
    LOST_NAMES,
    LOST_KEYS,
    WRONG_SHARDS,
];

/// Small tables that every server of a database in shards holds whole.
const REFERENCE: &[&str] = &[
    "accounts",
    "migrations",
    "nodes",
    "numbers",
    "restrictions",
    "templates",
];

fn pool(database: &Database) -> Pool {
    Pool::new(&database.url(), tokio::runtime::Handle::current()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_prepared() {
    assert_eq!(
        include_str!("sql.rs").matches("pub(super) const ").count(),
        ALL.len(),
        "a statement is not listed"
    );
    let database = Database::fresh();
    let pool = pool(&database);
    migrate::migrate(&pool).await.unwrap();
    for (name, sql) in ALL {
        let prepared: Result<(), _> = retrying!(pool, link => link.ready(&[sql]).await);
        prepared.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_migration_may_run_twice_and_at_once() {
    // Nodes that start at once meet in the catalogue in more ways than one: often enough to see each.
    for _ in 0..10 {
        let database = Database::fresh();
        let nodes: Vec<Pool> = (0..4).map(|_| pool(&database)).collect();
        for done in futures_util::future::join_all(nodes.iter().map(migrate::migrate)).await {
            done.unwrap();
        }
    }
    let database = Database::fresh();
    let one = pool(&database);
    migrate::migrate(&one).await.unwrap();
    let tables =
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY 1, 2";
    let before = database.sql(tables);
    for (name, text) in migrate::MIGRATIONS {
        let again: Result<(), _> = retrying!(one, link => link.batch(text).await);
        again.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    assert_eq!(database.sql(tables), before);
    let noted = database.sql("SELECT count(*) FROM migrations");
    assert_eq!(noted.trim(), migrate::MIGRATIONS.len().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shard_stands_first_in_every_key() {
    let database = Database::fresh();
    migrate::migrate(&pool(&database)).await.unwrap();
    let first_columns = database.sql(
        "SELECT t.relname, a.attname FROM pg_index i
           JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
           JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
         WHERE n.nspname = 'public' AND i.indisunique ORDER BY 1",
    );
    assert!(first_columns.lines().count() > REFERENCE.len());
    for row in first_columns.lines() {
        let (table, column) = row.split_once('|').unwrap();
        let is_reference = REFERENCE.contains(&table);
        assert_eq!(column == "person_shard", !is_reference, "{row}");
    }
    let without_key = database.sql(
        "SELECT t.relname FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = 'public' AND t.relkind = 'r'
           AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)",
    );
    assert_eq!(without_key.trim(), "");
    let other = database.sql(
        "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal UNION ALL
         SELECT count(*) FROM pg_class WHERE relkind = 'S'",
    );
    assert_eq!(other.trim(), "0\n0", "no triggers, no sequences");
}

#[test]
fn statements_stay_within_what_databases_share() {
    let text = include_str!("sql.rs").to_lowercase();
    for word in [
        "advisory",
        "lock table",
        "nextval",
        "skip locked",
        "for update",
        "listen ",
        "ctid",
    ] {
        assert!(!text.contains(word), "{word}");
    }
}
