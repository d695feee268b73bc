//! `greenline number probe`: a word that proves, by arriving, that messages to a number come in.

use clap::Args;
use serde_json::json;

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, text};
use crate::settings::Settings;

/// A word to be sent to a number from a phone.
#[derive(Args)]
pub(crate) struct Probe {
    /// The phone_number_id.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The business [default: the number's].
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Probe {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "number probe").await?;
        let path = path_of(
            &["v1", "numbers", &self.number, "probe"],
            &[("business", self.business.as_deref())],
        );
        let reply = access.post(&path, &json!({})).await;
        access.close().await;
        let made = reply?.done()?;
        if self.json.json {
            output::print_json(&made)?;
            return Ok(Exit::Yes);
        }
        let link = match text(&made, "/link") {
            "" => "(the number has no display_number, so there is no link)",
            link => link,
        };
        output::print(&format!(
            "send this to it from any phone: {}\n{link}\nit counts until {}; `greenline number show {}` says whether it arrived\n",
            text(&made, "/text"),
            text(&made, "/valid_until"),
            self.number,
        ))?;
        Ok(Exit::Yes)
    }
}
