//! Every statement, by name. A test prepares each and pins its query plan.

// Writing: decisions and their outcomes.

/// One row of parameters, in the order they come.
macro_rules! decision {
    () => {
        "(?, ?, ?, ?, ?, ?, ?)"
    };
}

/// The statement that records decisions, as many as rows are named. `OR FAIL`: SQLite need not be able to take back
/// the one statement, since a batch is taken back as a whole.
macro_rules! insert_decisions {
    ($($rest:literal),*) => {
        concat!(
            "INSERT OR FAIL INTO decisions (seq, business_id, shard, person_id, at_ms, verdict, record) VALUES ",
            decision!(),
            $($rest, decision!()),*
        )
    };
}

pub(super) const INSERT_DECISION: &str = insert_decisions!();

pub(super) const INSERT_4_DECISIONS: &str = insert_decisions!(",", ",", ",");

pub(super) const INSERT_16_DECISIONS: &str = insert_decisions!(
    ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ","
);

pub(super) const INSERT_RANGE: &str = "INSERT INTO decision_ranges (business_id, first_seq, last_seq, allowed, others) VALUES (?1, ?2, ?3, ?4, ?5)";

pub(super) const RANGE_AROUND: &str = "SELECT first_seq, last_seq FROM decision_ranges
     WHERE business_id = ?1 AND first_seq <= ?2 ORDER BY first_seq DESC LIMIT 1";

pub(super) const COUNT_IN_RANGE: &str =
    "UPDATE decision_ranges SET allowed = allowed + ?3, others = others + ?4
     WHERE business_id = ?1 AND first_seq = ?2";

/// The statement that records outcomes, as many as rows are named.
macro_rules! upsert_sends {
    ($($rest:literal),*) => {
        concat!(
            "INSERT OR FAIL INTO sends (decision_seq, outcome, code, message_id, more_ids) VALUES (?, ?, ?, ?, ?)",
            $($rest, "(?, ?, ?, ?, ?)",)*
            " ON CONFLICT (decision_seq) DO UPDATE SET outcome = excluded.outcome, code = excluded.code,",
            " message_id = coalesce(excluded.message_id, message_id), more_ids = coalesce(excluded.more_ids, more_ids)"
        )
    };
}

pub(super) const UPSERT_SEND: &str = upsert_sends!();

pub(super) const UPSERT_4_SENDS: &str = upsert_sends!(",", ",", ",");

pub(super) const UPSERT_16_SENDS: &str = upsert_sends!(
    ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ","
);

pub(super) const SEND_STATUS: &str =
    "SELECT status, status_at_ms FROM sends WHERE decision_seq = ?1 AND message_id = ?2";

pub(super) const LOAD_REACH: &str = "SELECT portfolio, entries FROM reach_log ORDER BY log_id";

pub(super) const LOG_REACH: &str =
    "INSERT INTO reach_log (portfolio, until_ms, entries) VALUES (?1, ?2, ?3)";

/// The oldest rows, up to the first that is still of use: later ones speak of what earlier ones say.
pub(super) const PRUNE_REACH: &str = "DELETE FROM reach_log
     WHERE log_id IN (SELECT log_id FROM reach_log ORDER BY log_id LIMIT ?2)
       AND log_id < coalesce((SELECT log_id FROM reach_log WHERE until_ms >= ?1 ORDER BY log_id LIMIT 1), 9223372036854775807)";

pub(super) const LOAD_LIMITS: &str =
    "SELECT portfolio, people, origin, at_ms FROM portfolio_limits";

pub(super) const PUT_LIMIT: &str = "INSERT INTO portfolio_limits (portfolio, people, origin, at_ms) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (portfolio) DO UPDATE SET people = excluded.people, origin = excluded.origin, at_ms = excluded.at_ms";

pub(super) const LOG_MESSAGES: &str = "INSERT INTO message_log (run, entries) VALUES (?1, ?2)";

pub(super) const INSERT_IN_RUN: &str =
    "INSERT OR IGNORE INTO message_runs (run, hash, decision_seq) VALUES (?1, ?2, ?3)";

pub(super) const FIND_IN_RUN: &str = "SELECT decision_seq FROM message_runs WHERE run = ?1 AND hash = ?2 ORDER BY decision_seq DESC LIMIT 1";

pub(super) const CLEAR_MESSAGE_LOG: &str = "DELETE FROM message_log WHERE run <= ?1";

pub(super) const SET_SEND_STATUS: &str =
    "UPDATE sends SET status = ?2, status_at_ms = ?3, status_code = ?4 WHERE decision_seq = ?1";

pub(super) const FIND_STRAY: &str =
    "SELECT status, at_ms, code FROM stray_statuses WHERE message_id = ?1";

pub(super) const PUT_STRAY: &str = "INSERT INTO stray_statuses (message_id, status, at_ms, code) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (message_id) DO UPDATE SET status = excluded.status, at_ms = excluded.at_ms, code = excluded.code";

pub(super) const DELETE_STRAY: &str = "DELETE FROM stray_statuses WHERE message_id = ?1";

pub(super) const PRUNE_STRAYS: &str =
    "DELETE FROM stray_statuses WHERE message_id IN
     (SELECT message_id FROM stray_statuses WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2) RETURNING message_id";

// Writing: people.

pub(super) const INSERT_BUSINESS: &str = "INSERT OR IGNORE INTO businesses (id) VALUES (?1)";

pub(super) const PERSON_TAKEN: &str =
    "SELECT 1 FROM identifiers WHERE shard = ?1 AND person_id = ?2 LIMIT 1";

pub(super) const INSERT_IDENTIFIER: &str = "INSERT INTO identifiers (business_id, kind, value, shard, person_id, known_ms, linked_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) const MARK_IDENTIFIER: &str =
    "UPDATE identifiers SET left_at_ms = max(coalesce(left_at_ms, ?4), ?4),
       gone_at_ms = CASE WHEN ?5 THEN min(coalesce(gone_at_ms, ?4), ?4) ELSE gone_at_ms END
     WHERE business_id = ?1 AND kind = ?2 AND value = ?3";

pub(super) const INSERT_LINK: &str =
    "INSERT OR IGNORE INTO links (shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub(super) const FIND_DEDUP: &str =
    "SELECT event_seq FROM dedup WHERE business_id = ?1 AND key = ?2";

pub(super) const INSERT_DEDUP: &str =
    "INSERT INTO dedup (business_id, key, event_seq) VALUES (?1, ?2, ?3)";

/// Keys that are kept with the events of their person.
pub(super) const KEYS_OF: &str = "SELECT event_seq, arrival_ms, dedup FROM consent_events
     WHERE shard = ?1 AND person_id = ?2 AND dedup IS NOT NULL";

pub(super) const RUN_TAKEN: &str =
    "SELECT 1 FROM identifiers WHERE shard = ?1 AND person_id BETWEEN ?2 AND ?3 LIMIT 1";

pub(super) const NEXT_VERSION: &str =
    "SELECT coalesce(max(version), 0) + 1 FROM consent_events WHERE shard = ?1 AND person_id = ?2";

pub(super) const INSERT_EVENT: &str = "INSERT INTO consent_events
     (event_seq, business_id, shard, person_id, version, kind, scope, at_ms, stated_ms, arrival_ms, strength, in_thread,
      identifiers, evidence, actor, dedup)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

pub(super) const UPSERT_HEAD: &str =
    "INSERT INTO heads (shard, person_id, spelling, body) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (shard, person_id, spelling) DO UPDATE SET body = excluded.body";

pub(super) const PUT_WINDOW: &str = "INSERT INTO windows (shard, person_id, number, wrote_at_ms, free_until_ms)
     VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (shard, person_id, number) DO UPDATE SET
       wrote_at_ms = max(coalesce(wrote_at_ms, excluded.wrote_at_ms), excluded.wrote_at_ms),
       free_until_ms = CASE WHEN excluded.free_until_ms IS NULL THEN free_until_ms
                            ELSE max(coalesce(free_until_ms, excluded.free_until_ms), excluded.free_until_ms) END";

pub(super) const PUT_CALL_PERMISSION: &str = "INSERT INTO windows (shard, person_id, number, call_at_ms, call_until_ms)
     VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (shard, person_id, number) DO UPDATE SET call_at_ms = excluded.call_at_ms, call_until_ms = excluded.call_until_ms";

// Writing: what the platform said.

pub(super) const PUT_NUMBER: &str = "INSERT INTO numbers (business_id, number, status, rating, rating_at_ms, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (business_id, number) DO UPDATE SET status = excluded.status, rating = excluded.rating,
       rating_at_ms = excluded.rating_at_ms, at_ms = excluded.at_ms";

pub(super) const PUT_SPAM: &str =
    "INSERT INTO numbers (business_id, number, spam_ms) VALUES (?1, ?2, ?3)
     ON CONFLICT (business_id, number) DO UPDATE SET spam_ms = excluded.spam_ms";

pub(super) const PUT_HEALTH: &str = "INSERT INTO numbers (business_id, number, health, health_ms, available_ms, locked_ms, policy_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT (business_id, number) DO UPDATE SET health = excluded.health, health_ms = excluded.health_ms,
       available_ms = excluded.available_ms, locked_ms = excluded.locked_ms, policy_ms = excluded.policy_ms";

pub(super) const PUT_LAST_INBOUND: &str = "INSERT INTO numbers (business_id, number, last_inbound_ms) VALUES (?1, ?2, ?3)
     ON CONFLICT (business_id, number) DO UPDATE SET
       last_inbound_ms = max(coalesce(last_inbound_ms, excluded.last_inbound_ms), excluded.last_inbound_ms)";

pub(super) const PUT_ACCOUNT: &str = "INSERT INTO accounts (business_id, waba_id, ban, ban_at_ms) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (business_id, waba_id) DO UPDATE SET ban = excluded.ban, ban_at_ms = excluded.ban_at_ms";

pub(super) const PUT_RESTRICTION: &str =
    "INSERT INTO restrictions (business_id, waba_id, named, kind, until_ms, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (business_id, waba_id, named) DO UPDATE SET
       kind = excluded.kind, until_ms = excluded.until_ms, at_ms = excluded.at_ms";

pub(super) const PUT_TEMPLATE: &str = "INSERT INTO templates
     (business_id, waba_id, name, language, template_id, category, status, is_ask, quality, at_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
     ON CONFLICT (business_id, waba_id, name, language) DO UPDATE SET template_id = excluded.template_id,
       category = excluded.category, status = excluded.status, is_ask = excluded.is_ask, quality = excluded.quality,
       at_ms = excluded.at_ms";

/// Numbered by the moment of arrival, as what other stores number is.
/// Above every one that is there, and every one of the business that was sealed and pruned.
pub(super) const INSERT_TIMELINE: &str = "INSERT INTO timeline (seq, business_id, subject, subject_id, origin, event, at_ms, body)
     VALUES (max(?8 << 20, 1 + coalesce((SELECT max(seq) FROM timeline), 0),
       1 + coalesce((SELECT max(seq) FROM log_timeline WHERE business_id = ?1), 0)), ?1, ?2, ?3, ?4, ?5, ?6, ?7)";

// Writing: inbox, relay, own replies.

pub(super) const INSERT_INBOX: &str =
    "INSERT INTO inbox (business_id, sha256, received_ms, lane, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (business_id, sha256) DO NOTHING";

pub(super) const INSERT_RELAY: &str = "INSERT OR IGNORE INTO relays (inbox_seq, app, business_id, lane, due_ms, attempts, parked) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)";

pub(super) const RELAY_DELIVERED: &str = "DELETE FROM relays WHERE inbox_seq = ?1 AND app = ?2";

pub(super) const RELAY_RETRY: &str =
    "UPDATE relays SET due_ms = ?3, attempts = attempts + 1 WHERE inbox_seq = ?1 AND app = ?2";

pub(super) const RELAY_PUT_OFF: &str =
    "UPDATE relays SET due_ms = ?3 WHERE inbox_seq = ?1 AND app = ?2";

pub(super) const RELAY_PARK: &str =
    "UPDATE relays SET parked = 1, attempts = attempts + 1 WHERE inbox_seq = ?1 AND app = ?2";

pub(super) const RELAY_REPLAY: &str = "UPDATE relays SET parked = 0, due_ms = ?3, attempts = 0 WHERE business_id = ?1 AND parked = 1 AND app = ?2";

pub(super) const RELAY_REPLAY_ALL: &str = "UPDATE relays SET parked = 0, due_ms = ?2, attempts = 0
     WHERE business_id = ?1 AND parked = 1 AND lane NOT IN (4, 5)";

pub(super) const EMPTY_INBOX: &str = "UPDATE inbox SET body = NULL, headers = '[]' WHERE seq IN
     (SELECT seq FROM inbox i WHERE received_ms < ?1 AND body IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM relays WHERE inbox_seq = i.seq) ORDER BY received_ms LIMIT ?2)";

pub(super) const PRUNE_INBOX: &str = "DELETE FROM inbox WHERE seq IN
     (SELECT seq FROM inbox WHERE received_ms < ?1 AND body IS NULL ORDER BY received_ms LIMIT ?2)";

pub(super) const INSERT_REPLY: &str =
    "INSERT OR IGNORE INTO replies (business_id, recipient, number, kind, reply, confirms, message_id, at_ms, state)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)";

pub(super) const DUE_REPLIES: &str =
    "SELECT reply_id, business_id, recipient, number, reply, confirms, message_id, at_ms
     FROM replies WHERE state = 0 ORDER BY reply_id LIMIT ?1";

pub(super) const HAND_OUT_REPLY: &str = "UPDATE replies SET state = 3 WHERE reply_id = ?1";

/// Nothing is in anybody's hand once the process that had it is gone.
pub(super) const REPLIES_DUE_AGAIN: &str = "UPDATE replies SET state = 0 WHERE state = 3";

pub(super) const DECIDE_REPLY: &str =
    "UPDATE replies SET state = 1 WHERE reply_id = ?1 AND state IN (1, 3)";

pub(super) const REPLY_NOT_SENT: &str =
    "UPDATE replies SET state = 3 WHERE reply_id = ?1 AND state IN (1, 3)";

pub(super) const FINISH_REPLY: &str =
    "UPDATE replies SET state = 2, decision_seq = ?2 WHERE reply_id = ?1";

// Held messages.

/// The columns of a held message; completed by the constants below.
macro_rules! held_message {
    ($before:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $before,
            "shard, held_seq, recipient, app, number, template, language, given_id, held_ms, last_ms, due_ms, stage,
             decision_shard, decision_seq, message_id, code, ending, over_ms FROM held_messages h ",
            $rest
        )
    };
}

pub(super) const INSERT_HELD: &str = "INSERT INTO held_messages
     (held_seq, shard, business_id, person_id, recipient, app, number, template, language, given_id, held_ms, last_ms,
      due_ms, stage, in_hand, decision_shard, decision_seq, target, content_type, body)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, 0, ?2, ?1, ?14, ?15, ?16)";

/// To one addressee from one number only the earliest, until it is over.
pub(super) const HELD_DUE: &str = held_message!(
    "business_id, target, content_type, body, ",
    "WHERE due_ms <= ?1 AND in_hand = 0 AND NOT (stage = 0 AND EXISTS (SELECT 1 FROM held_messages e
       WHERE e.recipient = h.recipient AND e.business_id = h.business_id AND e.number = h.number
         AND e.held_seq < h.held_seq AND e.stage < 2))
     ORDER BY due_ms, held_seq LIMIT ?2"
);

pub(super) const HAND_OUT_HELD: &str = "UPDATE held_messages SET in_hand = 1 WHERE held_seq = ?1";

/// Nothing is in anybody's hand once the process that had it is gone.
pub(super) const HELD_OUT_OF_HAND: &str = "UPDATE held_messages SET in_hand = 0 WHERE in_hand = 1";

pub(super) const HELD_LET_GO: &str =
    "SELECT held_seq, sends.outcome, sends.code, sends.message_id FROM held_messages
     LEFT JOIN sends ON sends.decision_seq = held_messages.decision_seq WHERE stage = 1";

pub(super) const HELD_IN_HAND: &str =
    "SELECT 1 FROM held_messages WHERE held_seq = ?1 AND in_hand = 1 AND stage < 2";

pub(super) const REDECIDE_HELD: &str = "UPDATE held_messages
     SET stage = ?2, due_ms = ?3, decision_shard = ?4, decision_seq = ?5, ending = ?6, over_ms = ?7,
         in_hand = (?2 = 1), body = CASE WHEN ?2 < 2 THEN body END
     WHERE held_seq = ?1";

/// What a step makes of a held message; completed by the constants below.
macro_rules! step_held {
    ($rest:literal) => {
        concat!(
            "UPDATE held_messages SET stage = ?2, due_ms = ?3, in_hand = 0, message_id = coalesce(?4, message_id),
                code = coalesce(?5, code), ending = coalesce(ending, ?6), over_ms = coalesce(over_ms, ?7),
                body = CASE WHEN ?2 < 2 THEN body END
             WHERE held_seq = ?1 AND ",
            $rest
        )
    };
}

pub(super) const STEP_HELD: &str = step_held!("in_hand = 1 AND stage < 3");

pub(super) const STEP_LET_GO: &str = step_held!("stage = 1");

pub(super) const CANCEL_HELD: &str = "UPDATE held_messages
     SET stage = 2, due_ms = ?3, in_hand = 0, ending = 'cancelled', over_ms = ?3, body = NULL
     WHERE held_seq = ?1 AND business_id = ?2 AND stage = 0";

pub(super) const HELD_ENDING: &str =
    "SELECT ending FROM held_messages WHERE held_seq = ?1 AND business_id = ?2";

pub(super) const HELD_MESSAGE: &str = held_message!("", "WHERE held_seq = ?1 AND business_id = ?2");

pub(super) const HELD_MESSAGES: &str = held_message!(
    "",
    "WHERE business_id = ?1 AND held_seq > ?2 AND (?3 IS NULL OR number = ?3)
       AND (?4 IS NULL OR recipient IN (SELECT value FROM json_each(?4)))
     ORDER BY held_seq LIMIT ?5"
);

pub(super) const HELD_WAITING: &str = "SELECT app, count(*) FROM held_messages
     WHERE business_id = ?1 AND stage < 2 GROUP BY app ORDER BY app";

pub(super) const GIVEN_ID: &str =
    "SELECT given_id FROM held_messages WHERE message_id = ?1 AND business_id = ?2";

pub(super) const IN_THE_AIR: &str =
    "SELECT 1 FROM held_messages WHERE stage = 1 AND recipient = ?1 AND business_id = ?2";

/// For access: as the other kinds, by whom it is to.
pub(super) const HELD_FROM: &str = held_message!(
    "held_seq, recipient, body, ",
    "WHERE held_seq > ?1 AND business_id = ?2 ORDER BY held_seq"
);

pub(super) const ERASE_HELD: &str = "DELETE FROM held_messages WHERE person_id = ?1";

pub(super) const PRUNE_HELD: &str =
    "DELETE FROM held_messages WHERE decision_seq = ?1 AND stage = 3";

// Subscriptions and what is told to them.

pub(super) const SUBSCRIPTIONS: &str =
    "SELECT id, version, active, consents, imports, body FROM subscriptions WHERE business_id = ?1";

pub(super) const INSERT_SUBSCRIPTION: &str =
    "INSERT OR IGNORE INTO subscriptions (business_id, id, version, active, consents, imports, body)
     VALUES (?1, ?2, ?3 + 1, ?4, ?5, ?6, ?7)";

pub(super) const UPDATE_SUBSCRIPTION: &str =
    "UPDATE subscriptions SET version = version + 1, active = ?4, consents = ?5, imports = ?6, body = ?7
     WHERE business_id = ?1 AND id = ?2 AND version = ?3";

pub(super) const DELETE_SUBSCRIPTION: &str =
    "DELETE FROM subscriptions WHERE business_id = ?1 AND id = ?2";

pub(super) const WAITING_NOTICES: &str = "SELECT 1 FROM relays
     WHERE business_id = ?1 AND parked IN (0, 1) AND app = ?2 AND lane IN (4, 5) LIMIT 1000";

/// Those that a subscription which gets none left waiting for too long.
pub(super) const DROP_NOTICES: &str = "DELETE FROM relays WHERE (inbox_seq, app) IN
     (SELECT inbox_seq, app FROM relays WHERE business_id = ?1 AND parked = 1 AND lane IN (4, 5) AND due_ms < ?2 LIMIT ?3)";

pub(super) const NOTICES_AFTER: &str = "SELECT received_ms, seq, lane FROM inbox
     WHERE (received_ms, seq) > (?2, ?3) AND business_id = ?1 AND lane IN (4, 5) AND body IS NOT NULL
     ORDER BY received_ms, seq LIMIT ?4";

// Reading: people.

pub(super) const IDENTIFIERS_OF: &str = "SELECT business_id, kind, value, known_ms, linked_at_ms, left_at_ms, gone_at_ms FROM identifiers WHERE shard = ?1 AND person_id = ?2";

pub(super) const EVENTS_OF: &str =
    "SELECT event_seq, version, kind, scope, at_ms, strength, in_thread, identifiers, arrival_ms
     FROM consent_events WHERE shard = ?1 AND person_id = ?2";

/// The columns of a whole event; completed by the constants below.
macro_rules! whole_event {
    ($rest:literal) => {
        concat!(
            "SELECT event_seq, business_id, version, kind, scope, at_ms, stated_ms, arrival_ms, strength, in_thread,",
            " identifiers, evidence, actor, dedup FROM consent_events ",
            $rest
        )
    };
}

pub(super) const WHOLE_EVENTS_OF: &str = whole_event!("WHERE shard = ?1 AND person_id = ?2");

pub(super) const EXPORT: &str =
    whole_event!("WHERE business_id = ?1 AND event_seq > ?2 ORDER BY event_seq LIMIT ?3");

pub(super) const NEWEST_NOES: &str = whole_event!(
    "WHERE business_id = ?1 AND kind IN ('refused', 'withdrawn', 'native_stopped') ORDER BY arrival_ms DESC, event_seq DESC LIMIT ?2"
);

pub(super) const WINDOWS_OF: &str = "SELECT number, wrote_at_ms, free_until_ms FROM windows WHERE shard = ?1 AND person_id = ?2 AND wrote_at_ms IS NOT NULL";

pub(super) const FIND_IDENTIFIER: &str =
    "SELECT person_id FROM identifiers WHERE business_id = ?1 AND kind = ?2 AND value = ?3";

pub(super) const LINKED: &str =
    "SELECT other_id FROM links WHERE shard = ?1 AND person_id = ?2 AND kind = 1
     UNION SELECT person_id FROM links WHERE other_shard = ?1 AND other_id = ?2 AND kind = 1";

pub(super) const LINK_GENERATION: &str =
    "SELECT generation FROM person_links WHERE shard = ?1 AND person_id = ?2";

pub(super) const REVOKE_LINKS: &str =
    "INSERT INTO person_links (shard, person_id, generation, revoked_ms) VALUES (?1, ?2, 1, ?3)
     ON CONFLICT (shard, person_id) DO UPDATE SET generation = generation + 1, revoked_ms = ?3";

pub(super) const HEAD: &str =
    "SELECT body FROM heads WHERE shard = ?1 AND person_id = ?2 AND spelling = ?3";

// Reading: decisions.

/// The columns of a decision with what became of it; completed by the constants below.
macro_rules! whole_decision {
    ($before:literal, $rest:literal) => {
        concat!(
            "SELECT seq, shard, (SELECT id FROM businesses b WHERE b.business_id = d.business_id), at_ms, record,",
            " outcome, message_id, more_ids, status FROM ", $before,
            " decisions d LEFT JOIN sends ON decision_seq = seq ",
            $rest
        )
    };
}

pub(super) const DECISION: &str = whole_decision!("", "WHERE seq = ?1");

pub(super) const DECISIONS: &str = whole_decision!("", "WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");

/// Ranges of one business never overlap, so their order is that of what lies in them.
pub(super) const DECISIONS_OF: &str = whole_decision!(
    "decision_ranges r CROSS JOIN",
    "WHERE r.business_id = ?1 AND first_seq < ?2 AND d.business_id = ?1 AND seq < ?2
       AND seq BETWEEN first_seq AND last_seq ORDER BY first_seq DESC, seq DESC LIMIT ?3"
);

/// Of a business, by number: what is sealed of a decision.
pub(super) const RECORD_OF: &str =
    "SELECT seq, shard, at_ms, record FROM decisions WHERE seq = ?2 AND business_id = ?1";

pub(super) const RECORD: &str = "SELECT at_ms, record FROM decisions WHERE seq = ?1";

/// For sealing: everything after a number, in order.
pub(super) const DECISIONS_AFTER: &str = "SELECT seq, shard, at_ms, record
     FROM decision_ranges r CROSS JOIN decisions d
     WHERE r.business_id = ?1 AND first_seq >= coalesce((SELECT max(first_seq) FROM decision_ranges
         WHERE business_id = ?1 AND first_seq <= ?2), 0)
       AND d.business_id = ?1 AND seq > ?2 AND seq BETWEEN first_seq AND last_seq ORDER BY first_seq, seq LIMIT ?3";

// The provable log.

pub(super) const LOG_END: &str =
    "SELECT first_index + events + decisions, event_mark, decision_mark FROM log_blocks
     WHERE business_id = ?1 ORDER BY first_index DESC LIMIT 1";

pub(super) const LOG_BLOCKS: &str = "SELECT first_index, entries FROM log_blocks
     WHERE business_id = ?1 AND first_index > ?2 AND first_index < ?3 ORDER BY first_index";

pub(super) const LOG_BLOCK_WITH: &str = "SELECT first_index, entries FROM log_blocks
     WHERE business_id = ?1 AND first_index <= ?2 ORDER BY first_index DESC LIMIT 1";

pub(super) const BLOCK_OF_EVENT: &str = "SELECT first_index, entries FROM log_blocks
     WHERE business_id = ?1 AND event_mark >= ?2 ORDER BY event_mark, first_index LIMIT 1";

pub(super) const BLOCK_OF_DECISION: &str = "SELECT first_index, entries FROM log_blocks
     WHERE business_id = ?1 AND decision_mark >= ?2 ORDER BY decision_mark, first_index LIMIT 1";

pub(super) const INSERT_BLOCK: &str = "INSERT INTO log_blocks
     (business_id, first_index, events, decisions, event_mark, decision_mark, entries)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) const UPDATE_BLOCK: &str =
    "UPDATE log_blocks SET entries = ?3 WHERE business_id = ?1 AND first_index = ?2";

pub(super) const LOG_NODES: &str = "SELECT hash FROM log_nodes
     WHERE business_id = ?1 AND level = ?2 AND place >= ?3 AND place < ?4 ORDER BY place";

pub(super) const INSERT_NODE: &str =
    "INSERT INTO log_nodes (business_id, level, place, hash) VALUES (?1, ?2, ?3, ?4)";

/// The columns of a head; completed by the constants below.
macro_rules! log_head {
    ($rest:literal) => {
        concat!(
            "SELECT size, root, at_ms, public_key, key_id, signature FROM log_heads WHERE business_id = ?1 ",
            $rest
        )
    };
}

pub(super) const LOG_HEAD: &str = log_head!("ORDER BY size DESC LIMIT 1");

pub(super) const LOG_HEAD_AT: &str = log_head!("AND size = ?2");

pub(super) const LOG_HEADS: &str = log_head!("AND size > ?2 ORDER BY size LIMIT ?3");

pub(super) const INSERT_LOG_HEAD: &str =
    "INSERT INTO log_heads (business_id, size, root, at_ms, public_key, key_id, signature)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) const LOG_LATE: &str =
    "SELECT seq FROM log_late WHERE business_id = ?1 AND log_index IS NULL ORDER BY seq";

pub(super) const LOG_LATE_AFTER: &str =
    "SELECT seq FROM log_late WHERE business_id = ?1 AND seq > ?2";

pub(super) const LATE_PLACE: &str =
    "SELECT log_index FROM log_late WHERE business_id = ?1 AND seq = ?2";

pub(super) const INSERT_LATE: &str =
    "INSERT OR IGNORE INTO log_late (business_id, seq) VALUES (?1, ?2)";

pub(super) const SEAL_LATE: &str =
    "UPDATE log_late SET log_index = ?3 WHERE business_id = ?1 AND seq = ?2";

pub(super) const EVENT_OF: &str = whole_event!("WHERE business_id = ?1 AND event_seq = ?2");

pub(super) const COUNT_EVENTS_TO: &str =
    "SELECT count(*) FROM consent_events WHERE business_id = ?1 AND event_seq <= ?2";

pub(super) const COUNT_DECISIONS_TO: &str =
    "SELECT coalesce(sum(allowed + others), 0) - (SELECT count(*) FROM decisions WHERE business_id = ?1
       AND seq > ?2 AND seq <= (SELECT last_seq FROM decision_ranges WHERE business_id = ?1 AND first_seq <= ?2
         ORDER BY first_seq DESC LIMIT 1))
     FROM decision_ranges WHERE business_id = ?1 AND first_seq <= ?2";

pub(super) const COUNT_LATE_WAITING: &str = "SELECT count(*) FROM log_late
     WHERE business_id = ?1 AND log_index IS NULL AND seq <= max(?2, ?3)";

pub(super) const COUNT_LATE_AHEAD: &str = "SELECT count(*) FROM log_late
     WHERE business_id = ?1 AND seq > max(?2, ?3) AND log_index IS NOT NULL";

/// The columns of a timeline entry; completed by the constants below.
macro_rules! whole_entry {
    ($rest:literal) => {
        concat!(
            "SELECT t.seq, t.subject, t.subject_id, t.origin, t.event, t.at_ms, t.body ",
            $rest
        )
    };
}

/// Those that did not read when they were to be sealed: by an index that holds no others, and nearly always none.
pub(super) const ENTRIES_WAITING: &str = whole_entry!(
    "FROM log_timeline l INDEXED BY log_timeline_unsealed CROSS JOIN timeline t
     WHERE l.business_id = ?1 AND l.log_index IS NULL AND t.seq = l.seq AND t.business_id = ?1 ORDER BY l.seq LIMIT ?2"
);

pub(super) const ENTRIES_AFTER: &str = whole_entry!(
    "FROM timeline t
     WHERE business_id = ?1 AND seq > coalesce((SELECT max(seq) FROM log_timeline WHERE business_id = ?1), 0)
     ORDER BY seq LIMIT ?2"
);

pub(super) const ENTRY_OF: &str =
    whole_entry!("FROM timeline t WHERE business_id = ?1 AND seq = ?2");

pub(super) const PLACE_OF_ENTRY: &str =
    "SELECT log_index FROM log_timeline WHERE business_id = ?1 AND seq = ?2";

pub(super) const LAST_ENTRY: &str =
    "SELECT coalesce(max(seq), 0) FROM log_timeline WHERE business_id = ?1";

pub(super) const SEAL_ENTRY: &str =
    "INSERT INTO log_timeline (business_id, seq, log_index) VALUES (?1, ?2, ?3)
     ON CONFLICT (business_id, seq) DO UPDATE SET log_index = excluded.log_index";

pub(super) const ENTRY_WAITS: &str =
    "INSERT OR IGNORE INTO log_timeline (business_id, seq) VALUES (?1, ?2)";

pub(super) const COUNT_ENTRY_LEAVES: &str =
    "SELECT count(log_index) FROM log_timeline WHERE business_id = ?1";

pub(super) const COUNT_ENTRIES_UNLOGGED: &str = "SELECT count(*) FROM timeline t
     WHERE business_id = ?1 AND seq <= coalesce((SELECT max(seq) FROM log_timeline WHERE business_id = ?1), 0)
       AND NOT EXISTS (SELECT 1 FROM log_timeline l WHERE l.business_id = ?1 AND l.seq = t.seq)";

// Reading: pages.

pub(super) const NUMBERS: &str = "SELECT number, status, rating, at_ms, last_inbound_ms FROM numbers WHERE business_id = ?1 ORDER BY number";

pub(super) const KNOWN_NUMBER: &str = "SELECT status, rating, at_ms, rating_at_ms, spam_ms,
       health, health_ms, available_ms, locked_ms, policy_ms FROM numbers
     WHERE business_id = ?1 AND number = ?2";

pub(super) const KNOWN_ACCOUNT: &str =
    "SELECT ban, ban_at_ms FROM accounts WHERE business_id = ?1 AND waba_id = ?2";

pub(super) const KNOWN_RESTRICTIONS: &str = "SELECT named, kind, until_ms, at_ms FROM restrictions
     WHERE business_id = ?1 AND waba_id = ?2 ORDER BY named";

pub(super) const TEMPLATES: &str =
    "SELECT waba_id, name, language, template_id, category, status, is_ask, at_ms, quality
     FROM templates WHERE business_id = ?1 ORDER BY waba_id, name, language";

pub(super) const TEMPLATES_OF: &str =
    "SELECT waba_id, name, language, template_id, category, status, is_ask, at_ms, quality
     FROM templates WHERE business_id = ?1 AND waba_id = ?2 ORDER BY name, language";

pub(super) const TIMELINE: &str =
    "SELECT seq, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE business_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";

pub(super) const TIMELINE_OF: &str = "SELECT seq, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE business_id = ?1 AND subject = ?2 AND subject_id = ?3 AND seq < ?4 ORDER BY seq DESC LIMIT ?5";

pub(super) const COUNT_PEOPLE: &str =
    "SELECT count(*) FROM identifiers WHERE business_id = ?1 AND linked_at_ms IS NULL";

/// How many identifiers of a business there are of people of the shards below ?1. The plus keeps it from being counted by
/// the business, of which that would be all.
pub(super) const PEOPLE_IN: &str =
    "SELECT count(*) FROM identifiers WHERE shard < ?1 AND +business_id = ?2";

/// What a sum over ranges misses: decisions since ?2 in the one range that begins before.
macro_rules! in_the_first_range {
    ($verdict:literal) => {
        concat!(
            "(SELECT count(*) FROM decisions WHERE business_id = ?1 AND verdict ",
            $verdict,
            " AND seq BETWEEN ?2 AND (SELECT last_seq FROM decision_ranges",
            " WHERE business_id = ?1 AND first_seq < ?2 ORDER BY first_seq DESC LIMIT 1))"
        )
    };
}

pub(super) const COUNT_DECISIONS: &str = concat!(
    "SELECT coalesce(sum(allowed), 0) + ",
    in_the_first_range!("= 1"),
    ", coalesce(sum(others), 0) + ",
    in_the_first_range!("<> 1"),
    " FROM decision_ranges WHERE business_id = ?1 AND first_seq >= ?2"
);

pub(super) const COUNT_NOES: &str = "SELECT count(*) FROM consent_events
     WHERE business_id = ?1 AND kind IN ('refused', 'withdrawn', 'native_stopped') AND arrival_ms >= ?2";

pub(super) const COUNT_RELAYS: &str =
    "SELECT count(*) FROM relays WHERE business_id = ?1 AND parked = ?2 AND lane NOT IN (4, 5)";

// How people took what was sent.

/// About how many decisions there were; by commits.
pub(super) const RECEPTION_COUNT: &str =
    "SELECT coalesce(sum(allowed + others), 0) FROM decision_ranges
     WHERE business_id = ?1 AND first_seq >= ?2 AND first_seq < ?3";

pub(super) const RECEPTION_STOPS: &str =
    "SELECT person_id, kind, in_thread, at_ms FROM consent_events
     WHERE business_id = ?1 AND kind IN ('refused', 'withdrawn', 'native_stopped')
       AND arrival_ms > ?2 AND arrival_ms <= ?3 AND (shard & ?4) = 0
     ORDER BY arrival_ms DESC, event_seq DESC LIMIT ?5";

/// What went on, a page after a decision in a range or one that begins later.
pub(super) const RECEPTION_SENDS: &str =
    "SELECT first_seq, d.seq, at_ms, person_id, record, outcome, code, status, status_code
     FROM decision_ranges r CROSS JOIN decisions d LEFT JOIN sends ON decision_seq = d.seq
     WHERE r.business_id = ?1 AND first_seq >= ?2 AND first_seq < ?4
       AND d.seq BETWEEN max(first_seq, ?3 + 1) AND last_seq
       AND d.business_id = ?1 AND verdict > 0 AND (shard & ?5) = 0
     ORDER BY first_seq, d.seq LIMIT ?6";

pub(super) const LAST_WROTE: &str =
    "SELECT wrote_at_ms FROM windows WHERE shard = ?1 AND person_id = ?2 AND number = ?3";

pub(super) const RELAYS_DUE: &str =
    "SELECT inbox_seq, app, relays.business_id, body, headers, attempts, received_ms
     FROM relays JOIN inbox ON inbox.seq = relays.inbox_seq
     WHERE relays.lane = ?1 AND due_ms <= ?2 AND parked = 0 ORDER BY due_ms, inbox_seq LIMIT ?3";

pub(super) const RELAY_WAITS: &str = "SELECT 1 FROM relays WHERE inbox_seq = ?1 AND app = ?2";

// Start: everything that decisions need.

pub(super) const LOAD_BUSINESSES: &str =
    "SELECT business_id, id FROM businesses ORDER BY business_id";

pub(super) const LOAD_IDENTIFIERS: &str =
    "SELECT business_id, kind, value, shard, person_id FROM identifiers";

pub(super) const LOAD_LINKS: &str = "SELECT person_id, kind, other_id, at_ms, left_kind, left_value FROM links ORDER BY at_ms, person_id, other_id";

pub(super) const LOAD_HEADS: &str = "SELECT person_id, spelling, body FROM heads";

pub(super) const LOAD_IDENTIFIERS_IN_ORDER: &str =
    "SELECT person_id, business_id, value FROM identifiers ORDER BY shard, person_id";

pub(super) const LOAD_HEADS_IN_ORDER: &str =
    "SELECT person_id, spelling, body FROM heads ORDER BY shard, person_id, spelling";

pub(super) const LOAD_LINKED: &str = "SELECT person_id FROM links UNION SELECT other_id FROM links";

/// By an index that holds nothing else.
pub(super) const LOAD_LINKED_IDENTIFIERS: &str =
    "SELECT person_id FROM identifiers WHERE linked_at_ms IS NOT NULL";

pub(super) const LOAD_CHANGED: &str =
    "SELECT person_id, kind FROM consent_events WHERE event_seq > ?1";

pub(super) const LOAD_EVENT_MARK: &str =
    "SELECT person_id, arrival_ms, kind FROM consent_events WHERE event_seq = ?1";

pub(super) const ALL_IDENTIFIERS_OF: &str = "SELECT business_id, kind, value, shard, person_id FROM identifiers WHERE shard = ?1 AND person_id = ?2";

pub(super) const HEADS_OF: &str =
    "SELECT person_id, spelling, body FROM heads WHERE shard = ?1 AND person_id = ?2";

pub(super) const ALL_WINDOWS_OF: &str = "SELECT person_id, number, wrote_at_ms, call_at_ms, call_until_ms FROM windows WHERE shard = ?1 AND person_id = ?2";

pub(super) const LOAD_OPEN_WINDOWS: &str = "SELECT person_id FROM windows WHERE wrote_at_ms > ?1";

pub(super) const LOAD_WINDOWS: &str =
    "SELECT person_id, number, wrote_at_ms, call_at_ms, call_until_ms FROM windows";

pub(super) const LOAD_NUMBERS: &str =
    "SELECT business_id, number, status, rating, at_ms, rating_at_ms, spam_ms,
       health, health_ms, available_ms, locked_ms, policy_ms FROM numbers";

pub(super) const LOAD_ACCOUNTS: &str = "SELECT business_id, waba_id, ban, ban_at_ms FROM accounts";

pub(super) const LOAD_RESTRICTIONS: &str =
    "SELECT business_id, waba_id, named, kind, until_ms, at_ms FROM restrictions ORDER BY named";

pub(super) const LOAD_TEMPLATES: &str = "SELECT business_id, waba_id, name, language, template_id, category, status, is_ask, at_ms, quality FROM templates";

pub(super) const LOAD_TAKERS: &str =
    "SELECT business_id, id, active, imports FROM subscriptions WHERE consents = 1";

pub(super) const LOAD_STRAYS: &str = "SELECT message_id FROM stray_statuses";

pub(super) const LAST_MESSAGE_RUN: &str = "SELECT coalesce(max(run), 0) FROM message_runs";

pub(super) const NEWEST_MARK: &str = "SELECT max(newest_ms) FROM mark_log";

pub(super) const LOAD_MARKS: &str = "SELECT topics, entries FROM mark_log ORDER BY log_id";

pub(super) const LOG_MARKS: &str =
    "INSERT INTO mark_log (newest_ms, topics, entries) VALUES (?1, ?2, ?3)";

/// Oldest first, so that what takes a mark back stays as long as the mark.
pub(super) const PRUNE_MARKS: &str = "DELETE FROM mark_log WHERE newest_ms < ?1
     AND log_id IN (SELECT log_id FROM mark_log ORDER BY log_id LIMIT ?2)";

pub(super) const LOAD_LIMITED: &str = "SELECT person_id, at_ms, times, decision_seq FROM limited";

pub(super) const PUT_LIMITED: &str =
    "INSERT INTO limited (shard, person_id, at_ms, times, decision_seq) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (shard, person_id) DO UPDATE
     SET at_ms = excluded.at_ms, times = excluded.times, decision_seq = excluded.decision_seq";

pub(super) const DELETE_LIMITED: &str = "DELETE FROM limited WHERE shard = ?1 AND person_id = ?2";

pub(super) const FIRST_PERSON_OF: &str = "SELECT person_id FROM decisions WHERE seq = ?1";

pub(super) const RECORD_WITH_BUSINESS: &str =
    "SELECT business_id, at_ms, record FROM decisions WHERE seq = ?1";

pub(super) const LOAD_MESSAGE_LOG: &str = "SELECT run, entries FROM message_log ORDER BY log_id";

pub(super) const LAST_DECISION: &str = "SELECT max(seq) FROM decisions";

pub(super) const LAST_EVENT: &str = "SELECT max(event_seq) FROM consent_events";

pub(super) const LOAD_UNSETTLED: &str =
    "SELECT at_ms, record, seq FROM decisions LEFT JOIN sends ON decision_seq = seq
     WHERE seq > ?1 AND verdict > 0 AND (outcome IS NULL OR outcome = 'unknown')";

/// The last messages that went on, the newest first, and what became of them.
pub(super) const LOAD_PAIRS: &str =
    "SELECT seq, at_ms, business_id, person_id, record, outcome, code, status, status_at_ms, status_code FROM decisions LEFT JOIN sends ON decision_seq = seq
     WHERE seq > ?1 AND verdict > 0 ORDER BY seq DESC LIMIT ?2";

// Erasure.

/// As [`ALL_LINKED`], but of moves only who moved here.
pub(super) const LINKED_BEFORE: &str =
    "SELECT other_id FROM links WHERE shard = ?1 AND person_id = ?2 AND kind = 1
     UNION SELECT person_id FROM links WHERE other_shard = ?1 AND other_id = ?2 AND kind IN (1, 2)";

pub(super) const ALL_LINKED: &str = "SELECT other_id FROM links WHERE shard = ?1 AND person_id = ?2
     UNION SELECT person_id FROM links WHERE other_shard = ?1 AND other_id = ?2 AND kind IN (1, 2)";

pub(super) const DECISIONS_FROM: &str =
    "SELECT seq, record FROM decisions WHERE seq > ?1 AND business_id = ?2 ORDER BY seq";

pub(super) const INBOX_FROM: &str = "SELECT seq, body, received_ms, lane FROM inbox
     WHERE seq > ?1 AND business_id = ?2 AND body IS NOT NULL ORDER BY seq";

pub(super) const REPLIES_FROM: &str =
    "SELECT reply_id, recipient, number, reply, at_ms, state, decision_seq FROM replies
     WHERE reply_id > ?1 AND business_id = ?2 ORDER BY reply_id";

pub(super) const TIMELINE_FROM: &str = "SELECT seq, subject_id || ' ' || body, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE seq > ?1 AND business_id = ?2 ORDER BY seq";

pub(super) const SET_RECORD: &str = "UPDATE decisions SET record = ?2 WHERE seq = ?1";

pub(super) const ERASE_SEND: &str =
    "UPDATE sends SET message_id = NULL, more_ids = NULL WHERE decision_seq = ?1";

pub(super) const ERASE_EVENT: &str = "UPDATE consent_events SET identifiers = ?2, evidence = ?3, actor = ?4, dedup = NULL WHERE event_seq = ?1";

pub(super) const DELETE_DEDUP: &str = "DELETE FROM dedup WHERE business_id = ?1 AND key = ?2";

pub(super) const DELETE_IDENTIFIER: &str =
    "DELETE FROM identifiers WHERE business_id = ?1 AND kind = ?2 AND value = ?3";

pub(super) const KEEP_IDENTIFIER: &str = "INSERT INTO identifiers
     (business_id, kind, value, shard, person_id, known_ms, linked_at_ms, left_at_ms, gone_at_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
     ON CONFLICT (business_id, kind, value) DO UPDATE SET left_at_ms = max(coalesce(left_at_ms, excluded.left_at_ms), excluded.left_at_ms)";

pub(super) const ERASE_LEFT: &str = "UPDATE OR REPLACE links SET left_kind = ?4, left_value = ?5
     WHERE shard = ?1 AND person_id = ?2 AND kind = 2 AND left_value = ?3";

pub(super) const DELETE_WINDOWS: &str = "DELETE FROM windows WHERE shard = ?1 AND person_id = ?2";

/// What subscribers were still to be told of somebody goes too.
pub(super) const DELETE_PARKED: &str =
    "DELETE FROM relays WHERE inbox_seq = ?1 AND (parked = 1 OR lane IN (4, 5))";

pub(super) const ERASE_DELIVERY: &str = "UPDATE inbox SET body = NULL, headers = '[]'
     WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM relays WHERE inbox_seq = inbox.seq)";

pub(super) const ERASE_DELIVERY_LATER: &str = "UPDATE inbox SET received_ms = 0 WHERE seq = ?1";

pub(super) const DELETE_REPLY: &str = "DELETE FROM replies WHERE reply_id = ?1";

pub(super) const ERASE_ENTRY: &str =
    "UPDATE timeline SET subject_id = ?2, body = ?3 WHERE seq = ?1";

pub(super) const COUNT_ERASURE: &str =
    "INSERT INTO log_counts (business_id, erasures, pruned) VALUES (?1, 1, 0)
     ON CONFLICT (business_id) DO UPDATE SET erasures = erasures + 1";

pub(super) const LOG_COUNTS: &str =
    "SELECT erasures, pruned FROM log_counts WHERE business_id = ?1";

pub(super) const KEPT_BY_KEY: &str =
    "SELECT 1 FROM businesses b WHERE EXISTS (SELECT 1 FROM identifiers i
     WHERE i.business_id = b.business_id AND i.kind = 2 AND i.value >= ?1 AND i.value < ?2)";

// Access.

pub(super) const CALLS_OF: &str = "SELECT number, call_at_ms, call_until_ms FROM windows
     WHERE shard = ?1 AND person_id = ?2 AND call_at_ms IS NOT NULL ORDER BY number";

pub(super) const LINKS_REVOKED: &str =
    "SELECT generation, revoked_ms FROM person_links WHERE shard = ?1 AND person_id = ?2";

// Retention.

pub(super) const OLD_DECISIONS: &str = "SELECT seq FROM decision_ranges r CROSS JOIN decisions d
     WHERE r.business_id = ?1 AND first_seq < ?2 AND d.business_id = ?1 AND seq < ?2
       AND seq BETWEEN first_seq AND last_seq
       AND NOT EXISTS (SELECT 1 FROM log_late l WHERE l.business_id = ?1 AND l.seq = d.seq AND l.log_index IS NULL)
     ORDER BY first_seq, seq LIMIT ?3";

pub(super) const OLD_REPLIES: &str =
    "SELECT reply_id, at_ms, state = 2 FROM replies WHERE business_id = ?1 ORDER BY reply_id";

/// Only what is sealed. And not how ways out stand: the newest entry of each says so, however old it is.
pub(super) const OLD_TIMELINE: &str = "SELECT seq, at_ms,
       EXISTS (SELECT 1 FROM log_timeline l WHERE l.business_id = ?1 AND l.seq = t.seq AND l.log_index IS NOT NULL)
     FROM timeline t WHERE business_id = ?1 AND subject NOT IN ('avenue', 'alert') ORDER BY seq";

pub(super) const DELETE_ENTRY: &str = "DELETE FROM timeline WHERE business_id = ?1 AND seq = ?2";

pub(super) const VERDICT: &str =
    "SELECT verdict FROM decisions WHERE seq = ?1 AND business_id = ?2";

pub(super) const DELETE_DECISION: &str = "DELETE FROM decisions WHERE seq = ?1";

pub(super) const DELETE_SEND: &str = "DELETE FROM sends WHERE decision_seq = ?1";

pub(super) const DELETE_EMPTY_RANGE: &str = "DELETE FROM decision_ranges
     WHERE business_id = ?1 AND first_seq = ?2 AND allowed + others = 0";

pub(super) const COUNT_PRUNED: &str =
    "INSERT INTO log_counts (business_id, erasures, pruned) VALUES (?1, 0, ?2)
     ON CONFLICT (business_id) DO UPDATE SET pruned = pruned + excluded.pruned";

pub(super) const FIRST_MESSAGE_RUN: &str = "SELECT min(run) FROM message_runs";

pub(super) const YOUNG_IN_RUN: &str =
    "SELECT 1 FROM message_runs WHERE run = ?1 AND decision_seq >= ?2 LIMIT 1";

pub(super) const IDS_IN_RUN: &str =
    "SELECT hash, decision_seq FROM message_runs WHERE run = ?1 ORDER BY hash LIMIT ?2";

pub(super) const DELETE_IN_RUN: &str =
    "DELETE FROM message_runs WHERE run = ?1 AND hash = ?2 AND decision_seq = ?3";

// Verification.

pub(super) const VERSIONS: &str = "SELECT person_id, count(*), min(version), max(version) FROM consent_events GROUP BY shard, person_id";

pub(super) const RECORDS: &str =
    "SELECT seq, shard, business_id, person_id, at_ms, verdict, record FROM decisions";

pub(super) const WRONG_SHARDS: &str =
    "SELECT (SELECT count(*) FROM identifiers WHERE shard <> (person_id >> 51))
     + (SELECT count(*) FROM consent_events WHERE shard <> (person_id >> 51))
     + (SELECT count(*) FROM heads WHERE shard <> (person_id >> 51))
     + (SELECT count(*) FROM windows WHERE shard <> (person_id >> 51))";

pub(super) const LOST_EVENTS: &str = "SELECT count(*) FROM consent_events e
     WHERE NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.shard = e.shard AND i.person_id = e.person_id)";

pub(super) const LOST_DECISIONS: &str = "SELECT count(*) FROM decisions d
     WHERE coalesce((SELECT last_seq FROM decision_ranges r WHERE r.business_id = d.business_id AND first_seq <= seq
       ORDER BY first_seq DESC LIMIT 1), -1) < seq";

pub(super) const LOST_COUNTS: &str = "SELECT (SELECT count(*) FILTER (WHERE verdict = 1) FROM decisions) <> (SELECT coalesce(sum(allowed), 0) FROM decision_ranges)
     OR (SELECT count(*) FILTER (WHERE verdict <> 1) FROM decisions) <> (SELECT coalesce(sum(others), 0) FROM decision_ranges)";

pub(super) const LOST_SENDS: &str = "SELECT count(*) FROM sends WHERE NOT EXISTS (SELECT 1 FROM decisions WHERE seq = decision_seq)";

pub(super) const LOST_RELAYS: &str = "SELECT count(*) FROM relays WHERE NOT EXISTS (SELECT 1 FROM inbox WHERE seq = inbox_seq AND body IS NOT NULL)";

pub(super) const LOST_DEDUP: &str = "SELECT count(*) FROM dedup d WHERE NOT EXISTS
     (SELECT 1 FROM consent_events e WHERE e.event_seq = d.event_seq AND e.business_id = d.business_id AND e.dedup = d.key)";
