CREATE INDEX IF NOT EXISTS decisions_by_seq ON decisions (seq);
