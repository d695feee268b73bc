-- What went to the person from each number in the last moments, as the platform counts it: decisions with the moment and
-- the number.
ALTER TABLE people ADD COLUMN IF NOT EXISTS pairs TEXT;
