-- Portfolios: what the platform said of each one's limit, and how far the log of whom it reached has come.
CREATE TABLE IF NOT EXISTS portfolios (
    person_shard BIGINT NOT NULL, -- of the portfolio's name
    portfolio    TEXT   NOT NULL, -- its id; `business/` and the business's where it has none
    version      BIGINT NOT NULL, -- the newest row of its log
    sends        BIGINT NOT NULL, -- how many of its rows let messages go
    people       BIGINT,          -- the limit; below zero: none; null: not known
    origin       TEXT,
    at_ms        BIGINT,
    PRIMARY KEY (person_shard, portfolio)
);
