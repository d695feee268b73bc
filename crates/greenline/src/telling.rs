//! How a decision is told in words: the same for one on record and for one only asked for.

use serde_json::Value;

use crate::output::{list, text};

/// The verdict, with every reason, its source and what to do, and the one step that comes first.
pub(crate) fn decision(decision: &Value) -> String {
    let held = text(decision, "/decision") == "hold";
    let refused = text(decision, "/decision") != "allow";
    let observed = decision
        .get("observed")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let verdict = match (refused, observed) {
        _ if held => "Held, and decided again when its time has come",
        (false, _) => "Allowed",
        (true, false) => "Refused",
        (true, true) => "Would be refused, but goes on: this business is only observed",
    };
    let mut page = format!("{verdict}: {}\n", subject(decision));
    if text(decision, "/known") == "then" {
        page.push_str("Decided with what was known at that moment.\n");
    }
    let until = text(decision, "/until");
    if !until.is_empty() {
        page.push_str(&format!("Until {until}\n"));
    }
    page.push_str(&portfolio(decision));
    page.push_str(&assumed(decision));
    for reason in list(decision, "/reasons") {
        page.push_str(&self::reason(reason));
    }
    page.push_str(&next_step(decision));
    let untold = list(decision, "/untold");
    if !untold.is_empty() {
        page.push_str("\nNot told as of that moment:\n");
        for one in untold {
            page.push_str(&format!("  · {}\n", text(one, "/text")));
        }
    }
    for warning in list(decision, "/warnings") {
        page.push_str(&format!(
            "\nNote: {}.\n",
            warning.as_str().unwrap_or_default()
        ));
    }
    page
}

/// How the portfolio stands towards its limit.
fn portfolio(decision: &Value) -> String {
    let Some(portfolio) = decision.get("portfolio") else {
        return String::new();
    };
    let number = |name: &str| portfolio.get(name).and_then(Value::as_u64);
    let reached = number("reached").unwrap_or(0);
    let limit = match (number("limit"), text(portfolio, "/limit")) {
        (Some(people), _) => format!("of {people} that its messaging limit allows"),
        (None, "unlimited") => "and it has no messaging limit".to_owned(),
        (None, _) => {
            "and its messaging limit is not known, because the platform has not told it yet"
                .to_owned()
        }
    };
    let mut told = format!("The portfolio has reached {reached} people within 24 hours, {limit}");
    if let Some(own) = number("own_limit") {
        told.push_str(&format!("; the business itself allows {own}"));
    }
    told.push_str(".\n");
    let frees_at = text(portfolio, "/frees_at");
    if !frees_at.is_empty() {
        told.push_str(&format!("  A place is free at {frees_at}.\n"));
    }
    told
}

/// What was assumed, so that nobody takes the answer for the truth.
fn assumed(decision: &Value) -> String {
    let facts = decision.get("assumed").and_then(Value::as_object);
    let Some(facts) = facts.filter(|facts| !facts.is_empty()) else {
        return String::new();
    };
    let mut told = "What if, not as it is. Assumed:\n".to_owned();
    for (fact, value) in facts {
        let value = value.as_str().unwrap_or_default();
        told.push_str(&format!("  · {fact}: {value}\n"));
    }
    told
}

/// The one step that comes first, and what is in the way after it.
fn next_step(decision: &Value) -> String {
    let step = text(decision, "/next_step/text");
    if step.is_empty() {
        return String::new();
    }
    let mut told = format!("\nNext step: {step}\n");
    let until = text(decision, "/next_step/until");
    if !until.is_empty() {
        told.push_str(&format!("  Wait until {until}.\n"));
    }
    let then: Vec<&str> = list(decision, "/next_step/then")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if !then.is_empty() {
        told.push_str(&format!(
            "  Still in the way after that: {}.\n",
            then.join(", ")
        ));
    }
    told
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
    line("in force since", text(reason, "/in_force_since"));
    line("rests on", text(reason, "/event"));
    line("said at", text(reason, "/said_at"));
    line("until", text(reason, "/until"));
    line("what to do", text(reason, "/remedy"));
    told
}
