-- What Greenline itself owes people. Their shard follows from their number.
CREATE TABLE IF NOT EXISTS replies (
    person_shard BIGINT NOT NULL,
    reply_id     BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    recipient    TEXT   NOT NULL,
    number       TEXT   NOT NULL,
    reply        TEXT   NOT NULL,
    confirms     BIGINT,
    message_id   TEXT   NOT NULL,
    at_ms        BIGINT NOT NULL,
    state        BIGINT NOT NULL, -- 0 due, 1 attempted, 2 done
    claim        BIGINT,
    decision_seq BIGINT,
    PRIMARY KEY (person_shard, reply_id)
);
