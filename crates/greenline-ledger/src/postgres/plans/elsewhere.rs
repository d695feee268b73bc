//! Statements that are not in `sql.rs`: found by looking through the sources, so that none goes unseen.

use std::path::{Path, PathBuf};

/// Where statements may stand besides `sql.rs`, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("migrate.rs", "makes the tables that the others are about"),
    (
        "citus.rs",
        "asks an extension that is not everywhere, and is tested with one that is pretended",
    ),
    ("examine.rs", "looks at the server and not at what is kept"),
    (
        "moving/sql.rs",
        "carries an installation over, once and by hand",
    ),
];
/// Only what these say cannot be prepared on a database without the extension.
const NOT_PREPARED: &str = "citus.rs";
/// Files of tests.
const TESTS: &[&str] = &[
    "plans",
    "plans.rs",
    "checked.rs",
    "pretended.rs",
    "statements.rs",
    "tables.rs",
    "forms.rs",
];
const VERBS: &[&str] = &[
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "WITH ",
    "COPY ",
    "TRUNCATE ",
    "MERGE ",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if TESTS.contains(&name) {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Texts in quotes that begin as a statement does.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for verb in VERBS {
        for (at, _) in source.match_indices(&format!("\"{verb}")) {
            let text = source[at + 1..].split_once('"').unwrap().0;
            // A line that ends in a backslash goes on without what begins the next.
            let lines = text.split("\\\n").enumerate();
            found.push(
                lines
                    .map(|(n, line)| if n == 0 { line } else { line.trim_start() })
                    .collect(),
            );
        }
    }
    found
}

/// All of them that can be prepared, each with its file.
pub(crate) fn statements() -> Vec<(String, &'static str)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut found = Vec::new();
    for path in files {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let statements = literals(&std::fs::read_to_string(&path).unwrap());
        if name == "sql.rs" || name.starts_with("sql/") || statements.is_empty() {
            continue;
        }
        let is_allowed = ALLOWED.iter().any(|(allowed, _)| *allowed == name);
        assert!(
            is_allowed,
            "{name} holds statements of its own: {statements:#?}"
        );
        if name != NOT_PREPARED {
            // Prepared statements are known by texts that live for ever.
            let statements = statements
                .into_iter()
                .map(|sql| &*Box::leak(sql.into_boxed_str()));
            found.extend(statements.map(|sql| (name.clone(), sql)));
        }
    }
    found
}

#[test]
fn a_statement_is_found_wherever_it_stands() {
    let source = "let a = \"SELECT 1 \\\n    FROM t\"; const B: &str =\n \"DELETE FROM t\"; let c = \"SELECTED\";";
    assert_eq!(literals(source), ["SELECT 1 FROM t", "DELETE FROM t"]);
    assert!(statements().iter().any(|(file, _)| file == "migrate.rs"));
}
