CREATE INDEX IF NOT EXISTS number_inbound_by_number ON number_inbound (business, number);
