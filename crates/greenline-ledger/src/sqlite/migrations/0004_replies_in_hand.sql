-- Own replies that were handed out and not yet decided about (state 3): due again when the store is next opened.
CREATE INDEX IF NOT EXISTS replies_in_hand ON replies (reply_id) WHERE state = 3;
