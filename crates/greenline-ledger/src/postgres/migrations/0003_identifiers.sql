-- A person's identifiers, with the person.
CREATE TABLE IF NOT EXISTS identifiers (
    person_shard BIGINT NOT NULL,
    person_id    BIGINT NOT NULL,
    kind         BIGINT NOT NULL,
    value        TEXT   NOT NULL,
    known_ms     BIGINT NOT NULL, -- when the ledger first heard of it
    linked_at_ms BIGINT,          -- null: the identifier the person was first known by
    left_at_ms   BIGINT,          -- yeses up to then need the person's new act
    gone_at_ms   BIGINT,          -- the person left it then; what is granted there later is not theirs
    PRIMARY KEY (person_shard, person_id, kind, value)
);
