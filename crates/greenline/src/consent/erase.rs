//! `greenline consent erase`: a person's data go, their no stays.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use serde_json::{Value, json};

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, text};
use crate::settings::Settings;

/// Erases a person.
#[derive(Args)]
pub(crate) struct Erase {
    /// Phone number with country code, or business-scoped user id.
    #[arg(value_name = "WHO")]
    person: String,
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Kept with the erasure: name a ticket, never the person.
    #[arg(long)]
    reason: Option<String>,
    /// Does not ask; needed where there is no terminal to ask on.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Erase {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        if !self.yes && !asked()? {
            return Ok(Exit::No);
        }
        let target = path_of(
            &["v1", "people", &self.person, "erase"],
            &[("business", self.business.as_deref())],
        );
        let mut body = json!({});
        if let Some(reason) = &self.reason {
            body["reason"] = json!(reason);
        }
        let access = Access::open(settings, "consent erase").await?;
        let reply = access.post(&target, &body).await;
        access.close().await;
        let erased = reply?.done()?;
        if self.json.json {
            output::print_json(&erased)?;
        } else {
            output::print(&rendered(&erased))?;
        }
        Ok(Exit::Yes)
    }
}

/// Whether the one at the terminal means it.
fn asked() -> Result<bool, Failure> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() {
        return Err(Failure::input(
            "an erasure cannot be undone, and there is no terminal to ask on",
        )
        .help("Say `--yes` if you mean it."));
    }
    let _ = write!(
        stderr,
        "Everything held about this person goes, but for their no. This cannot be undone. Type `erase` to go on: "
    );
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::unavailable("the terminal cannot be read").because(error))?;
    Ok(answer.trim() == "erase")
}

fn rendered(erased: &Value) -> String {
    let count = |name: &str| erased.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut page = format!(
        "Erased: {}\n  identifiers {}, events {}, decisions {}, deliveries {}\n",
        text(erased, "/id"),
        count("identifiers"),
        count("events"),
        count("decisions"),
        count("deliveries"),
    );
    let waiting = count("deliveries_waiting");
    if waiting > 0 {
        page.push_str(&format!(
            "  {waiting} more deliveries go as soon as the apps that wait for them have them\n"
        ));
    }
    let screened = count("screened_rows");
    if screened > 0 {
        page.push_str(&format!(
            "  {screened} rows of screenings that are kept name nobody any more\n"
        ));
    }
    page.push_str(
        "Every no stays in force. Only what the person says from now on can open anything.\n",
    );
    page
}
