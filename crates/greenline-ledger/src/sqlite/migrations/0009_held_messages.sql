-- Messages that are held until they may go, under the number of the decision that held them first. What is over keeps
-- no body; its row says which id of the platform's stands for which id that an app was given.
CREATE TABLE IF NOT EXISTS held_messages (
    held_seq       INTEGER PRIMARY KEY,
    shard          INTEGER NOT NULL,
    business_id    INTEGER NOT NULL,
    person_id      INTEGER NOT NULL,
    recipient      TEXT    NOT NULL,
    app            TEXT    NOT NULL,
    number         TEXT    NOT NULL,
    template       TEXT    NOT NULL,
    language       TEXT    NOT NULL,
    given_id       TEXT    NOT NULL,
    held_ms        INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL, -- until when it may be held at most
    due_ms         INTEGER,          -- only where something is to be done
    stage          INTEGER NOT NULL, -- 0 waits, 1 let go, 2 its app is to be told, 3 over
    in_hand        INTEGER NOT NULL,
    decision_shard INTEGER NOT NULL, -- the latest decision about it
    decision_seq   INTEGER NOT NULL,
    message_id     TEXT,             -- the platform's
    code           INTEGER,          -- of the platform's refusal
    ending         TEXT,
    over_ms        INTEGER,
    target         TEXT    NOT NULL,
    content_type   TEXT    NOT NULL,
    body           BLOB
);
CREATE INDEX IF NOT EXISTS held_messages_due ON held_messages (due_ms, held_seq) WHERE due_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS held_messages_open ON held_messages (recipient, business_id, number, held_seq) WHERE stage < 2;
CREATE INDEX IF NOT EXISTS held_messages_in_hand ON held_messages (held_seq) WHERE in_hand = 1;
CREATE INDEX IF NOT EXISTS held_messages_let_go ON held_messages (recipient) WHERE stage = 1;
CREATE INDEX IF NOT EXISTS held_messages_by_app ON held_messages (business_id, app) WHERE stage < 2;
CREATE INDEX IF NOT EXISTS held_messages_by_business ON held_messages (business_id, held_seq);
CREATE INDEX IF NOT EXISTS held_messages_by_message ON held_messages (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS held_messages_by_person ON held_messages (person_id);
CREATE INDEX IF NOT EXISTS held_messages_by_decision ON held_messages (decision_seq);
