CREATE TABLE IF NOT EXISTS windows (
    person_shard  BIGINT NOT NULL,
    person_id     BIGINT NOT NULL,
    number        TEXT   NOT NULL,
    wrote_at_ms   BIGINT,
    free_until_ms BIGINT,
    call_at_ms    BIGINT,
    call_until_ms BIGINT,
    PRIMARY KEY (person_shard, person_id, number)
);
