ALTER TABLE replies ADD COLUMN IF NOT EXISTS held_until_ms BIGINT; -- by the database's clock
