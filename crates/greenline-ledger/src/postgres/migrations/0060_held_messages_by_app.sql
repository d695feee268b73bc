CREATE INDEX IF NOT EXISTS held_messages_by_app ON held_messages (business, app) WHERE stage < 2;
