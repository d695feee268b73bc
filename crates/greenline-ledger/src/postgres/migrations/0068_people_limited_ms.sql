-- When the message went that the platform last kept back because the person gets too much marketing.
ALTER TABLE people ADD COLUMN IF NOT EXISTS limited_ms BIGINT;
