-- People linked as one, and people who moved on; written with both of them. Rows are never removed.
CREATE TABLE IF NOT EXISTS links (
    person_shard BIGINT NOT NULL,
    person_id    BIGINT NOT NULL,
    kind         BIGINT NOT NULL, -- 1 same, 2 moved on to the other, 3 the other moved on to here
    other_shard  BIGINT NOT NULL,
    other_id     BIGINT NOT NULL,
    at_ms        BIGINT NOT NULL,
    left_kind    BIGINT NOT NULL, -- moved: the identifier left; else 0 and empty
    left_value   TEXT   NOT NULL,
    PRIMARY KEY (person_shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value)
);
