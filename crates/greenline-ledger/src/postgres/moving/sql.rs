//! The statements that fill a database from another store. Lists go in as arrays.

pub(super) const UNFINISHED: &str = "SELECT 1 FROM moves WHERE finished_ms IS NULL LIMIT 1";

pub(super) const OTHER_MOVES: &str = "SELECT 1 FROM moves WHERE source <> $1 LIMIT 1";

pub(super) const BEGIN_MOVE: &str = "INSERT INTO moves (source, step, after, moved, started_ms)
     VALUES ($1, 0, '', 0, CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT))
     ON CONFLICT (source) DO NOTHING";

pub(super) const POSITION: &str =
    "SELECT step, after, moved, finished_ms IS NOT NULL FROM moves WHERE source = $1";

/// Two movers meet here, and one of them finds nothing to change.
pub(super) const ADVANCE: &str = "UPDATE moves SET step = $4, after = $5, moved = moved + $6
     WHERE source = $1 AND step = $2 AND after = $3 AND finished_ms IS NULL";

pub(super) const FINISH: &str =
    "UPDATE moves SET finished_ms = CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)
     WHERE source = $1 AND finished_ms IS NULL";

pub(super) const PEOPLE: &str = "INSERT INTO people (person_shard, person_id, business, limited_ms, limited_times, limited_by, version, last_seq)
     SELECT *, 1, $7 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])";

pub(super) const NAMES: &str = "INSERT INTO names (person_shard, business, kind, value, owner_shard, owner_id)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])";

pub(super) const IDENTIFIERS: &str = "INSERT INTO identifiers
     (person_shard, person_id, kind, value, known_ms, linked_at_ms, left_at_ms, gone_at_ms)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])";

pub(super) const LINKS: &str = "INSERT INTO links (person_shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
     ON CONFLICT (person_shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value) DO NOTHING";

pub(super) const EVENTS: &str = "INSERT INTO consent_events
     (person_shard, person_id, version, event_seq, business, kind, scope, at_ms, stated_ms, arrival_ms, strength, in_thread,
      identifiers, evidence, actor, dedup)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
       $9::bigint[], $10::bigint[], $11::text[], $12::boolean[], $13::text[], $14::text[], $15::text[], $16::text[])";

pub(super) const KEYS: &str = "INSERT INTO taken_keys (person_shard, business, kind, key, taken_by)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])";

pub(super) const HEADS: &str = "INSERT INTO heads (person_shard, person_id, spelling, body)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])";

pub(super) const WINDOWS: &str = "INSERT INTO windows (person_shard, person_id, number, wrote_at_ms, free_until_ms, call_at_ms, call_until_ms)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])";

pub(super) const PERSON_LINKS: &str =
    "INSERT INTO person_links (person_shard, person_id, generation, revoked_ms)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])";

pub(super) const DECISIONS: &str = "INSERT INTO decisions (person_shard, seq, business, person_id, at_ms, verdict, record)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])";

/// Written when they were decided, by no node that lives.
pub(super) const SENDS: &str = "INSERT INTO sends
     (person_shard, seq, person_id, others, node_token, at_ms, written_ms, body_hash, outcome, code, message_id, more_ids, mark)
     SELECT shard, seq, id, others, 0, at_ms, at_ms, body_hash, outcome, code, message_id, more_ids, mark
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[], $7::text[], $8::bigint[],
       $9::text[], $10::text[], $11::text[])
       AS new (shard, seq, id, others, at_ms, body_hash, outcome, code, message_id, more_ids, mark)";

pub(super) const MESSAGES: &str = "INSERT INTO messages
     (person_shard, message_id, decision_shard, decision_seq, status, status_rank, status_at_ms, status_code)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
     ON CONFLICT (person_shard, message_id) DO NOTHING";

/// A status may belong to a message whose send was too old to be looked for.
pub(super) const STRAYS: &str = "INSERT INTO messages (person_shard, message_id, status, status_rank, status_at_ms, status_code)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
     ON CONFLICT (person_shard, message_id) DO UPDATE SET status = excluded.status, status_rank = excluded.status_rank,
       status_at_ms = excluded.status_at_ms, status_code = excluded.status_code
     WHERE messages.status_at_ms IS NULL OR messages.status_at_ms < excluded.status_at_ms";

pub(super) const NUMBERS: &str = "INSERT INTO numbers (business, number, status, rating, at_ms, rating_at_ms, spam_ms,
       health, health_ms, available_ms, locked_ms, policy_ms)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
       $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])";

pub(super) const INBOUND: &str =
    "INSERT INTO number_inbound (person_shard, business, number, last_inbound_ms)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])";

pub(super) const ACCOUNTS: &str = "INSERT INTO accounts (business, waba_id, ban, ban_at_ms)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])";

pub(super) const RESTRICTIONS: &str = "INSERT INTO restrictions (business, waba_id, named, kind, until_ms, at_ms)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])";

pub(super) const TEMPLATES: &str = "INSERT INTO templates
     (business, waba_id, name, language, template_id, category, status, is_ask, at_ms, quality)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::bigint[],
       $10::text[])";

pub(super) const SUBSCRIPTIONS: &str =
    "INSERT INTO subscriptions (business, id, version, active, consents, imports, body)
     SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])";

pub(super) const TIMELINE: &str = "INSERT INTO timeline (person_shard, seq, business, subject, subject_id, origin, event, at_ms, body, sealed)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[],
       $10::bigint[])";

pub(super) const INBOX: &str = "INSERT INTO inbox (person_shard, seq, business, sha256, received_ms, lane, headers, body)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::bytea[])";

pub(super) const PORTFOLIOS: &str = "INSERT INTO portfolios (person_shard, portfolio, version, sends, people, origin, at_ms)
     SELECT shard, portfolio, 0, 0, people, origin, at_ms
     FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) AS new (shard, portfolio, people, origin, at_ms)
     ON CONFLICT (person_shard, portfolio) DO UPDATE SET people = excluded.people, origin = excluded.origin, at_ms = excluded.at_ms";

pub(super) const REACH: &str =
    "INSERT INTO reach_log (person_shard, portfolio, version, until_ms, entries)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])";

/// What comes from the other store is the first part of a portfolio's log.
pub(super) const REACH_VERSIONS: &str = "INSERT INTO reach_parts (person_shard, portfolio, part, version, places)
     SELECT shard, portfolio, 0, max(version), 0 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS new (shard, portfolio, version)
     GROUP BY shard, portfolio
     ON CONFLICT (person_shard, portfolio, part) DO UPDATE SET version = greatest(reach_parts.version, excluded.version)";

pub(super) const RELAYS: &str = "INSERT INTO relays (person_shard, inbox_seq, app, business, lane, due_ms, attempts, parked)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])";

pub(super) const REPLIES: &str = "INSERT INTO replies
     (person_shard, reply_id, business, recipient, number, reply, confirms, message_id, at_ms, state, decision_seq)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
       $9::bigint[], $10::bigint[], $11::bigint[])";

pub(super) const LATER: &str = "INSERT INTO held_messages
     (person_shard, held_seq, business, person_id, recipient, app, number, template, language, given_id, held_ms, last_ms,
      due_ms, stage, decision_shard, decision_seq, message_id, code, ending, over_ms, target, content_type, body)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
       $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
       $16::bigint[], $17::text[], $18::bigint[], $19::text[], $20::bigint[], $21::text[], $22::text[], $23::bytea[])";

pub(super) const UNSEALED: &str = "INSERT INTO unsealed (person_shard, kind, seq, business)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])";

pub(super) const LEAVES: &str = "INSERT INTO log_leaves (person_shard, kind, seq, business, log_index, hash, salts)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[], $7::bytea[])";

pub(super) const LOGS: &str = "INSERT INTO logs (person_shard, business, size, lease_token, lease_until_ms)
     SELECT shard, business, size, 0, 0 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS new (shard, business, size)";

pub(super) const LOG_NODES: &str =
    "INSERT INTO log_nodes (person_shard, business, level, place, hash)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])";

pub(super) const LOG_HEADS: &str = "INSERT INTO log_heads (person_shard, business, size, root, at_ms, public_key, key_id, signature)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[])";

pub(super) const HEADS_AFTER: &str = "SELECT person_shard, person_id, spelling, body FROM heads
     WHERE (person_shard, person_id, spelling) > ($1, $2, $3) ORDER BY person_shard, person_id, spelling LIMIT $4";

/// What is counted in the end, by the names the other store counts under; before a move each must be none.
pub(super) const COUNTS: &[(&str, &str)] = &[
    ("people", "SELECT count(*) FROM people"),
    ("identifiers", "SELECT count(*) FROM identifiers"),
    ("links", "SELECT count(*) FROM links"),
    ("consent events", "SELECT count(*) FROM consent_events"),
    ("taken keys", "SELECT count(*) FROM taken_keys"),
    ("heads", "SELECT count(*) FROM heads"),
    ("windows", "SELECT count(*) FROM windows"),
    ("preference links", "SELECT count(*) FROM person_links"),
    ("decisions", "SELECT count(*) FROM decisions"),
    (
        "sends",
        "SELECT count(*) FROM decisions d JOIN sends s
         ON s.person_shard = d.person_shard AND s.seq = d.seq AND s.person_id = d.person_id",
    ),
    ("messages", "SELECT count(*) FROM messages"),
    ("numbers", "SELECT count(*) FROM numbers"),
    ("numbers written to", "SELECT count(*) FROM number_inbound"),
    ("accounts", "SELECT count(*) FROM accounts"),
    ("restrictions", "SELECT count(*) FROM restrictions"),
    ("templates", "SELECT count(*) FROM templates"),
    (
        "limits",
        "SELECT count(*) FROM portfolios WHERE at_ms IS NOT NULL",
    ),
    ("people reached", "SELECT count(*) FROM reach_log"),
    ("subscriptions", "SELECT count(*) FROM subscriptions"),
    ("timeline", "SELECT count(*) FROM timeline"),
    ("deliveries", "SELECT count(*) FROM inbox"),
    ("relays", "SELECT count(*) FROM relays"),
    ("replies", "SELECT count(*) FROM replies"),
    ("held messages", "SELECT count(*) FROM held_messages"),
    ("log leaves", "SELECT count(*) FROM log_leaves"),
    ("log nodes", "SELECT count(*) FROM log_nodes"),
    ("log heads", "SELECT count(*) FROM log_heads"),
    ("records to be sealed", "SELECT count(*) FROM unsealed"),
];

/// That the names are looked up by a person's name, and lead to that person.
pub(super) const NAMES_COUNT: &str = "SELECT count(*) FROM names";

/// So that the planner knows what has come.
pub(super) const ANALYZE: &str = "ANALYZE people, names, identifiers, links, consent_events, taken_keys, heads, windows, person_links, decisions,
       sends, messages, timeline, inbox, relays, replies, held_messages, unsealed, log_leaves, log_nodes";

/// Every statement that is prepared, for the test that does.
#[cfg(test)]
pub(super) const ALL: &[&str] = &[
    UNFINISHED,
    OTHER_MOVES,
    BEGIN_MOVE,
    POSITION,
    ADVANCE,
    FINISH,
    PEOPLE,
    NAMES,
    IDENTIFIERS,
    LINKS,
    EVENTS,
    KEYS,
    HEADS,
    WINDOWS,
    PERSON_LINKS,
    DECISIONS,
    SENDS,
    MESSAGES,
    STRAYS,
    NUMBERS,
    INBOUND,
    ACCOUNTS,
    RESTRICTIONS,
    TEMPLATES,
    SUBSCRIPTIONS,
    TIMELINE,
    INBOX,
    PORTFOLIOS,
    REACH,
    REACH_VERSIONS,
    RELAYS,
    REPLIES,
    LATER,
    UNSEALED,
    LEAVES,
    LOGS,
    LOG_NODES,
    LOG_HEADS,
    HEADS_AFTER,
    NAMES_COUNT,
];
