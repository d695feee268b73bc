-- Webhook deliveries, byte for byte. Their shard follows from their number.
CREATE TABLE IF NOT EXISTS inbox (
    person_shard BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    sha256       TEXT   NOT NULL,
    received_ms  BIGINT NOT NULL,
    lane         BIGINT NOT NULL, -- 1 inbound, 2 status, 3 account
    headers      TEXT   NOT NULL,
    body         BYTEA,           -- null once its days are over
    PRIMARY KEY (person_shard, seq)
);
