CREATE INDEX IF NOT EXISTS consent_events_by_arrival ON consent_events (business, event_seq);
