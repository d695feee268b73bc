-- When a number's `health_status` was last read.
ALTER TABLE numbers ADD COLUMN IF NOT EXISTS health_ms BIGINT;
