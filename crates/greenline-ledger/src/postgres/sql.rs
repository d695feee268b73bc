//! Every statement, by name. A test prepares each on a real database.
//!
//! Lists go in as arrays, so that a batch is one statement whatever its size.

/// The database's clock in Unix milliseconds: for leases and ages, never for the order of anything.
macro_rules! database_ms {
    () => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

// Nodes.

pub(super) const LIVE_NODES: &str = concat!(
    "SELECT token, lease_until_ms > ",
    database_ms!(),
    " FROM nodes"
);

pub(super) const DATABASE_MS: &str = concat!("SELECT ", database_ms!());

pub(super) const LEASE_NODE: &str = concat!(
    "INSERT INTO nodes (node, token, lease_until_ms) VALUES ($1, $2, ", database_ms!(), " + $3)
     ON CONFLICT (node) DO UPDATE SET token = excluded.token, lease_until_ms = excluded.lease_until_ms
     WHERE nodes.token = excluded.token OR nodes.lease_until_ms < ", database_ms!()
);

pub(super) const RENEW_NODE: &str = concat!(
    "UPDATE nodes SET lease_until_ms = ",
    database_ms!(),
    " + $3 WHERE node = $1 AND token = $2"
);

pub(super) const RELEASE_NODE: &str =
    "UPDATE nodes SET lease_until_ms = 0 WHERE node = $1 AND token = $2";

// Loading what a batch needs.

pub(super) const FIND_KEYS: &str = "SELECT k.business, k.kind, k.key, k.taken_by
     FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS asked (shard, business, kind, key)
     JOIN taken_keys k ON k.person_shard = asked.shard AND k.business = asked.business
       AND k.kind = asked.kind AND k.key = asked.key";

pub(super) const FIND_NAMES: &str = "SELECT n.business, n.value, n.owner_id
     FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS asked (shard, business, kind, value)
     JOIN names n ON n.person_shard = asked.shard AND n.business = asked.business
       AND n.kind = asked.kind AND n.value = asked.value";

/// The rows of many people: `$1` shards, `$2` ids, pairwise.
macro_rules! of_people {
    ($columns:literal, $table:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id) JOIN ",
            $table,
            " t ON t.person_shard = asked.shard AND t.person_id = asked.id ",
            $rest
        )
    };
}

pub(super) const PEOPLE_OF: &str = of_people!(
    "t.person_id, t.business, t.version, t.last_seq",
    "people",
    ""
);

pub(super) const IDENTIFIERS_OF: &str = of_people!(
    "t.person_id, t.value, t.known_ms, t.linked_at_ms, t.left_at_ms, t.gone_at_ms",
    "identifiers",
    ""
);

pub(super) const EVENTS_OF: &str = of_people!(
    "t.person_id, t.event_seq, t.kind, t.scope, t.at_ms, t.strength, t.in_thread, t.identifiers, t.dedup",
    "consent_events",
    "ORDER BY t.event_seq"
);

pub(super) const LINKS_OF: &str = of_people!(
    "t.person_id, t.kind, t.other_id, t.at_ms, t.left_value",
    "links",
    "ORDER BY t.at_ms, t.person_id, t.other_id"
);

pub(super) const WINDOWS_OF: &str = of_people!(
    "t.person_id, t.number, t.wrote_at_ms, t.free_until_ms, t.call_at_ms, t.call_until_ms",
    "windows",
    ""
);

pub(super) const OPEN_SENDS_OF: &str = concat!(
    "SELECT t.person_id, t.seq, t.node_token, t.at_ms, ",
    database_ms!(),
    " - t.written_ms, t.body_hash, t.outcome
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN sends t ON t.person_shard = asked.shard AND t.person_id = asked.id
     WHERE t.outcome IS NULL OR t.outcome = 'unknown' ORDER BY t.at_ms, t.seq"
);

pub(super) const FIND_TEMPLATES: &str = "SELECT t.business, t.waba_id, t.name, t.language, t.category, t.status, t.is_ask, t.at_ms
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS asked (business, waba_id, name, language)
     JOIN templates t ON t.business = asked.business AND t.waba_id = asked.waba_id
       AND t.name = asked.name AND t.language = asked.language";

pub(super) const FIND_NUMBERS: &str = "SELECT t.business, t.number, t.status, t.rating, t.at_ms
     FROM unnest($1::text[], $2::text[]) AS asked (business, number)
     JOIN numbers t ON t.business = asked.business AND t.number = asked.number";

pub(super) const FIND_ACCOUNTS: &str = "SELECT t.business, t.waba_id, t.ban, t.ban_at_ms
     FROM unnest($1::text[], $2::text[]) AS asked (business, waba_id)
     JOIN accounts t ON t.business = asked.business AND t.waba_id = asked.waba_id";

pub(super) const FIND_RESTRICTIONS: &str = "SELECT t.business, t.waba_id, t.named, t.kind, t.until_ms, t.at_ms
     FROM unnest($1::text[], $2::text[]) AS asked (business, waba_id)
     JOIN restrictions t ON t.business = asked.business AND t.waba_id = asked.waba_id ORDER BY t.named";

// Writing a batch. The first notes it, the second fails unless every person is as they were loaded.

pub(super) const NOTE_BATCH: &str = concat!(
    "INSERT INTO batches (person_shard, batch_id, written_ms) VALUES ($1, $2, ",
    database_ms!(),
    ")"
);

pub(super) const BAR_BATCH: &str = concat!(
    "INSERT INTO batches (person_shard, batch_id, written_ms) VALUES ($1, $2, ",
    database_ms!(),
    ")
     ON CONFLICT (person_shard, batch_id) DO NOTHING"
);

pub(super) const PRUNE_BATCHES: &str = concat!(
    "DELETE FROM batches WHERE written_ms < ",
    database_ms!(),
    " - 3600000"
);

pub(super) const COMPARE_AND_SET: &str = "WITH moved AS (
       UPDATE people SET version = people.version + 1, last_seq = greatest(people.last_seq, asked.seq)
       FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS asked (shard, id, version, seq)
       WHERE people.person_shard = asked.shard AND people.person_id = asked.id AND people.version = asked.version
       RETURNING people.person_id)
     SELECT 1 / (CASE WHEN count(*) = $5::bigint THEN 1 ELSE 0 END) FROM moved";

pub(super) const INSERT_PEOPLE: &str = "INSERT INTO people (person_shard, person_id, business, version, last_seq)
     SELECT shard, id, business, 1, seq FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS new (shard, id, business, seq)";

pub(super) const INSERT_NAMES: &str = "INSERT INTO names (person_shard, business, kind, value, owner_shard, owner_id)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])";

pub(super) const INSERT_IDENTIFIERS: &str = "INSERT INTO identifiers (person_shard, person_id, kind, value, known_ms, linked_at_ms)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])";

pub(super) const MARK_IDENTIFIER: &str =
    "UPDATE identifiers SET left_at_ms = greatest(coalesce(left_at_ms, $5), $5),
       gone_at_ms = CASE WHEN $6 THEN least(coalesce(gone_at_ms, $5), $5) ELSE gone_at_ms END
     WHERE person_shard = $1 AND person_id = $2 AND kind = $3 AND value = $4";

pub(super) const INSERT_LINKS: &str = "INSERT INTO links (person_shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
     ON CONFLICT (person_shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value) DO NOTHING";

pub(super) const INSERT_EVENTS: &str = "INSERT INTO consent_events
     (person_shard, person_id, version, event_seq, business, kind, scope, at_ms, stated_ms, arrival_ms, strength, in_thread,
      identifiers, evidence, actor, dedup)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
       $9::bigint[], $10::bigint[], $11::text[], $12::boolean[], $13::text[], $14::text[], $15::text[], $16::text[])";

pub(super) const INSERT_KEYS: &str =
    "INSERT INTO taken_keys (person_shard, business, kind, key, taken_by)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])";

pub(super) const PUT_HEADS: &str = "INSERT INTO heads (person_shard, person_id, spelling, body)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
     ON CONFLICT (person_shard, person_id, spelling) DO UPDATE SET body = excluded.body";

pub(super) const PUT_WINDOWS: &str = "INSERT INTO windows (person_shard, person_id, number, wrote_at_ms, free_until_ms, call_at_ms, call_until_ms)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     ON CONFLICT (person_shard, person_id, number) DO UPDATE SET
       wrote_at_ms = excluded.wrote_at_ms, free_until_ms = excluded.free_until_ms,
       call_at_ms = excluded.call_at_ms, call_until_ms = excluded.call_until_ms";

pub(super) const PUT_INBOUND: &str =
    "INSERT INTO number_inbound (person_shard, business, number, last_inbound_ms)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
     ON CONFLICT (person_shard, business, number) DO UPDATE SET
       last_inbound_ms = greatest(number_inbound.last_inbound_ms, excluded.last_inbound_ms)";

pub(super) const INSERT_DECISIONS: &str = "INSERT INTO decisions (person_shard, seq, business, person_id, at_ms, verdict, record)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])";

pub(super) const INSERT_SPILLED: &str = "INSERT INTO decisions (person_shard, seq, business, person_id, at_ms, verdict, record)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
     ON CONFLICT (person_shard, seq) DO NOTHING";

pub(super) const INSERT_SENDS: &str = concat!(
    "INSERT INTO sends (person_shard, seq, person_id, others, node_token, at_ms, body_hash, written_ms)
     SELECT *, ", database_ms!(), " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[])
     ON CONFLICT (person_shard, seq, person_id) DO NOTHING"
);

pub(super) const INSERT_TIMELINE: &str = "INSERT INTO timeline (person_shard, seq, business, subject, subject_id, origin, event, at_ms, body)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])";

pub(super) const INSERT_INBOX: &str = "INSERT INTO inbox (person_shard, seq, business, sha256, received_ms, lane, headers, body)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::bytea[])";

pub(super) const INSERT_RELAYS: &str = "INSERT INTO relays (person_shard, inbox_seq, app, business, lane, due_ms, attempts, parked)
     SELECT shard, seq, app, business, lane, due_ms, 0, 0
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS new (shard, seq, app, business, lane, due_ms)
     ON CONFLICT (person_shard, inbox_seq, app) DO NOTHING";

pub(super) const INSERT_REPLIES: &str = "INSERT INTO replies (person_shard, reply_id, business, recipient, number, reply, confirms, message_id, at_ms, state)
     SELECT shard, id, business, recipient, number, reply, confirms, message_id, at_ms, 0
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[])
       AS new (shard, id, business, recipient, number, reply, confirms, message_id, at_ms)";

pub(super) const PUT_STATUSES: &str = "INSERT INTO messages (person_shard, message_id, status, status_rank, status_at_ms, status_code)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
     ON CONFLICT (person_shard, message_id) DO UPDATE SET status = excluded.status, status_rank = excluded.status_rank,
       status_at_ms = excluded.status_at_ms, status_code = excluded.status_code
     WHERE messages.status_at_ms IS NULL OR messages.status_at_ms < excluded.status_at_ms
       OR (messages.status_at_ms = excluded.status_at_ms AND messages.status_rank < excluded.status_rank)";

pub(super) const PUT_TEMPLATE: &str = "INSERT INTO templates AS t
     (business, waba_id, name, language, template_id, category, status, is_ask, at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (business, waba_id, name, language) DO UPDATE SET
       template_id = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.template_id, t.template_id) ELSE coalesce(t.template_id, excluded.template_id) END,
       category = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.category, t.category) ELSE coalesce(t.category, excluded.category) END,
       status = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.status, t.status) ELSE coalesce(t.status, excluded.status) END,
       is_ask = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.is_ask, t.is_ask) ELSE coalesce(t.is_ask, excluded.is_ask) END,
       at_ms = greatest(t.at_ms, excluded.at_ms)";

pub(super) const PUT_NUMBER: &str = "INSERT INTO numbers AS t (business, number, status, rating, at_ms) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (business, number) DO UPDATE SET
       status = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.status, t.status) ELSE coalesce(t.status, excluded.status) END,
       rating = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.rating, t.rating) ELSE coalesce(t.rating, excluded.rating) END,
       at_ms = greatest(t.at_ms, excluded.at_ms)";

pub(super) const PUT_ACCOUNT: &str = "INSERT INTO accounts AS t (business, waba_id, ban, ban_at_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (business, waba_id) DO UPDATE SET ban = excluded.ban, ban_at_ms = excluded.ban_at_ms
     WHERE excluded.ban_at_ms >= t.ban_at_ms";

pub(super) const PUT_RESTRICTION: &str =
    "INSERT INTO restrictions AS t (business, waba_id, named, kind, until_ms, at_ms) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (business, waba_id, named) DO UPDATE SET kind = excluded.kind, until_ms = excluded.until_ms, at_ms = excluded.at_ms
     WHERE excluded.at_ms >= t.at_ms";

// Outcomes.

pub(super) const SETTLE: &str = "UPDATE sends SET outcome = new.outcome, code = new.code,
       message_id = coalesce(new.message_id, sends.message_id), more_ids = coalesce(new.more_ids, sends.more_ids)
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[])
       AS new (shard, seq, outcome, code, message_id, more_ids)
     WHERE sends.person_shard = new.shard AND sends.seq = new.seq
     RETURNING sends.seq, sends.others";

pub(super) const PUT_MESSAGES: &str =
    "INSERT INTO messages (person_shard, message_id, decision_shard, decision_seq)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
     ON CONFLICT (person_shard, message_id) DO UPDATE SET
       decision_shard = excluded.decision_shard, decision_seq = excluded.decision_seq";

pub(super) const OUTCOMES: &str =
    "SELECT s.seq FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, seq)
     JOIN sends s ON s.person_shard = asked.shard AND s.seq = asked.seq WHERE s.outcome IS NULL";

// Relay and own replies.

pub(super) const RELAYS_DUE: &str = "SELECT person_shard, inbox_seq, app FROM relays
     WHERE lane = $1 AND due_ms <= $2 AND parked = 0
       AND (held_by IS NULL OR held_until_ms <= $2 OR NOT held_by = ANY ($4::bigint[]))
     ORDER BY due_ms, inbox_seq, app LIMIT $3";

pub(super) const CLAIM_RELAYS: &str = "UPDATE relays SET held_by = $5, held_until_ms = $6, claim = $7
     FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS asked (shard, seq, app)
     WHERE relays.person_shard = asked.shard AND relays.inbox_seq = asked.seq AND relays.app = asked.app
       AND parked = 0 AND due_ms <= $8
       AND (held_by IS NULL OR held_until_ms <= $8 OR NOT held_by = ANY ($4::bigint[]))";

pub(super) const CLAIMED_RELAYS: &str =
    "SELECT r.inbox_seq, r.app, r.business, i.body, i.headers, r.attempts, i.received_ms
     FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS asked (shard, seq, app)
     JOIN relays r ON r.person_shard = asked.shard AND r.inbox_seq = asked.seq AND r.app = asked.app
     JOIN inbox i ON i.person_shard = r.person_shard AND i.seq = r.inbox_seq
     WHERE r.claim = $4 ORDER BY r.due_ms, r.inbox_seq, r.app";

pub(super) const RELAYS_DELIVERED: &str = "DELETE FROM relays USING unnest($1::bigint[], $2::bigint[], $3::text[]) AS done (shard, seq, app)
     WHERE relays.person_shard = done.shard AND relays.inbox_seq = done.seq AND relays.app = done.app";

pub(super) const RELAYS_AGAIN: &str = "UPDATE relays SET due_ms = coalesce(done.due_ms, relays.due_ms), parked = done.parked,
       attempts = relays.attempts + 1, held_by = NULL, held_until_ms = NULL, claim = NULL
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) AS done (shard, seq, app, due_ms, parked)
     WHERE relays.person_shard = done.shard AND relays.inbox_seq = done.seq AND relays.app = done.app";

pub(super) const RELAY_REPLAY: &str = "UPDATE relays SET parked = 0, due_ms = $3, attempts = 0
     WHERE business = $1 AND parked = 1 AND ($2::text IS NULL OR app = $2)";

pub(super) const EMPTY_INBOX: &str = "UPDATE inbox SET body = NULL, headers = '[]' WHERE received_ms < $1 AND body IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM relays r WHERE r.person_shard = inbox.person_shard AND r.inbox_seq = inbox.seq)";

pub(super) const OLD_INBOX: &str = "SELECT person_shard, seq, business, sha256 FROM inbox
     WHERE received_ms < $1 AND body IS NULL ORDER BY received_ms LIMIT 1000";

pub(super) const DELETE_KEYS: &str = "DELETE FROM taken_keys USING unnest($1::bigint[], $2::text[], $3::text[]) AS old (shard, business, key)
     WHERE taken_keys.person_shard = old.shard AND taken_keys.business = old.business AND taken_keys.kind = 2
       AND taken_keys.key = old.key";

pub(super) const DELETE_INBOX: &str =
    "DELETE FROM inbox USING unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE inbox.person_shard = old.shard AND inbox.seq = old.seq";

pub(super) const PRUNE_STRAYS: &str =
    "DELETE FROM messages WHERE decision_seq IS NULL AND status_at_ms < $1";

pub(super) const REPLIES_DUE: &str = "SELECT person_shard, reply_id FROM replies WHERE state = 0 AND business = ANY ($2::text[]) ORDER BY reply_id LIMIT $1";

pub(super) const CLAIM_REPLIES: &str = "UPDATE replies SET state = 1, claim = $3
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     WHERE replies.person_shard = asked.shard AND replies.reply_id = asked.id AND replies.state = 0";

pub(super) const CLAIMED_REPLIES: &str = "SELECT r.reply_id, r.business, r.recipient, r.number, r.reply, r.confirms, r.message_id, r.at_ms
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN replies r ON r.person_shard = asked.shard AND r.reply_id = asked.id
     WHERE r.claim = $3 ORDER BY r.reply_id";

pub(super) const FINISH_REPLY: &str =
    "UPDATE replies SET state = 2, decision_seq = $3 WHERE person_shard = $1 AND reply_id = $2";

// Reading: people.

/// The columns of a whole event; completed by the constants below.
macro_rules! whole_event {
    ($rest:literal) => {
        concat!(
            "SELECT event_seq, version, kind, scope, at_ms, stated_ms, arrival_ms, strength, in_thread,",
            " identifiers, evidence, actor, dedup FROM consent_events ",
            $rest
        )
    };
}

pub(super) const WHOLE_EVENTS_OF: &str = whole_event!("WHERE person_shard = $1 AND person_id = $2");

pub(super) const EXPORT: &str =
    whole_event!("WHERE business = $1 AND event_seq > $2 ORDER BY event_seq LIMIT $3");

pub(super) const NEWEST_NOES: &str = whole_event!(
    "WHERE business = $1 AND kind IN ('refused', 'withdrawn', 'native_stopped') ORDER BY arrival_ms DESC, event_seq DESC LIMIT $2"
);

pub(super) const HEADS_OF: &str = of_people!("t.person_id, t.spelling, t.body", "heads", "");

// Reading: decisions.

/// The columns of a decision with what became of it; completed by the constants below.
macro_rules! whole_decision {
    ($rest:literal) => {
        concat!(
            "SELECT d.seq, d.person_shard, d.business, d.at_ms, d.record, s.outcome, s.message_id, s.more_ids
     FROM decisions d LEFT JOIN sends s ON s.person_shard = d.person_shard AND s.seq = d.seq AND s.person_id = d.person_id ",
            $rest
        )
    };
}

pub(super) const DECISION: &str = whole_decision!("WHERE d.person_shard = $1 AND d.seq = $2");

pub(super) const DECISIONS: &str = whole_decision!("WHERE d.seq < $1 ORDER BY d.seq DESC LIMIT $2");

pub(super) const DECISIONS_OF: &str =
    whole_decision!("WHERE d.business = $1 AND d.seq < $2 ORDER BY d.seq DESC LIMIT $3");

pub(super) const STATUSES: &str = "SELECT m.message_id, m.status FROM unnest($1::bigint[], $2::text[]) AS asked (shard, message_id)
     JOIN messages m ON m.person_shard = asked.shard AND m.message_id = asked.message_id WHERE m.status IS NOT NULL";

// Reading: pages.

pub(super) const NUMBERS: &str =
    "SELECT number, status, rating, at_ms FROM numbers WHERE business = $1";

pub(super) const INBOUND: &str =
    "SELECT number, max(last_inbound_ms) FROM number_inbound WHERE business = $1 GROUP BY number";

pub(super) const TEMPLATES: &str =
    "SELECT waba_id, name, language, template_id, category, status, is_ask, at_ms
     FROM templates WHERE business = $1 AND ($2::text IS NULL OR waba_id = $2)";

pub(super) const TIMELINE: &str =
    "SELECT seq, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE business = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";

pub(super) const TIMELINE_OF: &str = "SELECT seq, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE business = $1 AND subject = $2 AND subject_id = $3 AND seq < $4 ORDER BY seq DESC LIMIT $5";

pub(super) const COUNT_PEOPLE: &str = "SELECT count(*) FROM people WHERE business = $1";

pub(super) const COUNT_DECISIONS: &str =
    "SELECT count(*) FILTER (WHERE verdict = 1), count(*) FILTER (WHERE verdict <> 1)
     FROM decisions WHERE business = $1 AND seq >= $2";

pub(super) const COUNT_NOES: &str = "SELECT count(*) FROM consent_events
     WHERE business = $1 AND kind IN ('refused', 'withdrawn', 'native_stopped') AND arrival_ms >= $2";

pub(super) const COUNT_RELAYS: &str =
    "SELECT count(*) FILTER (WHERE parked = 0), count(*) FILTER (WHERE parked = 1)
     FROM relays WHERE business = $1";

// Verification: everything, a page at a time.

pub(super) const PEOPLE_AFTER: &str = "SELECT person_shard, person_id FROM people
     WHERE (person_shard, person_id) > ($1, $2) ORDER BY person_shard, person_id LIMIT $3";

pub(super) const VERSIONS_OF: &str = "SELECT t.person_id, count(*), min(t.version), max(t.version)
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN consent_events t ON t.person_shard = asked.shard AND t.person_id = asked.id GROUP BY t.person_id";

pub(super) const RECORDS_AFTER: &str =
    "SELECT seq, person_shard, person_id, at_ms, verdict, record FROM decisions
     WHERE (person_shard, seq) > ($1, $2) ORDER BY person_shard, seq LIMIT $3";

pub(super) const LOST_EVENTS: &str = "SELECT count(*) FROM consent_events e WHERE NOT EXISTS
     (SELECT 1 FROM identifiers i WHERE i.person_shard = e.person_shard AND i.person_id = e.person_id)";

pub(super) const LOST_SENDS: &str = "SELECT count(*) FROM sends s JOIN people p ON p.person_shard = s.person_shard AND p.person_id = s.person_id
     WHERE s.others IS NULL AND s.seq > p.last_seq";

pub(super) const LOST_RELAYS: &str = "SELECT count(*) FROM relays r WHERE NOT EXISTS
     (SELECT 1 FROM inbox i WHERE i.person_shard = r.person_shard AND i.seq = r.inbox_seq AND i.body IS NOT NULL)";

pub(super) const LOST_NAMES: &str = "SELECT count(*) FROM names n WHERE NOT EXISTS
     (SELECT 1 FROM identifiers i WHERE i.person_shard = n.owner_shard AND i.person_id = n.owner_id
        AND i.kind = n.kind AND i.value = n.value)";

pub(super) const LOST_KEYS: &str = "SELECT count(*) FROM taken_keys k WHERE k.kind = 1 AND NOT EXISTS
     (SELECT 1 FROM consent_events e WHERE e.business = k.business AND e.event_seq = k.taken_by AND e.dedup = k.key)";

pub(super) const WRONG_SHARDS: &str =
    "SELECT (SELECT count(*) FROM people WHERE person_shard <> (person_id >> 51))
     + (SELECT count(*) FROM identifiers WHERE person_shard <> (person_id >> 51))
     + (SELECT count(*) FROM consent_events WHERE person_shard <> (person_id >> 51))
     + (SELECT count(*) FROM heads WHERE person_shard <> (person_id >> 51))
     + (SELECT count(*) FROM windows WHERE person_shard <> (person_id >> 51))
     + (SELECT count(*) FROM sends WHERE person_shard <> (person_id >> 51))";
