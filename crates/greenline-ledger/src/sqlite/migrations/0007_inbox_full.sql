-- Deliveries that still have their body, so that looking for old ones passes over none that were emptied before.
CREATE INDEX IF NOT EXISTS inbox_full ON inbox (received_ms) WHERE body IS NOT NULL;
-- Notices that can be replayed, in the order of a replay.
CREATE INDEX IF NOT EXISTS inbox_notices ON inbox (business_id, received_ms, seq) WHERE lane IN (4, 5) AND body IS NOT NULL;
