CREATE INDEX IF NOT EXISTS batches_by_time ON batches (written_ms);
