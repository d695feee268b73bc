//! `greenline screen`: what would be decided about each row of a list, before anything is sent.
//!
//! The one command beside `doctor` that does not go through the admin API: a list may have more rows than a server
//! should be asked about. It reads a SQLite store for itself, without writing, also while a server runs; on Postgres it
//! asks as one more node.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, Subcommand};
use greenline_gateway::clock::Clock;
use greenline_gateway::config::{Config, RepliesWhenDown};
use greenline_gateway::screen::{self, Order, Planned, Unscreened, Watch, agreement};
use greenline_gateway::serve::{self, StartError};
use greenline_ledger::{Ledger, LedgerError, address};
use jiff::Timestamp;

use crate::access::start_failure;
use crate::failure::{Exit, Failure};
use crate::output::{self, Bar, Json};
use crate::settings::Settings;

/// How often the bar is drawn anew.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Decides about every row of a list without sending or recording anything.
///
/// Writes allowed.csv, held.csv (with the time), refused.csv, duplicates.csv, unreadable.csv, report.html and report.json
/// into a folder. Exit code 1 when no row may be sent now.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Screen {
    #[command(subcommand)]
    about: Option<About>,
    /// The list: CSV with any delimiter or JSON lines, also packed with gzip or Zstandard, or Parquet.
    #[arg(value_name = "LIST", required = true)]
    list: Option<PathBuf>,
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// The template of this name.
    #[arg(long, value_name = "NAME", required = true)]
    template: Option<String>,
    /// Language of the template [default: the only one it has].
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// The sending number's phone_number_id [default: the business's only one].
    #[arg(long, value_name = "ID")]
    number: Option<String>,
    /// Decides as of this moment, RFC 3339, such as the planned beginning of the campaign [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The folder for what comes of it [default: the list's name with `-screened`].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The column that names people [default: found out by its name].
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// What stands between values; `tab` for a tab [default: found out].
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Country, such as DE, of numbers that are written without one.
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// Also writes plan.jsonl, signed with Greenline's key, with the hash of the list and of each file beside it: for
    /// whoever sends by them, and for `greenline screen agreed`.
    #[arg(long)]
    plan: bool,
    /// Sends from this moment on are no longer those of the plan, RFC 3339 [default: seven days after it begins].
    #[arg(long, value_name = "TIME", requires = "plan")]
    until: Option<String>,
    /// Decides about each person alone; slower, and the same.
    #[arg(long, hide = true)]
    no_sharing: bool,
    #[command(flatten)]
    json: Json,
}

/// What became of a list that was screened.
#[derive(Subcommand)]
enum About {
    /// How live decisions agreed with a plan: as planned, otherwise and why, or not sent yet.
    ///
    /// Reads the decisions of the plan's time and compares them row by row. Exit code 1 when some differed.
    Agreed(Agreed),
}

/// A plan, and how it is to be told what came of it.
#[derive(Args)]
struct Agreed {
    /// The folder that `greenline screen --plan` made.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Also writes the report on the list with this as its last part.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

impl Screen {
    /// Whether the answer is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.about {
            Some(About::Agreed(agreed)) => agreed.json.json,
            None => self.json.json,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        if let Some(About::Agreed(agreed)) = &self.about {
            return agreed.run(settings).await;
        }
        let order = self.order()?;
        let bytes = std::fs::metadata(&order.list).map_err(|error| {
            Failure::input(format!("`{}` cannot be read", order.list.display())).because(error)
        })?;
        let app = open(settings.load_checked()?).await?;
        let (watch, mut bar) = (Watch::default(), Bar::new("screened", bytes.len()));
        let mut screening = Box::pin(screen::run(&app, order, &watch));
        let done = loop {
            tokio::select! {
                done = &mut screening => break done,
                () = tokio::time::sleep(LOOK_EVERY) => bar.show(watch.read.load(Ordering::Relaxed)),
            }
        };
        drop(bar);
        app.ledger.clone().close().await;
        let report = done.map_err(failure)?;
        if self.json.json {
            output::print_json(report.value())?;
        } else {
            let folder = report.value()["folder"].as_str().unwrap_or_default();
            let where_to = format!("See {}.\n", Path::new(folder).join("report.html").display());
            output::print(&(report.text() + &where_to))?;
        }
        Ok(if report.allowed() > 0 {
            Exit::Yes
        } else {
            Exit::No
        })
    }

    fn order(&self) -> Result<Order, Failure> {
        let list = self.list.clone().unwrap_or_default();
        let planned = Planned {
            until_ms: moment("until", self.until.as_deref())?,
            sha256: None,
        };
        Ok(Order {
            business: self.business.clone(),
            number: self.number.clone(),
            template: self.template.clone().unwrap_or_default(),
            language: self.language.clone(),
            at_ms: moment("at", self.at.as_deref())?,
            out: self.out.clone().unwrap_or_else(|| beside(&list)),
            list,
            column: self.column.clone(),
            delimiter: self.delimiter.as_deref().map(delimiter).transpose()?,
            country: self.country.clone(),
            no_sharing: self.no_sharing,
            rows_max: None,
            kept: None,
            plan: self.plan.then_some(planned),
        })
    }
}

impl Agreed {
    async fn run(&self, settings: &Settings) -> Result<Exit, Failure> {
        let app = open(settings.load_checked()?).await?;
        let compared = agreement::compare(&app, &self.folder).await;
        app.ledger.clone().close().await;
        let agreement = compared.map_err(failure)?;
        if let Some(path) = &self.report {
            let report = self.folder.join("report.html");
            let unread = |error| {
                Failure::input(format!("`{}` cannot be read", report.display())).because(error)
            };
            let html = std::fs::read_to_string(&report).map_err(unread)?;
            let html = agreement.within(&html).map_err(failure)?;
            std::fs::write(path, html).map_err(|error| {
                Failure::input(format!("`{}` cannot be written", path.display())).because(error)
            })?;
        }
        if self.json.json {
            output::print_json(agreement.value())?;
        } else {
            output::print(&agreement.text())?;
        }
        Ok(if agreement.is_whole() {
            Exit::Yes
        } else {
            Exit::No
        })
    }
}

/// A moment, as an option names it.
fn moment(option: &str, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let at = text.parse::<Timestamp>().map_err(|error| {
        Failure::input(format!("`--{option} {text}` is not a time"))
            .because(error)
            .help("Give it after RFC 3339 with its offset, such as 2026-12-01T09:00:00+01:00.")
    })?;
    Ok(Some(at.as_millisecond()))
}

/// The folder beside a list: its name without its endings, and `-screened`.
fn beside(list: &Path) -> PathBuf {
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').find(|part| !part.is_empty());
    list.with_file_name(format!("{}-screened", stem.unwrap_or("list")))
}

fn delimiter(text: &str) -> Result<char, Failure> {
    screen::delimiter(text).ok_or_else(|| {
        Failure::input(format!("`--delimiter {text}` cannot stand between values"))
            .help(screen::DELIMITERS)
    })
}

/// Everything that a decision needs, over a store that is only read where that can be.
async fn open(mut config: Config) -> Result<greenline_gateway::app::Shared, Failure> {
    let ledger = match address::sqlite_path(config.store.url.reveal()) {
        None => serve::open_ledger(&config).await.map_err(start_failure)?,
        Some(path) => Ledger::open_reader(Path::new(path), serve::setup(&config)).map_err(|source| {
            let failure = match &source {
                LedgerError::NotFound(_) => Some(
                    Failure::input("there is no store yet, so nobody's opt-in is known")
                        .help("`greenline serve` makes it; `greenline consent import` brings in what people said."),
                ),
                LedgerError::Conflict(_) => Some(
                    Failure::unavailable("the store is of another release")
                        .help("`greenline migrate` brings it up to this one."),
                ),
                _ => None,
            };
            failure.unwrap_or_else(|| {
                start_failure(StartError::Store {
                    url: config.store.url.clone(),
                    source,
                })
            })
        })?,
    };
    // The file of replies that went on without the store is the server's.
    config.store.replies_when_down = RepliesWhenDown::Refuse;
    serve::build(config, ledger, Clock::system()).map_err(start_failure)
}

fn failure(unscreened: Unscreened) -> Failure {
    match unscreened {
        Unscreened::Input(why) => Failure::input(why),
        Unscreened::Unavailable(why) => {
            Failure::unavailable(why).help("Nothing was left behind; do it again.")
        }
        Unscreened::Stopped => Failure::unavailable("it was not wanted any more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_lies_beside_the_list() {
        for (list, folder) in [
            ("list.csv", "list-screened"),
            ("/tmp/may.list.csv.gz", "/tmp/may-screened"),
            (".csv", "csv-screened"),
        ] {
            assert_eq!(beside(Path::new(list)), Path::new(folder));
        }
        assert_eq!(delimiter("tab").ok(), Some('\t'));
        assert_eq!(delimiter(";").ok(), Some(';'));
        assert!(delimiter("a").is_err() && delimiter("").is_err() && delimiter("\"").is_err());
    }
}
