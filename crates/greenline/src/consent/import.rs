//! `greenline consent import`: a CSV file, in pieces, so that size does not matter and progress shows.
//!
//! The file is cut between records only, and each piece gets the first line with the names. The same
//! file again records nothing twice, so an import that broke off is simply run again.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use csv::{ByteRecord, ReaderBuilder};
use http::Method;
use serde_json::{Value, json};

use crate::access::{Access, Content, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Bar, Json, list, text};
use crate::settings::Settings;

/// Bytes of one piece, about; a single record may be longer.
const PIECE_BYTES: usize = 256 * 1024;
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Rows with a problem that are listed for a person; the result file has them all.
const PROBLEMS_SHOWN: usize = 10;

/// Takes in a CSV file.
#[derive(Args)]
pub(crate) struct Import {
    /// The file; `-` reads standard input. Columns: wa_id or phone and/or user_id, scope, and as far as known event,
    /// occurred_at, method, wording, wording_version, business_name, source, ip, message_id, file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Reads and compares, records nothing.
    #[arg(long)]
    dry_run: bool,
    /// Writes what became of each row to this file, as CSV.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What became of the whole file.
#[derive(Debug, Default)]
struct Total {
    counts: [(&'static str, u64); 5],
    ignored_columns: Value,
    results: Vec<Value>,
}

impl Import {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let file = self.read()?;
        let pieces = pieces(&file)?;
        let access = Access::open(settings, "consent import").await?;
        let total = self.send(&access, &file, &pieces).await;
        access.close().await;
        let total = total?;
        if let Some(path) = &self.results {
            std::fs::write(path, total.result_file()?).map_err(|error| {
                Failure::input(format!(
                    "the result file `{}` cannot be written",
                    path.display()
                ))
                .because(error)
            })?;
        }
        if self.json.json {
            output::print_json(&total.json(self.dry_run))?;
        } else {
            output::print(&total.rendered(self.dry_run))?;
        }
        Ok(if total.count("bad") == 0 {
            Exit::Yes
        } else {
            Exit::No
        })
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let unreadable = |error| {
            Failure::input(format!("`{}` cannot be read", self.file.display())).because(error)
        };
        let mut file = Vec::new();
        let length = if self.file.as_os_str() == "-" {
            std::io::stdin()
                .lock()
                .take(FILE_BYTES_MAX + 1)
                .read_to_end(&mut file)
        } else {
            std::fs::File::open(&self.file)
                .and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_end(&mut file))
        }
        .map_err(unreadable)?;
        if length as u64 > FILE_BYTES_MAX {
            return Err(
                Failure::input(format!("the file is longer than {FILE_BYTES_MAX} bytes"))
                    .help("Split it."),
            );
        }
        Ok(file)
    }

    async fn send(&self, access: &Access, file: &[u8], pieces: &Pieces) -> Result<Total, Failure> {
        let dry_run = self.dry_run.then_some("true");
        let target = path_of(
            &["v1", "consents", "import"],
            &[("business", self.business.as_deref()), ("dry_run", dry_run)],
        );
        let mut total = Total::default();
        let mut bar = Bar::new("importing", file.len() as u64);
        for piece in &pieces.pieces {
            let body = [&file[..pieces.head_end], &file[piece.start..piece.end]].concat();
            let content = Content {
                body: body.into(),
                content_type: Some("text/csv"),
                ..Content::default()
            };
            let answer = access.call(Method::POST, &target, content).await?.done().map_err(|failure| {
                if total.results.is_empty() {
                    return failure;
                }
                failure.help("Rows before this point are recorded. Run the same import again: nothing is recorded twice.")
            })?;
            total.add(&answer, piece.lines_before);
            bar.show(piece.end as u64);
        }
        Ok(total)
    }
}

/// Where a file is cut.
#[derive(Debug, PartialEq, Eq)]
struct Pieces {
    /// End of the line with the names.
    head_end: usize,
    pieces: Vec<Piece>,
}

/// Records that go together.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    start: usize,
    end: usize,
    /// What to add to a line number of the piece to get that of the file.
    lines_before: u64,
}

fn pieces(file: &[u8]) -> Result<Pieces, Failure> {
    let malformed = |error: csv::Error| Failure::input("the file is not CSV").because(error);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(file))
        .from_reader(file);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(malformed)? {
        return Err(
            Failure::input("the file is empty").help("Its first line must name the columns.")
        );
    }
    let at = |reader: &csv::Reader<&[u8]>| {
        let position = reader.position();
        (
            usize::try_from(position.byte())
                .unwrap_or(file.len())
                .min(file.len()),
            position.line(),
        )
    };
    let (head_end, head_lines) = at(&reader);
    let mut pieces = Vec::new();
    let (mut start, mut start_line) = (head_end, head_lines);
    loop {
        let more = reader.read_byte_record(&mut record).map_err(malformed)?;
        let (end, line) = at(&reader);
        if end - start >= PIECE_BYTES || (!more && end > start) {
            pieces.push(Piece {
                start,
                end,
                lines_before: start_line - head_lines,
            });
            (start, start_line) = (end, line);
        }
        if !more {
            break;
        }
    }
    if pieces.is_empty() {
        // Only names: the API says whether they are the right ones.
        pieces.push(Piece {
            start: head_end,
            end: head_end,
            lines_before: 0,
        });
    }
    Ok(Pieces { head_end, pieces })
}

/// The separator: whichever of comma, semicolon and tab the first line holds most of.
fn delimiter(file: &[u8]) -> u8 {
    let first = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| first.iter().filter(|byte| **byte == wanted).count();
    // The last of equals wins, so the usual one comes last.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|byte| count(*byte))
        .unwrap_or(b',')
}

/// What the API counts, in the order in which it is told.
const COUNTS: [&str; 5] = ["rows", "recorded", "repeated", "bad", "no_stays"];

impl Total {
    fn add(&mut self, answer: &Value, lines_before: u64) {
        for (place, name) in self.counts.iter_mut().zip(COUNTS) {
            *place = (
                name,
                place.1 + answer.get(name).and_then(Value::as_u64).unwrap_or(0),
            );
        }
        self.ignored_columns = answer.get("ignored_columns").cloned().unwrap_or_default();
        for row in list(answer, "/results") {
            let mut row = row.clone();
            if let Some(line) = row.get("line").and_then(Value::as_u64) {
                row["line"] = json!(line + lines_before);
            }
            self.results.push(row);
        }
    }

    fn count(&self, name: &str) -> u64 {
        self.counts
            .iter()
            .find(|(counted, _)| *counted == name)
            .map_or(0, |(_, count)| *count)
    }

    fn json(&self, dry_run: bool) -> Value {
        let mut all = json!({ "dry_run": dry_run, "ignored_columns": self.ignored_columns, "results": self.results });
        for (name, count) in self.counts {
            all[name] = json!(count);
        }
        all
    }

    fn rendered(&self, dry_run: bool) -> String {
        let recorded = if dry_run {
            "would be recorded"
        } else {
            "recorded"
        };
        let mut page = format!(
            "{} rows: {} {recorded}, {} recorded before, {} bad.\n",
            self.count("rows"),
            self.count("recorded"),
            self.count("repeated"),
            self.count("bad"),
        );
        if self.count("no_stays") > 0 {
            page.push_str(&format!(
                "{} say yes where the person said no: the no stays.\n",
                self.count("no_stays")
            ));
        }
        let ignored: Vec<&str> = list(&self.ignored_columns, "")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if !ignored.is_empty() {
            page.push_str(&format!("Columns not used: {}.\n", ignored.join(", ")));
        }
        let bad: Vec<&Value> = self
            .results
            .iter()
            .filter(|row| text(row, "/result") == "bad")
            .collect();
        for row in bad.iter().take(PROBLEMS_SHOWN) {
            page.push_str(&format!(
                "Line {}: {}\n",
                row["line"],
                text(row, "/problem")
            ));
        }
        if bad.len() > PROBLEMS_SHOWN {
            page.push_str(&format!(
                "… and {} more; `--results FILE` lists every row.\n",
                bad.len() - PROBLEMS_SHOWN
            ));
        }
        page
    }

    fn result_file(&self) -> Result<Vec<u8>, Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.results.iter().map(|row| {
            let notes: Vec<&str> = list(row, "/notes")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            [
                row["line"].to_string(),
                text(row, "/result").to_owned(),
                text(row, "/id").to_owned(),
                text(row, "/standing").to_owned(),
                text(row, "/problem").to_owned(),
                notes.join("; "),
            ]
        });
        let names = ["line", "result", "id", "standing", "problem", "notes"].map(str::to_owned);
        for row in std::iter::once(names).chain(rows) {
            writer.write_record(&row).map_err(|error| {
                Failure::unavailable("the result file cannot be made").because(error)
            })?;
        }
        writer.into_inner().map_err(|error| {
            Failure::unavailable("the result file cannot be made").because(error.into_error())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_between_records_only() {
        let note = "x".repeat(PIECE_BYTES / 2);
        let row = |name: &str| format!("{name},\"line one\nline two, \"\"quoted\"\" {note}\"\n");
        let file = ["name,note\n", &row("a"), &row("b"), &row("c"), "d,short"].concat();
        let cut = pieces(file.as_bytes()).unwrap();
        assert_eq!(&file[..cut.head_end], "name,note\n");
        let texts: Vec<&str> = cut
            .pieces
            .iter()
            .map(|piece| &file[piece.start..piece.end])
            .collect();
        assert_eq!(texts.len(), 2);
        assert!(
            texts[0].starts_with("a,") && texts[1].starts_with("c,"),
            "cut in the middle of a record"
        );
        assert_eq!(texts.concat(), file[cut.head_end..]);
        assert_eq!(cut.pieces[1].lines_before, 4);
    }

    #[test]
    fn a_file_with_names_only_is_one_empty_piece() {
        let cut = pieces(b"wa_id,scope").unwrap();
        assert_eq!(
            cut.pieces,
            [Piece {
                start: 11,
                end: 11,
                lines_before: 0
            }]
        );
        assert!(pieces(b"").is_err());
    }
}
