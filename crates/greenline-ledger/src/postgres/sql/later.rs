//! Statements of held messages.

/// The columns of a held message; completed by the constants below.
macro_rules! held_message {
    ($before:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $before,
            "h.person_shard, h.held_seq, h.recipient, h.app, h.number, h.template, h.language, h.given_id, h.held_ms,
             h.last_ms, h.due_ms, h.stage, h.decision_shard, h.decision_seq, h.message_id, h.code, h.ending, h.over_ms ",
            $rest
        )
    };
}

pub(in crate::postgres) const INSERT_LATER: &str = "INSERT INTO held_messages (person_shard, held_seq, business, person_id, recipient,
       app, number, template, language, given_id, held_ms, last_ms, due_ms, stage, decision_shard, decision_seq, target,
       content_type, body)
     SELECT shard, seq, business, person_id, recipient, app, number, template, language, given_id, held_ms, last_ms,
       due_ms, 0, shard, seq, target, content_type, body
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
       $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::bytea[])
       AS new (shard, seq, business, person_id, recipient, app, number, template, language, given_id, held_ms, last_ms,
       due_ms, target, content_type, body)";

pub(in crate::postgres) const FIND_LATER: &str =
    "SELECT h.held_seq, h.claim FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, seq)
     JOIN held_messages h ON h.person_shard = asked.shard AND h.held_seq = asked.seq
     WHERE h.stage < 2 AND h.claim IS NOT NULL";

/// Fails the transaction, by dividing by zero, where one of them is in that hand no more.
pub(in crate::postgres) const REDECIDE_LATER: &str = "WITH decided AS (
       UPDATE held_messages SET stage = asked.stage, due_ms = asked.due_ms, decision_shard = asked.decision_shard,
         decision_seq = asked.decision_seq, ending = asked.ending, over_ms = asked.over_ms,
         claim = CASE WHEN asked.stage = 1 THEN held_messages.claim END,
         held_by = CASE WHEN asked.stage = 1 THEN held_messages.held_by END,
         body = CASE WHEN asked.stage < 2 THEN held_messages.body END
       FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
         $8::text[], $9::bigint[])
         AS asked (shard, seq, claim, stage, due_ms, decision_shard, decision_seq, ending, over_ms)
       WHERE held_messages.person_shard = asked.shard AND held_messages.held_seq = asked.seq
         AND held_messages.claim = asked.claim AND held_messages.stage < 2
       RETURNING held_messages.held_seq)
     SELECT 1 / (CASE WHEN count(*) = $10::bigint THEN 1 ELSE 0 END) FROM decided";

/// To one addressee from one number only the earliest, until it is over. `$4` are nodes that live.
pub(in crate::postgres) const LATER_DUE: &str = concat!(
    "SELECT h.person_shard, h.held_seq, h.held_by FROM held_messages h
     WHERE h.due_ms <= $1 AND h.business = ANY ($3::text[])
       AND (h.held_by IS NULL OR h.held_until_ms <= ",
    database_ms!(),
    " OR NOT h.held_by = ANY ($4::bigint[]))
       AND (h.stage = 2 OR NOT EXISTS (SELECT 1 FROM held_messages e
         WHERE e.person_shard = h.person_shard AND e.recipient = h.recipient AND e.number = h.number
           AND e.held_seq < h.held_seq AND e.business = h.business AND e.stage < 2))
     ORDER BY h.due_ms, h.held_seq LIMIT $2"
);

/// `$3` are tokens known to be dead.
pub(in crate::postgres) const CLAIM_LATER: &str = concat!(
    "UPDATE held_messages SET held_by = $4, held_until_ms = ",
    database_ms!(),
    " + $5::bigint, claim = $6
     FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, seq)
     WHERE held_messages.person_shard = asked.shard AND held_messages.held_seq = asked.seq
       AND held_messages.due_ms IS NOT NULL
       AND (held_by IS NULL OR held_until_ms <= ",
    database_ms!(),
    " OR held_by = ANY ($3::bigint[]))"
);

pub(in crate::postgres) const CLAIMED_LATER: &str = held_message!(
    "h.business, h.target, h.content_type, h.body, ",
    "FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, seq)
     JOIN held_messages h ON h.person_shard = asked.shard AND h.held_seq = asked.seq
     WHERE h.claim = $3 AND h.due_ms IS NOT NULL ORDER BY h.due_ms, h.held_seq"
);

/// Those whose node died with them in the air, or lost its hold on them. `$2` are nodes that live.
pub(in crate::postgres) const LATER_LET_GO: &str = concat!(
    "SELECT person_shard, held_seq, claim, decision_shard, decision_seq FROM held_messages
     WHERE business = ANY ($1::text[]) AND stage = 1
       AND (held_until_ms <= ",
    database_ms!(),
    " OR NOT held_by = ANY ($2::bigint[])) LIMIT $3"
);

pub(in crate::postgres) const OUTCOME_OF: &str =
    "SELECT outcome, code, message_id FROM sends WHERE person_shard = $1 AND seq = $2";

pub(in crate::postgres) const STEP_LATER: &str = "UPDATE held_messages
     SET stage = $4, due_ms = $5, claim = NULL, held_by = NULL, message_id = coalesce($6, message_id),
       code = coalesce($7, code), ending = coalesce(ending, $8), over_ms = coalesce(over_ms, $9),
       body = CASE WHEN $4::bigint < 2 THEN body END
     WHERE person_shard = $1 AND held_seq = $2 AND claim = $3 AND stage < 3";

pub(in crate::postgres) const CANCEL_LATER: &str = "UPDATE held_messages
     SET stage = 2, due_ms = $4, claim = NULL, held_by = NULL, ending = 'cancelled', over_ms = $4, body = NULL
     WHERE person_shard = $1 AND held_seq = $2 AND business = $3 AND stage = 0";

pub(in crate::postgres) const LATER_MESSAGE: &str = held_message!(
    "",
    "FROM held_messages h WHERE h.person_shard = $1 AND h.held_seq = $2 AND h.business = $3"
);

pub(in crate::postgres) const LATER_MESSAGES: &str = held_message!(
    "",
    "FROM held_messages h WHERE h.business = $1 AND h.held_seq > $2 AND ($3::text IS NULL OR h.number = $3)
       AND (cardinality($4::text[]) = 0 OR h.recipient = ANY ($4::text[])) ORDER BY h.held_seq LIMIT $5"
);

pub(in crate::postgres) const LATER_WAITING: &str = "SELECT app, count(*) FROM held_messages
     WHERE business = $1 AND stage < 2 GROUP BY app ORDER BY app";

pub(in crate::postgres) const GIVEN_IDS: &str = "SELECT message_id, given_id FROM held_messages
     WHERE business = $1 AND message_id = ANY ($2::text[])";

pub(in crate::postgres) const IN_THE_AIR: &str = "SELECT 1 FROM held_messages
     WHERE business = $1 AND recipient = ANY ($2::text[]) AND stage = 1 LIMIT 1";

pub(in crate::postgres) const ERASE_LATER: &str =
    "DELETE FROM held_messages USING unnest($1::bigint[], $2::bigint[]) AS theirs (shard, id)
     WHERE held_messages.person_shard = theirs.shard AND held_messages.person_id = theirs.id";

pub(in crate::postgres) const PRUNE_LATER: &str = "DELETE FROM held_messages USING unnest($1::bigint[], $2::bigint[]) AS old (shard, seq)
     WHERE held_messages.person_shard = old.shard AND held_messages.decision_seq = old.seq AND held_messages.stage = 3";

pub(in crate::postgres) const HELD_LATER: &str = held_message!(
    "h.held_seq, h.body, ",
    "FROM unnest($1::bigint[], $2::bigint[]) AS asked (shard, id)
     JOIN held_messages h ON h.person_shard = asked.shard AND h.person_id = asked.id
     WHERE h.held_seq > $3 ORDER BY h.held_seq LIMIT $4"
);
