//! The arrows between crates, and the sentence "this crate never …" of each, as far as manifests and source text show it.

use super::manifest::{self, Which};
use super::{Complaint, TextFile};

/// What a crate may rest on. Only its ordinary dependencies count: tests may use anything.
struct Crate {
    name: &'static str,
    /// Crates of this workspace it may depend on.
    may_use: &'static [&'static str],
    /// Outside crates it must not depend on.
    never_depends: &'static [&'static str],
    /// What its source (not its tests) must not name.
    never_names: &'static [&'static str],
}

const RUNTIMES_AND_SOCKETS: &[&str] = &[
    "tokio",
    "rusqlite",
    "tokio-postgres",
    "axum",
    "hyper",
    "hyper-util",
    "tower",
    "reqwest",
    "tracing",
    "rand",
    "getrandom",
];
const PURE_AND_WIRELESS: &[&str] = &[
    "tokio",
    "rusqlite",
    "tokio-postgres",
    "axum",
    "hyper",
    "hyper-util",
    "tower",
    "reqwest",
    "tracing",
    "rand",
    "getrandom",
    "jiff",
    "serde",
    "serde_json",
];
const IO_CLOCKS_AND_CHANCE: &[&str] = &[
    "tokio",
    "rusqlite",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "async fn",
    "rand::",
];
const IO_CLOCKS_CHANCE_AND_SERDE: &[&str] = &[
    "tokio",
    "rusqlite",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "async fn",
    "rand::",
    "serde",
];

const CRATES: &[Crate] = &[
    Crate {
        name: "greenline-policy",
        may_use: &[],
        never_depends: PURE_AND_WIRELESS,
        never_names: IO_CLOCKS_CHANCE_AND_SERDE,
    },
    Crate {
        name: "greenline-wire",
        may_use: &[],
        never_depends: RUNTIMES_AND_SOCKETS,
        never_names: IO_CLOCKS_AND_CHANCE,
    },
    Crate {
        name: "greenline-proof",
        may_use: &[],
        never_depends: RUNTIMES_AND_SOCKETS,
        never_names: IO_CLOCKS_AND_CHANCE,
    },
    Crate {
        name: "greenline-health",
        may_use: &["greenline-policy"],
        never_depends: PURE_AND_WIRELESS,
        never_names: IO_CLOCKS_CHANCE_AND_SERDE,
    },
    Crate {
        name: "greenline-screen",
        may_use: &["greenline-policy"],
        never_depends: &[
            "axum",
            "hyper",
            "hyper-util",
            "reqwest",
            "rusqlite",
            "tokio-postgres",
        ],
        never_names: &["rusqlite", "hyper::"],
    },
    Crate {
        name: "greenline-guide",
        may_use: &["greenline-policy"],
        // SQLite, in memory, is its search.
        never_depends: &[
            "tokio",
            "tokio-postgres",
            "axum",
            "hyper",
            "hyper-util",
            "reqwest",
            "rand",
            "jiff",
        ],
        never_names: &[
            "tokio",
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "SystemTime",
            "Instant",
            "async fn",
            "rand::",
        ],
    },
    Crate {
        name: "greenline-ledger",
        may_use: &["greenline-policy", "greenline-health", "greenline-proof"],
        never_depends: &["axum", "hyper", "hyper-util", "reqwest", "http"],
        never_names: &["hyper::", "axum::"],
    },
    Crate {
        name: "greenline-console",
        may_use: &[
            "greenline-ledger",
            "greenline-policy",
            "greenline-health",
            "greenline-guide",
        ],
        never_depends: &[
            "rusqlite",
            "tokio-postgres",
            "hyper",
            "hyper-util",
            "reqwest",
        ],
        never_names: &["rusqlite", "hyper::"],
    },
    Crate {
        name: "greenline-sim",
        may_use: &["greenline-wire"],
        never_depends: &["rusqlite"],
        never_names: &["rusqlite"],
    },
    Crate {
        name: "greenline-gateway",
        may_use: &[
            "greenline-policy",
            "greenline-wire",
            "greenline-health",
            "greenline-screen",
            "greenline-ledger",
            "greenline-proof",
            "greenline-console",
            "greenline-guide",
        ],
        never_depends: &["rusqlite", "tokio-postgres"],
        never_names: &["rusqlite", "greenline_sim"],
    },
    // Never ships: in no crate's row, so only tests, benchmarks and tasks may depend on it.
    Crate {
        name: "greenline-testdb",
        may_use: &[],
        never_depends: &["tokio", "tokio-postgres", "rusqlite"],
        never_names: &["greenline_ledger"],
    },
];

/// The binary puts everything together; the task runner touches nothing.
const BINARY: &str = "greenline";

pub(super) fn check(files: &[TextFile]) -> Vec<Complaint> {
    files
        .iter()
        .flat_map(|file| match crate_of(&file.path) {
            Some((name, "Cargo.toml")) => check_manifest(name, file),
            Some((name, rest)) if rest.starts_with("src/") => check_source(name, file),
            _ => Vec::new(),
        })
        .collect()
}

/// Splits `crates/<name>/<rest>`.
fn crate_of(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("crates/")?.split_once('/')
}

fn check_manifest(name: &str, file: &TextFile) -> Vec<Complaint> {
    if name == BINARY {
        return Vec::new();
    }
    let Some(rules) = CRATES.iter().find(|rules| rules.name == name) else {
        let what =
            "this crate has no row in xtask/src/tidy/arrows.rs: say there what it never does";
        return vec![Complaint::new(&file.path, 0, what)];
    };
    let mut complaints = Vec::new();
    for (line, dependency) in manifest::dependencies(&file.text, Which::Product) {
        let ours = dependency == BINARY || dependency.starts_with("greenline-");
        if ours && !rules.may_use.contains(&dependency) {
            let what = format!("the arrow {name} → {dependency} points the wrong way");
            complaints.push(Complaint::new(&file.path, line, what));
        }
        if rules.never_depends.contains(&dependency) {
            let what = format!("{name} never depends on {dependency}");
            complaints.push(Complaint::new(&file.path, line, what));
        }
    }
    complaints
}

fn check_source(name: &str, file: &TextFile) -> Vec<Complaint> {
    let Some(rules) = CRATES.iter().find(|rules| rules.name == name) else {
        return Vec::new();
    };
    if !file.is_rust() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (number, line) in product_lines(&file.text) {
        for word in rules.never_names.iter().filter(|word| names(line, word)) {
            let what = format!("{name} never names `{word}`");
            complaints.push(Complaint::new(&file.path, number, what));
        }
    }
    complaints
}

/// The lines of code that ship: without comments, up to the unit tests at the end.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text
        .find("#[cfg(test)]\nmod ")
        .map_or(text, |at| &text[..at]);
    end.lines().enumerate().map(|(index, line)| {
        (
            index + 1,
            line.split_once("//").map_or(line, |(code, _)| code),
        )
    })
}

/// Whether `word` stands in `line` as a word of its own, not as part of a longer one.
fn names(line: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open_end = word.ends_with(':');
        !before.is_some_and(part_of_a_word) && (open_end || !after.is_some_and(part_of_a_word))
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn said(path: &str, text: &str) -> Vec<String> {
        check(&[file(path, text)])
            .into_iter()
            .map(|complaint| complaint.to_string())
            .collect()
    }

    #[test]
    fn an_arrow_the_wrong_way_is_found() {
        let manifest = "[dependencies]\ngreenline-policy.workspace = true\ngreenline-gateway.workspace = true\n";
        assert_eq!(
            said("crates/greenline-ledger/Cargo.toml", manifest),
            [
                "crates/greenline-ledger/Cargo.toml:3: the arrow greenline-ledger → greenline-gateway points the wrong way"
            ]
        );
    }

    #[test]
    fn tests_may_depend_on_anything() {
        let manifest = "[dependencies]\n[dev-dependencies]\ngreenline-sim.workspace = true\ntokio.workspace = true\n";
        assert!(said("crates/greenline-policy/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn a_pure_crate_never_reads_a_clock() {
        let source = "// SystemTime is not read here\nfn a() { std::time::SystemTime::now(); }\n";
        assert_eq!(
            said("crates/greenline-policy/src/a.rs", source),
            ["crates/greenline-policy/src/a.rs:2: greenline-policy never names `SystemTime`"]
        );
    }

    #[test]
    fn longer_words_and_unit_tests_are_left_alone() {
        let source =
            "fn a() { let InstantMessage = observed; }\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert!(said("crates/greenline-policy/src/a.rs", source).is_empty());
    }

    #[test]
    fn a_new_crate_must_say_what_it_never_does() {
        assert_eq!(
            said("crates/greenline-new/Cargo.toml", "[package]\n").len(),
            1
        );
    }
}
