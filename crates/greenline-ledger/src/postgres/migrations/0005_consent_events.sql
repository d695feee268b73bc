-- Appended, never changed.
CREATE TABLE IF NOT EXISTS consent_events (
    person_shard BIGINT  NOT NULL,
    person_id    BIGINT  NOT NULL,
    version      BIGINT  NOT NULL,
    event_seq    BIGINT  NOT NULL,
    business     TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    at_ms        BIGINT  NOT NULL,
    stated_ms    BIGINT  NOT NULL,
    arrival_ms   BIGINT  NOT NULL,
    strength     TEXT    NOT NULL,
    in_thread    BOOLEAN NOT NULL,
    identifiers  TEXT    NOT NULL, -- as given, the one it is recorded under first
    evidence     TEXT    NOT NULL,
    actor        TEXT    NOT NULL,
    dedup        TEXT,
    PRIMARY KEY (person_shard, person_id, version)
);
