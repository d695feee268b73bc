-- The node's token again, where its release knows leaves of timeline entries.
ALTER TABLE nodes ADD COLUMN IF NOT EXISTS timeline_token BIGINT;
