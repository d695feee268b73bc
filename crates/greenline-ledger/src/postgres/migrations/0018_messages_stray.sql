CREATE INDEX IF NOT EXISTS messages_stray ON messages (status_at_ms) WHERE decision_seq IS NULL;
