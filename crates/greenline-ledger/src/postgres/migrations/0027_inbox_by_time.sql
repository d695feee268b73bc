CREATE INDEX IF NOT EXISTS inbox_by_time ON inbox (received_ms, seq) WHERE body IS NOT NULL;
