//! Statements about everybody of a business, some shards at a time: from `$1` on, below `$2`.

/// How many people there are.
pub(in crate::postgres) const PEOPLE_IN: &str =
    "SELECT count(*) FROM people WHERE person_shard >= $1 AND person_shard < $2 AND business = $3";

/// People with each of their identifiers, and how they stand. The shards are named for each table, so that no table is
/// looked through for the sake of another; where nothing is paced, `$4`, what went to them is left out.
pub(in crate::postgres) const CROWD: &str =
    "SELECT t.person_id, i.value, i.linked_at_ms IS NULL AND i.left_at_ms IS NULL AND i.gone_at_ms IS NULL,
       t.limited_ms IS NULL, CASE WHEN $4 THEN t.pairs END, m.body, l.body
     FROM people t
     JOIN identifiers i ON i.person_shard = t.person_shard AND i.person_id = t.person_id
       AND i.person_shard >= $1 AND i.person_shard < $2
     LEFT JOIN heads m ON m.person_shard = t.person_shard AND m.person_id = t.person_id AND m.spelling = 0
       AND m.person_shard >= $1 AND m.person_shard < $2
     LEFT JOIN heads l ON l.person_shard = t.person_shard AND l.person_id = t.person_id AND l.spelling = 1
       AND l.person_shard >= $1 AND l.person_shard < $2
     WHERE t.person_shard >= $1 AND t.person_shard < $2 AND t.business = $3
     ORDER BY t.person_shard, t.person_id";

/// Who is linked to others, or moved.
pub(in crate::postgres) const CROWD_LINKED: &str =
    "SELECT person_id FROM links WHERE person_shard >= $1 AND person_shard < $2";

/// Who wrote after `$3`.
pub(in crate::postgres) const CROWD_WROTE: &str = "SELECT person_id FROM windows
     WHERE person_shard >= $1 AND person_shard < $2 AND wrote_at_ms > $3";

/// To whom something went after `$3` that counts.
pub(in crate::postgres) const CROWD_MARKED: &str = "SELECT DISTINCT person_id FROM sends
     WHERE person_shard >= $1 AND person_shard < $2 AND mark IS NOT NULL AND at_ms > $3";
