CREATE TABLE IF NOT EXISTS templates (
    business    TEXT   NOT NULL,
    waba_id     TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    language    TEXT   NOT NULL,
    template_id TEXT,
    category    TEXT,
    status      TEXT,
    is_ask      BOOLEAN,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (business, waba_id, name, language)
);
