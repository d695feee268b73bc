-- Which generation of a person's preference links counts; no row: the first, 0. Raised by each revocation.
CREATE TABLE IF NOT EXISTS person_links (
    shard      INTEGER NOT NULL,
    person_id  INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL,
    PRIMARY KEY (shard, person_id)
) WITHOUT ROWID;
