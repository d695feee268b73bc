//! `greenline held show`.

use clap::Args;
use serde_json::Value;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, text};
use crate::settings::Settings;

/// Shows a held message, without what it says.
#[derive(Args)]
pub(crate) struct Show {
    /// Its id: the decision that held it first, as in `greenline-decision` of the answer to the send.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Show {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let path = path_of(&["v1", "held", &self.id], &[]);
        let message = Access::read(settings, "held show", &path).await?;
        output::print_answer(&message, &self.json, rendered)?;
        Ok(Exit::Yes)
    }
}

/// A held message, a line for each thing that is known of it.
pub(super) fn rendered(message: &Value) -> String {
    let mut page = String::new();
    for (name, place) in [
        ("id", "/id"),
        ("state", "/state"),
        ("to", "/to"),
        ("template", "/template/name"),
        ("language", "/template/language"),
        ("app", "/app"),
        ("number", "/number"),
        ("held at", "/held_at"),
        ("until", "/until"),
        ("at most until", "/at_most_until"),
        ("over at", "/over_at"),
        ("message id", "/message_id"),
        ("decision", "/decision"),
    ] {
        let value = text(message, place);
        if !value.is_empty() {
            page.push_str(&format!("{name:<14} {value}\n"));
        }
    }
    page
}
