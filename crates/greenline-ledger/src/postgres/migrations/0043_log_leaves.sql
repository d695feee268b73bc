-- Leaves, each beside its record. What opens it is taken away with the record's values when they are erased.
CREATE TABLE IF NOT EXISTS log_leaves (
    person_shard BIGINT NOT NULL, -- of the record
    kind         BIGINT NOT NULL, -- 1 event, 2 decision
    seq          BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    log_index    BIGINT NOT NULL,
    hash         BYTEA  NOT NULL,
    salts        BYTEA  NOT NULL,
    PRIMARY KEY (person_shard, kind, seq)
);
