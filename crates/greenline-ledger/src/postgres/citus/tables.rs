//! What a database in shards asks of tables, looked up in the real catalogue once everything is migrated.

use greenline_testdb::Database;

use super::{Kept, TABLES};

/// Each gives a line for each complaint. `spread` are the tables in shards, `copied` those on every server.
const CHECKS: &[&str] = &[
    // What is unique is so within a shard.
    "SELECT t.relname || ': ' || x.relname || ' is unique without person_shard'
     FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
     JOIN spread ON spread.name = t.relname
     WHERE i.indisunique AND NOT EXISTS (SELECT 1 FROM pg_attribute a
       WHERE a.attrelid = t.oid AND a.attname = 'person_shard' AND a.attnum = ANY (i.indkey::int2[]))",
    "SELECT t.relname || ': person_shard does not come first in its key'
     FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN spread ON spread.name = t.relname
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
     WHERE i.indisprimary AND a.attname <> 'person_shard'",
    "SELECT t.relname || ': no primary key' FROM pg_class t
     WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p')
       AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)",
    "SELECT conrelid::regclass || ': ' || conname || ' excludes without person_shard' FROM pg_constraint
     WHERE contype = 'x' AND connamespace = 'public'::regnamespace",
    // A key leads to the same shard or to every server.
    "SELECT f.conrelid::regclass || ': ' || f.conname || ' leads to another shard'
     FROM pg_constraint f JOIN pg_class t ON t.oid = f.conrelid JOIN pg_class r ON r.oid = f.confrelid
     WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace
       AND r.relname NOT IN (SELECT name FROM copied)
       AND NOT EXISTS (SELECT 1 FROM unnest(f.conkey, f.confkey) AS k (here, there)
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.here AND a.attname = 'person_shard'
         JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = k.there AND b.attname = 'person_shard')",
    // The column itself.
    "SELECT spread.name || ': person_shard is not BIGINT NOT NULL' FROM spread
     WHERE NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass(spread.name)
       AND a.attname = 'person_shard' AND a.atttypid = 'int8'::regtype AND a.attnotnull)",
    "SELECT copied.name || ': person_shard in a table of every server' FROM copied
     WHERE EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass(copied.name) AND a.attname = 'person_shard')",
    // Every table has its place.
    "SELECT t.relname || ': neither in shards nor on every server' FROM pg_class t
     WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p', 'f')
       AND t.relname NOT IN (SELECT name FROM spread UNION SELECT name FROM copied)",
    "SELECT named.name || ': not there' FROM (SELECT name FROM spread UNION SELECT name FROM copied) named
     WHERE to_regclass(named.name) IS NULL",
    // What one server does by itself.
    "SELECT tgrelid::regclass || ': ' || tgname || ' is a trigger' FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT relname || ': a sequence' FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'",
    "SELECT relname || ': a view' FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')",
    "SELECT ev_class::regclass || ': ' || rulename || ' is a rule' FROM pg_rewrite
     WHERE rulename <> '_RETURN' AND ev_class::regclass::text !~ '^pg_'",
    "SELECT proname || ': a function' FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "SELECT inhrelid::regclass || ': inherits' FROM pg_inherits i JOIN pg_class t ON t.oid = i.inhrelid
     WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r'",
    "SELECT a.attrelid::regclass || ': ' || a.attname || ' has a default of one server' FROM pg_attrdef d
     JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     JOIN pg_class t ON t.oid = d.adrelid AND t.relnamespace = 'public'::regnamespace
     WHERE pg_get_expr(d.adbin, d.adrelid) LIKE '%(%'",
];

/// What is wrong with the tables of a database.
pub(super) fn complaints(database: &Database) -> Vec<String> {
    complaints_after("", database)
}

/// What would be wrong with them after a change, which is taken back.
pub(super) fn complaints_after(change: &str, database: &Database) -> Vec<String> {
    let named = |kept: Kept| -> String {
        let names: Vec<String> = TABLES
            .iter()
            .filter(|(_, of)| *of == kept)
            .map(|(name, _)| format!("('{name}'::text)"))
            .collect();
        names.join(", ")
    };
    let with = format!(
        "WITH spread (name) AS (VALUES {}), copied (name) AS (VALUES {}) ",
        named(Kept::Spread),
        named(Kept::Copied)
    );
    let all: Vec<String> = CHECKS
        .iter()
        .map(|check| format!("{with}{check} ORDER BY 1;"))
        .collect();
    database
        .sql(&format!("BEGIN; {change}; {} ROLLBACK", all.concat()))
        .lines()
        .map(str::to_owned)
        .collect()
}
