//! What a command prints: text for people, JSON for programs, a bar while it works.
//!
//! A reader that goes away, as `head` does, ends the printing and is no error.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use clap::Args;
use serde_json::Value;

use crate::failure::Failure;

/// `--json`.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Json {
    /// Answers in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints text to standard output at once.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::unavailable("standard output cannot be written").because(error))
        }
        _ => Ok(()),
    }
}

/// Prints a value, over several lines.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Prints an answer, as JSON or in words.
pub(crate) fn print_answer(
    value: &Value,
    json: &Json,
    words: impl FnOnce(&Value) -> String,
) -> Result<(), Failure> {
    if json.json {
        print_json(value)
    } else {
        print(&words(value))
    }
}

/// The text at a place in an answer, such as `/reasons/0/text`; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The list at a place in an answer; empty when there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Rows in columns, the last of which is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A bar on standard error that shows how far a long piece of work is; silent unless a person looks.
#[derive(Debug)]
pub(crate) struct Bar {
    what: &'static str,
    whole: u64,
    shown: Option<u64>,
    looked_at: bool,
}

/// Characters of a full bar.
const BAR_CHARACTERS: u64 = 30;

impl Bar {
    /// A bar for `whole` units of work.
    pub(crate) fn new(what: &'static str, whole: u64) -> Self {
        Self {
            what,
            whole: whole.max(1),
            shown: None,
            looked_at: std::io::stderr().is_terminal(),
        }
    }

    /// Shows that `done` units are done, when that changes a per cent.
    pub(crate) fn show(&mut self, done: u64) {
        let percent = done.min(self.whole) * 100 / self.whole;
        if !self.looked_at || self.shown == Some(percent) {
            return;
        }
        self.shown = Some(percent);
        let full = usize::try_from(percent * BAR_CHARACTERS / 100).unwrap_or(0);
        let empty = usize::try_from(BAR_CHARACTERS).unwrap_or(0) - full;
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(empty));
        // A bar that cannot be drawn keeps nobody from working.
        let _ = write!(std::io::stderr(), "\r{} {bar} {percent:>3} %", self.what);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
