-- When the platform last said that it limits the number for spam, and took nothing since that tells otherwise.
ALTER TABLE numbers ADD COLUMN IF NOT EXISTS spam_ms BIGINT;
