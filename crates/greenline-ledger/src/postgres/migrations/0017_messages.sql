-- A message's decision and its latest status, whichever of the two came first. Kept in the message id's own shard.
CREATE TABLE IF NOT EXISTS messages (
    person_shard   BIGINT NOT NULL,
    message_id     TEXT   NOT NULL,
    decision_shard BIGINT,
    decision_seq   BIGINT,
    status         TEXT,
    status_rank    BIGINT,
    status_at_ms   BIGINT,
    status_code    BIGINT,
    PRIMARY KEY (person_shard, message_id)
);
