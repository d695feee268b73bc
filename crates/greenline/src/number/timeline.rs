//! `greenline number timeline`: what was said of a number, its account and its portfolio, and what that changed.

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// What changed.
#[derive(Args)]
pub(crate) struct Timeline {
    /// The phone_number_id.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// Only what happened from this moment on, RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened before this moment, RFC 3339.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only what comes from there.
    #[arg(long, value_name = "ORIGIN", value_parser = ["webhook", "read", "refusal", "greenline"])]
    origin: Option<String>,
    /// Only entries that changed this: status, rating, limit, ban and so on.
    #[arg(long, value_name = "WHAT")]
    what: Option<String>,
    /// Also entries that said what was known.
    #[arg(long)]
    all: bool,
    /// Entries older than this one.
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    /// Entries of one page [default: 100].
    #[arg(long, value_name = "ROWS")]
    limit: Option<usize>,
    /// The business [default: the number's].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Timeline {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let (before, limit) = (
            self.before.map(|before| before.to_string()),
            self.limit.map(|limit| limit.to_string()),
        );
        let path = path_of(
            &["v1", "numbers", &self.number, "timeline"],
            &[
                ("business", self.business.as_deref()),
                ("since", self.since.as_deref()),
                ("until", self.until.as_deref()),
                ("origin", self.origin.as_deref()),
                ("what", self.what.as_deref()),
                ("changes", (!self.all).then_some("true")),
                ("before", before.as_deref()),
                ("limit", limit.as_deref()),
            ],
        );
        let told = Access::read(settings, "number timeline", &path).await?;
        output::print_answer(&told, &self.json, rendered)?;
        Ok(Exit::Yes)
    }
}

fn rendered(told: &Value) -> String {
    let names = ["when", "of", "what", "before", "after", "until", "from"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    for entry in list(told, "/entries") {
        let changes = list(entry, "/changes");
        if changes.is_empty() {
            rows.push(line(entry, &Value::Null));
        }
        rows.extend(changes.iter().map(|change| line(entry, change)));
    }
    let mut all = table(&rows);
    if let Some(before) = told.pointer("/before").and_then(Value::as_i64) {
        all.push_str(&format!("\nolder ones: --before {before}\n"));
    }
    all
}

/// A line for each change; one that changed nothing says so by its gaps.
fn line(entry: &Value, change: &Value) -> Vec<String> {
    let mark = match change.pointer("/unknown").and_then(Value::as_bool) {
        Some(true) => " (not a known word)",
        _ => "",
    };
    let (origin, source) = (text(entry, "/origin"), text(entry, "/source"));
    let from = if origin == source {
        origin.to_owned()
    } else {
        format!("{origin} {source}")
    };
    vec![
        text(entry, "/at").to_owned(),
        text(entry, "/subject").to_owned(),
        text(change, "/what").to_owned(),
        text(change, "/before").to_owned(),
        format!("{}{mark}", text(change, "/after")),
        text(change, "/until").to_owned(),
        from,
    ]
}
