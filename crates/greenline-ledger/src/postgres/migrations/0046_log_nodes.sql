-- Full nodes of the tree on every eighth level above the leaves.
CREATE TABLE IF NOT EXISTS log_nodes (
    person_shard BIGINT NOT NULL, -- of the business's id
    business     TEXT   NOT NULL,
    level        BIGINT NOT NULL,
    place        BIGINT NOT NULL,
    hash         BYTEA  NOT NULL,
    PRIMARY KEY (person_shard, business, level, place)
);
