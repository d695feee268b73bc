CREATE INDEX IF NOT EXISTS unsealed_by_business ON unsealed (business, seq);
