//! Which configuration a command works with, and on whose behalf.

use std::path::PathBuf;

use clap::Args;
use greenline_gateway::config::{self, AdminToken, Config, May};

use crate::failure::Failure;

/// The file that is read when none is named.
const USUAL_FILE: &str = "greenline.toml";

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// The configuration [default: greenline.toml in this folder].
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GREENLINE_CONFIG",
        hide_env_values = true,
        help_heading = "Configuration"
    )]
    config: Option<PathBuf>,
    /// Acts under the admin token of this name [default: the one that may do most].
    #[arg(
        long = "as",
        global = true,
        value_name = "NAME",
        help_heading = "Configuration"
    )]
    who: Option<String>,
}

impl Settings {
    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.config
            .clone()
            .unwrap_or_else(|| PathBuf::from(USUAL_FILE))
    }

    /// Reads file and environment.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        let file = self.file();
        if self.config.is_none() && !file.exists() {
            return Err(
                Failure::input(format!("there is no `{USUAL_FILE}` in this folder")).help(
                    "Name the configuration with `--config FILE`. `greenline demo` needs none.",
                ),
            );
        }
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        config::load(Some(&file), environment).map_err(|error| {
            let help = match &error {
                config::ConfigError::Read { .. } => {
                    "Name a file that can be read, with `--config FILE`."
                }
                config::ConfigError::Invalid { .. } => {
                    "`greenline config show --defaults` explains every setting."
                }
            };
            Failure::input("the configuration cannot be used")
                .because(error)
                .help(help)
        })
    }

    /// Reads file and environment, and refuses what cannot work.
    pub(crate) fn load_checked(&self) -> Result<Config, Failure> {
        let config = self.load()?;
        let fatal: Vec<String> = config::check(&config)
            .into_iter()
            .filter(|finding| finding.fatal)
            .map(|finding| finding.text)
            .collect();
        if fatal.is_empty() {
            return Ok(config);
        }
        Err(Failure::input(format!(
            "the configuration cannot be used: {}",
            fatal.join("; ")
        ))
        .help("`greenline config check` lists everything that wants a look."))
    }

    /// Whether a name to act under was chosen.
    pub(crate) fn is_named(&self) -> bool {
        self.who.is_some()
    }

    /// The admin token to act under: the one named, else the one that may do most.
    pub(crate) fn token<'a>(&self, config: &'a Config) -> Result<Option<&'a AdminToken>, Failure> {
        let tokens = &config.admin.token;
        let Some(who) = &self.who else {
            let reach = |token: &AdminToken| (token.may, token.businesses.is_none());
            // Of several that may do as much, the first.
            return Ok(tokens.iter().rev().max_by_key(|token| reach(token)));
        };
        if let Some(token) = tokens.iter().find(|token| token.name == *who) {
            return Ok(Some(token));
        }
        let known: Vec<&str> = tokens.iter().map(|token| token.name.as_str()).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        Err(Failure::input(format!(
            "the configuration has no admin token named `{who}`"
        ))
        .help(format!("It has: {known}.")))
    }
}

/// Whether a token lets its holder do everything everywhere.
pub(crate) fn is_full(token: &AdminToken) -> bool {
    token.may == May::Admin && token.businesses.is_none()
}
