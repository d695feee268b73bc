-- Businesses by their `id` in the configuration.
CREATE TABLE IF NOT EXISTS businesses (
    business_id INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE
);

-- From a canonical identifier to its person, in one row.
CREATE TABLE IF NOT EXISTS identifiers (
    business_id  INTEGER NOT NULL,
    kind         INTEGER NOT NULL, -- 1 phone, 2 user id
    value        TEXT    NOT NULL,
    shard        INTEGER NOT NULL,
    person_id    INTEGER NOT NULL,
    known_ms     INTEGER NOT NULL, -- when the ledger first heard of it
    linked_at_ms INTEGER,          -- null: the identifier the person was first known by
    left_at_ms   INTEGER,          -- yeses up to then need the person's new act
    gone_at_ms   INTEGER,          -- the person left it then; what is granted there later is not theirs
    PRIMARY KEY (business_id, kind, value)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identifiers_by_person ON identifiers (shard, person_id);

-- People linked as one, and people who moved on. Rows are never removed.
CREATE TABLE IF NOT EXISTS links (
    shard        INTEGER NOT NULL,
    person_id    INTEGER NOT NULL,
    kind         INTEGER NOT NULL, -- 1 same, 2 moved
    other_shard  INTEGER NOT NULL,
    other_id     INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    left_kind    INTEGER NOT NULL, -- moved: the identifier left; else 0 and empty
    left_value   TEXT    NOT NULL,
    PRIMARY KEY (shard, person_id, kind, other_shard, other_id, at_ms, left_kind, left_value)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS links_from_other ON links (other_shard, other_id, kind);

-- Appended, never changed.
CREATE TABLE IF NOT EXISTS consent_events (
    event_seq   INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL,
    shard       INTEGER NOT NULL,
    person_id   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    stated_ms   INTEGER NOT NULL,
    arrival_ms  INTEGER NOT NULL,
    strength    TEXT    NOT NULL,
    in_thread   INTEGER NOT NULL,
    identifiers TEXT    NOT NULL, -- as given, the one it is recorded under first
    evidence    TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    dedup       TEXT,
    UNIQUE (shard, person_id, version)
);
CREATE INDEX IF NOT EXISTS consent_events_by_arrival ON consent_events (business_id, event_seq);
CREATE INDEX IF NOT EXISTS consent_events_noes ON consent_events (business_id, arrival_ms, event_seq)
    WHERE kind IN ('refused', 'withdrawn', 'native_stopped');

CREATE TABLE IF NOT EXISTS dedup (
    business_id INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    event_seq   INTEGER NOT NULL,
    PRIMARY KEY (business_id, key)
) WITHOUT ROWID;

-- The fold of consent_events; a projection.
CREATE TABLE IF NOT EXISTS heads (
    shard     INTEGER NOT NULL,
    person_id INTEGER NOT NULL,
    spelling  INTEGER NOT NULL, -- 0 mobile, 1 the spelling that may be a landline
    body      TEXT    NOT NULL,
    PRIMARY KEY (shard, person_id, spelling)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS windows (
    shard         INTEGER NOT NULL,
    person_id     INTEGER NOT NULL,
    number        TEXT    NOT NULL,
    wrote_at_ms   INTEGER,
    free_until_ms INTEGER,
    call_at_ms    INTEGER,
    call_until_ms INTEGER,
    PRIMARY KEY (shard, person_id, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS numbers (
    business_id     INTEGER NOT NULL,
    number          TEXT    NOT NULL,
    status          TEXT,
    rating          TEXT,
    at_ms           INTEGER,
    last_inbound_ms INTEGER,
    PRIMARY KEY (business_id, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS accounts (
    business_id INTEGER NOT NULL,
    waba_id     TEXT    NOT NULL,
    ban         TEXT    NOT NULL,
    ban_at_ms   INTEGER,
    PRIMARY KEY (business_id, waba_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS restrictions (
    business_id INTEGER NOT NULL,
    waba_id     TEXT    NOT NULL,
    named       TEXT    NOT NULL, -- the platform's word
    kind        TEXT    NOT NULL,
    until_ms    INTEGER,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (business_id, waba_id, named)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS templates (
    business_id INTEGER NOT NULL,
    waba_id     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    language    TEXT    NOT NULL,
    template_id TEXT,
    category    TEXT,
    status      TEXT,
    is_ask      INTEGER,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (business_id, waba_id, name, language)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS timeline (
    seq         INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL,
    subject     TEXT    NOT NULL,
    subject_id  TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    event       TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX IF NOT EXISTS timeline_by_business ON timeline (business_id, seq);
CREATE INDEX IF NOT EXISTS timeline_by_subject ON timeline (business_id, subject, subject_id, seq);

-- Appended, never changed. `seq` is milliseconds since 1970 << 20 plus a counter.
CREATE TABLE IF NOT EXISTS decisions (
    seq         INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL,
    shard       INTEGER NOT NULL, -- of the first addressee
    person_id   INTEGER,
    at_ms       INTEGER NOT NULL,
    verdict     INTEGER NOT NULL, -- 0 refused, 1 allowed, 2 would have been refused but went on
    record      TEXT    NOT NULL
);

-- Where a business's decisions lie: one range for each commit that made some. Ranges of one business do not
-- overlap; decisions of other businesses may lie between.
CREATE TABLE IF NOT EXISTS decision_ranges (
    business_id INTEGER NOT NULL,
    first_seq   INTEGER NOT NULL,
    last_seq    INTEGER NOT NULL,
    allowed     INTEGER NOT NULL, -- how many of verdict 1
    others      INTEGER NOT NULL, -- how many of any other
    PRIMARY KEY (business_id, first_seq)
) WITHOUT ROWID;

-- What became of the decisions that went on.
CREATE TABLE IF NOT EXISTS sends (
    decision_seq INTEGER PRIMARY KEY,
    outcome      TEXT    NOT NULL,
    code         INTEGER,
    message_id   TEXT,
    more_ids     TEXT,             -- a JSON list, when the platform gave several
    status       TEXT,
    status_at_ms INTEGER,
    status_code  INTEGER
);

-- From a message id's hash to its decision, in runs of many ids, each run sorted when it was complete.
CREATE TABLE IF NOT EXISTS message_runs (
    run          INTEGER NOT NULL,
    hash         INTEGER NOT NULL, -- the first eight bytes of the id's SHA-256
    decision_seq INTEGER NOT NULL,
    PRIMARY KEY (run, hash, decision_seq)
) WITHOUT ROWID;

-- What no run holds yet, as it came: pairs of hash and decision_seq, eight bytes each, low byte first.
CREATE TABLE IF NOT EXISTS message_log (
    log_id  INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    entries BLOB    NOT NULL
);

-- Statuses that came before the answer that names their message.
CREATE TABLE IF NOT EXISTS stray_statuses (
    message_id TEXT    PRIMARY KEY,
    status     TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL,
    code       INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stray_statuses_by_time ON stray_statuses (at_ms);

-- Webhook deliveries, byte for byte.
CREATE TABLE IF NOT EXISTS inbox (
    seq         INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL,
    sha256      BLOB    NOT NULL,
    received_ms INTEGER NOT NULL,
    lane        INTEGER NOT NULL, -- 1 inbound, 2 status, 3 account
    headers     TEXT    NOT NULL,
    body        BLOB,             -- null once its days are over
    UNIQUE (business_id, sha256)
);
CREATE INDEX IF NOT EXISTS inbox_by_time ON inbox (received_ms);

-- Who they are still to be handed to.
CREATE TABLE IF NOT EXISTS relays (
    inbox_seq   INTEGER NOT NULL,
    app         TEXT    NOT NULL,
    business_id INTEGER NOT NULL,
    lane        INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    parked      INTEGER NOT NULL,
    PRIMARY KEY (inbox_seq, app)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS relays_due ON relays (lane, due_ms, inbox_seq) WHERE parked = 0;
CREATE INDEX IF NOT EXISTS relays_by_business ON relays (business_id, parked, app);

-- What Greenline itself owes people.
CREATE TABLE IF NOT EXISTS replies (
    reply_id     INTEGER PRIMARY KEY,
    business_id  INTEGER NOT NULL,
    recipient    TEXT    NOT NULL,
    number       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    reply        TEXT    NOT NULL,
    confirms     INTEGER,
    message_id   TEXT    NOT NULL,
    at_ms        INTEGER NOT NULL,
    state        INTEGER NOT NULL, -- 0 due, 1 attempted, 2 done
    decision_seq INTEGER,
    UNIQUE (business_id, message_id, kind)
);
CREATE INDEX IF NOT EXISTS replies_due ON replies (reply_id) WHERE state = 0;
