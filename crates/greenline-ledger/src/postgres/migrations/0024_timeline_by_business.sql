CREATE INDEX IF NOT EXISTS timeline_by_business ON timeline (business, seq);
