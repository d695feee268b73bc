CREATE INDEX IF NOT EXISTS sends_marked ON sends (person_shard, person_id, at_ms) WHERE mark IS NOT NULL;
