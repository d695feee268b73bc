CREATE TABLE IF NOT EXISTS restrictions (
    business TEXT   NOT NULL,
    waba_id  TEXT   NOT NULL,
    named    TEXT   NOT NULL, -- the platform's word
    kind     TEXT   NOT NULL,
    until_ms BIGINT,
    at_ms    BIGINT NOT NULL,
    PRIMARY KEY (business, waba_id, named)
);
