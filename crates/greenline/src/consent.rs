//! `greenline consent`: what people agreed to, recorded, shown, taken in and handed out.

mod erase;
mod export;
mod import;
mod record;
mod show;
mod vouch;

use clap::Subcommand;

use crate::failure::{Exit, Failure};
use crate::settings::Settings;

/// Records, shows, imports and exports what people agreed to.
#[derive(Subcommand)]
pub(crate) enum Consent {
    /// Records one thing that a person said: a yes with its evidence, or a no.
    Record(Box<record::Record>),
    /// Shows a person: how each scope stands, open windows, and the whole history.
    Show(show::Show),
    /// Stands for a claimed yes, so that it covers: under your name, from the time of the person's act.
    Vouch(vouch::Vouch),
    /// Takes in a file of any size. A no on record always beats the file.
    Import(Box<import::Import>),
    /// Takes back what an import brought. Noes stay.
    Undo(import::Undo),
    /// Erases a person: everything held about them goes, but for their no.
    Erase(erase::Erase),
    /// Hands out every consent event in the order of arrival.
    Export(export::Export),
}

impl Consent {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Record(command) => command.json.json,
            Self::Show(command) => command.json.json,
            Self::Vouch(command) => command.json.json,
            Self::Import(command) => command.json.json,
            Self::Undo(command) => command.json.json,
            Self::Erase(command) => command.json.json,
            Self::Export(_) => false,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        match self {
            Self::Record(command) => command.run(settings).await,
            Self::Show(command) => command.run(settings).await,
            Self::Vouch(command) => command.run(settings).await,
            Self::Import(command) => command.run(settings).await,
            Self::Undo(command) => command.run(settings).await,
            Self::Erase(command) => command.run(settings).await,
            Self::Export(command) => command.run(settings).await,
        }
    }
}
