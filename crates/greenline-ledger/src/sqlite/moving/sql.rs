//! The statements that read a whole store, a page at a time, each in the order of a key.

/// `?1` is how many rows at most; then the key of the last row read.
macro_rules! page {
    ($columns:literal, $from:literal, $key:literal, $values:literal) => {
        page!($columns, $from, $key, $values, "")
    };
    ($columns:literal, $from:literal, $key:literal, $values:literal, $group:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $from,
            " WHERE (",
            $key,
            ") > (",
            $values,
            ") ",
            $group,
            " ORDER BY ",
            $key,
            " LIMIT ?1"
        )
    };
}

pub(super) const PEOPLE: &str = page!(
    "shard, person_id, min(business_id), min(limited.at_ms), min(times), min(decision_seq)",
    "identifiers LEFT JOIN limited USING (shard, person_id)",
    "shard, person_id",
    "?2, ?3",
    "GROUP BY shard, person_id"
);
pub(super) const IDENTIFIERS: &str = page!(
    "shard, person_id, business_id, kind, value, known_ms, linked_at_ms, left_at_ms, gone_at_ms",
    "identifiers",
    "shard, person_id, business_id, kind, value",
    "?2, ?3, ?4, ?5, ?6"
);
pub(super) const LINKS: &str = page!(
    "shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value",
    "links",
    "shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value",
    "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
);
pub(super) const EVENTS: &str = page!(
    "event_seq, business_id, person_id, version, kind, scope, at_ms, stated_ms, arrival_ms, strength, in_thread,
     identifiers, evidence, actor, dedup",
    "consent_events",
    "event_seq",
    "?2"
);
pub(super) const KEYS: &str = page!(
    "business_id, key, event_seq",
    "dedup",
    "business_id, key",
    "?2, ?3"
);
pub(super) const HEADS: &str = page!(
    "shard, person_id, spelling, body",
    "heads",
    "shard, person_id, spelling",
    "?2, ?3, ?4"
);
pub(super) const WINDOWS: &str = page!(
    "shard, person_id, number, wrote_at_ms, free_until_ms, call_at_ms, call_until_ms",
    "windows",
    "shard, person_id, number",
    "?2, ?3, ?4"
);
pub(super) const PERSON_LINKS: &str = page!(
    "shard, person_id, generation, revoked_ms",
    "person_links",
    "shard, person_id",
    "?2, ?3"
);
pub(super) const DECISIONS: &str = page!(
    "seq, shard, business_id, person_id, at_ms, verdict, record, outcome, code, message_id, more_ids, status,
     status_at_ms, status_code",
    "decisions LEFT JOIN sends ON decision_seq = seq",
    "seq",
    "?2"
);
pub(super) const STRAYS: &str = page!(
    "message_id, status, at_ms, code",
    "stray_statuses",
    "message_id",
    "?2"
);
pub(super) const NUMBERS: &str = page!(
    "business_id, number, status, rating, at_ms, last_inbound_ms, rating_at_ms, spam_ms, health, health_ms, available_ms, locked_ms, policy_ms",
    "numbers",
    "business_id, number",
    "?2, ?3"
);
pub(super) const ACCOUNTS: &str = page!(
    "business_id, waba_id, ban, coalesce(ban_at_ms, 0)",
    "accounts",
    "business_id, waba_id",
    "?2, ?3"
);
pub(super) const RESTRICTIONS: &str = page!(
    "business_id, waba_id, named, kind, until_ms, at_ms",
    "restrictions",
    "business_id, waba_id, named",
    "?2, ?3, ?4"
);
pub(super) const TEMPLATES: &str = page!(
    "business_id, waba_id, name, language, template_id, category, status, is_ask, at_ms, quality",
    "templates",
    "business_id, waba_id, name, language",
    "?2, ?3, ?4, ?5"
);
pub(super) const TIMELINE: &str = page!(
    "seq, business_id, subject, subject_id, origin, event, at_ms, body",
    "timeline",
    "seq",
    "?2"
);
pub(super) const INBOX: &str = page!(
    "seq, business_id, lower(hex(sha256)), received_ms, lane, headers, body",
    "inbox",
    "seq",
    "?2"
);
pub(super) const LIMITS: &str = page!(
    "portfolio, people, origin, at_ms",
    "portfolio_limits",
    "portfolio",
    "?2"
);
pub(super) const REACH: &str = page!(
    "log_id, portfolio, until_ms, entries",
    "reach_log",
    "log_id",
    "?2"
);
pub(super) const RELAYS: &str = page!(
    "inbox_seq, app, business_id, lane, due_ms, attempts, parked",
    "relays",
    "inbox_seq, app",
    "?2, ?3"
);
pub(super) const REPLIES: &str = page!(
    "reply_id, business_id, recipient, number, kind, reply, confirms, message_id, at_ms, CASE state WHEN 3 THEN 0 ELSE state END, decision_seq",
    "replies",
    "reply_id",
    "?2"
);

/// One that was let go and never settled may have gone out: it is over in the new store, as it is when this one is
/// opened again.
pub(super) const HELD_MESSAGES: &str = page!(
    "held_seq, business_id, shard, person_id, recipient, app, number, template, language, given_id, held_ms, last_ms,
     due_ms, CASE stage WHEN 1 THEN 3 ELSE stage END, decision_shard, decision_seq, message_id, code,
     CASE stage WHEN 1 THEN 'unknown' ELSE ending END, CASE stage WHEN 1 THEN held_ms ELSE over_ms END, target, content_type,
     CASE stage WHEN 1 THEN NULL ELSE body END",
    "held_messages",
    "held_seq",
    "?2"
);

pub(super) const SUBSCRIPTIONS: &str = page!(
    "business_id, id, version, active, consents, imports, body",
    "subscriptions",
    "business_id, id",
    "?2, ?3"
);

pub(super) const LOG_BLOCKS: &str = page!(
    "first_index, entries, business_id",
    "log_blocks",
    "business_id, first_index",
    "?2, ?3"
);
pub(super) const LOGS: &str = page!(
    "business_id, max(first_index + events + decisions)",
    "log_blocks",
    "business_id",
    "?2",
    "GROUP BY business_id"
);
pub(super) const LOG_NODES: &str = page!(
    "business_id, level, place, hash",
    "log_nodes",
    "business_id, level, place",
    "?2, ?3, ?4"
);
pub(super) const LOG_HEADS: &str = page!(
    "business_id, size, root, at_ms, public_key, key_id, signature",
    "log_heads",
    "business_id, size",
    "?2, ?3"
);

/// Up to where events and decisions are sealed.
pub(super) const LOG_MARKS: &str =
    "SELECT business_id, max(event_mark), max(decision_mark) FROM log_blocks GROUP BY business_id";
/// But for these.
pub(super) const LATE: &str = "SELECT business_id, seq, log_index IS NOT NULL FROM log_late";
pub(super) const SHARD_OF_EVENT: &str = "SELECT shard FROM consent_events WHERE event_seq = ?1";
/// Up to where timeline entries are sealed.
pub(super) const ENTRY_MARKS: &str =
    "SELECT business_id, max(seq) FROM log_timeline GROUP BY business_id";
/// But for these.
pub(super) const ENTRIES_WAITING: &str =
    "SELECT business_id, seq FROM log_timeline WHERE log_index IS NULL";
pub(super) const SUBJECT_OF_ENTRY: &str = "SELECT subject_id FROM timeline WHERE seq = ?1";
pub(super) const SHARD_OF_DECISION: &str = "SELECT shard FROM decisions WHERE seq = ?1";

/// What the other store must hold in the end, by the name of what is counted there.
pub(super) const COUNTS: &[(&str, &str)] = &[
    ("people", "SELECT count(*) FROM (SELECT DISTINCT shard, person_id FROM identifiers)"),
    ("identifiers", "SELECT count(*) FROM identifiers"),
    (
        "links",
        "SELECT count(*) FROM (SELECT person_id, kind, other_id, at_ms, left_kind, left_value FROM links
         UNION SELECT other_id, CASE kind WHEN 2 THEN 3 ELSE kind END, person_id, at_ms, left_kind, left_value FROM links)",
    ),
    ("consent events", "SELECT count(*) FROM consent_events"),
    (
        "taken keys",
        "SELECT (SELECT count(*) FROM dedup) + (SELECT count(*) FROM inbox) + (SELECT count(*) FROM replies)",
    ),
    ("heads", "SELECT count(*) FROM heads"),
    ("windows", "SELECT count(*) FROM windows"),
    ("preference links", "SELECT count(*) FROM person_links"),
    ("decisions", "SELECT count(*) FROM decisions"),
    ("sends", "SELECT count(*) FROM decisions WHERE verdict > 0 AND person_id IS NOT NULL"),
    (
        "messages",
        "SELECT count(*) FROM (SELECT message_id FROM decisions JOIN sends ON decision_seq = seq
         WHERE verdict > 0 AND message_id IS NOT NULL UNION SELECT message_id FROM stray_statuses)",
    ),
    ("numbers", "SELECT count(*) FROM numbers WHERE at_ms IS NOT NULL OR coalesce(spam_ms, health_ms, locked_ms, policy_ms) IS NOT NULL"),
    ("numbers written to", "SELECT count(*) FROM numbers WHERE last_inbound_ms IS NOT NULL"),
    ("accounts", "SELECT count(*) FROM accounts"),
    ("restrictions", "SELECT count(*) FROM restrictions"),
    ("templates", "SELECT count(*) FROM templates"),
    ("limits", "SELECT count(*) FROM portfolio_limits"),
    ("people reached", "SELECT count(*) FROM reach_log"),
    ("subscriptions", "SELECT count(*) FROM subscriptions"),
    ("timeline", "SELECT count(*) FROM timeline"),
    ("deliveries", "SELECT count(*) FROM inbox"),
    ("relays", "SELECT count(*) FROM relays"),
    ("replies", "SELECT count(*) FROM replies"),
    ("held messages", "SELECT count(*) FROM held_messages"),
    ("log leaves", "SELECT coalesce(sum(events + decisions), 0) FROM log_blocks"),
    ("log nodes", "SELECT count(*) FROM log_nodes"),
    ("log heads", "SELECT count(*) FROM log_heads"),
    (
        "records to be sealed",
        "SELECT (SELECT count(*) FROM consent_events) + (SELECT count(*) FROM decisions)
           + (SELECT coalesce(sum(pruned), 0) FROM log_counts) + (SELECT count(log_index) FROM log_timeline)
           - (SELECT coalesce(sum(events + decisions), 0) FROM log_blocks)",
    ),
];

/// With the counts, what tells that a store is as it was: anything that a server changes shows in one of them.
pub(super) const MARKS: &[&str] = &[
    "SELECT max(event_seq) FROM consent_events",
    "SELECT max(seq) FROM decisions",
    "SELECT sum(length(outcome) + coalesce(status_at_ms, 0) % 1000003 + coalesce(length(status), 0)) FROM sends",
    "SELECT sum(coalesce(wrote_at_ms, 0) % 1000003 + coalesce(call_at_ms, 0) % 1000003) FROM windows",
    "SELECT sum(coalesce(left_at_ms, 0) % 1000003 + coalesce(gone_at_ms, 0) % 1000003) FROM identifiers",
    "SELECT sum(generation) FROM person_links",
    "SELECT sum(coalesce(at_ms, 0) % 1000003 + coalesce(last_inbound_ms, 0) % 1000003 + coalesce(spam_ms, 0) % 1000003 + coalesce(health_ms, 0) % 1000003
       + coalesce(locked_ms, 0) % 1000003 + coalesce(policy_ms, 0) % 1000003) FROM numbers",
    "SELECT sum(coalesce(ban_at_ms, 0) % 1000003) FROM accounts",
    "SELECT sum(at_ms % 1000003) FROM restrictions",
    "SELECT sum(at_ms % 1000003) FROM templates",
    "SELECT max(seq) FROM timeline",
    "SELECT max(seq) FROM inbox",
    "SELECT sum(body IS NULL) FROM inbox",
    "SELECT sum(due_ms % 1000003 + attempts + parked) FROM relays",
    "SELECT sum(state) FROM replies",
    "SELECT sum(stage + coalesce(due_ms, 0) % 1000003) FROM held_messages",
    "SELECT max(log_id) FROM reach_log",
    "SELECT sum(at_ms % 1000003) FROM portfolio_limits",
    "SELECT sum(size % 1000003) FROM log_heads",
    "SELECT count(log_index) FROM log_late",
    "SELECT count(log_index) FROM log_timeline",
    "SELECT sum(at_ms % 1000003) FROM stray_statuses",
];
