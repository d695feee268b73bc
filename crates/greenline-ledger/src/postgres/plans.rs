//! Every statement, prepared on a real database and looked at: by its plan here, by what a database in shards
//! would say beside `citus`.

mod access;
mod elsewhere;
mod explain;

pub(super) use elsewhere::statements as elsewhere;

use std::collections::BTreeSet;

use greenline_testdb::Database;

use super::connect::{Pool, retrying};
use super::{migrate, sql};

macro_rules! statements {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), sql::$name)),*] };
}

/// Every statement of `sql.rs`.
pub(super) const ALL: &[(&str, &str)] = statements![
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
    MARKS_OF,
    OPEN_SENDS_OF,
    FIND_TEMPLATES,
    FIND_NUMBERS,
    FIND_ACCOUNTS,
    FIND_RESTRICTIONS,
    NOTE_BATCH,
    BAR_BATCH,
    OLD_BATCHES,
    DELETE_BATCHES,
    COMPARE_AND_SET,
    MAKE_PORTFOLIOS,
    MAKE_PARTS,
    FIND_PORTFOLIOS,
    READ_REACH,
    GRANT_PLACES,
    RECALL_PLACES,
    APPEND_REACH,
    PRUNE_REACH,
    FORGOTTEN,
    PUT_LIMIT,
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
    PUT_SPAM,
    SPAM_OVER,
    PUT_HEALTH,
    PUT_ACCOUNT,
    PUT_RESTRICTION,
    SETTLE,
    PUT_MESSAGES,
    FIND_MESSAGES,
    TAKE_BACK,
    LIMIT_PEOPLE,
    EASE_LIMITS,
    TAKE_NOTHING,
    FORGET_LIMITS,
    OUTCOMES,
    RELAYS_DUE,
    CLAIM_RELAYS,
    CLAIMED_RELAYS,
    RELAY_WAITS,
    RELAYS_DELIVERED,
    RELAYS_AGAIN,
    RELAY_REPLAY,
    FIND_SUBSCRIBERS,
    SUBSCRIPTIONS,
    INSERT_SUBSCRIPTION,
    UPDATE_SUBSCRIPTION,
    DELETE_SUBSCRIPTION,
    WAITING_NOTICES,
    OLD_NOTICES,
    NOTICES_AFTER,
    FULL_INBOX,
    EMPTY_INBOX,
    OLD_INBOX,
    DELETE_KEYS,
    DELETE_INBOX,
    OLD_STRAYS,
    DELETE_STRAYS,
    REPLIES_DUE,
    CLAIM_REPLIES,
    FIND_REPLIES,
    DECIDE_REPLIES,
    REPLY_NOT_SENT,
    CLAIMED_REPLIES,
    FINISH_REPLY,
    INSERT_LATER,
    FIND_LATER,
    REDECIDE_LATER,
    LATER_DUE,
    CLAIM_LATER,
    CLAIMED_LATER,
    LATER_LET_GO,
    OUTCOME_OF,
    STEP_LATER,
    CANCEL_LATER,
    LATER_MESSAGE,
    LATER_MESSAGES,
    LATER_WAITING,
    GIVEN_IDS,
    IN_THE_AIR,
    ERASE_LATER,
    PRUNE_LATER,
    HELD_LATER,
    WHOLE_EVENTS_OF,
    EXPORT,
    NEWEST_NOES,
    HEADS_OF,
    DECISION,
    DECISIONS,
    DECISIONS_OF,
    RECEPTION_COUNT,
    RECEPTION_STOPS,
    RECEPTION_PAGE,
    RECEPTION_SENDS,
    RECEPTION_STATUSES,
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
    PEOPLE_IN,
    CROWD,
    CROWD_LINKED,
    CROWD_WROTE,
    CROWD_MARKED,
    PEOPLE_AFTER,
    VERSIONS_OF,
    LINK_HOLDERS,
    REVOKE_LINKS,
    LOG_ERASURES,
    LOGGED,
    COUNT_ERASURE,
    UNFINISHED_ERASURES,
    KEPT_BY_KEY,
    LINKS_REVOKED,
    HELD_DECISIONS,
    HELD_SENDS,
    HELD_BY_NOBODY,
    HELD_INBOX,
    HELD_BODY,
    HELD_REPLIES,
    HELD_TIMELINE,
    HELD_RECORDS,
    OLD_DECISIONS,
    PRUNE_DECISIONS,
    SENT_AS_MANY,
    PRUNE_MESSAGES,
    PRUNE_SENDS,
    PRUNE_LEAVES,
    OLD_REPLIES,
    PRUNE_REPLIES,
    OLD_TIMELINE,
    PRUNE_TIMELINE,
    DECISIONS_ABOUT,
    DECISIONS_ABOUT_NOBODY,
    DECISIONS_NUMBERED,
    SENDS_TO,
    SET_RECORD,
    SENT_AS,
    ERASE_SENDS,
    DELETE_MESSAGE,
    ERASE_EVENT,
    DELETE_EVENT_KEY,
    DELETE_NAME,
    KEEP_NAME,
    DELETE_IDENTIFIER,
    KEEP_IDENTIFIER,
    ERASE_LEFT,
    DELETE_WINDOWS,
    DELETE_REPLIES_TO,
    TIMELINE_WITH,
    ERASE_ENTRY,
    INBOX_WITH,
    DELETE_PARKED,
    ERASE_DELIVERY_LATER,
    RECORDS_AFTER,
    LOST_EVENTS,
    LOST_SENDS,
    LOST_RELAYS,
    WRONG_SHARDS,
    NAMES_AFTER,
    IDENTIFIERS_AMONG,
    KEYS_AFTER,
    EVENTS_AMONG,
    MARK_EVENTS,
    MARK_DECISIONS,
    MARK_SPILLED,
    UNSEALED,
    INSERT_LOG,
    LEASE_LOG,
    GROW_LOG,
    TAKE_UNSEALED,
    INSERT_LEAVES,
    LOG_LEAVES,
    LOG_PLACE,
    PUT_SALTS,
    LOG_NODES,
    INSERT_NODES,
    LOG_HEAD,
    LOG_HEAD_AT,
    LOG_HEADS,
    INSERT_LOG_HEAD,
    EVENTS_IN,
    DECISIONS_IN,
    UNLOGGED_EVENTS,
    UNLOGGED_DECISIONS,
    UNSEALED_ENTRIES,
    LAST_ENTRY,
    TAKE_ENTRIES,
    ENTRIES_IN,
    UNLOGGED_ENTRIES,
];

fn pool(database: &Database) -> Pool {
    Pool::new(&database.url(), tokio::runtime::Handle::current()).unwrap()
}

/// Names of the constants of a file of statements.
fn constants(text: &str) -> BTreeSet<&str> {
    let after = text.split("pub(super) const ").skip(1);
    after
        .filter_map(|rest| rest.split_once(':'))
        .map(|(name, _)| name)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_prepared() {
    let listed: BTreeSet<&str> = ALL.iter().map(|(name, _)| *name).collect();
    let files = [
        include_str!("sql/log.rs"),
        include_str!("sql/later.rs"),
        include_str!("sql/crowd.rs"),
    ];
    let files = files.map(|file| file.replace("pub(in crate::postgres)", "pub(super)"));
    let mut there = constants(include_str!("sql.rs"));
    there.extend(files.iter().flat_map(|file| constants(file)));
    assert_eq!(there, listed, "listed here as in `sql.rs`");
    assert_eq!(listed.len(), ALL.len(), "listed twice");
    let database = Database::fresh();
    let pool = pool(&database);
    migrate::migrate(&pool).await.unwrap();
    let elsewhere = elsewhere::statements();
    let elsewhere = elsewhere.iter().map(|(of, sql)| (&**of, *sql));
    for (name, sql) in ALL.iter().copied().chain(elsewhere) {
        let prepared: Result<(), _> = retrying!(pool, link => link.ready(&[sql]).await);
        prepared.unwrap_or_else(|error| panic!("{name}: {error:?}: {sql}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_migration_may_run_twice_and_at_once() {
    // Nodes that start at once meet in the catalogue in more ways than one: often enough to see each.
    for _ in 0..5 {
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
