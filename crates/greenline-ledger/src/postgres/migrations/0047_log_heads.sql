-- Signed heads.
CREATE TABLE IF NOT EXISTS log_heads (
    person_shard BIGINT NOT NULL, -- of the business's id
    business     TEXT   NOT NULL,
    size         BIGINT NOT NULL,
    root         BYTEA  NOT NULL,
    at_ms        BIGINT NOT NULL,
    public_key   BYTEA  NOT NULL,
    key_id       BYTEA  NOT NULL,
    signature    BYTEA  NOT NULL,
    PRIMARY KEY (person_shard, business, size)
);
