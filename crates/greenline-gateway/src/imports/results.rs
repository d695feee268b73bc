//! What became of each row, in the order of the file, without a number.

use std::io::{self, Write};

use super::Became;
use super::files::{Meta, Note, Place, Said};

/// The form of a result file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResultFormat {
    /// Separated by commas; the first line names the columns.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Writes the result of every row; those of which nothing is known yet are left out.
///
/// # Errors
/// What is kept of the import cannot be read, or nobody takes it any more.
pub fn write(
    place: &Place,
    meta: &Meta,
    format: ResultFormat,
    only_rejected: bool,
    into: &mut dyn Write,
) -> io::Result<()> {
    let mut outcomes: Vec<u8> = Vec::new();
    place.entries(|row, code| {
        let row = row as usize;
        if outcomes.len() <= row {
            outcomes.resize(row + 1, 0);
        }
        outcomes[row] = code;
    })?;
    let is_over = !meta.state.is_open();
    if format == ResultFormat::Csv {
        into.write_all(b"line,outcome,problem,notes\n")?;
    }
    let mut rows = Rows::new(place.said()?)?;
    let mut number = 0_u64;
    while let Some((line, note)) = rows.next_row(number)? {
        let code = usize::try_from(number)
            .ok()
            .and_then(|at| outcomes.get(at).copied());
        let note = note.unwrap_or_default();
        let became = match (&note.problem, code.filter(|code| *code > 0)) {
            (Some(_), _) => Some(Became::Rejected),
            (None, Some(code)) => Became::of(code),
            (None, None) => None,
        };
        number += 1;
        let Some(became) = became else {
            if is_over {
                return Err(io::Error::other("the journal lacks a row"));
            }
            continue;
        };
        if only_rejected && became != Became::Rejected {
            continue;
        }
        write_row(line, became, &note, format, into)?;
    }
    Ok(())
}

fn write_row(
    line: u64,
    became: Became,
    note: &Note,
    format: ResultFormat,
    into: &mut dyn Write,
) -> io::Result<()> {
    let problem = note.problem.as_deref().unwrap_or_default();
    match format {
        ResultFormat::Csv => {
            let quoted = |text: &str| {
                if text.is_empty() {
                    String::new()
                } else {
                    format!("\"{}\"", text.replace('"', "\"\""))
                }
            };
            writeln!(
                into,
                "{line},{},{},{}",
                became.as_str(),
                quoted(problem),
                quoted(&note.notes.join("; "))
            )
        }
        ResultFormat::Jsonl => {
            let mut row = serde_json::json!({ "line": line, "outcome": became.as_str() });
            if !problem.is_empty() {
                row["problem"] = problem.into();
            }
            if !note.notes.is_empty() {
                row["notes"] = note.notes.clone().into();
            }
            writeln!(into, "{row}")
        }
    }
}

/// Lines with the notes that belong to them.
struct Rows {
    said: Said,
    ahead: Option<Note>,
}

impl Rows {
    fn new(mut said: Said) -> io::Result<Self> {
        let ahead = said.next_note()?;
        Ok(Self { said, ahead })
    }

    fn next_row(&mut self, number: u64) -> io::Result<Option<(u64, Option<Note>)>> {
        let Some(line) = self.said.next_line()? else {
            return Ok(None);
        };
        if self.ahead.as_ref().is_none_or(|note| note.row != number) {
            return Ok(Some((line, None)));
        }
        let note = self.ahead.take();
        self.ahead = self.said.next_note()?;
        Ok(Some((line, note)))
    }
}
