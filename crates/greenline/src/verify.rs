//! `greenline verify`: every event folded again and compared with what decisions rest on.

use clap::Args;
use serde_json::Value;

use crate::access::Access;
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, list, text};
use crate::settings::Settings;

/// Reads the whole store again.
#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) json: Json,
}

impl Verify {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "verify").await?;
        let reply = access.get("/v1/verify").await;
        access.close().await;
        let found = reply?.done()?;
        if self.json.json {
            output::print_json(&found)?;
        } else {
            output::print(&rendered(&found))?;
        }
        let clean = found.get("clean").and_then(Value::as_bool).unwrap_or(false);
        Ok(if clean { Exit::Yes } else { Exit::No })
    }
}

fn rendered(found: &Value) -> String {
    let count = |name: &str| found.get(name).and_then(Value::as_u64).unwrap_or(0);
    let differences = list(found, "/differences");
    let mut page = format!(
        "Read again: {} people, {} consent events, {} decisions.\n",
        count("people"),
        count("events"),
        count("decisions")
    );
    for difference in differences {
        page.push_str(&format!(
            "  {}: {}\n",
            text(difference, "/kind"),
            text(difference, "/what")
        ));
    }
    page.push_str(&match differences.len() {
        0 => "Everything is as it should be.\n".to_owned(),
        count => format!("{count} things are not as they should be.\n"),
    });
    page
}
