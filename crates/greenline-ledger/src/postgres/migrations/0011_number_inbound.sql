-- When anybody of a shard last wrote to a number: beside the people, so that no one row is everybody's.
CREATE TABLE IF NOT EXISTS number_inbound (
    person_shard    BIGINT NOT NULL,
    business        TEXT   NOT NULL,
    number          TEXT   NOT NULL,
    last_inbound_ms BIGINT NOT NULL,
    PRIMARY KEY (person_shard, business, number)
);
