//! `greenline number forecast`: what comes next for a number.

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// What comes next for a number.
#[derive(Args)]
pub(crate) struct Forecast {
    /// The phone_number_id.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// As of this moment, RFC 3339: by the rules and by what was known then, or in advance [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The business [default: the number's].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Forecast {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let path = path_of(
            &["v1", "numbers", &self.number, "forecast"],
            &[
                ("at", self.at.as_deref()),
                ("business", self.business.as_deref()),
            ],
        );
        let told = Access::read(settings, "number forecast", &path).await?;
        output::print_answer(&told, &self.json, foretold)?;
        Ok(Exit::Yes)
    }
}

fn count(value: &Value, place: &str) -> String {
    value
        .pointer(place)
        .filter(|found| !found.is_null())
        .map_or_else(String::new, ToString::to_string)
}

fn foretold(told: &Value) -> String {
    let mut shown = format!(
        "{} at {}, counted up to {}\n\n{} ({})\n\n{}\n{}\n",
        text(told, "/phone_number_id"),
        text(told, "/at"),
        text(told, "/counted_to"),
        text(told, "/rules/say"),
        sources(told.pointer("/rules")),
        text(told, "/limit/say"),
        text(told, "/growth/say"),
    );
    let days = list(told, "/growth/people_by_day");
    if !days.is_empty() {
        let mut rows = vec![["day from", "people reached"].map(str::to_owned).to_vec()];
        for day in days {
            rows.push(vec![text(day, "/from").to_owned(), count(day, "/people")]);
        }
        shown.push_str(&format!("\n{}", table(&rows)));
    }
    for one in list(told, "/growth/in_the_way") {
        let stands = match text(one, "/raises") {
            "no" => "in the way",
            _ => "perhaps in the way",
        };
        let title = format!("{stands}: {}", text(one, "/obstacle"));
        point(&mut shown, &title, one);
    }
    shown.push_str(&format!("\n{}\n", text(told, "/watch/say")));
    let lifts = text(told, "/watch/remedy");
    if !lifts.is_empty() {
        shown.push_str(&format!("  what helps: {lifts}\n"));
    }
    for (of, place) in [
        ("a worse rating", "/risk/worse_rating"),
        ("enforcement", "/risk/enforcement"),
    ] {
        let Some(risk) = told.pointer(place) else {
            continue;
        };
        let level = text(risk, "/level").replace('_', " ");
        shown.push_str(&format!(
            "\nrisk of {of}: {level}\n{}\n",
            text(risk, "/say")
        ));
        for driver in list(risk, "/drivers") {
            let title = format!("{}: {}", text(driver, "/strength"), text(driver, "/sign"));
            point(&mut shown, &title, driver);
        }
    }
    shown.push_str(&format!("\n{}\n", text(told, "/risk/levels")));
    shown
}

fn sources(of: Option<&Value>) -> String {
    let sources = of.map_or(&[] as &[Value], |of| list(of, "/sources"));
    let ids = sources.iter().filter_map(Value::as_str);
    ids.collect::<Vec<_>>().join(", ")
}

fn point(shown: &mut String, title: &str, one: &Value) {
    shown.push_str(&format!("  {title}\n    {}\n", text(one, "/say")));
    for (name, place) in [
        ("about", "/of"),
        ("measured", "/measured"),
        ("until", "/until"),
        ("told", "/seen/at"),
        ("what helps", "/remedy"),
    ] {
        let said = text(one, place);
        if !said.is_empty() {
            shown.push_str(&format!("    {name}: {said}\n"));
        }
    }
    shown.push_str(&format!("    facts: {}\n", sources(Some(one))));
}
