-- When a send of a number was last refused as if its account were locked (131031).
ALTER TABLE numbers ADD COLUMN IF NOT EXISTS locked_ms BIGINT;
