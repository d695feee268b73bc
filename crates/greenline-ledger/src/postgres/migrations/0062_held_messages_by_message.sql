CREATE INDEX IF NOT EXISTS held_messages_by_message ON held_messages (business, message_id) WHERE message_id IS NOT NULL;
