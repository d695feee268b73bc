//! `greenline config`: is it right, and what is in force?

mod show;

use clap::Subcommand;
use greenline_gateway::config::{self, DEFAULTS};
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::output::{self, Json};
use crate::settings::Settings;

/// Checks and shows the configuration.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Says what is wrong with the configuration, and what wants a look.
    Check {
        #[command(flatten)]
        json: Json,
    },
    /// Shows what is in force after defaults, file and environment. Secrets never print.
    Show {
        /// Shows the defaults instead, each with its explanation.
        #[arg(long, conflicts_with = "json")]
        defaults: bool,
        #[command(flatten)]
        json: Json,
    },
}

impl ConfigCommand {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Check { json } | Self::Show { json, .. } => json.json,
        }
    }

    pub(crate) fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        match self {
            Self::Check { json } => check(settings, json),
            Self::Show { defaults: true, .. } => output::print(DEFAULTS).map(|()| Exit::Yes),
            Self::Show { json, .. } => show(settings, json),
        }
    }
}

fn check(settings: &Settings, json: Json) -> Result<Exit, Failure> {
    let findings = config::check(&settings.load()?);
    let usable = !findings.iter().any(|finding| finding.fatal);
    if json.json {
        let rows: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "fatal": finding.fatal, "text": finding.text }))
            .collect();
        output::print_json(&json!({ "usable": usable, "findings": rows }))?;
    } else {
        let mut text = String::new();
        for finding in &findings {
            text.push_str(if finding.fatal {
                "wrong   "
            } else {
                "look at "
            });
            text.push_str(&finding.text);
            text.push('\n');
        }
        text.push_str(match (usable, findings.is_empty()) {
            (true, true) => "The configuration is usable.\n",
            (true, false) => "The configuration is usable, with the points above.\n",
            (false, _) => {
                "The configuration cannot be used until what is marked wrong is put right.\n"
            }
        });
        output::print(&text)?;
    }
    Ok(if usable { Exit::Yes } else { Exit::No })
}

fn show(settings: &Settings, json: Json) -> Result<Exit, Failure> {
    let shown = show::table(&settings.load()?);
    if json.json {
        output::print_json(&json!(shown))?;
    } else {
        let text = toml::to_string(&shown).map_err(|error| {
            Failure::unavailable("the configuration cannot be shown").because(error)
        })?;
        output::print(&text)?;
    }
    Ok(Exit::Yes)
}
