-- Notices that wait for subscriptions which get none.
CREATE INDEX IF NOT EXISTS relays_dropped ON relays (business_id, due_ms) WHERE parked = 1 AND lane IN (4, 5);
-- As the index before it, and with the lane, so that deliveries are counted by the index alone.
CREATE INDEX IF NOT EXISTS relays_by_app ON relays (business_id, parked, app, lane);
DROP INDEX IF EXISTS relays_by_business;
