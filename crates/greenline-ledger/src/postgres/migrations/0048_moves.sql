-- Installations that were moved here from another store, each with how far it has come.
CREATE TABLE IF NOT EXISTS moves (
    source      TEXT   NOT NULL, -- what the other store held, in one hash
    step        BIGINT NOT NULL, -- the table that is being moved
    after       TEXT   NOT NULL, -- the last row moved of it: a JSON list, or empty
    moved       BIGINT NOT NULL, -- rows so far
    started_ms  BIGINT NOT NULL, -- by the database's clock
    finished_ms BIGINT,          -- null: no server may run here yet
    PRIMARY KEY (source)
);
