CREATE TABLE IF NOT EXISTS timeline (
    person_shard BIGINT NOT NULL, -- of the subject
    seq          BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    subject_id   TEXT   NOT NULL,
    origin       TEXT   NOT NULL,
    event        TEXT   NOT NULL,
    at_ms        BIGINT NOT NULL,
    body         TEXT   NOT NULL,
    PRIMARY KEY (person_shard, seq)
);
