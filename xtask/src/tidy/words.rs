//! Words that must not stand in the repository: paths of one machine, package hosts in lockfiles, silenced lints and tests.

use super::{Complaint, TextFile};

/// Folders that exist on somebody's machine only. Written in two halves so that this file does not trip over itself.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

/// Attributes that hide a problem, with what to do instead.
const HIDDEN_PROBLEMS: [(&str, &str); 4] = [
    (
        concat!("#[ign", "ore"),
        "a test runs or goes; none is ignored",
    ),
    (
        concat!("#[should_", "panic"),
        "check the outcome, not that something somewhere panicked",
    ),
    (
        concat!("#[allow", "("),
        "silence a lint with `#[expect(…, reason = \"…\")]`",
    ),
    (
        concat!("#![allow", "("),
        "silence a lint with `#![expect(…, reason = \"…\")]`",
    ),
];

/// The one address Cargo itself writes for its default registry.
const CARGO_DEFAULT_SOURCE: &str =
    "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

pub(super) fn check(files: &[TextFile]) -> Vec<Complaint> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &TextFile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let mut complain =
            |what: String| complaints.push(Complaint::new(&file.path, index + 1, what));
        for path in MACHINE_PATHS {
            if stands_as_path(line, path) {
                complain(format!("`{path}…` exists on one machine only"));
            }
        }
        if names_a_package_host(&file.path, line) {
            complain("a lockfile must not say where packages are fetched from".to_owned());
        }
        if file.is_rust() {
            for (word, instead) in HIDDEN_PROBLEMS {
                if line.trim_start().starts_with(word) {
                    complain(format!("`{word}`: {instead}"));
                }
            }
        }
    }
    complaints
}

/// The folder at the start of a path, not within a longer one such as a web address.
fn stands_as_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')' | '$'))
    })
}

fn names_a_package_host(path: &str, line: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    match file {
        "Cargo.lock" => line.contains("://") && line != CARGO_DEFAULT_SOURCE,
        "package-lock.json" => line.contains("\"resolved\""),
        name if name.starts_with("requirements") && name.ends_with(".txt") => {
            line.contains("://") || line.trim_start().starts_with("--")
        }
        ".npmrc" | "pip.conf" => line.contains("://"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&[file(path, text)]).len()
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let home = MACHINE_PATHS[1];
        assert_eq!(
            complaints("docs/a.md", &format!("see `{home}me/notes`\n")),
            1
        );
        assert_eq!(
            complaints(
                "docs/a.md",
                &format!("see https://host.example{home}page\n")
            ),
            0
        );
    }

    #[test]
    fn lockfiles_name_no_host() {
        let resolved = "      \"resolved\": \"https://packages.example/zod.tgz\",\n";
        assert_eq!(complaints("tests/clients/package-lock.json", resolved), 1);
        assert_eq!(
            complaints("Cargo.lock", &format!("{CARGO_DEFAULT_SOURCE}\n")),
            0
        );
        assert_eq!(
            complaints("Cargo.lock", "source = \"git+https://git.example/a\"\n"),
            1
        );
        assert_eq!(
            complaints("requirements.txt", "--index-url https://packages.example\n"),
            1
        );
        assert_eq!(complaints("requirements.txt", "pywa==4.5.0\n"), 0);
    }

    #[test]
    fn hidden_problems_are_found_in_code_only() {
        let (ignore, _) = HIDDEN_PROBLEMS[0];
        assert_eq!(
            complaints("crates/a/src/lib.rs", &format!("    {ignore}]\n")),
            1
        );
        assert_eq!(complaints("docs/a.md", &format!("{ignore}]\n")), 0);
    }
}
