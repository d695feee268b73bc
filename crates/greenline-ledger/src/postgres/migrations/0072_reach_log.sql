-- Who counts as reached, as it came about: entries of 25 bytes, the kind and three numbers of eight bytes, low byte
-- first. Rows go once nothing in them counts any more.
CREATE TABLE IF NOT EXISTS reach_log (
    person_shard BIGINT NOT NULL, -- of the portfolio's name
    portfolio    TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    until_ms     BIGINT NOT NULL, -- of no use after that
    entries      BYTEA  NOT NULL,
    PRIMARY KEY (person_shard, portfolio, version)
);
