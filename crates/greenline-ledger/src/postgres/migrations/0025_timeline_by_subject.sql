CREATE INDEX IF NOT EXISTS timeline_by_subject ON timeline (business, subject, subject_id, seq);
