-- When `health_status` last called a number's account AVAILABLE.
ALTER TABLE numbers ADD COLUMN IF NOT EXISTS available_ms BIGINT;
