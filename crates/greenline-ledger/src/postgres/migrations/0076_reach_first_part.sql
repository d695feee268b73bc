-- What was logged before there were parts is the first one.
INSERT INTO reach_parts (person_shard, portfolio, part, version, places)
SELECT person_shard, portfolio, 0, version, 0 FROM portfolios WHERE version > 0
ON CONFLICT (person_shard, portfolio, part) DO NOTHING;
