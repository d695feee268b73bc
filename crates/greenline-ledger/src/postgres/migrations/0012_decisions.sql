-- Appended, never changed. `seq` is milliseconds since 1970 << 20, a count and the node below.
CREATE TABLE IF NOT EXISTS decisions (
    person_shard BIGINT NOT NULL, -- of the first addressee
    seq          BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    person_id    BIGINT,
    at_ms        BIGINT NOT NULL,
    verdict      BIGINT NOT NULL, -- 0 refused, 1 allowed, 2 would have been refused but went on
    record       TEXT   NOT NULL,
    PRIMARY KEY (person_shard, seq)
);
