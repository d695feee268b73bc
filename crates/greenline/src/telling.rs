//! How a decision is told in words: the same for one on record and for one only asked for.

use serde_json::Value;

use crate::output::{list, text};

/// The verdict, with every reason, its source and what to do.
pub(crate) fn decision(decision: &Value) -> String {
    let refused = text(decision, "/decision") != "allow";
    let observed = decision
        .get("observed")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let verdict = match (refused, observed) {
        (false, _) => "Allowed",
        (true, false) => "Refused",
        (true, true) => "Would be refused, but goes on: this business is only observed",
    };
    let mut page = format!("{verdict}: {}\n", subject(decision));
    let until = text(decision, "/until");
    if !until.is_empty() {
        page.push_str(&format!("Until {until}\n"));
    }
    for reason in list(decision, "/reasons") {
        page.push_str(&self::reason(reason));
    }
    page
}

/// What it was, to whom, from where.
fn subject(decision: &Value) -> String {
    let to: Vec<&str> = list(decision, "/to")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let template = text(decision, "/template/name");
    let what = if template.is_empty() {
        text(decision, "/what").to_owned()
    } else {
        format!(
            "template {template} ({})",
            text(decision, "/template/language")
        )
    };
    format!(
        "{what} to {} from number {}, at {}",
        to.join(" and "),
        text(decision, "/number"),
        text(decision, "/at")
    )
}

fn reason(reason: &Value) -> String {
    let refuses = reason
        .get("refuses")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let mark = if refuses { "✗" } else { "·" };
    let sources: Vec<&str> = list(reason, "/sources")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut told = format!(
        "\n  {mark} {} [{}]\n",
        text(reason, "/text"),
        text(reason, "/rule")
    );
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            told.push_str(&format!("    {name}: {value}\n"));
        }
    };
    line("source", &sources.join(", "));
    line("rests on", text(reason, "/event"));
    line("until", text(reason, "/until"));
    line("what to do", text(reason, "/remedy"));
    told
}
