//! `greenline number`: the business's numbers, and what is known of each. One file per subcommand.

mod capabilities;
mod forecast;
mod list;
mod probe;
mod show;
mod timeline;

use clap::Subcommand;

use crate::failure::{Exit, Failure};
use crate::settings::Settings;

/// The business's numbers.
#[derive(Subcommand)]
pub(crate) enum Number {
    /// Lists them with status, rating and the last message that came in.
    List(list::List),
    /// One number at a glance: its state, how people took what it sent in the last seven days, and why that may be.
    Show(show::Show),
    /// Makes a word that proves, by arriving from a phone, that messages to a number come in.
    Probe(probe::Probe),
    /// What a number can still do: start, answer, receive, call; until when, why, and how sure that is.
    Capabilities(capabilities::Capabilities),
    /// What comes next: the next limit and when, whether the limit stands to fall, and the risk of a worse rating.
    Forecast(forecast::Forecast),
    /// What changed of a number, its account and its portfolio: when, from what to what, and who said so.
    Timeline(timeline::Timeline),
}

impl Number {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::List(command) => command.json.json,
            Self::Show(command) => command.json.json,
            Self::Probe(command) => command.json.json,
            Self::Capabilities(command) => command.json.json,
            Self::Forecast(command) => command.json.json,
            Self::Timeline(command) => command.json.json,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        match self {
            Self::List(command) => command.run(settings).await,
            Self::Show(command) => command.run(settings).await,
            Self::Probe(command) => command.run(settings).await,
            Self::Capabilities(command) => command.run(settings).await,
            Self::Forecast(command) => command.run(settings).await,
            Self::Timeline(command) => command.run(settings).await,
        }
    }
}
