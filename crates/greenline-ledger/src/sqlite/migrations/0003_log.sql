-- The provable log of each business. Leaves stand together, a seal in one row; an entry is the record's kind, its
-- number, the leaf's hash and what opens it.
CREATE TABLE IF NOT EXISTS log_blocks (
    business_id   INTEGER NOT NULL,
    first_index   INTEGER NOT NULL, -- the place of its first leaf
    events        INTEGER NOT NULL, -- how many of its leaves are of events
    decisions     INTEGER NOT NULL, -- and of decisions
    event_mark    INTEGER NOT NULL, -- every event up to this number is in this block or an earlier one
    decision_mark INTEGER NOT NULL, -- and every decision, but for those that came late
    entries       BLOB    NOT NULL,
    UNIQUE (business_id, first_index)
);
CREATE INDEX IF NOT EXISTS log_blocks_by_event ON log_blocks (business_id, event_mark, first_index);
CREATE INDEX IF NOT EXISTS log_blocks_by_decision ON log_blocks (business_id, decision_mark, first_index);

-- Decisions that were recorded after later ones: those made while the store was down.
CREATE TABLE IF NOT EXISTS log_late (
    business_id INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    log_index   INTEGER,          -- null until it is sealed
    PRIMARY KEY (business_id, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS log_late_unsealed ON log_late (business_id, seq) WHERE log_index IS NULL;

-- Full nodes of the tree on every eighth level above the leaves.
CREATE TABLE IF NOT EXISTS log_nodes (
    business_id INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    PRIMARY KEY (business_id, level, place)
) WITHOUT ROWID;

-- Signed heads.
CREATE TABLE IF NOT EXISTS log_heads (
    business_id INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    root        BLOB    NOT NULL,
    at_ms       INTEGER NOT NULL,
    public_key  BLOB    NOT NULL,
    key_id      BLOB    NOT NULL,
    signature   BLOB    NOT NULL,
    PRIMARY KEY (business_id, size)
) WITHOUT ROWID;
