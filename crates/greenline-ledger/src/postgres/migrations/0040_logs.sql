-- The provable log of each business: its size, and who seals it for a while.
CREATE TABLE IF NOT EXISTS logs (
    person_shard   BIGINT NOT NULL, -- of the business's id
    business       TEXT   NOT NULL,
    size           BIGINT NOT NULL,
    lease_token    BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL, -- by the database's clock
    PRIMARY KEY (person_shard, business)
);
