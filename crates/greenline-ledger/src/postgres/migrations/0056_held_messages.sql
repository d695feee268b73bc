-- Messages that are held until they may go, under the number of the decision that held them first. What is over keeps
-- no body; its row says which id of the platform's stands for which id that an app was given.
CREATE TABLE IF NOT EXISTS held_messages (
    person_shard   BIGINT NOT NULL,
    held_seq       BIGINT NOT NULL,
    business       TEXT   NOT NULL,
    person_id      BIGINT NOT NULL,
    recipient      TEXT   NOT NULL,
    app            TEXT   NOT NULL,
    number         TEXT   NOT NULL,
    template       TEXT   NOT NULL,
    language       TEXT   NOT NULL,
    given_id       TEXT   NOT NULL,
    held_ms        BIGINT NOT NULL,
    last_ms        BIGINT NOT NULL, -- until when it may be held at most
    due_ms         BIGINT,          -- only where something is to be done
    stage          BIGINT NOT NULL, -- 0 waits, 1 let go, 2 its app is to be told, 3 over
    held_by        BIGINT,          -- the node that has it in hand
    held_until_ms  BIGINT,
    claim          BIGINT,
    decision_shard BIGINT NOT NULL, -- the latest decision about it
    decision_seq   BIGINT NOT NULL,
    message_id     TEXT,            -- the platform's
    code           BIGINT,          -- of the platform's refusal
    ending         TEXT,
    over_ms        BIGINT,
    target         TEXT   NOT NULL,
    content_type   TEXT   NOT NULL,
    body           BYTEA,
    PRIMARY KEY (person_shard, held_seq)
);
