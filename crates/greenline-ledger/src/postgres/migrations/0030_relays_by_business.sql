CREATE INDEX IF NOT EXISTS relays_by_business ON relays (business, parked, app);
