-- Identifiers that a person was not first known by: few, and looked through whenever everybody is.
CREATE INDEX IF NOT EXISTS identifiers_linked ON identifiers (linked_at_ms) WHERE linked_at_ms IS NOT NULL;
