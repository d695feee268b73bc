//! The log: to standard error, as text or as JSON, as much of it as is asked for.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// How to log.
#[derive(Args, Clone, Debug)]
pub(crate) struct Log {
    /// Form of the log on standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "GREENLINE_LOG",
        hide_env_values = true,
        help_heading = "Log"
    )]
    log: Form,
    /// How much is logged: error, warn, info, debug, or by part, such as `warn,greenline_gateway=debug`.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "GREENLINE_LOG_LEVEL",
        hide_env_values = true,
        help_heading = "Log"
    )]
    log_level: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Text,
    Json,
}

/// Starts logging; `usual` is the level when none is asked for.
pub(crate) fn start(log: &Log, usual: &str) -> Result<(), Failure> {
    let wanted = log.log_level.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::input(format!("`--log-level {wanted}` cannot be read"))
            .because(error)
            .help("Give a level (error, warn, info, debug, trace), or `part=level` pairs with commas.")
    })?;
    let writer = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A line that cannot be written, as on a full disk, is lost; complaining of it on standard error
        // would end the process.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match log.log {
        Form::Text => writer.with_ansi(std::io::stderr().is_terminal()).init(),
        Form::Json => writer.json().flatten_event(true).init(),
    }
    Ok(())
}
