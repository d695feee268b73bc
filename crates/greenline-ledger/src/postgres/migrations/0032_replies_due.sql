CREATE INDEX IF NOT EXISTS replies_due ON replies (reply_id) WHERE state = 0;
