//! `greenline held cancel`.

use clap::Args;
use http::Method;

use crate::access::{Access, Content, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json};
use crate::settings::Settings;

use super::show::rendered;

/// Cancels a held message.
#[derive(Args)]
pub(crate) struct Cancel {
    /// Its id: the decision that held it first, as in `greenline-decision` of the answer to the send.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    pub(super) json: Json,
}

impl Cancel {
    pub(super) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let access = Access::open(settings, "held cancel").await?;
        let target = path_of(&["v1", "held", &self.id], &[]);
        let reply = access
            .call(Method::DELETE, &target, Content::default())
            .await;
        access.close().await;
        let message = reply?.done()?;
        if self.json.json {
            output::print_json(&message)?;
        } else {
            output::print(&rendered(&message))?;
        }
        Ok(Exit::Yes)
    }
}
