-- Who is told of changes of consent and of ways out. What the writer must know has columns of its own.
CREATE TABLE IF NOT EXISTS subscriptions (
    business_id INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    version     INTEGER NOT NULL, -- counts how often it was written
    active      INTEGER NOT NULL,
    consents    INTEGER NOT NULL, -- takes changes of consent
    imports     INTEGER NOT NULL, -- and those that were imported
    body        TEXT    NOT NULL, -- the rest, JSON
    PRIMARY KEY (business_id, id)
) WITHOUT ROWID;
