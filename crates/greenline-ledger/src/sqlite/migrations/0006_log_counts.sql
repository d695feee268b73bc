-- What the log of a business cannot tell by itself.
CREATE TABLE IF NOT EXISTS log_counts (
    business_id INTEGER PRIMARY KEY,
    erasures    INTEGER NOT NULL, -- people erased: a seal made before the last one is not taken
    pruned      INTEGER NOT NULL  -- sealed decisions that are in the store no more, since their days were over
);
