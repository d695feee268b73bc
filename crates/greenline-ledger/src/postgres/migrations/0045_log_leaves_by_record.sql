CREATE INDEX IF NOT EXISTS log_leaves_by_record ON log_leaves (business, kind, seq);
