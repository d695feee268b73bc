//! Every statement, by name. A test prepares each on a real database.
//!
//! Lists go in as arrays, so that a batch is one statement whatever its size.

/// The database's clock in Unix milliseconds, as the statement came in: for leases and ages, never for the
/// order of anything. It stands still within a statement, so that a database in shards can read it once.
macro_rules! database_ms {
    () => {
        "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"
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
    "INSERT INTO nodes (node, token, timeline_token, lease_until_ms) VALUES ($1, $2, $2, ", database_ms!(), " + $3)
     ON CONFLICT (node) DO UPDATE SET token = excluded.token, timeline_token = excluded.timeline_token,
       lease_until_ms = excluded.lease_until_ms
     WHERE nodes.token = excluded.token OR nodes.lease_until_ms < excluded.lease_until_ms - $3"
);

/// A lease that is over stays over: others may have taken for dead whoever had it.
pub(super) const RENEW_NODE: &str = concat!(
    "UPDATE nodes SET lease_until_ms = ",
    database_ms!(),
    " + $3 WHERE node = $1 AND token = $2 AND lease_until_ms > ",
    database_ms!()
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
    "t.person_id, t.business, t.version, t.last_seq, t.limited_ms, t.limited_times, t.pairs",
    "people",
    ""
);

pub(super) const IDENTIFIERS_OF: &str = of_people!(
    "t.person_id, t.value, t.known_ms, t.linked_at_ms, t.left_at_ms, t.gone_at_ms",
    "identifiers",
    ""
);

pub(super) const EVENTS_OF: &str = of_people!(
    "t.person_id, t.event_seq, t.kind, t.scope, t.at_ms, t.strength, t.in_thread, t.identifiers, t.dedup, t.arrival_ms",
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

/// What went to people after `$3` and counts, or counted until it turned out that it had not reached them.
pub(super) const MARKS_OF: &str = of_people!(
    "t.person_id, t.seq, t.at_ms, t.mark",
    "sends",
    "WHERE t.mark IS NOT NULL AND t.at_ms > $3"
);

/// Sends that a stop may have to wait for, and bodies sent after `$3` that may have gone out. Those of this node,
/// `$4`, are known here while they are under way.
pub(super) const OPEN_SENDS_OF: &str = concat!(
    "SELECT t.person_id, t.seq, t.node_token, t.at_ms, ",
    database_ms!(),
    " - t.written_ms, t.body_hash, t.outcome, EXISTS (
       SELECT 1 FROM nodes n WHERE n.token = t.node_token AND n.lease_until_ms > ",
    database_ms!(),
    ") FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN sends t ON t.person_shard = asked.shard AND t.person_id = asked.id
     WHERE (t.outcome IS NULL OR t.outcome = 'unknown') AND (t.outcome = 'unknown' OR t.node_token <> $4)
       AND (t.at_ms > $3 OR t.written_ms > ",
    database_ms!(),
    " - 60000) ORDER BY t.at_ms, t.seq"
);

pub(super) const FIND_TEMPLATES: &str = "SELECT t.business, t.waba_id, t.name, t.language, t.category, t.status, t.is_ask, t.at_ms, t.quality
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS asked (business, waba_id, name, language)
     JOIN templates t ON t.business = asked.business AND t.waba_id = asked.waba_id
       AND t.name = asked.name AND t.language = asked.language";

pub(super) const FIND_NUMBERS: &str =
    "SELECT t.business, t.number, t.status, t.rating, nullif(t.at_ms, 0), t.rating_at_ms, t.spam_ms,
       t.health, t.health_ms, t.available_ms, t.locked_ms, t.policy_ms
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

pub(super) const OLD_BATCHES: &str = concat!(
    "SELECT person_shard, batch_id FROM batches WHERE written_ms < ",
    database_ms!(),
    " - 3600000 ORDER BY written_ms LIMIT 1000"
);

pub(super) const DELETE_BATCHES: &str =
    "DELETE FROM batches USING unnest($1::bigint[], $2::bigint[]) AS old (shard, id)
     WHERE batches.person_shard = old.shard AND batches.batch_id = old.id";

pub(super) const COMPARE_AND_SET: &str = "WITH moved AS (
       UPDATE people SET version = people.version + 1, last_seq = greatest(people.last_seq, asked.seq),
         pairs = coalesce(asked.pairs, people.pairs)
       FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $6::text[]) AS asked (shard, id, version, seq, pairs)
       WHERE people.person_shard = asked.shard AND people.person_id = asked.id AND people.version = asked.version
       RETURNING people.person_id)
     SELECT 1 / (CASE WHEN count(*) = $5::bigint THEN 1 ELSE 0 END) FROM moved";

pub(super) const MAKE_PORTFOLIOS: &str =
    "INSERT INTO portfolios (person_shard, portfolio, version, sends)
     SELECT shard, portfolio, 0, 0 FROM unnest($1::bigint[], $2::text[]) AS new (shard, portfolio)
     ON CONFLICT (person_shard, portfolio) DO NOTHING";

pub(super) const MAKE_PARTS: &str =
    "INSERT INTO reach_parts (person_shard, portfolio, part, version, places)
     SELECT shard, portfolio, part, version, 0
     FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS new (shard, portfolio, part, version)
     ON CONFLICT (person_shard, portfolio, part) DO NOTHING";

/// With the parts that hold places.
pub(super) const FIND_PORTFOLIOS: &str =
    "SELECT p.portfolio, p.sends, p.people, p.origin, p.at_ms, b.part, b.places
     FROM unnest($1::bigint[], $2::text[]) AS asked (shard, portfolio)
     JOIN portfolios p ON p.person_shard = asked.shard AND p.portfolio = asked.portfolio
     LEFT JOIN reach_parts b ON b.person_shard = p.person_shard AND b.portfolio = p.portfolio AND b.places > 0";

/// What is new in all parts at one moment.
pub(super) const READ_REACH: &str = "SELECT l.portfolio, b.part, l.version, l.until_ms, l.entries
     FROM unnest($1::bigint[], $2::text[]) AS asked (shard, portfolio)
     JOIN reach_parts b ON b.person_shard = asked.shard AND b.portfolio = asked.portfolio
     LEFT JOIN unnest($3::text[], $4::bigint[], $5::bigint[]) AS known (portfolio, part, version)
       ON known.portfolio = b.portfolio AND known.part = b.part
     JOIN reach_log l ON l.person_shard = b.person_shard AND l.portfolio = b.portfolio
       AND l.version > coalesce(known.version, b.part * 1099511627776) AND l.version <= b.version
     WHERE b.version > coalesce(known.version, b.part * 1099511627776)
     ORDER BY l.portfolio, l.version LIMIT $6";

/// Fails where somebody else took places since.
pub(super) const GRANT_PLACES: &str = "WITH taken AS (
       UPDATE portfolios SET sends = sends + 1 WHERE person_shard = $1 AND portfolio = $2 AND sends = $3
       RETURNING sends)
     SELECT 1 / count(*) FROM taken";

/// Fails where one of those who hold places used any since.
pub(super) const RECALL_PLACES: &str = "WITH recalled AS (
       UPDATE reach_parts SET places = 0
       FROM unnest($3::bigint[], $4::bigint[]) AS seen (part, places)
       WHERE reach_parts.person_shard = $1 AND reach_parts.portfolio = $2 AND reach_parts.part = seen.part
         AND reach_parts.places = seen.places
       RETURNING reach_parts.part)
     SELECT 1 / (CASE WHEN count(*) = $5::bigint THEN 1 ELSE 0 END) FROM recalled";

/// Fails where the part no longer holds as much as the row costs; where other places stand instead, as much exactly.
pub(super) const APPEND_REACH: &str = "WITH moved AS (
       UPDATE reach_parts SET version = version + 1, places = coalesce($5::bigint, places - $4)
       WHERE person_shard = $1 AND portfolio = $2 AND part = $3 AND places >= $4
         AND ($5::bigint IS NULL OR places = $4)
       RETURNING version),
     logged AS (
       INSERT INTO reach_log (person_shard, portfolio, version, until_ms, entries)
       SELECT $1, $2, moved.version, $6, $7 FROM moved
       RETURNING version)
     SELECT 1 / count(*) FROM logged";

pub(super) const PRUNE_REACH: &str = "DELETE FROM reach_log WHERE person_shard = $1 AND portfolio = $2 AND until_ms < $3
     AND version > $4 AND version < $5
     AND version IN (SELECT version FROM reach_log WHERE person_shard = $1 AND portfolio = $2 AND version > $4 AND version < $5
       ORDER BY version LIMIT $6)";

/// Decisions whose sends were forgotten.
pub(super) const FORGOTTEN: &str =
    "SELECT d.seq, d.at_ms, d.record FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, seq)
     JOIN decisions d ON d.person_shard = asked.shard AND d.seq = asked.seq";

pub(super) const PUT_LIMIT: &str = "INSERT INTO portfolios AS t (person_shard, portfolio, version, sends, people, origin, at_ms)
     VALUES ($1, $2, 0, 0, $3, $4, $5)
     ON CONFLICT (person_shard, portfolio) DO UPDATE SET people = excluded.people, origin = excluded.origin, at_ms = excluded.at_ms
     WHERE t.at_ms IS NULL OR excluded.at_ms > t.at_ms
       OR (excluded.at_ms = t.at_ms AND excluded.people >= 0 AND (t.people < 0 OR excluded.people < t.people))";

pub(super) const INSERT_PEOPLE: &str = "INSERT INTO people (person_shard, person_id, business, version, last_seq, pairs)
     SELECT shard, id, business, 1, seq, pairs
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[]) AS new (shard, id, business, seq, pairs)";

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
    "INSERT INTO sends (person_shard, seq, person_id, others, node_token, at_ms, body_hash, mark, written_ms)
     SELECT *, ", database_ms!(), " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[], $8::text[])
     ON CONFLICT (person_shard, seq, person_id) DO NOTHING"
);

pub(super) const INSERT_TIMELINE: &str = "INSERT INTO timeline (person_shard, seq, business, subject, subject_id, origin, event, at_ms, body, sealed)
     SELECT *, 0 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])";

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
     (business, waba_id, name, language, template_id, category, status, is_ask, quality, at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (business, waba_id, name, language) DO UPDATE SET
       template_id = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.template_id, t.template_id) ELSE coalesce(t.template_id, excluded.template_id) END,
       category = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.category, t.category) ELSE coalesce(t.category, excluded.category) END,
       status = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.status, t.status) ELSE coalesce(t.status, excluded.status) END,
       is_ask = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.is_ask, t.is_ask) ELSE coalesce(t.is_ask, excluded.is_ask) END,
       quality = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.quality, t.quality) ELSE coalesce(t.quality, excluded.quality) END,
       at_ms = greatest(t.at_ms, excluded.at_ms)";

pub(super) const PUT_NUMBER: &str = "INSERT INTO numbers AS t (business, number, status, rating, rating_at_ms, at_ms) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (business, number) DO UPDATE SET
       status = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.status, t.status) ELSE coalesce(t.status, excluded.status) END,
       rating = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.rating, t.rating) ELSE coalesce(t.rating, excluded.rating) END,
       rating_at_ms = CASE WHEN excluded.at_ms >= t.at_ms THEN coalesce(excluded.rating_at_ms, t.rating_at_ms)
         WHEN t.rating IS NULL THEN excluded.rating_at_ms ELSE t.rating_at_ms END,
       at_ms = greatest(t.at_ms, excluded.at_ms)";

pub(super) const PUT_SPAM: &str =
    "INSERT INTO numbers AS t (business, number, at_ms, spam_ms) VALUES ($1, $2, 0, $3)
     ON CONFLICT (business, number) DO UPDATE SET spam_ms = greatest(t.spam_ms, excluded.spam_ms)";

pub(super) const PUT_HEALTH: &str = "INSERT INTO numbers AS t (business, number, at_ms, health, health_ms, available_ms, locked_ms, policy_ms)
     VALUES ($1, $2, 0, $3, $4, $5, $6, $7)
     ON CONFLICT (business, number) DO UPDATE SET
       health = CASE WHEN t.health_ms IS NULL OR excluded.health_ms >= t.health_ms THEN excluded.health ELSE t.health END,
       health_ms = greatest(t.health_ms, excluded.health_ms), available_ms = greatest(t.available_ms, excluded.available_ms),
       locked_ms = greatest(t.locked_ms, excluded.locked_ms), policy_ms = greatest(t.policy_ms, excluded.policy_ms)";

/// The platform took something after the day was over that its word counts for.
pub(super) const SPAM_OVER: &str = "UPDATE numbers SET spam_ms = NULL
     WHERE business = $1 AND number = $2 AND spam_ms + 86400000 <= $3";

pub(super) const PUT_ACCOUNT: &str = "INSERT INTO accounts AS t (business, waba_id, ban, ban_at_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (business, waba_id) DO UPDATE SET ban = excluded.ban, ban_at_ms = excluded.ban_at_ms
     WHERE excluded.ban_at_ms >= t.ban_at_ms";

pub(super) const PUT_RESTRICTION: &str =
    "INSERT INTO restrictions AS t (business, waba_id, named, kind, until_ms, at_ms) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (business, waba_id, named) DO UPDATE SET kind = excluded.kind, until_ms = excluded.until_ms, at_ms = excluded.at_ms
     WHERE excluded.at_ms >= t.at_ms";

// Outcomes.

/// A send without the hash of its body is one to somebody who was erased: it names no message.
pub(super) const SETTLE: &str = "UPDATE sends SET outcome = new.outcome, code = new.code,
       message_id = CASE WHEN sends.body_hash <> '\\x00000000000000000000000000000000' THEN coalesce(new.message_id, sends.message_id) END,
       more_ids = CASE WHEN sends.body_hash <> '\\x00000000000000000000000000000000' THEN coalesce(new.more_ids, sends.more_ids) END,
       mark = CASE WHEN new.outcome IN ('rejected', 'not_sent') AND sends.mark NOT LIKE '-%' THEN '-' || sends.mark ELSE sends.mark END
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[])
       AS new (shard, seq, outcome, code, message_id, more_ids)
     WHERE sends.person_shard = new.shard AND sends.seq = new.seq
     RETURNING sends.seq, sends.others, sends.body_hash = '\\x00000000000000000000000000000000'";

pub(super) const PUT_MESSAGES: &str =
    "INSERT INTO messages (person_shard, message_id, decision_shard, decision_seq)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
     ON CONFLICT (person_shard, message_id) DO UPDATE SET
       decision_shard = excluded.decision_shard, decision_seq = excluded.decision_seq
     RETURNING decision_shard, decision_seq, status, status_at_ms, status_code";

/// The decision of a message, and its latest status.
pub(super) const FIND_MESSAGES: &str =
    "SELECT m.message_id, m.decision_shard, m.decision_seq, m.status_at_ms, m.status_rank
     FROM unnest($1::bigint[], $2::text[]) AS asked (shard, message_id)
     JOIN messages m ON m.person_shard = asked.shard AND m.message_id = asked.message_id";

/// Messages that did not reach whoever they went to count no more.
pub(super) const TAKE_BACK: &str = "UPDATE sends
     SET mark = CASE WHEN sends.mark NOT LIKE '-%' THEN '-' || sends.mark ELSE sends.mark END
     FROM unnest($1::bigint[], $2::bigint[]) AS failed (shard, seq)
     WHERE sends.person_shard = failed.shard AND sends.seq = failed.seq
     RETURNING sends.seq, sends.others";

/// The platform kept marketing back, and told so at `$3`.
pub(super) const LIMIT_PEOPLE: &str = "UPDATE people
     SET limited_ms = greatest(people.limited_ms, s.at_ms, told.at_ms),
       limited_times = least(coalesce(people.limited_times, 0) + 1, 60000), limited_by = s.seq
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS told (shard, seq, at_ms)
     JOIN sends s ON s.person_shard = told.shard AND s.seq = told.seq
     WHERE people.person_shard = s.person_shard AND people.person_id = s.person_id
       AND (s.mark LIKE 'm%' OR s.mark LIKE '-m%') AND people.limited_by IS DISTINCT FROM s.seq";

/// Marketing was delivered to whoever it had been kept back from before it went.
pub(super) const EASE_LIMITS: &str = "UPDATE people SET limited_times = 0
     FROM unnest($1::bigint[], $2::bigint[]) AS reached (shard, seq)
     JOIN sends s ON s.person_shard = reached.shard AND s.seq = reached.seq
     WHERE people.person_shard = s.person_shard AND people.person_id = s.person_id
       AND people.limited_times > 0 AND people.limited_ms < s.at_ms AND (s.mark LIKE 'm%' OR s.mark LIKE '-m%')";

/// Messages that took nothing of any pace: `$3` finds those that did not go, `$4` those for which the platform said that
/// the pair is too fast.
pub(super) const TAKE_NOTHING: &str = "UPDATE people
     SET pairs = regexp_replace(regexp_replace(people.pairs, $3, ' \\1-', 'g'), $4, $5, 'g')
     FROM unnest($1::bigint[], $2::bigint[]) AS told (shard, seq)
     JOIN sends s ON s.person_shard = told.shard AND s.seq = told.seq
     WHERE people.person_shard = s.person_shard AND people.person_id = s.person_id AND people.pairs IS NOT NULL";

/// Nothing that went to these people counts any more.
pub(super) const FORGET_LIMITS: &str =
    "UPDATE people SET limited_ms = NULL, limited_times = NULL, limited_by = NULL, pairs = NULL
     FROM unnest($1::bigint[], $2::bigint[]) AS erased (shard, id)
     WHERE people.person_shard = erased.shard AND people.person_id = erased.id";

pub(super) const OUTCOMES: &str =
    "SELECT s.seq FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, seq)
     JOIN sends s ON s.person_shard = asked.shard AND s.seq = asked.seq WHERE s.outcome IS NULL";

// Relay and own replies.

pub(super) const RELAYS_DUE: &str = "SELECT person_shard, inbox_seq, app, held_by FROM relays
     WHERE lane = $1 AND due_ms <= $2 AND parked = 0
       AND (held_by IS NULL OR held_until_ms <= $2 OR NOT held_by = ANY ($4::bigint[]))
     ORDER BY due_ms, inbox_seq, app LIMIT $3";

/// `$4` are tokens known to be dead: a node may have begun to live since anybody looked for the living.
pub(super) const CLAIM_RELAYS: &str = "UPDATE relays SET held_by = $5, held_until_ms = $6, claim = $7
     FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS asked (shard, seq, app)
     WHERE relays.person_shard = asked.shard AND relays.inbox_seq = asked.seq AND relays.app = asked.app
       AND parked = 0 AND due_ms <= $8
       AND (held_by IS NULL OR held_until_ms <= $8 OR held_by = ANY ($4::bigint[]))";

pub(super) const CLAIMED_RELAYS: &str =
    "SELECT r.inbox_seq, r.app, r.business, i.body, i.headers, r.attempts, i.received_ms
     FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS asked (shard, seq, app)
     JOIN relays r ON r.person_shard = asked.shard AND r.inbox_seq = asked.seq AND r.app = asked.app
     JOIN inbox i ON i.person_shard = r.person_shard AND i.seq = r.inbox_seq
     WHERE r.claim = $4 ORDER BY r.due_ms, r.inbox_seq, r.app";

pub(super) const RELAY_WAITS: &str =
    "SELECT 1 FROM relays WHERE person_shard = $1 AND inbox_seq = $2 AND app = $3";

pub(super) const RELAYS_DELIVERED: &str = "DELETE FROM relays USING unnest($1::bigint[], $2::bigint[], $3::text[]) AS done (shard, seq, app)
     WHERE relays.person_shard = done.shard AND relays.inbox_seq = done.seq AND relays.app = done.app";

pub(super) const RELAYS_AGAIN: &str = "UPDATE relays SET due_ms = coalesce(done.due_ms, relays.due_ms), parked = done.parked,
       attempts = relays.attempts + done.attempts, held_by = NULL, held_until_ms = NULL, claim = NULL
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
       AS done (shard, seq, app, due_ms, parked, claim, attempts)
     WHERE relays.person_shard = done.shard AND relays.inbox_seq = done.seq AND relays.app = done.app AND relays.claim = done.claim";

pub(super) const RELAY_REPLAY: &str = "UPDATE relays SET parked = 0, due_ms = $3, attempts = 0
     WHERE business = $1 AND parked = 1 AND CASE WHEN $2::text IS NULL THEN lane NOT IN (4, 5) ELSE app = $2 END";

pub(super) const FIND_SUBSCRIBERS: &str = "SELECT business, id, active, consents, imports FROM subscriptions WHERE business = ANY($1) AND consents = 1 ORDER BY business, id";

pub(super) const SUBSCRIPTIONS: &str = "SELECT id, version, active, consents, imports, body
     FROM subscriptions WHERE business = $1 ORDER BY id";

pub(super) const INSERT_SUBSCRIPTION: &str =
    "INSERT INTO subscriptions (business, id, version, active, consents, imports, body)
     VALUES ($1, $2, CAST($3 AS BIGINT) + 1, $4, $5, $6, $7) ON CONFLICT (business, id) DO NOTHING";

pub(super) const UPDATE_SUBSCRIPTION: &str =
    "UPDATE subscriptions SET version = version + 1, active = $4, consents = $5, imports = $6, body = $7
     WHERE business = $1 AND id = $2 AND version = $3";

pub(super) const DELETE_SUBSCRIPTION: &str =
    "DELETE FROM subscriptions WHERE business = $1 AND id = $2";

pub(super) const WAITING_NOTICES: &str = "SELECT lane FROM relays
     WHERE business = $1 AND parked = $3 AND app = $2 AND lane IN (4, 5) LIMIT 1000";

/// Those that a subscription which gets none left waiting for too long.
pub(super) const OLD_NOTICES: &str = "SELECT person_shard, inbox_seq, app FROM relays
     WHERE business = $1 AND parked = 1 AND lane IN (4, 5) AND due_ms < $2 LIMIT 1000";

pub(super) const NOTICES_AFTER: &str = "SELECT person_shard, seq, lane, received_ms FROM inbox
     WHERE (received_ms, seq) > ($2, $3) AND business = $1 AND lane IN (4, 5) AND body IS NOT NULL
     ORDER BY received_ms, seq LIMIT 1000";

pub(super) const FULL_INBOX: &str = "SELECT person_shard, seq, received_ms FROM inbox
     WHERE received_ms < $1 AND body IS NOT NULL AND (received_ms, seq) > ($2, $3)
     ORDER BY received_ms, seq LIMIT 1000";

pub(super) const EMPTY_INBOX: &str = "UPDATE inbox SET body = NULL, headers = '[]'
     FROM unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE inbox.person_shard = old.shard AND inbox.seq = old.seq AND inbox.body IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM relays r WHERE r.person_shard = inbox.person_shard AND r.inbox_seq = inbox.seq)";

pub(super) const OLD_INBOX: &str = "SELECT person_shard, seq, business, sha256 FROM inbox
     WHERE received_ms < $1 AND body IS NULL ORDER BY received_ms LIMIT 1000";

pub(super) const DELETE_KEYS: &str = "DELETE FROM taken_keys USING unnest($1::bigint[], $2::text[], $3::text[]) AS old (shard, business, key)
     WHERE taken_keys.person_shard = old.shard AND taken_keys.business = old.business AND taken_keys.kind = 2
       AND taken_keys.key = old.key";

pub(super) const DELETE_INBOX: &str =
    "DELETE FROM inbox USING unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE inbox.person_shard = old.shard AND inbox.seq = old.seq";

pub(super) const OLD_STRAYS: &str = "SELECT person_shard, message_id FROM messages
     WHERE decision_seq IS NULL AND status_at_ms < $1 ORDER BY status_at_ms LIMIT 1000";

/// Once more with what makes it a stray: its send may have become known since.
pub(super) const DELETE_STRAYS: &str =
    "DELETE FROM messages USING unnest($1::bigint[], $2::text[]) AS old (shard, message_id)
     WHERE messages.person_shard = old.shard AND messages.message_id = old.message_id
       AND messages.decision_seq IS NULL AND messages.status_at_ms < $3";

pub(super) const REPLIES_DUE: &str = concat!(
    "SELECT person_shard, reply_id, held_by FROM replies
     WHERE state = 0 AND business = ANY ($2::text[])
       AND (held_by IS NULL OR held_until_ms <= ",
    database_ms!(),
    " OR NOT held_by = ANY ($3::bigint[]))
     ORDER BY reply_id LIMIT $1"
);

/// `$3` are tokens known to be dead.
pub(super) const CLAIM_REPLIES: &str = concat!(
    "UPDATE replies SET held_by = $4, held_until_ms = ",
    database_ms!(),
    " + $5::bigint, claim = $6
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     WHERE replies.person_shard = asked.shard AND replies.reply_id = asked.id AND replies.state = 0
       AND (held_by IS NULL OR held_until_ms <= ",
    database_ms!(),
    " OR held_by = ANY ($3::bigint[]))"
);

pub(super) const CLAIMED_REPLIES: &str = "SELECT r.reply_id, r.business, r.recipient, r.number, r.reply, r.confirms, r.message_id, r.at_ms
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN replies r ON r.person_shard = asked.shard AND r.reply_id = asked.id
     WHERE r.claim = $3 ORDER BY r.reply_id";

pub(super) const FIND_REPLIES: &str = "SELECT r.reply_id, r.claim FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN replies r ON r.person_shard = asked.shard AND r.reply_id = asked.id WHERE r.state < 2 AND r.claim IS NOT NULL";

/// Fails the transaction, by dividing by zero, where one of them is in that hand no more.
pub(super) const DECIDE_REPLIES: &str = "WITH decided AS (
       UPDATE replies SET state = 1
       FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS asked (shard, id, claim)
       WHERE replies.person_shard = asked.shard AND replies.reply_id = asked.id AND replies.claim = asked.claim AND replies.state < 2
       RETURNING replies.reply_id)
     SELECT 1 / (CASE WHEN count(*) = $4::bigint THEN 1 ELSE 0 END) FROM decided";

pub(super) const REPLY_NOT_SENT: &str = "UPDATE replies SET state = 0 WHERE person_shard = $1 AND reply_id = $2 AND claim = $3 AND state < 2";

pub(super) const FINISH_REPLY: &str = "UPDATE replies SET state = 2, decision_seq = $3 WHERE person_shard = $1 AND reply_id = $2 AND claim = $4";

// Held messages. What is held about a person has its statements under "Access".

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

// Access.

pub(super) const LINKS_REVOKED: &str = of_people!("t.generation, t.revoked_ms", "person_links", "");

pub(super) const HELD_DECISIONS: &str = of_people!(
    "t.seq",
    "decisions",
    "WHERE t.seq > $3 ORDER BY t.seq LIMIT $4"
);

pub(super) const HELD_SENDS: &str =
    of_people!("t.seq", "sends", "WHERE t.seq > $3 ORDER BY t.seq LIMIT $4");

/// About people who were not known; all of them are in one shard.
pub(super) const HELD_BY_NOBODY: &str = "SELECT seq FROM decisions
     WHERE person_shard = 0 AND person_id IS NULL AND business = $1 AND seq > $2 AND record LIKE ANY ($3::text[])
     ORDER BY seq LIMIT $4";

/// A page of deliveries, and which of them speak of somebody.
pub(super) const HELD_INBOX: &str = "SELECT person_shard, seq,
       business = $1 AND encode(body, 'escape') LIKE ANY ($2::text[])
     FROM inbox WHERE (person_shard, seq) > ($3, $4) ORDER BY person_shard, seq LIMIT 1000";

pub(super) const HELD_BODY: &str =
    "SELECT received_ms, lane, body FROM inbox WHERE person_shard = $1 AND seq = $2";

pub(super) const HELD_REPLIES: &str = "SELECT reply_id, number, reply, at_ms, state, decision_seq FROM replies
     WHERE business = $1 AND recipient = ANY ($2::text[]) AND reply_id > $3 ORDER BY reply_id LIMIT $4";

pub(super) const HELD_TIMELINE: &str = "SELECT seq, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE business = $1 AND seq > $2 AND (subject_id = ANY ($3::text[]) OR body LIKE ANY ($4::text[])) ORDER BY seq LIMIT $5";

// Retention.

pub(super) const OLD_DECISIONS: &str = "SELECT d.person_shard, d.seq FROM decisions d
     WHERE d.business = $1 AND d.seq < $2 AND NOT EXISTS (SELECT 1 FROM unsealed u
       WHERE u.person_shard = d.person_shard AND u.kind = 2 AND u.seq = d.seq) ORDER BY d.seq LIMIT $3";

/// Only what is sealed.
pub(super) const PRUNE_DECISIONS: &str = "DELETE FROM decisions USING unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE decisions.person_shard = old.shard AND decisions.seq = old.seq AND decisions.business = $3
       AND NOT EXISTS (SELECT 1 FROM unsealed u
         WHERE u.person_shard = decisions.person_shard AND u.kind = 2 AND u.seq = decisions.seq)
     RETURNING decisions.person_shard, decisions.seq";

pub(super) const SENT_AS_MANY: &str = "SELECT s.seq, s.message_id, s.more_ids, s.others
     FROM unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     JOIN sends s ON s.person_shard = old.shard AND s.seq = old.seq";

pub(super) const PRUNE_MESSAGES: &str =
    "DELETE FROM messages USING unnest($1::bigint[], $2::text[]) AS old (shard, message_id)
     WHERE messages.person_shard = old.shard AND messages.message_id = old.message_id";

pub(super) const PRUNE_SENDS: &str =
    "DELETE FROM sends USING unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE sends.person_shard = old.shard AND sends.seq = old.seq";

pub(super) const PRUNE_LEAVES: &str = "UPDATE log_leaves SET salts = $3 FROM unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE log_leaves.person_shard = old.shard AND log_leaves.kind = $4 AND log_leaves.seq = old.seq";

pub(super) const OLD_REPLIES: &str = "SELECT person_shard, reply_id FROM replies
     WHERE business = $1 AND state = 2 AND at_ms < $2 ORDER BY at_ms LIMIT $3";

pub(super) const PRUNE_REPLIES: &str =
    "DELETE FROM replies USING unnest($1::bigint[], $2::bigint[]) AS old (shard, id)
     WHERE replies.person_shard = old.shard AND replies.reply_id = old.id AND replies.state = 2";

/// Only what is sealed. And not how ways out and alerts stand: the newest entry of each says so, however old it is.
pub(super) const OLD_TIMELINE: &str = "SELECT person_shard, seq, at_ms FROM timeline
     WHERE business = $1 AND sealed = 1 AND subject NOT IN ('avenue', 'alert') ORDER BY seq LIMIT $2";

pub(super) const PRUNE_TIMELINE: &str =
    "DELETE FROM timeline USING unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE timeline.person_shard = old.shard AND timeline.seq = old.seq AND timeline.business = $3 AND timeline.sealed = 1
     RETURNING timeline.person_shard, timeline.seq";

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

/// By an index of its own form: over the plain number, the planner would take the same index for one brand, and
/// read through everybody's decisions to find a small brand's.
pub(super) const DECISIONS: &str =
    whole_decision!("WHERE d.seq + 0 < $1 ORDER BY d.seq + 0 DESC LIMIT $2");

pub(super) const DECISIONS_OF: &str =
    whole_decision!("WHERE d.business = $1 AND d.seq < $2 ORDER BY d.seq DESC LIMIT $3");

pub(super) const HELD_RECORDS: &str =
    whole_decision!("WHERE d.business = $1 AND d.seq = ANY ($2::bigint[]) ORDER BY d.seq");

pub(super) const STATUSES: &str = "SELECT m.message_id, m.status FROM unnest($1::bigint[], $2::text[]) AS asked (shard, message_id)
     JOIN messages m ON m.person_shard = asked.shard AND m.message_id = asked.message_id WHERE m.status IS NOT NULL";

// How people took what was sent.

pub(super) const RECEPTION_COUNT: &str =
    "SELECT count(*) FROM decisions WHERE business = $1 AND seq >= $2 AND seq < $3";

pub(super) const RECEPTION_STOPS: &str =
    "SELECT person_id, kind, in_thread, at_ms FROM consent_events
     WHERE business = $1 AND kind IN ('refused', 'withdrawn', 'native_stopped')
       AND arrival_ms > $2 AND arrival_ms <= $3 AND (person_shard & $4) = 0
     ORDER BY arrival_ms DESC, event_seq DESC LIMIT $5";

/// The decision that ends a page after `$2`, so many further on; none on the last page.
pub(super) const RECEPTION_PAGE: &str =
    "SELECT seq FROM decisions WHERE business = $1 AND seq > $2 ORDER BY seq OFFSET $3 LIMIT 1";

/// What went on, of one page. Without a limit of its own, for which the planner might sort all that is left.
pub(super) const RECEPTION_SENDS: &str =
    "SELECT d.seq, d.at_ms, d.person_id, d.record, s.outcome, s.code, s.message_id
     FROM decisions d LEFT JOIN sends s ON s.person_shard = d.person_shard AND s.seq = d.seq AND s.person_id = d.person_id
     WHERE d.business = $1 AND d.seq > $2 AND d.seq < $3 AND d.verdict > 0 AND (d.person_shard & $4) = 0
     ORDER BY d.seq";

pub(super) const RECEPTION_STATUSES: &str =
    "SELECT m.message_id, m.status, m.status_code FROM unnest($1::bigint[], $2::text[]) AS asked (shard, message_id)
     JOIN messages m ON m.person_shard = asked.shard AND m.message_id = asked.message_id WHERE m.status IS NOT NULL";

// Reading: pages.

pub(super) const NUMBERS: &str =
    "SELECT number, status, rating, nullif(at_ms, 0) FROM numbers WHERE business = $1";

pub(super) const INBOUND: &str =
    "SELECT number, max(last_inbound_ms) FROM number_inbound WHERE business = $1 GROUP BY number";

pub(super) const TEMPLATES: &str =
    "SELECT waba_id, name, language, template_id, category, status, is_ask, at_ms, quality
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
     FROM relays WHERE business = $1 AND lane NOT IN (4, 5)";

// Verification: everything, a page at a time.

pub(super) const PEOPLE_AFTER: &str = "SELECT person_shard, person_id FROM people
     WHERE (person_shard, person_id) > ($1, $2) ORDER BY person_shard, person_id LIMIT $3";

pub(super) const VERSIONS_OF: &str = "SELECT t.person_id, count(*), min(t.version), max(t.version)
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN consent_events t ON t.person_shard = asked.shard AND t.person_id = asked.id GROUP BY t.person_id";

pub(super) const LINK_HOLDERS: &str =
    "SELECT t.person_id, i.value, i.linked_at_ms, i.gone_at_ms, coalesce(l.generation, 0)
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN people t ON t.person_shard = asked.shard AND t.person_id = asked.id AND t.business = $3
     JOIN identifiers i ON i.person_shard = t.person_shard AND i.person_id = t.person_id
     LEFT JOIN person_links l ON l.person_shard = t.person_shard AND l.person_id = t.person_id";

pub(super) const REVOKE_LINKS: &str = "INSERT INTO person_links (person_shard, person_id, generation, revoked_ms)
     SELECT asked.shard, asked.id, 1, $3 FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     ON CONFLICT (person_shard, person_id)
     DO UPDATE SET generation = person_links.generation + 1, revoked_ms = $3";

// Erasure.

pub(super) const DECISIONS_ABOUT: &str =
    "SELECT d.person_shard, d.seq, d.record FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN decisions d ON d.person_shard = asked.shard AND d.person_id = asked.id";

/// About people who were not known; all of them are in one shard.
pub(super) const DECISIONS_ABOUT_NOBODY: &str = "SELECT person_shard, seq, record FROM decisions
     WHERE person_shard = 0 AND person_id IS NULL AND business = $1";

pub(super) const DECISIONS_NUMBERED: &str = "SELECT person_shard, seq, record FROM decisions
     WHERE business = $1 AND seq = ANY ($2::bigint[])";

pub(super) const SENDS_TO: &str =
    "SELECT s.seq FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN sends s ON s.person_shard = asked.shard AND s.person_id = asked.id";

pub(super) const SET_RECORD: &str =
    "UPDATE decisions SET record = $3 WHERE person_shard = $1 AND seq = $2";

pub(super) const SENT_AS: &str =
    "SELECT message_id, more_ids FROM sends WHERE person_shard = $1 AND seq = $2";

pub(super) const ERASE_SENDS: &str =
    "UPDATE sends SET message_id = NULL, more_ids = NULL, body_hash = '\\x00000000000000000000000000000000', mark = NULL
     WHERE person_shard = $1 AND seq = $2";

pub(super) const COUNT_ERASURE: &str =
    "UPDATE logs SET erasures = erasures + 1 WHERE person_shard = $1 AND business = $2";

pub(super) const UNFINISHED_ERASURES: &str = whole_event!(
    "WHERE business = $1 AND kind = 'erased' AND identifiers NOT LIKE '%ZZ.erased%' AND arrival_ms < $2 ORDER BY event_seq LIMIT 100"
);

/// By shard: the order of texts is the database's own, so the pattern has the last word.
pub(super) const KEPT_BY_KEY: &str = "SELECT 1 FROM unnest($1::bigint[]) AS asked (shard)
     JOIN names n ON n.person_shard = asked.shard
     WHERE n.business = $2 AND n.kind = 2 AND n.value >= $3 AND n.value < $4 AND n.value LIKE $5 LIMIT 1";

pub(super) const DELETE_MESSAGE: &str =
    "DELETE FROM messages WHERE person_shard = $1 AND message_id = $2";

pub(super) const ERASE_EVENT: &str =
    "UPDATE consent_events SET identifiers = $4, evidence = $5, actor = $6, dedup = NULL
     WHERE person_shard = $1 AND person_id = $2 AND event_seq = $3";

pub(super) const DELETE_EVENT_KEY: &str =
    "DELETE FROM taken_keys WHERE person_shard = $1 AND business = $2 AND kind = 1 AND key = $3";

pub(super) const DELETE_NAME: &str =
    "DELETE FROM names WHERE person_shard = $1 AND business = $2 AND kind = $3 AND value = $4";

pub(super) const KEEP_NAME: &str =
    "INSERT INTO names (person_shard, business, kind, value, owner_shard, owner_id)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (person_shard, business, kind, value) DO NOTHING";

pub(super) const DELETE_IDENTIFIER: &str = "DELETE FROM identifiers WHERE person_shard = $1 AND person_id = $2 AND kind = $3 AND value = $4";

pub(super) const KEEP_IDENTIFIER: &str = "INSERT INTO identifiers
     (person_shard, person_id, kind, value, known_ms, linked_at_ms, left_at_ms, gone_at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (person_shard, person_id, kind, value) DO UPDATE SET left_at_ms = excluded.left_at_ms";

pub(super) const ERASE_LEFT: &str = "UPDATE links SET left_kind = $4, left_value = $5
     WHERE person_shard = $1 AND person_id = $2 AND kind IN (2, 3) AND left_value = $3";

pub(super) const DELETE_WINDOWS: &str =
    "DELETE FROM windows WHERE person_shard = $1 AND person_id = $2";

pub(super) const DELETE_REPLIES_TO: &str =
    "DELETE FROM replies WHERE business = $1 AND recipient = ANY ($2::text[])";

pub(super) const TIMELINE_WITH: &str =
    "SELECT seq, subject, subject_id, origin, event, at_ms, body, person_shard FROM timeline
     WHERE business = $1 AND (subject_id = ANY ($2::text[]) OR body LIKE ANY ($3::text[]))";

pub(super) const ERASE_ENTRY: &str =
    "UPDATE timeline SET subject_id = $3, body = $4 WHERE person_shard = $1 AND seq = $2";

/// A page of deliveries in the order in which they came, with the bodies of those that speak of somebody.
pub(super) const INBOX_WITH: &str = "SELECT person_shard, seq, received_ms,
       CASE WHEN business = $1 AND encode(body, 'escape') LIKE ANY ($2::text[]) THEN body END
     FROM inbox WHERE (received_ms, seq) > ($3, $4) AND body IS NOT NULL ORDER BY received_ms, seq LIMIT 1000";

/// What subscribers were still to be told of somebody goes too.
pub(super) const DELETE_PARKED: &str = "DELETE FROM relays
     WHERE person_shard = $1 AND inbox_seq = $2 AND (parked = 1 OR lane IN (4, 5))";

pub(super) const ERASE_DELIVERY_LATER: &str =
    "UPDATE inbox SET received_ms = 0 WHERE person_shard = $1 AND seq = $2";

pub(super) const RECORDS_AFTER: &str =
    "SELECT seq, person_shard, person_id, at_ms, verdict, record FROM decisions
     WHERE (person_shard, seq) > ($1, $2) ORDER BY person_shard, seq LIMIT $3";

/// Of the shards from `$1` on, below `$2`.
pub(super) const LOST_EVENTS: &str = "SELECT count(*) FROM consent_events e
     WHERE e.person_shard >= $1 AND e.person_shard < $2 AND NOT EXISTS
     (SELECT 1 FROM identifiers i WHERE i.person_shard = e.person_shard AND i.person_id = e.person_id)";

/// Of the shards from `$1` on, below `$2`.
pub(super) const LOST_SENDS: &str = "SELECT count(*) FROM sends s
     JOIN people p ON p.person_shard = s.person_shard AND p.person_id = s.person_id
     WHERE s.person_shard >= $1 AND s.person_shard < $2 AND s.others IS NULL AND s.seq > p.last_seq";

/// Of the shards from `$1` on, below `$2`.
pub(super) const LOST_RELAYS: &str = "SELECT count(*) FROM relays r
     WHERE r.person_shard >= $1 AND r.person_shard < $2 AND NOT EXISTS
     (SELECT 1 FROM inbox i WHERE i.person_shard = r.person_shard AND i.seq = r.inbox_seq AND i.body IS NOT NULL)";

/// Of the shards from `$1` on, below `$2`.
pub(super) const WRONG_SHARDS: &str = "SELECT CAST(sum(wrong.rows) AS BIGINT) FROM (
       SELECT count(*) AS rows FROM people WHERE person_shard >= $1 AND person_shard < $2 AND person_shard <> (person_id >> 51)
       UNION ALL SELECT count(*) FROM identifiers WHERE person_shard >= $1 AND person_shard < $2 AND person_shard <> (person_id >> 51)
       UNION ALL SELECT count(*) FROM consent_events WHERE person_shard >= $1 AND person_shard < $2 AND person_shard <> (person_id >> 51)
       UNION ALL SELECT count(*) FROM heads WHERE person_shard >= $1 AND person_shard < $2 AND person_shard <> (person_id >> 51)
       UNION ALL SELECT count(*) FROM windows WHERE person_shard >= $1 AND person_shard < $2 AND person_shard <> (person_id >> 51)
       UNION ALL SELECT count(*) FROM sends WHERE person_shard >= $1 AND person_shard < $2 AND person_shard <> (person_id >> 51)) wrong";

/// A name lies elsewhere than its person, so they are compared a page at a time and not joined.
pub(super) const NAMES_AFTER: &str = "SELECT person_shard, business, kind, value, owner_shard, owner_id FROM names
     WHERE (person_shard, business, kind, value) > ($1, $2, $3, $4) ORDER BY person_shard, business, kind, value LIMIT $5";

pub(super) const IDENTIFIERS_AMONG: &str = "SELECT count(*)
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS asked (shard, id, kind, value)
     JOIN identifiers i ON i.person_shard = asked.shard AND i.person_id = asked.id AND i.kind = asked.kind
       AND i.value = asked.value";

/// Keys of events.
pub(super) const KEYS_AFTER: &str = "SELECT person_shard, business, key, taken_by FROM taken_keys
     WHERE (person_shard, business, kind, key) > ($1, $2, 1, $3) AND kind = 1
     ORDER BY person_shard, business, kind, key LIMIT $4";

pub(super) const EVENTS_AMONG: &str = "SELECT count(*)
     FROM unnest($1::text[], $2::bigint[], $3::text[]) AS asked (business, taken_by, key)
     JOIN consent_events e ON e.business = asked.business AND e.event_seq = asked.taken_by AND e.dedup = asked.key";

// The provable log.

mod log;

pub(super) use log::{
    DECISIONS_IN, ENTRIES_IN, EVENTS_IN, GROW_LOG, INSERT_LEAVES, INSERT_LOG, INSERT_LOG_HEAD,
    INSERT_NODES, LAST_ENTRY, LEASE_LOG, LOG_ERASURES, LOG_HEAD, LOG_HEAD_AT, LOG_HEADS,
    LOG_LEAVES, LOG_NODES, LOG_PLACE, LOGGED, MARK_DECISIONS, MARK_EVENTS, MARK_SPILLED, PUT_SALTS,
    TAKE_ENTRIES, TAKE_UNSEALED, UNLOGGED_DECISIONS, UNLOGGED_ENTRIES, UNLOGGED_EVENTS, UNSEALED,
    UNSEALED_ENTRIES,
};

// Everybody of a business, for whoever decides about whole lists.

mod crowd;

pub(super) use crowd::{CROWD, CROWD_LINKED, CROWD_MARKED, CROWD_WROTE, PEOPLE_IN};

// Held messages.

mod later;

pub(super) use later::{
    CANCEL_LATER, CLAIM_LATER, CLAIMED_LATER, ERASE_LATER, FIND_LATER, GIVEN_IDS, HELD_LATER,
    IN_THE_AIR, INSERT_LATER, LATER_DUE, LATER_LET_GO, LATER_MESSAGE, LATER_MESSAGES,
    LATER_WAITING, OUTCOME_OF, PRUNE_LATER, REDECIDE_LATER, STEP_LATER,
};
