CREATE INDEX IF NOT EXISTS people_by_business ON people (business);
