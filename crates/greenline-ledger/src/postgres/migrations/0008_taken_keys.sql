-- What may happen once per business: an event of a key, a delivery of these bytes, a reply of a kind to a message.
CREATE TABLE IF NOT EXISTS taken_keys (
    person_shard BIGINT NOT NULL, -- of the key
    business     TEXT   NOT NULL,
    kind         BIGINT NOT NULL, -- 1 event, 2 delivery, 3 reply
    key          TEXT   NOT NULL,
    taken_by     BIGINT NOT NULL,
    PRIMARY KEY (person_shard, business, kind, key)
);
