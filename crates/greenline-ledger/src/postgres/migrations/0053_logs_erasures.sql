ALTER TABLE logs ADD COLUMN IF NOT EXISTS erasures BIGINT NOT NULL DEFAULT 0; -- a seal made before the last one is not taken
