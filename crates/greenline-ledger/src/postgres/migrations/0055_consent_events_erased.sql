CREATE INDEX IF NOT EXISTS consent_events_erased ON consent_events (business, event_seq) WHERE kind = 'erased';
