CREATE INDEX IF NOT EXISTS held_messages_by_decision ON held_messages (person_shard, decision_seq);
