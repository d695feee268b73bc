//! `greenline guide`: what may be sent, to whom, and why not, in words of every day.
//!
//! It needs neither a server nor a configuration: the guide is in the program.

use clap::Args;
use greenline_gateway::admin::guide;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};

/// Answers from the guide.
#[derive(Args)]
pub(crate) struct Guide {
    /// The question, an error code, or the name of a rule, an article or a fact [default: lists every page].
    #[arg(value_name = "QUESTION")]
    question: Vec<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Guide {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let question = self.question.join(" ");
        let question = Some(question.trim()).filter(|question| !question.is_empty());
        let answer =
            guide::answer(question).map_err(|problem| Failure::input(problem.in_words()))?;
        let pages = list(&answer, "/pages");
        if self.json.json {
            output::print_json(&answer)?;
        } else {
            output::print(&match (question, pages.split_first()) {
                (None, _) => listed(pages),
                (Some(_), Some((first, others))) => told(first, others),
                (Some(_), None) => "No page has these words. Try other or fewer words; `greenline guide` lists every page.\n".to_owned(),
            })?;
        }
        Ok(if pages.is_empty() {
            Exit::No
        } else {
            Exit::Yes
        })
    }
}

/// Every page, by its name.
fn listed(pages: &[Value]) -> String {
    let rows: Vec<Vec<String>> = pages.iter().map(row).collect();
    format!(
        "{}\nAsk in your own words, or give a name: greenline guide \"may a notification ask for opt-out?\"\n",
        table(&rows)
    )
}

fn row(page: &Value) -> Vec<String> {
    ["/id", "/title"]
        .map(|part| text(page, part).to_owned())
        .to_vec()
}

/// The best page whole, and the names of the others.
fn told(page: &Value, others: &[Value]) -> String {
    let mut told = format!("{}\n\n", text(page, "/title"));
    let mut paragraph = |words: &str| {
        if !words.is_empty() {
            told.push_str(&format!("{words}\n\n"));
        }
    };
    paragraph(text(page, "/answer"));
    strings(page, "/contents/text").for_each(&mut paragraph);
    told.push_str(&cases(page));
    told.push_str(&section(
        "What held when",
        list(page, "/contents/eras")
            .iter()
            .map(|era| format!("{}: {}", text(era, "/when"), text(era, "/text"))),
    ));
    told.push_str(&section(
        "What Greenline does about it",
        strings(page, "/contents/greenline").map(str::to_owned),
    ));
    told.push_str(&section(
        "What is not known",
        strings(page, "/contents/unknown").map(str::to_owned),
    ));
    let code = page.pointer("/contents/error_code").and_then(Value::as_u64);
    let days = [("since", "/contents/since"), ("until", "/contents/until")];
    told.push_str(&section(
        "In force",
        days.iter()
            .map(|(word, pointer)| (word, text(page, pointer)))
            .filter(|(_, day)| !day.is_empty())
            .map(|(word, day)| format!("{word} {day}")),
    ));
    told.push_str(&section(
        "Answers apps with",
        code.iter().map(|code| format!("error {code}")),
    ));
    told.push_str(&section(
        &format!("What it rests on: {}", text(page, "/contents/confidence")),
        list(page, "/contents/facts").iter().map(fact),
    ));
    let named = |pointer| {
        list(page, pointer)
            .iter()
            .map(|link| format!("{}: {}", text(link, "/id"), text(link, "/title")))
    };
    told.push_str(&section("Rules", named("/contents/rules")));
    told.push_str(&section("Articles", named("/contents/articles")));
    if !others.is_empty() {
        let rows: Vec<Vec<String>> = others.iter().map(row).collect();
        told.push_str(&format!("Also found\n{}\n", table(&rows)));
    }
    told.push_str(&format!(
        "On the private listener: {}\n",
        text(page, "/page")
    ));
    told
}

fn strings<'a>(page: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    list(page, pointer).iter().filter_map(Value::as_str)
}

/// A heading and its points; nothing where there is none.
fn section(heading: &str, points: impl Iterator<Item = String>) -> String {
    let points: String = points.map(|point| format!("  - {point}\n")).collect();
    if points.is_empty() {
        return points;
    }
    format!("{heading}\n{points}\n")
}

fn cases(page: &Value) -> String {
    let cells = |row: &Value| -> Vec<String> {
        let cells = row.as_array().into_iter().flatten();
        cells.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let Some(found) = page.pointer("/contents/table") else {
        return String::new();
    };
    let mut rows = vec![cells(&found["head"])];
    rows.extend(list(found, "/rows").iter().map(cells));
    format!("{}\n{}\n", text(found, "/caption"), table(&rows))
}

/// A fact with its confidence, its time and its sources.
fn fact(fact: &Value) -> String {
    let dates = match (text(fact, "/since"), text(fact, "/until")) {
        ("", "") => String::new(),
        (since, "") => format!(", since {since}"),
        ("", until) => format!(", until {until}"),
        (since, until) => format!(", from {since} until {until}"),
    };
    let mut told = format!(
        "{} ({}{dates}): {}",
        text(fact, "/id"),
        text(fact, "/confidence"),
        text(fact, "/text")
    );
    for source in list(fact, "/sources") {
        told.push_str(&format!("\n      {}", text(source, "/title")));
        for part in ["/address", "/read"] {
            if !text(source, part).is_empty() {
                told.push_str(&format!(", {}", text(source, part)));
            }
        }
    }
    told
}
