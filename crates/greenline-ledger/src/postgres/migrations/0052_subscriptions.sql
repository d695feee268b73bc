-- Who is told of changes of consent and of ways out. What a batch must know has columns of its own.
CREATE TABLE IF NOT EXISTS subscriptions (
    business TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    version  BIGINT NOT NULL, -- counts how often it was written
    active   BIGINT NOT NULL,
    consents BIGINT NOT NULL, -- takes changes of consent
    imports  BIGINT NOT NULL, -- and those that were imported
    body     TEXT   NOT NULL, -- the rest, JSON
    PRIMARY KEY (business, id)
);
