CREATE INDEX IF NOT EXISTS log_leaves_by_place ON log_leaves (business, log_index);
