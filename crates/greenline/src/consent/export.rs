//! `greenline consent export`: every consent event, page by page, never all in memory.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::text;
use crate::settings::Settings;

/// Where the admin API says that the next page begins.
const HEADER_NEXT: &str = "greenline-next";
/// The columns of a CSV, the same that an import takes, with what fills each.
const COLUMNS: [(&str, &str); 13] = [
    ("wa_id", "/person/wa_id"),
    ("user_id", "/person/user_id"),
    ("scope", "/scope"),
    ("event", "/event"),
    ("occurred_at", "/occurred_at"),
    ("method", "/evidence/method"),
    ("wording", "/evidence/wording"),
    ("wording_version", "/evidence/wording_version"),
    ("business_name", "/evidence/business_name"),
    ("source", "/evidence/source"),
    ("ip", "/evidence/ip"),
    ("message_id", "/evidence/message_id"),
    ("file", "/evidence/file"),
];

/// Hands out every consent event.
#[derive(Args)]
pub(crate) struct Export {
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// JSON lines hold everything; CSV has the columns that an import takes.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Events recorded after this one.
    #[arg(long, value_name = "EVENT ID")]
    after: Option<String>,
    /// Only what holds today, as an import elsewhere needs it: yeses and noes in force, with their evidence.
    #[arg(long)]
    current: bool,
    /// Writes to this file; an existing one is replaced [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

impl Export {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "consent export").await?;
        let mut out: Box<dyn Write> = match &self.output {
            None => Box::new(std::io::stdout().lock()),
            Some(path) => Box::new(BufWriter::new(File::create(path).map_err(|error| {
                Failure::input(format!("`{}` cannot be written", path.display())).because(error)
            })?)),
        };
        let done = self.pages(&access, &mut out).await;
        access.close().await;
        match done {
            Err(Stop::Failed(failure)) => Err(failure),
            // Whoever reads has seen enough.
            Ok(()) | Err(Stop::ReaderGone) => Ok(Exit::Yes),
        }
    }

    async fn pages(&self, access: &Access, out: &mut dyn Write) -> Result<(), Stop> {
        let mut after = self.after.clone();
        if self.format == Format::Csv {
            out.write_all(&csv_row(COLUMNS.iter().map(|(name, _)| *name))?)?;
        }
        loop {
            let query = [
                ("business", self.business.as_deref()),
                ("after", after.as_deref()),
                ("current", self.current.then_some("true")),
            ];
            let page = access
                .get(&path_of(&["v1", "export", "consents"], &query))
                .await?;
            page.check()?;
            match self.format {
                Format::Jsonl => out.write_all(&page.body)?,
                Format::Csv => {
                    for line in page
                        .body
                        .split(|byte| *byte == b'\n')
                        .filter(|line| !line.is_empty())
                    {
                        let event: Value = serde_json::from_slice(line).map_err(|error| {
                            Failure::unavailable("a line of the export is not JSON").because(error)
                        })?;
                        out.write_all(&csv_row(
                            COLUMNS.iter().map(|(_, place)| text(&event, place)),
                        )?)?;
                    }
                }
            }
            let next = page
                .headers
                .get(HEADER_NEXT)
                .and_then(|next| next.to_str().ok());
            match next {
                Some(next) if Some(next) != after.as_deref() => after = Some(next.to_owned()),
                _ => break,
            }
        }
        Ok(out.flush()?)
    }
}

fn csv_row<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, Stop> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(cells)
        .map_err(|error| Failure::unavailable("a row cannot be written").because(error))?;
    writer.into_inner().map_err(|error| {
        Failure::unavailable("a row cannot be written")
            .because(error.into_error())
            .into()
    })
}

/// Why an export ended early.
enum Stop {
    Failed(Failure),
    ReaderGone,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(Failure::unavailable("the export cannot be written").because(error)),
        }
    }
}
