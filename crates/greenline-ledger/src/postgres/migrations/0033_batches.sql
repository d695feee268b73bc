-- Which batches were committed, for a node that lost its connection before it was told.
CREATE TABLE IF NOT EXISTS batches (
    person_shard BIGINT NOT NULL,
    batch_id     BIGINT NOT NULL,
    written_ms   BIGINT NOT NULL,
    PRIMARY KEY (person_shard, batch_id)
);
