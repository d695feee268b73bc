-- For all brands together; not the plain number, so that no plan takes it for one brand.
CREATE INDEX IF NOT EXISTS decisions_by_seq ON decisions ((seq + 0));
