//! Sizes and shapes: no giant files, no `mod.rs`, one integration test binary per crate, workspace lints everywhere.

use super::{Complaint, TextFile};

/// Hand-written Rust stays below this; well before it, look for the seam.
const RUST_LINES_MAX: usize = 1000;
/// The map of the code is read in one sitting or not at all.
const ARCHITECTURE_LINES_MAX: usize = 250;

pub(super) fn check(files: &[TextFile]) -> Vec<Complaint> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &TextFile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let path = file.path.as_str();
    let mut complain = |what: String| complaints.push(Complaint::new(path, 0, what));

    let lines = file.text.lines().count();
    if file.is_rust() && lines > RUST_LINES_MAX {
        complain(format!(
            "{lines} lines, the limit is {RUST_LINES_MAX}: split it along a seam"
        ));
    }
    if path == "ARCHITECTURE.md" && lines > ARCHITECTURE_LINES_MAX {
        complain(format!(
            "{lines} lines, the limit is {ARCHITECTURE_LINES_MAX}"
        ));
    }
    if path.ends_with("/mod.rs") {
        complain("use `foo.rs` beside the folder `foo/`, not `foo/mod.rs`".to_owned());
    }
    if is_extra_test_binary(path) {
        complain("one test binary per crate: make it a module of `tests/it/main.rs`".to_owned());
    }
    if is_crate_manifest(path) && !file.text.contains("[lints]\nworkspace = true") {
        complain(
            "the workspace's lints are not in force here: add `[lints]` with `workspace = true`"
                .to_owned(),
        );
    }
    if file.is_rust() && !file.text.is_empty() && !file.text.ends_with('\n') {
        complain("no newline at the end".to_owned());
    }
    complaints
}

/// `crates/x/tests/y.rs` and `crates/x/tests/y/main.rs` are binaries of their own, unless `y` is `it`.
fn is_extra_test_binary(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", _, "tests", file] => file.ends_with(".rs"),
        ["crates", _, "tests", folder, "main.rs"] => *folder != "it",
        _ => false,
    }
}

fn is_crate_manifest(path: &str) -> bool {
    path == "xtask/Cargo.toml" || (path.starts_with("crates/") && path.ends_with("/Cargo.toml"))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&[file(path, text)]).len()
    }

    #[test]
    fn a_file_past_the_limit_is_complained_about() {
        assert_eq!(
            complaints("crates/a/src/lib.rs", &"//\n".repeat(RUST_LINES_MAX)),
            0
        );
        assert_eq!(
            complaints("crates/a/src/lib.rs", &"//\n".repeat(RUST_LINES_MAX + 1)),
            1
        );
        assert_eq!(
            complaints("docs/long.md", &"text\n".repeat(RUST_LINES_MAX + 1)),
            0
        );
    }

    #[test]
    fn module_files_stand_beside_their_folder() {
        assert_eq!(complaints("crates/a/src/b/mod.rs", "\n"), 1);
        assert_eq!(complaints("crates/a/src/b.rs", "\n"), 0);
    }

    #[test]
    fn a_crate_has_one_test_binary() {
        assert_eq!(complaints("crates/a/tests/it/main.rs", "\n"), 0);
        assert_eq!(complaints("crates/a/tests/it/sends.rs", "\n"), 0);
        assert_eq!(complaints("crates/a/tests/sends.rs", "\n"), 1);
        assert_eq!(complaints("crates/a/tests/sends/main.rs", "\n"), 1);
    }

    #[test]
    fn every_crate_takes_the_workspace_lints() {
        assert_eq!(complaints("crates/a/Cargo.toml", "[package]\n"), 1);
        assert_eq!(
            complaints("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            0
        );
    }
}
