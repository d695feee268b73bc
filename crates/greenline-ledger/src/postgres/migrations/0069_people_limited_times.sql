-- How often in a row, with nothing delivered in between.
ALTER TABLE people ADD COLUMN IF NOT EXISTS limited_times BIGINT;
