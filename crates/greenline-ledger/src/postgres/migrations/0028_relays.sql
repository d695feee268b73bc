-- Who they are still to be handed to, and which node has them in hand.
CREATE TABLE IF NOT EXISTS relays (
    person_shard  BIGINT NOT NULL, -- of the delivery
    inbox_seq     BIGINT NOT NULL,
    app           TEXT   NOT NULL,
    business      TEXT   NOT NULL,
    lane          BIGINT NOT NULL,
    due_ms        BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    parked        BIGINT NOT NULL,
    held_by       BIGINT,          -- a node's token; void once its lease is over
    held_until_ms BIGINT,
    claim         BIGINT,
    PRIMARY KEY (person_shard, inbox_seq, app)
);
