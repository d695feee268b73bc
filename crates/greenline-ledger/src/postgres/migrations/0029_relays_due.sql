CREATE INDEX IF NOT EXISTS relays_due ON relays (lane, due_ms, inbox_seq, app) WHERE parked = 0;
