ALTER TABLE numbers ADD COLUMN IF NOT EXISTS rating_at_ms BIGINT; -- when the rating was read; none for one of an earlier release
