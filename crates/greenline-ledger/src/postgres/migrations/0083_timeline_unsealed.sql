CREATE INDEX IF NOT EXISTS timeline_unsealed ON timeline (business, seq) WHERE coalesce(sealed, 0) = 0;
