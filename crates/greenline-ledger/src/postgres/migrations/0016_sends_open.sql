CREATE INDEX IF NOT EXISTS sends_open ON sends (person_shard, person_id, seq)
    WHERE outcome IS NULL OR outcome = 'unknown';
