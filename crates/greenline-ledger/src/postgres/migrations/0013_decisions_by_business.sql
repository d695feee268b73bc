CREATE INDEX IF NOT EXISTS decisions_by_business ON decisions (business, seq, verdict);
