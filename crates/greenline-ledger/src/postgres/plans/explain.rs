//! The plan of every statement at a million people, pinned: a scan of a table that grows must be seen before it is
//! felt.
//!
//! The plans are those for any parameters, which is what a database uses in the long run, on tables that are filled
//! and measured, on a server that does without what makes data safe.

use std::fmt::Write;

use greenline_testdb::{Database, Server};

use super::super::migrate::MIGRATIONS;
use super::ALL;
use super::access::{Step, steps};

/// Tables that stay small however many people there are.
const SMALL: &[(&str, &str)] = &[
    ("nodes", "a row for each node, 256 at most"),
    ("subscriptions", "a few rows for each business, 32 at most"),
];

/// Statements that may walk a whole table or index, and why. None of them is part of a send, a stop or a webhook.
const MAY_WALK: &[(&str, &str)] = &[(
    "LOGGED",
    "by hand, before a key is retired: a row for each business",
)];

/// Settings that make filling fast. What is lost with the machine is made again.
const FAST: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "maintenance_work_mem=256MB",
    "autovacuum=off",
];

/// Plans for any parameters, and the same on machines of any number of cores.
const PLAIN: &str = "SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0; SET jit = off;";

/// Keys are made once the rows are there, as indexes are: rows that come in no order make that several times faster.
const WITHOUT_KEYS: &str = "CREATE TEMPORARY TABLE keys AS
       SELECT conrelid::regclass AS of, conname AS name, pg_get_constraintdef(oid) AS text
       FROM pg_constraint WHERE contype = 'p' AND connamespace = 'public'::regnamespace;
     DO $$ DECLARE key record; BEGIN FOR key IN SELECT * FROM keys LOOP
       EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', key.of, key.name); END LOOP; END $$;";
const WITH_KEYS: &str = "DO $$ DECLARE key record; BEGIN FOR key IN SELECT * FROM keys LOOP
       EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', key.of, key.name, key.text); END LOOP; END $$;";

/// Tables first with all their columns, then what fills them, then keys and indexes: in one transaction, which writes no log.
fn crowd(database: &Database) {
    let (tables, indexes): (Vec<&str>, Vec<&str>) = MIGRATIONS
        .iter()
        .map(|(_, text)| *text)
        .partition(|text| !text.contains("CREATE INDEX"));
    let filled = include_str!("crowd.sql");
    database.sql(&format!(
        "{}{WITHOUT_KEYS}{filled}{WITH_KEYS}{}",
        tables.concat(),
        indexes.concat()
    ));
    database.sql("VACUUM ANALYZE");
}

/// Name and steps of every statement.
fn plans(database: &Database, statements: &[(&str, &str)]) -> Vec<(String, Vec<Step>)> {
    let mut script = PLAIN.to_owned();
    for (name, sql) in statements {
        let parameters = (1..).take_while(|n| sql.contains(&format!("${n}"))).count();
        let nulls = vec!["NULL"; parameters].join(", ");
        let given = if nulls.is_empty() {
            nulls
        } else {
            format!("({nulls})")
        };
        write!(
            script,
            "SELECT '# {name}'; PREPARE {name} AS {sql}; EXPLAIN (COSTS OFF, FORMAT JSON) EXECUTE {name}{given};"
        )
        .unwrap();
    }
    let said = database.sql(&script);
    let plans = said.split("# ").skip(1).map(|part| {
        let (name, plan) = part.split_once('\n').unwrap();
        (name.to_owned(), steps(&serde_json::from_str(plan).unwrap()))
    });
    plans.collect()
}

/// The table, where it is a small one.
fn small(step: &Step) -> Option<&str> {
    let (Step::Whole { table } | Step::Index { table, .. }) = step else {
        return None;
    };
    let is_small = SMALL.iter().any(|(small, _)| small == table);
    is_small.then_some(table)
}

/// What no statement may do: read a whole table or index, unless it stops when it has enough.
fn complaint(name: &str, sql: &str, steps: &[Step]) -> Option<String> {
    let is_named = MAY_WALK.iter().any(|(may, _)| *may == name);
    let may_walk = is_named || sql.contains("LIMIT");
    let large = steps.iter().filter(|step| small(step).is_none());
    large.into_iter().find_map(|step| match step {
        Step::Whole { table } if !is_named => Some(format!("{name} reads the whole table {table}")),
        Step::Index { table, index, by } if by.is_empty() && !may_walk => {
            Some(format!("{name} reads the whole index {index} of {table}"))
        }
        _ => None,
    })
}

#[test]
fn no_statement_of_a_request_reads_a_whole_table() {
    let server = Server::private_with(FAST);
    let database = server.database();
    crowd(&database);
    let plans = plans(&database, ALL);
    assert_eq!(plans.len(), ALL.len());
    let mut text = String::new();
    for (name, steps) in &plans {
        writeln!(text, "{name}").unwrap();
        for step in steps {
            // Which way to a small table costs less is a matter of a row more or less.
            match small(step) {
                Some(table) => writeln!(text, "    {table}: small"),
                None => writeln!(text, "    {step}"),
            }
            .unwrap();
        }
    }
    insta::assert_snapshot!(text);
    let complaints: Vec<String> = ALL
        .iter()
        .zip(&plans)
        .filter_map(|((name, sql), (_, steps))| complaint(name, sql, steps))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_scan_is_called_by_its_name() {
    let whole = Step::Whole {
        table: "people".to_owned(),
    };
    let walked = Step::Index {
        table: "people".to_owned(),
        index: "people_pkey".to_owned(),
        by: std::collections::BTreeSet::new(),
    };
    let told = |sql, step: &Step| complaint("FIND", sql, std::slice::from_ref(step));
    assert_eq!(
        told("SELECT 1 LIMIT 1", &whole).unwrap(),
        "FIND reads the whole table people"
    );
    assert_eq!(
        told("SELECT 1", &walked).unwrap(),
        "FIND reads the whole index people_pkey of people"
    );
    assert_eq!(told("SELECT 1 LIMIT 1", &walked), None);
}
