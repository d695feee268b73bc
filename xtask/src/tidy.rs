//! The project's own checks on its files: what no general linter knows about this repository.
//!
//! Each check is a function from the files to complaints. All run, all complaints are printed; one is enough to fail.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::steps;

mod arrows;
mod layout;
mod links;
mod manifest;
mod unused;
mod words;

/// A text file of the repository, its path relative to the root with forward slashes.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }
}

/// Something wrong, at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    path: String,
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    what: String,
}

impl Complaint {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Complaint {
        Complaint {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.what),
            line => write!(out, "{}:{line}: {}", self.path, self.what),
        }
    }
}

pub(crate) fn run() -> Result<()> {
    let places = Places::find()?;
    let files = text_files(&places.root)?;
    let complaints = all_complaints(&files);
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("{} files are tidy", files.len());
        return Ok(());
    }
    bail!("{} complaints, listed above", complaints.len());
}

fn all_complaints(files: &[TextFile]) -> Vec<Complaint> {
    [
        layout::check(files),
        arrows::check(files),
        unused::check(files),
        words::check(files),
        links::check(files),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every file that is in the repository or would be with the next commit, binary ones left out.
fn text_files(root: &Path) -> Result<Vec<TextFile>> {
    // A clone owned by someone else, as CI's may be, is still only read.
    let list = steps::output(
        Command::new("git")
            .arg("-c")
            .arg(format!("safe.directory={}", root.display()))
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root),
    )?;
    let mut files = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        let file = root.join(path);
        // Deleted but not yet committed, a submodule, or a link to a folder.
        if !file.is_file() {
            continue;
        }
        let bytes = fs::read(&file).with_context(|| format!("cannot read `{path}`"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> TextFile {
    TextFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
