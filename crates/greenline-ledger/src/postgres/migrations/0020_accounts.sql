CREATE TABLE IF NOT EXISTS accounts (
    business  TEXT   NOT NULL,
    waba_id   TEXT   NOT NULL,
    ban       TEXT   NOT NULL,
    ban_at_ms BIGINT NOT NULL,
    PRIMARY KEY (business, waba_id)
);
