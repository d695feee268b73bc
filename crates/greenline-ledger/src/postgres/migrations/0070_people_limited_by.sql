-- The decision about that message.
ALTER TABLE people ADD COLUMN IF NOT EXISTS limited_by BIGINT;
