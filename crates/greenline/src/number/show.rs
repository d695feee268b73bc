//! `greenline number show`: one number at a glance.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// One number at a glance.
#[derive(Args)]
pub(crate) struct Show {
    /// The phone_number_id.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// As of this moment, RFC 3339: what was known then; messages are counted in the seven days before it [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The business [default: the number's].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Show {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let path = path_of(
            &["v1", "numbers", &self.number],
            &[
                ("at", self.at.as_deref()),
                ("business", self.business.as_deref()),
            ],
        );
        let told = Access::read(settings, "number show", &path).await?;
        output::print_answer(&told, &self.json, glance)?;
        Ok(Exit::Yes)
    }
}

fn rows(names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    table(
        &std::iter::once(names)
            .chain(rows)
            .collect::<Vec<Vec<String>>>(),
    )
}

fn count(value: &Value, pointer: &str) -> u64 {
    let count = value.pointer(pointer).and_then(Value::as_u64);
    count.unwrap_or_default()
}

fn glance(told: &Value) -> String {
    let mut shown = format!(
        "{} ({}) at {}; last inbound {}\n",
        text(told, "/display_number"),
        text(told, "/phone_number_id"),
        text(told, "/at"),
        match text(told, "/last_inbound_at") {
            "" => "not known",
            at => at,
        },
    );
    if let Some(cause) = list(told, "/causes").first() {
        let _ = writeln!(shown, "{}: {}", text(cause, "/title"), text(cause, "/say"));
    }
    shown.push('\n');
    shown.push_str(&state(told));
    shown.push('\n');
    shown.push_str(&rows(
        &["it can", "", "until", "why"],
        list(told, "/capabilities").iter().map(|cell| {
            ["/what", "/can", "/until", "/cause"]
                .map(|place| text(cell, place).to_owned())
                .to_vec()
        }),
    ));
    shown.push('\n');
    shown.push_str(&taken(&told["last_7_days"]));
    shown.push('\n');
    shown.push_str(&likely(&told["likely_causes"]));
    shown
}

fn state(told: &Value) -> String {
    let facts = list(told, "/facts");
    if facts.is_empty() {
        return "nothing has been read or told of it yet\n".to_owned();
    }
    rows(
        &["known", "is", "until", "at", "from"],
        facts.iter().map(|fact| {
            ["/fact", "/value", "/until", "/at", "/origin"]
                .map(|place| text(fact, place).to_owned())
                .to_vec()
        }),
    )
}

fn share(value: &Value, pointer: &str) -> String {
    let share = value.pointer(pointer).unwrap_or(&Value::Null);
    let of = count(share, "/of");
    let value = share["value"].as_f64().unwrap_or_default() * 100.0;
    if of == 0 {
        "-".to_owned()
    } else {
        format!("{value:.1} % of {of}")
    }
}

fn taken(week: &Value) -> String {
    let mut shown = format!(
        "templates after {} up to {}",
        text(week, "/from"),
        text(week, "/until")
    );
    let one_in = count(week, "/one_in");
    if one_in > 1 {
        let _ = write!(shown, ", of one person in {one_in}");
    }
    let _ = write!(
        shown,
        "\n  sent {}, failed {} (131049: {}, 131050: {}, 131026: {}), read {}, wrote back {}\n  people {}, messages for one: median {}, 95 of 100 up to {}, most {}\n  weak consent {}; neither read nor answered {}\n  switched off {}, stop words {}, other noes {}; followed no template: {}\n",
        count(week, "/total/sent"),
        count(week, "/total/failed"),
        count(week, "/total/failed_131049"),
        count(week, "/total/failed_131050"),
        count(week, "/total/failed_131026"),
        count(week, "/total/read"),
        count(week, "/total/answered"),
        count(week, "/per_person/people"),
        count(week, "/per_person/median"),
        count(week, "/per_person/p95"),
        count(week, "/per_person/most"),
        share(week, "/weak_consent"),
        share(week, "/silent"),
        count(week, "/total/native_stops"),
        count(week, "/total/stop_words"),
        count(week, "/total/other_stops"),
        count(week, "/unattributed_stops"),
    );
    let templates = list(week, "/templates");
    if !templates.is_empty() {
        shown.push_str(&rows(
            &[
                "template",
                "language",
                "sent",
                "read",
                "wrote back",
                "failed",
                "switched off",
                "stop words",
                "other noes",
            ],
            templates.iter().map(|one| {
                let counts = [
                    "/counts/sent",
                    "/counts/read",
                    "/counts/answered",
                    "/counts/failed",
                    "/counts/native_stops",
                    "/counts/stop_words",
                    "/counts/other_stops",
                ];
                let named = ["/name", "/language"].map(|place| text(one, place).to_owned());
                let counts = counts.map(|place| count(one, place).to_string());
                named.into_iter().chain(counts).collect()
            }),
        ));
    }
    shown
}

fn likely(judged: &Value) -> String {
    let mut shown = format!("{}\n", text(judged, "/text"));
    for cause in list(judged, "/causes") {
        let template = match text(cause, "/template/name") {
            "" => String::new(),
            name => format!(", template {name}"),
        };
        let _ = writeln!(
            shown,
            "\n{}: {}{template}",
            text(cause, "/level"),
            text(cause, "/title")
        );
        for measured in list(cause, "/measured") {
            let _ = writeln!(shown, "  {}", text(measured, "/text"));
        }
        let sources = list(cause, "/sources").iter().filter_map(Value::as_str);
        let _ = writeln!(
            shown,
            "  change first: {}\n  facts: {}",
            text(cause, "/change_first"),
            sources.collect::<Vec<_>>().join(", ")
        );
    }
    let _ = writeln!(shown, "\n{}", text(judged, "/not_seen"));
    shown
}
