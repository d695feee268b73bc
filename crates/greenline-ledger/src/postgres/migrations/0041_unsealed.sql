-- Records that the log does not hold yet. Written with the record, removed with its leaf.
CREATE TABLE IF NOT EXISTS unsealed (
    person_shard BIGINT NOT NULL, -- of the record
    kind         BIGINT NOT NULL, -- 1 event, 2 decision
    seq          BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    PRIMARY KEY (person_shard, kind, seq)
);
