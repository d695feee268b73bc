CREATE INDEX IF NOT EXISTS replies_by_recipient ON replies (business, recipient);
