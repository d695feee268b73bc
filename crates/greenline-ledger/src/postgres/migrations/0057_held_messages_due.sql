CREATE INDEX IF NOT EXISTS held_messages_due ON held_messages (due_ms, held_seq) WHERE due_ms IS NOT NULL;
