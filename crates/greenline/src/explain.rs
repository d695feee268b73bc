//! `greenline explain`: why a message went or did not go.

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, text};
use crate::settings::Settings;
use crate::telling;

/// Shows a recorded decision.
#[derive(Args)]
pub(crate) struct Explain {
    /// As in the header `greenline-decision` and in `fbtrace_id` of a refusal.
    #[arg(value_name = "DECISION ID")]
    id: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Explain {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "explain").await?;
        let reply = access
            .get(&path_of(&["v1", "decisions", self.id.trim()], &[]))
            .await;
        access.close().await;
        let decision = reply?.done()?;
        if self.json.json {
            output::print_json(&decision)?;
        } else {
            output::print(&rendered(&decision))?;
        }
        Ok(if replays(&decision) {
            Exit::Yes
        } else {
            Exit::No
        })
    }
}

/// Whether deciding again from the record gave the same answer.
fn replays(decision: &Value) -> bool {
    decision
        .pointer("/replay/same")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

fn rendered(decision: &Value) -> String {
    let mut page = telling::decision(decision);
    page.push_str(&format!(
        "\nAsked for by the app {}, decided by rule pack {}.\n",
        text(decision, "/app"),
        text(decision, "/pack")
    ));
    let ids: Vec<&str> = list(decision, "/message_ids")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let outcome = match text(decision, "/outcome") {
        "" => "Nothing was sent, or nothing is known of it yet.",
        "accepted" => "The platform took it.",
        "rejected" => "The platform refused it.",
        "not_sent" => "It certainly did not go out.",
        "unknown" => "It may have gone out: no answer came.",
        other => other,
    };
    page.push_str(outcome);
    for id in ids {
        page.push_str(&format!(" Message {id}."));
    }
    if !text(decision, "/status").is_empty() {
        page.push_str(&format!(" Last status: {}.", text(decision, "/status")));
    }
    page.push('\n');
    let first = text(decision, "/reasons/0/rule");
    if !first.is_empty() {
        page.push_str(&format!(
            "More about the first reason: greenline guide {first}\n"
        ));
    }
    let pack = text(decision, "/replay/pack");
    page.push_str(&if replays(decision) {
        format!("Decided again from its record with rule pack {pack}: the same answer.\n")
    } else {
        format!(
            "Decided again from its record with rule pack {pack}: another answer, {}.\n",
            text(decision, "/replay/decision")
        )
    });
    page
}
