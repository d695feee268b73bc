-- People, each with a version that every change to them moves on: the row that decisions and stops compare and set.
CREATE TABLE IF NOT EXISTS people (
    person_shard BIGINT NOT NULL,
    person_id    BIGINT NOT NULL,
    business     TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    last_seq     BIGINT NOT NULL, -- their newest decision
    PRIMARY KEY (person_shard, person_id)
);
