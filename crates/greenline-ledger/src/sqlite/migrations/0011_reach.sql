-- What the platform said of each portfolio's limit: its newest word.
CREATE TABLE IF NOT EXISTS portfolio_limits (
    portfolio TEXT    PRIMARY KEY, -- its id; `business/` and the business's where it has none
    people    INTEGER NOT NULL,    -- below zero: no limit
    origin    TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL
) WITHOUT ROWID;

-- Who counts as reached, as it came about: one row for each commit and portfolio, of entries of 25 bytes: the kind, and
-- three numbers of eight bytes, low byte first. Rows go once nothing in them counts any more.
CREATE TABLE IF NOT EXISTS reach_log (
    log_id    INTEGER PRIMARY KEY,
    portfolio TEXT    NOT NULL,
    until_ms  INTEGER NOT NULL, -- of no use after that
    entries   BLOB    NOT NULL
);
