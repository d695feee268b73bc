-- What began something with people of late, as it came: one row for each commit, of person, mark and decision, eight
-- bytes each, low byte first. Rows go once they are too old for every cap.
CREATE TABLE IF NOT EXISTS mark_log (
    log_id    INTEGER PRIMARY KEY,
    newest_ms INTEGER NOT NULL, -- of the messages in it
    topics    TEXT,             -- scopes that the marks name by their place, with spaces between
    entries   BLOB    NOT NULL
);

-- People of whom the platform said that they get no more marketing for now.
CREATE TABLE IF NOT EXISTS limited (
    shard        INTEGER NOT NULL,
    person_id    INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    times        INTEGER NOT NULL, -- in a row, with nothing delivered in between
    decision_seq INTEGER NOT NULL, -- the latest of them
    PRIMARY KEY (shard, person_id)
) WITHOUT ROWID;
