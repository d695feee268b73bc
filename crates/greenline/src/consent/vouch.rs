//! `greenline consent vouch`: a named person stands for a yes whose evidence is incomplete.

use clap::Args;
use serde_json::{Value, json};

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, text};
use crate::settings::Settings;

/// Vouches for a claimed yes, under the name of your token.
#[derive(Args)]
pub(crate) struct Vouch {
    /// Phone number with country code, or business-scoped user id.
    #[arg(value_name = "WHO")]
    person: String,
    /// The claimed yes, as `greenline consent show` names it.
    #[arg(long, value_name = "ID")]
    event: String,
    /// How you know: what you saw, and where it lies.
    #[arg(long)]
    reason: String,
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Vouch {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let target = path_of(
            &["v1", "people", &self.person, "vouch"],
            &[("business", self.business.as_deref())],
        );
        let body = json!({ "event": self.event, "reason": self.reason });
        let access = Access::open(settings, "consent vouch").await?;
        let reply = access.post(&target, &body).await;
        access.close().await;
        let recorded = reply?.done()?;
        if self.json.json {
            output::print_json(&recorded)?;
        } else {
            output::print(&rendered(&recorded))?;
        }
        Ok(Exit::Yes)
    }
}

fn rendered(recorded: &Value) -> String {
    let scope = text(recorded, "/scope");
    let standing = text(recorded, &format!("/head/{scope}/standing"));
    let mut page = format!(
        "Vouched: {}\n  {scope} since {}: now {standing}\n",
        text(recorded, "/id"),
        text(recorded, "/folded_at"),
    );
    let notes = recorded.get("notes").and_then(Value::as_array);
    for note in notes.into_iter().flatten().filter_map(Value::as_str) {
        page.push_str(&format!("  note: {note}\n"));
    }
    page
}
