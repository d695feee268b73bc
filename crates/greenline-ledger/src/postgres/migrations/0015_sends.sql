-- What became of the decisions that went on: a row for each addressee, with the addressee.
CREATE TABLE IF NOT EXISTS sends (
    person_shard BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    person_id    BIGINT NOT NULL,
    others       TEXT,            -- with the first addressee: a JSON list of the others
    node_token   BIGINT NOT NULL, -- the node that sends, while it lives
    at_ms        BIGINT NOT NULL,
    written_ms   BIGINT NOT NULL, -- by the database's clock
    body_hash    BYTEA  NOT NULL,
    outcome      TEXT,
    code         BIGINT,
    message_id   TEXT,
    more_ids     TEXT,            -- a JSON list, when the platform gave several
    PRIMARY KEY (person_shard, seq, person_id)
);
