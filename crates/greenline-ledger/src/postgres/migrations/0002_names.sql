-- From a canonical identifier to its person. Never changed once written. Kept in the identifier's own shard.
CREATE TABLE IF NOT EXISTS names (
    person_shard BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    kind         BIGINT NOT NULL, -- 1 phone, 2 user id
    value        TEXT   NOT NULL,
    owner_shard  BIGINT NOT NULL,
    owner_id     BIGINT NOT NULL,
    PRIMARY KEY (person_shard, business, kind, value)
);
