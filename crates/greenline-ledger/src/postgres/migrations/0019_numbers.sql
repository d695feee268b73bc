CREATE TABLE IF NOT EXISTS numbers (
    business TEXT NOT NULL,
    number   TEXT NOT NULL,
    status   TEXT,
    rating   TEXT,
    at_ms    BIGINT NOT NULL,
    PRIMARY KEY (business, number)
);
