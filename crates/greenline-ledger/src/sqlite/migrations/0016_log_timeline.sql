-- Where in the log each timeline entry stands. `log_blocks` counts them with the events. A row stays when retention
-- takes the entry, so that what comes below the newest of them and has none was slipped in.
CREATE TABLE IF NOT EXISTS log_timeline (
    business_id INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    log_index   INTEGER,          -- null while the entry does not read, and so is not sealed
    PRIMARY KEY (business_id, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS log_timeline_unsealed ON log_timeline (business_id, seq) WHERE log_index IS NULL;
