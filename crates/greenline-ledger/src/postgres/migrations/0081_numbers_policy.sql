-- When a send of a number was last refused for policy (368).
ALTER TABLE numbers ADD COLUMN IF NOT EXISTS policy_ms BIGINT;
