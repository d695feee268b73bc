//! Tables and statements are held to the rules of a database in shards, and each rule is shown to find what
//! breaks it.

use std::collections::BTreeSet;

use greenline_testdb::Database;

use super::statements::{Schema, Verdict, judge};
use super::{Kept, TABLES, tables};
use crate::postgres::connect::Pool;
use crate::postgres::{migrate, plans};

/// Statements that are asked of every server, and when. None of them is part of a send, a stop or a webhook.
const ASKS_ALL: &[(&str, &str)] = &[
    (
        "RELAYS_DUE",
        "looking for work: a page, from each shard's index",
    ),
    ("RELAY_REPLAY", "by hand"),
    ("LOGGED", "by hand, before a key is retired"),
    ("OLD_NOTICES", "housekeeping: a page"),
    ("NOTICES_AFTER", "a replay of notices, by hand: a page"),
    (
        "REPLIES_DUE",
        "looking for work: a page, from each shard's index",
    ),
    (
        "LATER_DUE",
        "looking for work: a page, from each shard's index",
    ),
    (
        "LATER_LET_GO",
        "looking for work: a page of what a dead node left",
    ),
    ("LATER_MESSAGES", "a page of a brand's held messages"),
    ("LATER_WAITING", "how many are held, once in a while"),
    (
        "GIVEN_IDS",
        "statuses on their way to apps, only of a brand that holds messages",
    ),
    (
        "IN_THE_AIR",
        "statuses on their way to apps, only of a brand that holds messages",
    ),
    ("OLD_BATCHES", "housekeeping: a page"),
    ("FULL_INBOX", "housekeeping: a page"),
    ("OLD_INBOX", "housekeeping: a page"),
    ("OLD_STRAYS", "housekeeping: a page"),
    ("EXPORT", "a page of a brand's events"),
    ("NEWEST_NOES", "a page for the dashboard"),
    ("DECISIONS", "a page of all decisions"),
    ("DECISIONS_OF", "a page of a brand's decisions"),
    (
        "RECEPTION_COUNT",
        "a number's page: one day of a brand's index",
    ),
    (
        "RECEPTION_STOPS",
        "a number's page: a week of a brand's noes",
    ),
    (
        "RECEPTION_PAGE",
        "a number's page: one place in a brand's index",
    ),
    (
        "RECEPTION_SENDS",
        "a number's page: a page of a brand's decisions",
    ),
    ("INBOUND", "when each number was last written to"),
    ("TIMELINE", "a page of a brand's timeline"),
    ("TIMELINE_OF", "a page of one subject's timeline"),
    ("COUNT_PEOPLE", "the dashboard's counts"),
    ("COUNT_DECISIONS", "the dashboard's counts"),
    ("COUNT_NOES", "the dashboard's counts"),
    ("COUNT_RELAYS", "the dashboard's counts"),
    (
        "WAITING_NOTICES",
        "a subscription's page: a thousand at most",
    ),
    ("PEOPLE_IN", "a list: some shards"),
    ("CROWD", "a long list: some shards"),
    ("CROWD_LINKED", "a long list: some shards"),
    ("CROWD_WROTE", "a long list: some shards"),
    ("CROWD_MARKED", "a long list: some shards"),
    ("PEOPLE_AFTER", "verify: a page"),
    ("RECORDS_AFTER", "verify: a page"),
    ("NAMES_AFTER", "verify: a page"),
    ("KEYS_AFTER", "verify: a page"),
    ("EVENTS_AMONG", "verify: a page"),
    ("LOST_EVENTS", "verify: some shards"),
    ("LOST_SENDS", "verify: some shards"),
    ("LOST_RELAYS", "verify: some shards"),
    ("WRONG_SHARDS", "verify: some shards"),
    ("UNSEALED", "the sealer: a page of a brand's records"),
    ("TAKE_UNSEALED", "the sealer: that page"),
    ("EVENTS_IN", "the sealer: that page"),
    ("DECISIONS_IN", "the sealer: that page"),
    ("LOG_LEAVES", "a proof: a few hundred leaves"),
    ("LOG_PLACE", "a proof: one leaf"),
    ("PUT_SALTS", "an erasure"),
    (
        "DECISIONS_NUMBERED",
        "an erasure: those with two addressees",
    ),
    ("DELETE_REPLIES_TO", "an erasure"),
    ("TIMELINE_WITH", "an erasure"),
    ("INBOX_WITH", "an erasure"),
    ("UNFINISHED_ERASURES", "housekeeping: a page"),
    ("HELD_INBOX", "what is held of a person: a page"),
    ("HELD_REPLIES", "what is held of a person: a page"),
    ("HELD_TIMELINE", "what is held of a person: a page"),
    ("HELD_RECORDS", "what is held of a person: a page"),
    ("OLD_DECISIONS", "housekeeping: a page"),
    ("OLD_REPLIES", "housekeeping: a page"),
    ("OLD_TIMELINE", "housekeeping: a page"),
    ("UNLOGGED_EVENTS", "verify: some shards"),
    ("UNLOGGED_DECISIONS", "verify: some shards"),
    (
        "UNSEALED_ENTRIES",
        "the sealer: a page of a brand's timeline",
    ),
    (
        "LAST_ENTRY",
        "the sealer: where entries are that an earlier release wrote",
    ),
    ("TAKE_ENTRIES", "the sealer: that page"),
    ("ENTRIES_IN", "verify and proofs: a page"),
    ("UNLOGGED_ENTRIES", "verify: some shards"),
];

/// A database with this release's tables.
fn migrated() -> Database {
    let texts: Vec<&str> = migrate::MIGRATIONS.iter().map(|(_, text)| *text).collect();
    Database::prepared(&texts.concat(), |url| {
        let url = url.to_owned();
        let made = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let pool = Pool::new(&url, runtime.handle().clone()).unwrap();
                migrate::migrate(&pool).await.unwrap();
            });
        });
        made.join().unwrap();
    })
}

/// What the catalogue of a real database says.
fn schema(database: &Database) -> Schema {
    let mut schema = Schema::default();
    let columns = database.sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'",
    );
    for (table, kept) in TABLES {
        match kept {
            Kept::Copied => {
                schema.copied.insert((*table).to_owned());
            }
            Kept::Spread => {
                let of_table = columns.lines().filter_map(|row| row.split_once('|'));
                let of_table = of_table.filter(|(of, _)| of == table);
                let of_table = of_table.map(|(_, column)| column.to_owned()).collect();
                schema.spread.insert((*table).to_owned(), of_table);
            }
        }
    }
    // Of several of one name the worst: `v` comes last.
    let functions =
        database.sql("SELECT proname, max(provolatile::text) FROM pg_proc GROUP BY proname");
    for row in functions.lines() {
        let (name, volatility) = row.split_once('|').unwrap();
        let volatility = volatility.chars().next().unwrap();
        schema.functions.insert(name.to_owned(), volatility);
    }
    // `extract` and `date_part` are stable where they are asked for moments with a zone.
    schema
}

#[test]
fn the_tables_can_be_spread_over_servers() {
    let complaints = tables::complaints(&migrated());
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_table_that_cannot_be_spread_is_found() {
    let planted = [
        (
            "CREATE UNIQUE INDEX u ON people (person_id)",
            "people: u is unique without person_shard",
        ),
        (
            "ALTER TABLE sends ADD CONSTRAINT once UNIQUE (seq)",
            "sends: once is unique without person_shard",
        ),
        (
            "ALTER TABLE heads DROP CONSTRAINT heads_pkey, ADD PRIMARY KEY (person_id, person_shard, spelling)",
            "heads: person_shard does not come first in its key",
        ),
        (
            "ALTER TABLE heads ALTER person_shard SET DATA TYPE INTEGER",
            "heads: person_shard is not BIGINT NOT NULL",
        ),
        (
            "ALTER TABLE numbers ADD person_shard BIGINT",
            "numbers: person_shard in a table of every server",
        ),
        (
            "ALTER TABLE windows DROP CONSTRAINT windows_pkey",
            "windows: no primary key",
        ),
        (
            "CREATE TABLE a (id BIGINT PRIMARY KEY); ALTER TABLE sends ADD CONSTRAINT led FOREIGN KEY (seq) REFERENCES a",
            "sends: led leads to another shard",
        ),
        (
            "CREATE TABLE extra (id BIGINT PRIMARY KEY)",
            "extra: neither in shards nor on every server",
        ),
        ("DROP TABLE names", "names: not there"),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "people: t is a trigger",
        ),
        ("CREATE SEQUENCE s", "s: a sequence"),
        ("CREATE VIEW v AS SELECT 1", "v: a view"),
        (
            "CREATE RULE r AS ON DELETE TO people DO INSTEAD NOTHING",
            "people: r is a rule",
        ),
        (
            "CREATE FUNCTION f() RETURNS BIGINT LANGUAGE SQL AS 'SELECT 1'",
            "f: a function",
        ),
        (
            "ALTER TABLE people ADD at TEXT DEFAULT now()::text",
            "people: at has a default of one server",
        ),
        ("CREATE TABLE more () INHERITS (people)", "more: inherits"),
    ];
    let database = migrated();
    for (change, complaint) in planted {
        let complaints = tables::complaints_after(change, &database);
        assert!(
            complaints.iter().any(|said| said == complaint),
            "{change}: {complaints:#?}"
        );
    }
    let harmless = "ALTER TABLE heads ADD FOREIGN KEY (person_shard, person_id) REFERENCES people";
    assert_eq!(tables::complaints_after(harmless, &database), [""; 0]);
    // Each was taken back.
    assert_eq!(tables::complaints(&database), [""; 0]);
}

#[test]
fn the_statements_can_be_asked_of_shards() {
    let schema = schema(&migrated());
    let verdicts: Vec<(&str, Verdict)> = plans::ALL
        .iter()
        .map(|(name, sql)| (*name, judge(sql, &schema)))
        .collect();
    let complaints: Vec<String> = verdicts
        .iter()
        .flat_map(|(name, verdict)| {
            let complaints = verdict.complaints.iter();
            complaints.map(move |complaint| format!("{name}: {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    for (file, sql) in plans::elsewhere() {
        let complaints = judge(sql, &schema).complaints;
        assert!(complaints.is_empty(), "{file}: {sql}: {complaints:#?}");
    }
    let asks_all: BTreeSet<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.fans_out)
        .map(|(name, _)| *name)
        .collect();
    let listed: BTreeSet<&str> = ASKS_ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        asks_all, listed,
        "asked of every server, and listed as such"
    );
}

#[test]
fn a_statement_that_shards_refuse_is_found() {
    let planted = [
        (
            "SELECT 1 FROM people p JOIN heads h ON h.person_id = p.person_id",
            "p.person_shard and h.person_shard are not joined",
        ),
        (
            "SELECT 1 FROM names n WHERE NOT EXISTS (SELECT 1 FROM identifiers i
               WHERE i.person_shard = n.owner_shard AND i.person_id = n.owner_id)",
            "i.person_shard and n.person_shard are not joined",
        ),
        (
            "SELECT 1 FROM unnest($1::bigint[]) AS asked (id) LEFT JOIN people p ON p.person_shard = asked.id",
            "joined from outside to what is in no shard",
        ),
        (
            "SELECT 1 FROM numbers n WHERE EXISTS (SELECT 1 FROM people p WHERE p.business = n.business)",
            "beside what is in no shard",
        ),
        ("SELECT (SELECT count(*) FROM people)", "a subquery in the select list"),
        (
            "SELECT 1 FROM people p JOIN (SELECT person_shard FROM heads LIMIT 1) h ON h.person_shard = p.person_shard",
            "p is joined to a subquery over tables in shards",
        ),
        ("SELECT 1 FROM people, LATERAL (SELECT 1) one", "LATERAL"),
        ("SELECT 1 FROM people WHERE person_shard = $1 FOR UPDATE", "rows are locked by a SELECT"),
        ("SELECT nextval('s')", "nextval() is of one server"),
        ("SELECT pg_advisory_xact_lock(1)", "pg_advisory_xact_lock() is of one server"),
        ("SELECT ctid FROM people", "ctid is of one server"),
        ("SELECT p.xmin FROM people p", "p.xmin is of one server"),
        ("LOCK TABLE people", ""),
        ("LISTEN news", "not of a kind that is known here"),
        (
            "UPDATE people SET person_shard = $1 WHERE person_shard = $2",
            "moves a row to another shard",
        ),
        (
            "UPDATE batches SET written_ms = CAST(extract(epoch FROM clock_timestamp()) AS BIGINT) WHERE person_shard = $1",
            "clock_timestamp() in a change is volatile",
        ),
        (
            "DELETE FROM batches WHERE person_shard = $1 AND written_ms < random()",
            "random() in a change is volatile",
        ),
        (
            "DELETE FROM relays USING inbox WHERE relays.inbox_seq = inbox.seq",
            "are not joined",
        ),
        ("INSERT INTO people (person_id) VALUES ($1)", "without person_shard"),
        (
            "INSERT INTO heads (person_shard, person_id) SELECT n.owner_shard, n.owner_id FROM names n",
            "from tables in other shards",
        ),
        (
            "INSERT INTO heads (person_shard, body) VALUES ($1, $2) ON CONFLICT (body) DO NOTHING",
            "a conflict in heads without person_shard",
        ),
        (
            "INSERT INTO nodes (node) VALUES ($1) ON CONFLICT (node) DO UPDATE SET token = 1
               WHERE nodes.lease_until_ms < CAST(extract(epoch FROM statement_timestamp()) AS BIGINT)",
            "statement_timestamp() in ON CONFLICT is not immutable",
        ),
        ("SELECT 1 FROM people, pg_sleep(1) AS s", "pg_sleep() in FROM is not immutable"),
        ("SELECT 1; SELECT 2", "not one statement"),
        ("SELECT FROM WHERE", "cannot be read"),
    ];
    let schema = schema(&migrated());
    for (sql, complaint) in planted {
        let said = judge(sql, &schema).complaints;
        assert!(
            !said.is_empty() && said.iter().any(|said| said.contains(complaint)),
            "{sql}: {said:?}"
        );
    }
    let on_all = [
        "UPDATE relays SET parked = 0 WHERE business = $1",
        "SELECT 1 FROM people WHERE person_shard > $1",
        "SELECT 1 FROM people p JOIN heads h ON h.person_shard = p.person_shard",
    ];
    for sql in on_all {
        let verdict = judge(sql, &schema);
        assert!(verdict.complaints.is_empty(), "{sql}: {verdict:?}");
        assert!(verdict.fans_out, "{sql}");
    }
    let on_one = [
        "SELECT 1 FROM people WHERE person_shard = $1",
        "INSERT INTO heads (person_id, person_shard) SELECT p.person_id, p.person_shard FROM people p WHERE p.person_shard = $1",
    ];
    for sql in on_one {
        let verdict = judge(sql, &schema);
        assert!(
            verdict.complaints.is_empty() && !verdict.fans_out,
            "{sql}: {verdict:?}"
        );
    }
}

#[test]
fn the_guide_names_every_table_and_its_key() {
    let keys = migrated().sql(
        "SELECT t.relname, string_agg(a.attname, ', ' ORDER BY k.place) FROM pg_index i
         JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
         JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) ON true
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
         WHERE i.indisprimary GROUP BY t.relname",
    );
    let keys: std::collections::BTreeMap<&str, &str> =
        keys.lines().filter_map(|row| row.split_once('|')).collect();
    let expected: Vec<String> = TABLES
        .iter()
        .map(|(table, kept)| {
            let lies = match kept {
                Kept::Spread => "by shard",
                Kept::Copied => "on each",
            };
            format!("| `{table}` | {} | {lies} |", keys[table])
        })
        .collect();
    let guide =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/concepts/scale.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let said: Vec<&str> = guide
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let is_said = |expected: &String| said.iter().any(|line| line.starts_with(expected));
    let missing: Vec<&String> = expected.iter().filter(|row| !is_said(row)).collect();
    assert!(
        missing.is_empty(),
        "not in docs/concepts/scale.md: {missing:#?}"
    );
    let tables = |line: &&&str| line.contains(" | by shard | ") || line.contains(" | on each | ");
    assert_eq!(said.iter().filter(tables).count(), TABLES.len());
}
