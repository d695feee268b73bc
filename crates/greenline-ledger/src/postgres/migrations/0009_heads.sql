-- The fold of consent_events; a projection.
CREATE TABLE IF NOT EXISTS heads (
    person_shard BIGINT NOT NULL,
    person_id    BIGINT NOT NULL,
    spelling     BIGINT NOT NULL, -- 0 mobile, 1 the spelling that may be a landline
    body         TEXT   NOT NULL,
    PRIMARY KEY (person_shard, person_id, spelling)
);
