CREATE INDEX IF NOT EXISTS inbox_emptied ON inbox (received_ms) WHERE body IS NULL;
