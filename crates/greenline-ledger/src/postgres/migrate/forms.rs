//! Each migration does one thing, which the release before does not notice, and may be done twice.

use std::path::Path;

use sqlparser::ast::{
    AlterTableOperation, ColumnOption, Insert, OnConflictAction, OnInsert, Statement, TableObject,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::MIGRATIONS;

/// The last migration of a release that somebody may run, by its number. Raised when one goes out.
const RELEASED: &str = "0000";

/// Tables of released migrations.
fn released() -> Vec<String> {
    let released = MIGRATIONS
        .iter()
        .filter(|(name, _)| number(name) <= RELEASED);
    let tables = released.filter_map(|(_, text)| match parsed(text).as_deref() {
        Ok([Statement::CreateTable(table)]) => Some(table.name.to_string()),
        _ => None,
    });
    tables.collect()
}

fn number(name: &str) -> &str {
    name.split_once('_').map_or(name, |(number, _)| number)
}

fn parsed(text: &str) -> Result<Vec<Statement>, String> {
    Parser::parse_sql(&PostgreSqlDialect {}, text).map_err(|error| error.to_string())
}

/// Whether rows go where the release before looks for none, and once.
fn fills(insert: &Insert, released: &[String]) -> bool {
    let is_new = match &insert.table {
        TableObject::TableName(name) => !released.contains(&name.to_string()),
        _ => false,
    };
    let once = match &insert.on {
        Some(OnInsert::OnConflict(conflict)) => conflict.action == OnConflictAction::DoNothing,
        _ => false,
    };
    is_new && once
}

/// What is wrong with a migration.
fn complaint(text: &str, released: &[String]) -> Option<String> {
    let statements = match parsed(text) {
        Ok(statements) => statements,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    let [statement] = statements.as_slice() else {
        return Some(format!("{} changes and not one", statements.len()));
    };
    match statement {
        Statement::CreateTable(table) if table.if_not_exists && table.query.is_none() => None,
        Statement::Insert(insert) if fills(insert, released) => None,
        Statement::CreateIndex(index) if index.if_not_exists => {
            if released.contains(&index.table_name.to_string()) {
                return Some(format!(
                    "writers of {} wait for the index",
                    index.table_name
                ));
            }
            index
                .unique
                .then(|| "the release before may write what is not unique".to_owned())
        }
        Statement::AlterTable(table) => match table.operations.as_slice() {
            [
                AlterTableOperation::AddColumn {
                    if_not_exists: true,
                    column_def,
                    ..
                },
            ] => {
                let options: Vec<&ColumnOption> = column_def
                    .options
                    .iter()
                    .map(|option| &option.option)
                    .collect();
                let default = options.iter().find_map(|option| match option {
                    ColumnOption::Default(value) => Some(value.to_string()),
                    _ => None,
                });
                if default.as_ref().is_some_and(|value| value.contains('(')) {
                    return Some("the default makes every row be written anew".to_owned());
                }
                let other = options.iter().find(|option| match option {
                    ColumnOption::Null | ColumnOption::Default(_) => false,
                    ColumnOption::NotNull => default.is_none(),
                    _ => true,
                });
                other.map(|option| {
                    format!(
                        "the release before writes no `{}`: {option}",
                        column_def.name
                    )
                })
            }
            _ => Some(format!("`{statement}` does more than add")),
        },
        _ => Some(format!(
            "`{statement}` does more than add, or cannot be done twice"
        )),
    }
}

#[test]
fn each_migration_adds_one_thing_and_takes_nothing() {
    let released = released();
    let complaints: Vec<String> = MIGRATIONS
        .iter()
        .filter_map(|(name, text)| Some(format!("{name}: {}", complaint(text, &released)?)))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn migrations_are_numbered_and_every_file_is_listed() {
    for (at, (name, _)) in MIGRATIONS.iter().enumerate() {
        assert_eq!(number(name), format!("{:04}", at + 1), "{name}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres/migrations");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    files.sort_unstable();
    let names: Vec<&str> = MIGRATIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, names);
}

#[test]
fn a_migration_that_takes_something_is_found() {
    let released = ["people".to_owned()];
    let refused = [
        "DROP TABLE people",
        "DROP INDEX people_by_business",
        "ALTER TABLE people DROP COLUMN last_seq",
        "ALTER TABLE people RENAME COLUMN last_seq TO newest_seq",
        "ALTER TABLE people RENAME TO persons",
        "ALTER TABLE people ALTER COLUMN business SET NOT NULL",
        "ALTER TABLE people ALTER COLUMN last_seq TYPE INTEGER",
        "ALTER TABLE people ADD CONSTRAINT known CHECK (version > 0)",
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS note TEXT NOT NULL",
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS note BIGINT UNIQUE",
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS at_ms TEXT DEFAULT now()",
        "ALTER TABLE people ADD COLUMN note TEXT",
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS a TEXT, ADD COLUMN IF NOT EXISTS b TEXT",
        "CREATE TABLE extra (id BIGINT PRIMARY KEY)",
        "CREATE TABLE IF NOT EXISTS extra AS SELECT * FROM people",
        "CREATE INDEX by_version ON people (version)",
        "CREATE INDEX IF NOT EXISTS by_version ON people (version)",
        "CREATE UNIQUE INDEX IF NOT EXISTS one ON heads (person_shard, body)",
        "CREATE TABLE IF NOT EXISTS a (id BIGINT PRIMARY KEY); CREATE TABLE IF NOT EXISTS b (id BIGINT PRIMARY KEY)",
        "UPDATE people SET version = 1",
        "INSERT INTO people (person_shard) SELECT 1 ON CONFLICT (person_shard) DO NOTHING",
        "INSERT INTO extra (id) SELECT version FROM people",
        "INSERT INTO extra (id) SELECT version FROM people ON CONFLICT (id) DO UPDATE SET id = 1",
        "CREATE SEQUENCE s",
        "SELECT FROM WHERE",
    ];
    for text in refused {
        assert!(complaint(text, &released).is_some(), "{text}");
    }
    let taken = [
        "CREATE TABLE IF NOT EXISTS extra (id BIGINT PRIMARY KEY)",
        "CREATE INDEX IF NOT EXISTS by_body ON heads (body)",
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS note TEXT",
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS note BIGINT NOT NULL DEFAULT 0",
        "INSERT INTO extra (id) SELECT version FROM people ON CONFLICT (id) DO NOTHING",
    ];
    for text in taken {
        assert_eq!(complaint(text, &released), None, "{text}");
    }
}
