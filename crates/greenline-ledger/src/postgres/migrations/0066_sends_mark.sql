-- What a message counts as that began something with its person: an m where the platform takes it for marketing, the bits
-- of its categories, its topic. After a minus where it did not reach them; null where it only answered.
ALTER TABLE sends ADD COLUMN IF NOT EXISTS mark TEXT;
