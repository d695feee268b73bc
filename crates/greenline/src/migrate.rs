//! `greenline migrate`: brings a store up to this release, or moves a whole installation to another store.
//!
//! A server makes what is missing by itself when it starts. This command is for those who want to know before,
//! or who replace many servers one by one. It is the one command that reaches stores without the admin API:
//! there may be no server yet that could be asked, and two stores are no server's business.

use clap::Args;
use greenline_gateway::serve;
use greenline_ledger::migrations::{self, Migrations};
use greenline_ledger::moving::{self, Moved};
use greenline_ledger::{LedgerError, address};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::output::{self, Bar, Json};
use crate::settings::Settings;

/// Brings the store up to this release, or moves an installation to another store.
#[derive(Args)]
pub(crate) struct Migrate {
    /// Changes nothing; exit code 1 when something is missing.
    #[arg(long, conflicts_with = "from")]
    check: bool,
    /// Moves the installation in this SQLite store, such as `sqlite:greenline.db`. Stop its server before.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The empty Postgres database to move to [default: the configuration's store].
    #[arg(long, value_name = "URL", requires = "from")]
    to: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Migrate {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        match &self.from {
            Some(from) => self.move_from(from, settings).await,
            None => self.bring_up(settings).await,
        }
    }

    async fn bring_up(&self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load_checked()?;
        let url = config.store.url.reveal();
        let found = if self.check {
            migrations::look(url).await
        } else {
            migrations::run(url).await
        };
        let found = found.map_err(|error| {
            failed(
                error,
                &format!("`{}` cannot be brought up to date", address::shown(url)),
            )
        })?;
        if self.json.json {
            let all = json!({
                "store": address::shown(url),
                "done": found.done,
                "applied": if self.check { &[][..] } else { &found.missing[..] },
                "pending": if self.check { &found.missing[..] } else { &[][..] },
            });
            output::print_json(&all)?;
        } else {
            output::print(&self.rendered(&found))?;
        }
        let is_behind = self.check && !found.missing.is_empty();
        Ok(if is_behind { Exit::No } else { Exit::Yes })
    }

    fn rendered(&self, found: &Migrations) -> String {
        let word = if self.check { "pending" } else { "applied" };
        let mut page = String::new();
        for name in &found.missing {
            page.push_str(&format!("  {name} {word}\n"));
        }
        page.push_str(&match (found.missing.len(), self.check) {
            (0, _) => format!(
                "The store is up to date: it has had all {} migrations.\n",
                found.done.len()
            ),
            (count, true) => format!(
                "{count} of {} migrations are pending; `greenline migrate` makes them, and so does a server that starts.\n",
                count + found.done.len()
            ),
            (count, false) => format!("{count} migrations applied; the store is up to date.\n"),
        });
        page
    }

    async fn move_from(&self, from: &str, settings: &Settings) -> Result<Exit, Failure> {
        let config = match &self.to {
            Some(_) => None,
            None => Some(settings.load_checked()?),
        };
        let to = match (&self.to, &config) {
            (Some(to), _) => to.as_str(),
            (None, Some(config)) => config.store.url.reveal(),
            (None, None) => "",
        };
        if address::sqlite_path(from).is_none() || !address::is_postgres(to) {
            return Err(Failure::input(format!(
                "an installation moves from SQLite to Postgres, not from `{}` to `{}`",
                address::shown(from),
                address::shown(to)
            ))
            .help("Such as `greenline migrate --from sqlite:greenline.db --to postgres://user@host/greenline`."));
        }
        let mut bar: Option<Bar> = None;
        let mut what = "";
        let moved = moving::run(from, to, serve::DECIDE, &mut |progress| {
            // Each kind of work has a line of its own.
            if progress.what != what || bar.is_none() {
                what = progress.what;
                bar = Some(Bar::new(progress.what, progress.of));
            }
            if let Some(bar) = &mut bar {
                bar.show(progress.rows);
            }
        })
        .await;
        drop(bar);
        let moved = moved.map_err(|error| failed(error, "the move is not finished"))?;
        if self.json.json {
            output::print_json(&as_json(&moved))?;
        } else {
            output::print(&told(&moved))?;
        }
        Ok(if moved.is_clean() {
            Exit::Yes
        } else {
            Exit::No
        })
    }
}

fn failed(error: LedgerError, what: &str) -> Failure {
    match &error {
        LedgerError::Conflict(why) => {
            let why = *why;
            Failure::refused(format!("nothing was done: {why}"))
                .help("Move into an empty database, from a store that no server has used since the move began.")
        }
        LedgerError::NotFound(thing) => Failure::input(format!("there is no such thing: {thing}")),
        _ => Failure::unavailable(what)
            .because(error)
            .help("The store must be reachable; for a move both, with no server on either. What was done stays, and the same command goes on from there."),
    }
}

fn as_json(moved: &Moved) -> Value {
    let counted = moved.counted.iter();
    json!({
        "clean": moved.is_clean(),
        "was_finished": moved.was_finished,
        "rows": moved.rows,
        "rows_before": moved.rows_before,
        "counted": counted
            .map(|counted| json!({ "what": counted.what, "from": counted.from, "to": counted.to }))
            .collect::<Vec<_>>(),
        "heads_compared": moved.heads,
        "people_folded": moved.verification.people,
        "decisions_replayed": moved.verification.decisions,
        "differences": differences(moved),
    })
}

fn differences(moved: &Moved) -> Vec<String> {
    let verified = moved.verification.differences.iter();
    let verified = verified.map(|found| format!("{}: {}", found.kind, found.what));
    moved.differences.iter().cloned().chain(verified).collect()
}

fn told(moved: &Moved) -> String {
    if moved.was_finished {
        return "This store was moved here before, and all of it is there.\n".to_owned();
    }
    let mut rows = vec![vec![
        "what".to_owned(),
        "old store".to_owned(),
        "new store".to_owned(),
    ]];
    for counted in &moved.counted {
        rows.push(vec![
            counted.what.to_owned(),
            counted.from.to_string(),
            counted.to.to_string(),
        ]);
    }
    let mut page = output::table(&rows);
    if moved.rows_before > 0 {
        page.push_str(&format!(
            "{} rows moved now, {} before.\n",
            moved.rows, moved.rows_before
        ));
    } else {
        page.push_str(&format!("{} rows moved.\n", moved.rows));
    }
    page.push_str(&format!(
        "{} heads compared; {} people folded and {} decisions made again.\n",
        moved.heads, moved.verification.people, moved.verification.decisions
    ));
    let differences = differences(moved);
    for difference in &differences {
        page.push_str(&format!("  {difference}\n"));
    }
    page.push_str(&if differences.is_empty() {
        "The new store is the old one. Point `store.url` at it and start the server; keep the old file as a backup, and let no server use it.\n".to_owned()
    } else {
        format!(
            "{} things differ. The move is not finished, and no server runs on the new store.\n",
            differences.len()
        )
    });
    page
}
