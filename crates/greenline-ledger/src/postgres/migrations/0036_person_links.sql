-- Which generation of a person's preference links counts; no row: the first, 0. Raised by each revocation.
CREATE TABLE IF NOT EXISTS person_links (
    person_shard BIGINT NOT NULL,
    person_id    BIGINT NOT NULL,
    generation   BIGINT NOT NULL,
    revoked_ms   BIGINT NOT NULL,
    PRIMARY KEY (person_shard, person_id)
);
