//! `greenline number capabilities`: what a number can still do.

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// What a number can still do.
#[derive(Args)]
pub(crate) struct Capabilities {
    /// The phone_number_id.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// As of this moment, RFC 3339: what was known then, or in advance [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The business [default: the number's].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Capabilities {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let path = path_of(
            &["v1", "numbers", &self.number, "capabilities"],
            &[
                ("at", self.at.as_deref()),
                ("business", self.business.as_deref()),
            ],
        );
        let told = Access::read(settings, "number capabilities", &path).await?;
        output::print_answer(&told, &self.json, capable)?;
        Ok(Exit::Yes)
    }
}

/// A table, and below it what stands in the way, in words that can be sent on.
fn capable(told: &Value) -> String {
    let names = ["what", "can", "until", "confidence", "why", "facts"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    for cell in list(told, "/capabilities") {
        let until = match (
            text(cell, "/until"),
            text(cell, "/provided_available_after"),
        ) {
            ("", "") => String::new(),
            ("", after) => format!("if AVAILABLE is read after {after}"),
            (until, _) => until.to_owned(),
        };
        let sources = list(cell, "/sources").iter().filter_map(Value::as_str);
        rows.push(vec![
            text(cell, "/what").to_owned(),
            text(cell, "/can").to_owned(),
            until,
            text(cell, "/confidence").to_owned(),
            text(cell, "/cause").to_owned(),
            sources.collect::<Vec<_>>().join(", "),
        ]);
    }
    let mut shown = format!(
        "{} at {}, by what was known at {}; last inbound {}\n",
        text(told, "/phone_number_id"),
        text(told, "/at"),
        text(told, "/as_of"),
        match text(told, "/last_inbound_at") {
            "" => "not known",
            at => at,
        },
    );
    shown.push_str(&table(&rows));
    for cause in list(told, "/causes") {
        let title = [text(cause, "/cause"), text(cause, "/title")].join(": ");
        shown.push_str(&format!("\n{title}\n  {}\n", text(cause, "/say")));
        for (name, place) in [
            ("until", "/until"),
            ("ends", "/ends"),
            ("told apart", "/tell"),
            ("not known", "/unknown"),
            ("guide", "/guide"),
        ] {
            let said = text(cause, place);
            if !said.is_empty() {
                shown.push_str(&format!("  {name}: {said}\n"));
            }
        }
        let (origin, at) = (text(cause, "/seen/origin"), text(cause, "/seen/at"));
        if !at.is_empty() {
            shown.push_str(&format!("  read from: {origin} of {at}\n"));
        }
    }
    shown
}
