//! `greenline held`: messages that are held, or were. One file per subcommand.

mod cancel;
mod list;
mod show;

use clap::Subcommand;

use crate::failure::{Exit, Failure};
use crate::settings::Settings;

/// Messages that are held until they may go.
#[derive(Subcommand)]
pub(crate) enum Held {
    /// Lists them in the order in which they came; those that are over too, as long as their decisions are kept.
    List(list::List),
    /// Shows one.
    Show(show::Show),
    /// Cancels one: it is then never sent, and its app is told that it failed.
    Cancel(cancel::Cancel),
}

impl Held {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::List(command) => command.json.json,
            Self::Show(command) => command.json.json,
            Self::Cancel(command) => command.json.json,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        match self {
            Self::List(command) => command.run(settings).await,
            Self::Show(command) => command.run(settings).await,
            Self::Cancel(command) => command.run(settings).await,
        }
    }
}
