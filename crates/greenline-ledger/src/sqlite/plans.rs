//! The plan of every statement, pinned: a scan of a table that grows must be seen before it is felt.

use std::fmt::Write;

use super::{connect, sql};

macro_rules! statements {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), sql::$name)),*] };
}

const ALL: &[(&str, &str)] = statements![
    INSERT_DECISION,
    INSERT_4_DECISIONS,
    INSERT_16_DECISIONS,
    INSERT_RANGE,
    RANGE_AROUND,
    COUNT_IN_RANGE,
    UPSERT_SEND,
    UPSERT_4_SENDS,
    UPSERT_16_SENDS,
    SEND_STATUS,
    LOG_MESSAGES,
    INSERT_IN_RUN,
    FIND_IN_RUN,
    CLEAR_MESSAGE_LOG,
    SET_SEND_STATUS,
    FIND_STRAY,
    PUT_STRAY,
    DELETE_STRAY,
    PRUNE_STRAYS,
    INSERT_BUSINESS,
    PERSON_TAKEN,
    INSERT_IDENTIFIER,
    MARK_IDENTIFIER,
    INSERT_LINK,
    FIND_DEDUP,
    INSERT_DEDUP,
    KEYS_OF,
    RUN_TAKEN,
    NEXT_VERSION,
    INSERT_EVENT,
    UPSERT_HEAD,
    PUT_WINDOW,
    PUT_CALL_PERMISSION,
    PUT_NUMBER,
    PUT_LAST_INBOUND,
    PUT_ACCOUNT,
    PUT_RESTRICTION,
    PUT_TEMPLATE,
    INSERT_TIMELINE,
    INSERT_INBOX,
    INSERT_RELAY,
    RELAY_DELIVERED,
    RELAY_RETRY,
    RELAY_PUT_OFF,
    RELAY_PARK,
    RELAY_REPLAY,
    RELAY_REPLAY_ALL,
    EMPTY_INBOX,
    PRUNE_INBOX,
    INSERT_REPLY,
    DUE_REPLIES,
    HAND_OUT_REPLY,
    REPLIES_DUE_AGAIN,
    DECIDE_REPLY,
    REPLY_NOT_SENT,
    FINISH_REPLY,
    SUBSCRIPTIONS,
    INSERT_SUBSCRIPTION,
    UPDATE_SUBSCRIPTION,
    DELETE_SUBSCRIPTION,
    WAITING_NOTICES,
    DROP_NOTICES,
    NOTICES_AFTER,
    IDENTIFIERS_OF,
    EVENTS_OF,
    WHOLE_EVENTS_OF,
    EXPORT,
    NEWEST_NOES,
    WINDOWS_OF,
    FIND_IDENTIFIER,
    LINKED,
    LINK_GENERATION,
    REVOKE_LINKS,
    HEAD,
    DECISION,
    DECISIONS,
    DECISIONS_OF,
    DECISIONS_AFTER,
    RECORD_OF,
    LOG_END,
    LOG_BLOCKS,
    LOG_BLOCK_WITH,
    BLOCK_OF_EVENT,
    BLOCK_OF_DECISION,
    INSERT_BLOCK,
    UPDATE_BLOCK,
    LOG_NODES,
    INSERT_NODE,
    LOG_HEAD,
    LOG_HEAD_AT,
    LOG_HEADS,
    INSERT_LOG_HEAD,
    LOG_LATE,
    LOG_LATE_AFTER,
    LATE_PLACE,
    INSERT_LATE,
    SEAL_LATE,
    EVENT_OF,
    COUNT_EVENTS_TO,
    COUNT_DECISIONS_TO,
    COUNT_LATE_WAITING,
    COUNT_LATE_AHEAD,
    RECORD,
    NUMBERS,
    TEMPLATES,
    TEMPLATES_OF,
    TIMELINE,
    TIMELINE_OF,
    COUNT_PEOPLE,
    COUNT_DECISIONS,
    COUNT_NOES,
    COUNT_RELAYS,
    RELAYS_DUE,
    RELAY_WAITS,
    LOAD_BUSINESSES,
    LOAD_IDENTIFIERS,
    LOAD_LINKS,
    LOAD_HEADS,
    LOAD_WINDOWS,
    LOAD_NUMBERS,
    LOAD_ACCOUNTS,
    LOAD_RESTRICTIONS,
    LOAD_TEMPLATES,
    LOAD_TAKERS,
    LOAD_STRAYS,
    LAST_MESSAGE_RUN,
    LOAD_MESSAGE_LOG,
    LAST_DECISION,
    LAST_EVENT,
    LOAD_UNSETTLED,
    LINKED_BEFORE,
    ALL_LINKED,
    DECISIONS_FROM,
    INBOX_FROM,
    REPLIES_FROM,
    TIMELINE_FROM,
    SET_RECORD,
    ERASE_SEND,
    ERASE_EVENT,
    DELETE_DEDUP,
    DELETE_IDENTIFIER,
    KEEP_IDENTIFIER,
    ERASE_LEFT,
    DELETE_WINDOWS,
    DELETE_PARKED,
    ERASE_DELIVERY,
    ERASE_DELIVERY_LATER,
    DELETE_REPLY,
    DELETE_TIMELINE,
    COUNT_ERASURE,
    LOG_COUNTS,
    KEPT_BY_KEY,
    CALLS_OF,
    LINKS_REVOKED,
    OLD_DECISIONS,
    OLD_REPLIES,
    OLD_TIMELINE,
    VERDICT,
    DELETE_DECISION,
    DELETE_SEND,
    DELETE_EMPTY_RANGE,
    COUNT_PRUNED,
    FIRST_MESSAGE_RUN,
    YOUNG_IN_RUN,
    IDS_IN_RUN,
    DELETE_IN_RUN,
    VERSIONS,
    RECORDS,
    WRONG_SHARDS,
    LOST_EVENTS,
    LOST_DECISIONS,
    LOST_COUNTS,
    LOST_SENDS,
    LOST_RELAYS,
    LOST_DEDUP,
];

/// Run once at start, by hand, or by housekeeping: these may read whole tables.
const MAY_SCAN: &[&str] = &[
    "COUNT_PEOPLE",
    // These walk indexes that hold nothing but what is due, or in hand.
    "DUE_REPLIES",
    "REPLIES_DUE_AGAIN",
    // Holds no more than the runs that are not yet written.
    "CLEAR_MESSAGE_LOG",
    // Walk their own parameters.
    "INSERT_4_DECISIONS",
    "INSERT_16_DECISIONS",
    "UPSERT_4_SENDS",
    "UPSERT_16_SENDS",
    "LAST_DECISION",
    "LAST_EVENT",
    "LAST_MESSAGE_RUN",
    // By hand: each business, of which there are few.
    "KEPT_BY_KEY",
    // Read row by row, oldest first, until one is too young.
    "OLD_REPLIES",
    "RECORDS",
    "VERSIONS",
    "WRONG_SHARDS",
];

fn may_scan(name: &str) -> bool {
    name.starts_with("LOAD_") || name.starts_with("LOST_") || MAY_SCAN.contains(&name)
}

#[test]
fn no_statement_of_a_request_reads_a_whole_table() {
    assert_eq!(
        include_str!("sql.rs").matches("pub(super) const ").count(),
        ALL.len(),
        "a statement is not listed"
    );
    let place = tempfile::tempdir().unwrap();
    let mut connection = connect::writer(&place.path().join("plans.db")).unwrap();
    connect::migrate(&mut connection).unwrap();
    let mut plans = String::new();
    for (name, sql) in ALL {
        writeln!(plans, "{name}").unwrap();
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            // An index walked from its start is a scan only where nothing stops it; `DECISIONS` has its limit.
            assert!(
                !step.starts_with("SCAN") || may_scan(name),
                "{name}: {step}"
            );
            writeln!(plans, "    {step}").unwrap();
        }
    }
    insta::assert_snapshot!(plans);
}
