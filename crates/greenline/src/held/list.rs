//! `greenline held list`.

use clap::Args;
use serde_json::{Value, json};

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, table, text};
use crate::settings::Settings;

/// Lists held messages.
#[derive(Args)]
pub(crate) struct List {
    /// The business [default: the only one].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Only those from this phone_number_id.
    #[arg(long, value_name = "ID")]
    number: Option<String>,
    /// Only those to this person: phone number with country code, or business-scoped user id.
    #[arg(long, value_name = "WHO")]
    to: Option<String>,
    /// Only those that still wait.
    #[arg(long)]
    waiting: bool,
    #[command(flatten)]
    pub(super) json: Json,
}

impl List {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "held list").await?;
        let found = self.found(&access).await;
        access.close().await;
        let found = found?;
        if self.json.json {
            output::print_json(&json!({ "held": found }))?;
        } else {
            output::print(&rendered(&found))?;
        }
        Ok(Exit::Yes)
    }

    /// All of them, page by page.
    async fn found(&self, access: &Access) -> Result<Vec<Value>, Failure> {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let target = path_of(
                &["v1", "held"],
                &[
                    ("business", self.business.as_deref()),
                    ("number", self.number.as_deref()),
                    ("person", self.to.as_deref()),
                    ("cursor", cursor.as_deref()),
                ],
            );
            let page = access.get(&target).await?.done()?;
            let some = list(&page, "/held").iter();
            found.extend(
                some.filter(|message| !self.waiting || text(message, "/state") == "waiting")
                    .cloned(),
            );
            match text(&page, "/cursor") {
                "" => return Ok(found),
                next => cursor = Some(next.to_owned()),
            }
        }
    }
}

fn rendered(found: &[Value]) -> String {
    if found.is_empty() {
        return "no message is held\n".to_owned();
    }
    let names = ["held at", "to", "template", "app", "state", "until", "id"];
    let rows = found.iter().map(|message| {
        let then = match text(message, "/until") {
            "" => text(message, "/over_at"),
            until => until,
        };
        [
            text(message, "/held_at"),
            text(message, "/to"),
            text(message, "/template/name"),
            text(message, "/app"),
            text(message, "/state"),
            then,
            text(message, "/id"),
        ]
        .map(str::to_owned)
        .to_vec()
    });
    let all: Vec<Vec<String>> = std::iter::once(names.map(str::to_owned).to_vec())
        .chain(rows)
        .collect();
    table(&all)
}
