//! Dependencies that a manifest names and no source file does. They cost everyone compile time and say something untrue.

use super::manifest::{self, Which};
use super::{Complaint, TextFile};

pub(super) fn check(files: &[TextFile]) -> Vec<Complaint> {
    files
        .iter()
        .filter_map(|file| Some((file, folder_of_crate(&file.path)?)))
        .flat_map(|(file, folder)| check_crate(file, folder, files))
        .collect()
}

fn folder_of_crate(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("Cargo.toml")?;
    (!folder.is_empty()).then_some(folder)
}

fn check_crate(file: &TextFile, folder: &str, files: &[TextFile]) -> Vec<Complaint> {
    let sources: Vec<&TextFile> = files
        .iter()
        .filter(|source| source.is_rust() && source.path.starts_with(folder))
        .collect();
    manifest::dependencies(&file.text, Which::All)
        .into_iter()
        .filter(|(_, name)| {
            let name = name.replace('-', "_");
            !sources
                .iter()
                .any(|source| names_crate(&source.text, &name))
        })
        .map(|(line, name)| {
            let what = format!("no source file here names `{name}`: remove the dependency");
            Complaint::new(&file.path, line, what)
        })
        .collect()
}

fn names_crate(text: &str, name: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(part_of_a_word) && !after.is_some_and(part_of_a_word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn only_what_no_file_names_is_complained_about() {
        let files = [
            file(
                "crates/a/Cargo.toml",
                "[dependencies]\nhyper.workspace = true\nhyper-util.workspace = true\n",
            ),
            file("crates/a/src/lib.rs", "use hyper_util::rt::TokioIo;\n"),
            file("crates/ab/src/lib.rs", "use hyper::Request;\n"),
        ];
        let said: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["crates/a/Cargo.toml:2: no source file here names `hyper`: remove the dependency"]
        );
    }
}
