CREATE INDEX IF NOT EXISTS consent_events_noes ON consent_events (business, arrival_ms, event_seq)
    WHERE kind IN ('refused', 'withdrawn', 'native_stopped');
