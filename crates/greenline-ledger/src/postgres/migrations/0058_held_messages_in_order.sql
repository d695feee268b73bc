CREATE INDEX IF NOT EXISTS held_messages_in_order ON held_messages (person_shard, recipient, number, held_seq) WHERE stage < 2;
