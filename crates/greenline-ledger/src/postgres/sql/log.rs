//! Statements of the provable log.

pub(in crate::postgres) const MARK_EVENTS: &str = "INSERT INTO unsealed (person_shard, kind, seq, business)
     SELECT shard, 1, seq, business FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS new (shard, seq, business)";

pub(in crate::postgres) const MARK_DECISIONS: &str = "INSERT INTO unsealed (person_shard, kind, seq, business)
     SELECT shard, 2, seq, business FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS new (shard, seq, business)";

/// They may be on record already, and sealed.
pub(in crate::postgres) const MARK_SPILLED: &str = "INSERT INTO unsealed (person_shard, kind, seq, business)
     SELECT d.person_shard, 2, d.seq, new.business
     FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS new (shard, seq, business)
     JOIN decisions d ON d.person_shard = new.shard AND d.seq = new.seq
     WHERE NOT EXISTS (SELECT 1 FROM log_leaves l WHERE l.person_shard = d.person_shard AND l.kind = 2 AND l.seq = d.seq)
     ON CONFLICT (person_shard, kind, seq) DO NOTHING";

pub(in crate::postgres) const UNSEALED: &str =
    "SELECT kind, seq FROM unsealed WHERE business = $1 ORDER BY seq LIMIT $2";

pub(in crate::postgres) const INSERT_LOG: &str =
    "INSERT INTO logs (person_shard, business, size, lease_token, lease_until_ms)
     VALUES ($1, $2, 0, 0, 0) ON CONFLICT (person_shard, business) DO NOTHING";

pub(in crate::postgres) const LEASE_LOG: &str = concat!(
    "UPDATE logs SET lease_token = $3, lease_until_ms = ",
    database_ms!(),
    " + $4 WHERE person_shard = $1 AND business = $2 AND (lease_token = $3 OR lease_until_ms < ",
    database_ms!(),
    ")"
);

pub(in crate::postgres) const GROW_LOG: &str = "UPDATE logs SET size = $4 WHERE person_shard = $1 AND business = $2 AND size = $3 AND erasures = $5";

pub(in crate::postgres) const LOG_ERASURES: &str =
    "SELECT erasures FROM logs WHERE person_shard = $1 AND business = $2";

/// A row each, also of businesses that no configuration names any more.
pub(in crate::postgres) const LOGGED: &str = "SELECT DISTINCT business FROM logs";

pub(in crate::postgres) const TAKE_UNSEALED: &str = "DELETE FROM unsealed
     WHERE business = $1 AND kind = $2 AND seq = ANY ($3::bigint[]) RETURNING person_shard, kind, seq";

pub(in crate::postgres) const INSERT_LEAVES: &str =
    "INSERT INTO log_leaves (person_shard, kind, seq, business, log_index, hash, salts)
     SELECT shard, kind, seq, $4, log_index, hash, salts
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $5::bigint[], $6::bytea[], $7::bytea[])
       AS new (shard, kind, seq, log_index, hash, salts)";

pub(in crate::postgres) const LOG_LEAVES: &str =
    "SELECT log_index, kind, seq, hash, salts FROM log_leaves
     WHERE business = $1 AND log_index >= $2 AND log_index < $3 ORDER BY log_index";

pub(in crate::postgres) const LOG_PLACE: &str =
    "SELECT log_index, kind, seq, hash, salts FROM log_leaves
     WHERE business = $1 AND kind = $2 AND seq = $3";

pub(in crate::postgres) const PUT_SALTS: &str = "UPDATE log_leaves SET salts = $4 WHERE business = $1 AND kind = $2 AND seq = $3 AND salts = $5";

pub(in crate::postgres) const LOG_NODES: &str = "SELECT hash FROM log_nodes
     WHERE person_shard = $1 AND business = $2 AND level = $3 AND place >= $4 AND place < $5 ORDER BY place";

pub(in crate::postgres) const INSERT_NODES: &str =
    "INSERT INTO log_nodes (person_shard, business, level, place, hash)
     SELECT $1, $2, level, place, hash FROM unnest($3::bigint[], $4::bigint[], $5::bytea[]) AS new (level, place, hash)";

/// The columns of a head; completed by the constants below.
macro_rules! log_head {
    ($rest:literal) => {
        concat!(
            "SELECT size, root, at_ms, public_key, key_id, signature FROM log_heads",
            " WHERE person_shard = $1 AND business = $2 ",
            $rest
        )
    };
}

pub(in crate::postgres) const LOG_HEAD: &str = log_head!("ORDER BY size DESC LIMIT 1");

pub(in crate::postgres) const LOG_HEAD_AT: &str = log_head!("AND size = $3");

pub(in crate::postgres) const LOG_HEADS: &str = log_head!("AND size > $3 ORDER BY size LIMIT $4");

pub(in crate::postgres) const INSERT_LOG_HEAD: &str =
    "INSERT INTO log_heads (person_shard, business, size, root, at_ms, public_key, key_id, signature)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(in crate::postgres) const EVENTS_IN: &str =
    whole_event!("WHERE business = $1 AND event_seq = ANY ($2::bigint[])");

pub(in crate::postgres) const DECISIONS_IN: &str =
    "SELECT seq, person_shard, at_ms, record FROM decisions
     WHERE business = $1 AND seq = ANY ($2::bigint[])";

/// Of the shards from `$1` on, below `$2`.
pub(in crate::postgres) const UNLOGGED_EVENTS: &str = "SELECT count(*) FROM consent_events e
     WHERE e.person_shard >= $1 AND e.person_shard < $2 AND e.business = $3
       AND NOT EXISTS (SELECT 1 FROM log_leaves l WHERE l.person_shard = e.person_shard AND l.kind = 1 AND l.seq = e.event_seq)
       AND NOT EXISTS (SELECT 1 FROM unsealed u WHERE u.person_shard = e.person_shard AND u.kind = 1 AND u.seq = e.event_seq)";

/// Of the shards from `$1` on, below `$2`.
pub(in crate::postgres) const UNLOGGED_DECISIONS: &str = "SELECT count(*) FROM decisions d
     WHERE d.person_shard >= $1 AND d.person_shard < $2 AND d.business = $3
       AND NOT EXISTS (SELECT 1 FROM log_leaves l WHERE l.person_shard = d.person_shard AND l.kind = 2 AND l.seq = d.seq)
       AND NOT EXISTS (SELECT 1 FROM unsealed u WHERE u.person_shard = d.person_shard AND u.kind = 2 AND u.seq = d.seq)";

/// None while a node of a release lives, or died just now, that cannot read their leaves.
pub(in crate::postgres) const UNSEALED_ENTRIES: &str = concat!(
    "SELECT seq, subject, subject_id, origin, event, at_ms, body, sealed FROM timeline
     WHERE business = $1 AND coalesce(sealed, 0) = 0 AND seq > $2
       AND NOT EXISTS (SELECT 1 FROM nodes n WHERE coalesce(n.timeline_token, 0) <> n.token AND n.lease_until_ms + 60000 > ",
    database_ms!(),
    ") ORDER BY seq LIMIT $3"
);

pub(in crate::postgres) const LAST_ENTRY: &str =
    "SELECT seq FROM log_leaves WHERE business = $1 AND kind = 3 ORDER BY seq DESC LIMIT 1";

pub(in crate::postgres) const TAKE_ENTRIES: &str = "UPDATE timeline SET sealed = 1
     WHERE business = $1 AND seq = ANY ($2::bigint[]) AND coalesce(sealed, 0) = 0 RETURNING person_shard, seq";

pub(in crate::postgres) const ENTRIES_IN: &str =
    "SELECT seq, subject, subject_id, origin, event, at_ms, body FROM timeline
     WHERE business = $1 AND seq = ANY ($2::bigint[])";

/// Of the shards from `$1` on, below `$2`. What no mark speaks of is still to be sealed if it comes after `$4`.
pub(in crate::postgres) const UNLOGGED_ENTRIES: &str = "SELECT count(*) FROM timeline t
     WHERE t.person_shard >= $1 AND t.person_shard < $2 AND t.business = $3
       AND (t.sealed = 1 OR t.sealed IS NULL AND t.seq <= $4)
       AND NOT EXISTS (SELECT 1 FROM log_leaves l WHERE l.person_shard = t.person_shard AND l.kind = 3 AND l.seq = t.seq)";
