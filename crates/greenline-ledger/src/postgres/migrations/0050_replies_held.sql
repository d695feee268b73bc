-- A reply in hand is held by a node, as a delivery is; it is attempted (state 1) only once a decision about it is on record.
ALTER TABLE replies ADD COLUMN IF NOT EXISTS held_by BIGINT;
