-- Whether the log holds the entry: 0 not yet, 1 yes. Null where a release wrote it that seals none; it is sealed if it comes
-- after all that are.
ALTER TABLE timeline ADD COLUMN IF NOT EXISTS sealed BIGINT;
