CREATE INDEX IF NOT EXISTS held_messages_let_go ON held_messages (business, recipient) WHERE stage = 1;
