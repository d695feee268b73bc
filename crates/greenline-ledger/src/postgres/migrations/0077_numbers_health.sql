-- `health_status` of a number as last read.
ALTER TABLE numbers ADD COLUMN IF NOT EXISTS health TEXT;
