CREATE INDEX IF NOT EXISTS held_messages_by_business ON held_messages (business, held_seq);
