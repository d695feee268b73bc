//! `greenline consent import` and `undo`: the file goes to the admin API as it is, and the command looks on until it
//! is done. Run again after it was broken off, it goes on where it was.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::access::{Access, Content, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Bar, Json, list, text};
use crate::settings::Settings;

/// Bytes of the file that are read at once.
const PART_BYTES: usize = 256 * 1024;
/// Parts read ahead.
const PARTS_AHEAD: usize = 8;
/// How often to look how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The first looks come sooner: most files are small.
const LOOK_FIRST: Duration = Duration::from_millis(20);
/// Rows with a problem that are listed for a person; the result file has them all.
const PROBLEMS_SHOWN: usize = 10;

/// Takes in a file of any size: CSV or JSON lines, also packed with gzip or Zstandard.
#[derive(Args)]
pub(crate) struct Import {
    /// The file; `-` reads standard input. Columns of the common exports are known by name, such as phone, opt-in date,
    /// status; the guide has the table.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Reads and compares, records nothing; says exactly what the import would do.
    #[arg(long)]
    dry_run: bool,
    /// What a column fills, such as `Handy=phone`; `Note=-` leaves it out. May be repeated.
    #[arg(long, value_name = "COLUMN=MEMBER")]
    map: Vec<String>,
    /// What rows have that say nothing themselves, such as `scope=marketing`. May be repeated.
    #[arg(long, value_name = "MEMBER=VALUE")]
    set: Vec<String>,
    /// Country, such as DE, of numbers that are written without one.
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// How dates with slashes are meant.
    #[arg(long, value_enum)]
    dates: Option<Dates>,
    /// What stands between values; `tab` for a tab [default: found out].
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// The form of the file [default: found out].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Writes what became of each row to this file: CSV, or JSON lines if its name ends in .jsonl.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Takes back what an import brought. Noes stay.
#[derive(Args)]
pub(crate) struct Undo {
    /// The import, such as imp_…
    #[arg(value_name = "IMPORT")]
    import: String,
    /// Counts what would be taken back, and takes nothing back.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dates {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

fn pairs(option: &str, given: &[String]) -> Result<Option<String>, Failure> {
    let mut pairs = BTreeMap::new();
    for pair in given {
        let (name, value) = pair
            .rsplit_once('=')
            .filter(|_| option == "map")
            .or_else(|| pair.split_once('='))
            .ok_or_else(|| {
                Failure::input(format!("`--{option} {pair}` is not of the form NAME=VALUE"))
            })?;
        pairs.insert(name.to_owned(), value.to_owned());
    }
    Ok((!pairs.is_empty()).then(|| json!(pairs).to_string()))
}

impl Import {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let target = self.target()?;
        let (stream, reading) = self.stream()?;
        let access = Access::open(settings, "consent import").await?;
        let done = self.import(&access, &target, stream).await;
        access.close().await;
        // A file that broke off while it was read is the cause of whatever came of it.
        reading.await.map_err(|error| {
            Failure::unavailable("reading the file ended in a panic").because(error)
        })??;
        done
    }

    fn target(&self) -> Result<String, Failure> {
        let format = self.format.map(|format| match format {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
        });
        let dates = self.dates.map(|dates| match dates {
            Dates::Dmy => "dmy",
            Dates::Mdy => "mdy",
        });
        let (map, set) = (pairs("map", &self.map)?, pairs("set", &self.set)?);
        Ok(path_of(
            &["v1", "imports"],
            &[
                ("business", self.business.as_deref()),
                ("dry_run", self.dry_run.then_some("true")),
                ("format", format),
                ("delimiter", self.delimiter.as_deref()),
                ("country", self.country.as_deref()),
                ("dates", dates),
                ("map", map.as_deref()),
                ("set", set.as_deref()),
            ],
        ))
    }

    /// The file, part by part, as it is asked for.
    fn stream(&self) -> Result<(Body, tokio::task::JoinHandle<Result<(), Failure>>), Failure> {
        let unreadable = {
            let name = self.file.display().to_string();
            move |error| Failure::input(format!("`{name}` cannot be read")).because(error)
        };
        let mut file: Box<dyn Read + Send> = if self.file.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            let file = File::open(&self.file).map_err(&unreadable)?;
            if file.metadata().is_ok_and(|about| about.is_dir()) {
                return Err(Failure::input(format!(
                    "`{}` is a folder",
                    self.file.display()
                )));
            }
            Box::new(file)
        };
        let (to, from) = mpsc::channel::<std::io::Result<Bytes>>(PARTS_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; PART_BYTES];
            loop {
                match file.read(&mut part) {
                    Ok(0) => return Ok(()),
                    Ok(count) => {
                        let part = Bytes::copy_from_slice(&part[..count]);
                        if to.blocking_send(Ok(part)).is_err() {
                            return Ok(());
                        }
                    }
                    Err(error) => {
                        let _ = to.blocking_send(Err(std::io::Error::from(error.kind())));
                        return Err(unreadable(error));
                    }
                }
            }
        });
        let parts = futures_util::stream::unfold(from, async |mut from| {
            from.recv().await.map(|part| (part, from))
        });
        Ok((Body::from_stream(parts), reading))
    }

    async fn import(&self, access: &Access, target: &str, stream: Body) -> Result<Exit, Failure> {
        let content = Content {
            stream: Some(stream),
            content_type: Some("application/octet-stream"),
            ..Content::default()
        };
        let begun = access.call(Method::POST, target, content).await?.done()?;
        let import = followed(access, begun).await?;
        if text(&import, "/state") == "failed" {
            return Err(Failure::input(text(&import, "/problem").to_owned()).help(kept(&import)));
        }
        if let Some(path) = &self.results {
            write_results(access, &import, path).await?;
        }
        if self.json.json {
            output::print_json(&import)?;
        } else {
            output::print(&rendered(&import))?;
            output::print(&problems(access, &import).await?)?;
        }
        Ok(if count(&import, "rejected") == 0 {
            Exit::Yes
        } else {
            Exit::No
        })
    }
}

impl Undo {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "consent undo").await?;
        let done = self.undo(&access).await;
        access.close().await;
        done
    }

    async fn undo(&self, access: &Access) -> Result<Exit, Failure> {
        let target = path_of(
            &["v1", "imports", &self.import, "undo"],
            &[("dry_run", self.dry_run.then_some("true"))],
        );
        let begun = access.post(&target, &json!({})).await?.done()?;
        let import = followed(access, begun).await?;
        if self.json.json {
            output::print_json(&import)?;
            return Ok(Exit::Yes);
        }
        let number = |name: &str| import["undo"][name].as_u64().unwrap_or(0);
        let taken = if self.dry_run {
            "would be taken back"
        } else {
            "taken back"
        };
        output::print(&format!(
            "{} yeses and {} renewals {taken}. {} noes stay: a no is never undone by a machine.\n",
            number("yeses"),
            number("renewals"),
            number("noes_kept"),
        ))?;
        Ok(Exit::Yes)
    }
}

/// Looks on until an import is over, or nobody works on it.
async fn followed(access: &Access, begun: Value) -> Result<Value, Failure> {
    let id = text(&begun, "/id").to_owned();
    let target = path_of(&["v1", "imports", &id], &[]);
    let mut import = begun;
    let mut phase = String::new();
    let mut bar: Option<Bar> = None;
    let mut pause = LOOK_FIRST;
    loop {
        let state = text(&import, "/state").to_owned();
        if !matches!(
            state.as_str(),
            "waiting" | "reading" | "writing" | "undoing"
        ) {
            return Ok(import);
        }
        if import["running"] == Value::Bool(false) {
            return Err(
                Failure::unavailable(format!("the import {id} was broken off"))
                    .help("Run the same command again: it goes on where it was, and nothing is recorded twice."),
            );
        }
        if state != phase {
            let of = import["progress"]["of"].as_u64().unwrap_or(0);
            bar = (of > 0).then(|| {
                phase.clone_from(&state);
                Bar::new(word(&state), of)
            });
        }
        if let Some(bar) = &mut bar {
            bar.show(import["progress"]["done"].as_u64().unwrap_or(0));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOK_EVERY);
        import = access.get(&target).await?.done()?;
    }
}

fn word(state: &str) -> &'static str {
    match state {
        "writing" => "importing",
        "undoing" => "taking back",
        _ => "reading",
    }
}

fn count(import: &Value, name: &str) -> u64 {
    import["counts"][name].as_u64().unwrap_or(0)
}

/// What a failed import leaves behind.
fn kept(import: &Value) -> String {
    let recorded: u64 = ["new_yes", "new_no", "claimed", "other"]
        .iter()
        .map(|name| count(import, name))
        .sum();
    if recorded == 0 || import["dry_run"] == Value::Bool(true) {
        return "Nothing of the file was recorded.".to_owned();
    }
    let id = text(import, "/id");
    format!(
        "{recorded} rows before that were recorded; `greenline consent undo {id}` takes their yeses back."
    )
}

fn rendered(import: &Value) -> String {
    let is_dry = import["dry_run"] == Value::Bool(true);
    let mut page = format!(
        "{} rows{}\n",
        count(import, "rows"),
        if is_dry {
            ", tried; nothing was recorded:"
        } else {
            ":"
        }
    );
    let lines = [
        ("new_yes", "new yeses"),
        ("new_no", "new noes"),
        ("claimed", "yeses without evidence: they cover nothing yet"),
        ("other", "renewals and ends"),
        ("unchanged", "on record already"),
        ("no_stays", "say yes where the person said no: the no stays"),
        ("duplicate", "twice in the file"),
        ("rejected", "rejected"),
    ];
    for (name, words) in lines {
        let count = count(import, name);
        if count > 0 {
            page.push_str(&format!("{count:>10}  {words}\n"));
        }
    }
    let ignored: Vec<&str> = list(import, "/ignored_columns")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if !ignored.is_empty() {
        page.push_str(&format!("Columns not used: {}.\n", ignored.join(", ")));
    }
    if !is_dry {
        let id = text(import, "/id");
        page.push_str(&format!(
            "Import {id}; `greenline consent undo {id}` takes its yeses back.\n"
        ));
    }
    page
}

fn results_path(import: &Value, format: &str, only: Option<&str>) -> String {
    path_of(
        &["v1", "imports", text(import, "/id"), "results"],
        &[("format", Some(format)), ("only", only)],
    )
}

/// The first rows that could not be read.
async fn problems(access: &Access, import: &Value) -> Result<String, Failure> {
    let rejected = count(import, "rejected");
    if rejected == 0 {
        return Ok(String::new());
    }
    let mut lines: Vec<u8> = Vec::new();
    let target = results_path(import, "jsonl", Some("rejected"));
    access
        .download(&target, &mut |part| {
            lines.extend_from_slice(part);
            let ends = lines.iter().filter(|byte| **byte == b'\n').count();
            Ok(ends < PROBLEMS_SHOWN)
        })
        .await?;
    let mut page = String::new();
    let rows = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    for row in rows.take(PROBLEMS_SHOWN) {
        page.push_str(&format!(
            "Line {}: {}\n",
            row["line"],
            text(&row, "/problem")
        ));
    }
    if rejected > PROBLEMS_SHOWN as u64 {
        page.push_str(&format!(
            "… and {} more; `--results FILE` lists every row.\n",
            rejected - PROBLEMS_SHOWN as u64
        ));
    }
    Ok(page)
}

async fn write_results(access: &Access, import: &Value, path: &Path) -> Result<(), Failure> {
    let unwritable = |error| {
        Failure::input(format!(
            "the result file `{}` cannot be written",
            path.display()
        ))
        .because(error)
    };
    let is_json = path.extension().is_some_and(|end| end == "jsonl");
    let format = if is_json { "jsonl" } else { "csv" };
    let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
    access
        .download(&results_path(import, format, None), &mut |part| {
            file.write_all(part).map_err(unwritable)?;
            Ok(true)
        })
        .await?;
    file.flush().map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_before_a_failure_is_said() {
        let failed = |counts: Value| kept(&json!({ "id": "imp_1", "counts": counts }));
        assert_eq!(
            failed(json!({ "rows": 3, "rejected": 3, "new_no": 0 })),
            "Nothing of the file was recorded."
        );
        assert_eq!(
            failed(json!({ "rows": 9, "new_yes": 4, "new_no": 1 })),
            "5 rows before that were recorded; `greenline consent undo imp_1` takes their yeses back."
        );
    }

    #[test]
    fn pairs_are_split_where_they_should_be() {
        let map = pairs("map", &["a=b=phone".to_owned()]).unwrap();
        assert_eq!(map.as_deref(), Some("{\"a=b\":\"phone\"}"));
        let set = pairs("set", &["source=https://a.example/?x=1".to_owned()]).unwrap();
        assert_eq!(
            set.as_deref(),
            Some("{\"source\":\"https://a.example/?x=1\"}")
        );
        assert!(pairs("map", &["phone".to_owned()]).is_err());
        assert_eq!(pairs("set", &[]).unwrap(), None);
    }
}
