CREATE INDEX IF NOT EXISTS replies_over ON replies (business, at_ms) WHERE state = 2;
