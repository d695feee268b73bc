//! The `greenline` program: one file per command, and this one, which only tells them apart.
//!
//! Exit codes are the same for every command: 0 yes or done, 1 no or refused, 2 usage or input error,
//! 3 unavailable.

mod access;
mod alerts;
mod avenues;
mod check;
mod config;
mod consent;
mod demo;
mod doctor;
mod explain;
mod failure;
mod guide;
mod held;
mod keys;
mod lock;
mod log;
mod migrate;
mod number;
mod output;
mod screen;
mod serve;
mod settings;
mod signals;
mod sim;
mod telling;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::{Exit, Failure};

/// A send allocates a few dozen small things on one thread and frees some of them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps a brand's WhatsApp numbers green: decides before each message leaves whether it may.
#[derive(Parser)]
#[command(name = "greenline", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    settings: settings::Settings,
    #[command(flatten)]
    log: log::Log,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 yes or done, 1 no or refused, 2 usage or input error, 3 unavailable.";

#[derive(Subcommand)]
enum Command {
    /// Runs the gateway.
    Serve(serve::Serve),
    /// Shows it all at work: gateway, store, simulated platform and a sample brand in one process.
    Demo(demo::Demo),
    /// Runs the simulated platform alone.
    Sim(sim::Sim),
    /// Would this message go? Decides without sending or recording anything.
    Check(check::Check),
    /// What may be sent to a list: allowed, later, refused and why, with a report. Sends and records nothing.
    Screen(screen::Screen),
    /// Shows a recorded decision, with all it rested on.
    Explain(explain::Explain),
    /// Records, shows, imports and exports what people agreed to.
    #[command(subcommand)]
    Consent(consent::Consent),
    /// What somebody should look at, who was told of it, and trial messages.
    Alerts(alerts::Alerts),
    /// Which ways out are open to people, how each was proved, and what is missing.
    Avenues(avenues::Avenues),
    /// What may be sent, to whom, and why not: answers a question in words of every day.
    Guide(guide::Guide),
    /// Greenline's own keys: which there are, and new ones.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Messages that are held until they may go.
    #[command(subcommand)]
    Held(held::Held),
    /// The business's numbers.
    #[command(subcommand)]
    Number(number::Number),
    /// Reads the whole store again and compares it with what is kept ready.
    Verify(verify::Verify),
    /// Brings the store up to this release, or moves an installation to another store.
    Migrate(migrate::Migrate),
    /// Checks and shows the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Looks for what would keep `serve` from working here.
    Doctor(doctor::Doctor),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.command.json();
    if let Err(failure) = log::start(&cli.log, cli.command.log_level()) {
        return failure.report(json);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return Failure::unavailable("the program cannot start its threads")
                .because(error)
                .report(json);
        }
    };
    let code = match runtime.block_on(dispatch(cli)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(json),
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let settings = &cli.settings;
    match cli.command {
        Command::Serve(command) => command.run(settings).await,
        Command::Demo(command) => command.run().await,
        Command::Sim(command) => command.run().await,
        Command::Check(command) => command.run(settings).await,
        Command::Screen(command) => command.run(settings).await,
        Command::Explain(command) => command.run(settings).await,
        Command::Consent(command) => command.run(settings).await,
        Command::Alerts(command) => command.run(settings).await,
        Command::Avenues(command) => command.run(settings).await,
        Command::Guide(command) => command.run(),
        Command::Keys(command) => command.run(settings).await,
        Command::Held(command) => command.run(settings).await,
        Command::Number(command) => command.run(settings).await,
        Command::Verify(command) => command.run(settings).await,
        Command::Migrate(command) => command.run(settings).await,
        Command::Config(command) => command.run(settings),
        Command::Doctor(command) => command.run(settings).await,
    }
}

impl Command {
    /// Whether the answer, and so an error too, is wanted as JSON.
    fn json(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Demo(_) | Self::Sim(_) => false,
            Self::Check(command) => command.json.json,
            Self::Screen(command) => command.json(),
            Self::Explain(command) => command.json.json,
            Self::Consent(command) => command.json(),
            Self::Alerts(command) => command.json(),
            Self::Avenues(command) => command.json.json,
            Self::Guide(command) => command.json.json,
            Self::Keys(command) => command.json(),
            Self::Held(command) => command.json(),
            Self::Number(command) => command.json(),
            Self::Verify(command) => command.json.json,
            Self::Migrate(command) => command.json.json,
            Self::Config(command) => command.json(),
            Self::Doctor(command) => command.json.json,
        }
    }

    /// How much is logged when nothing is said about it.
    fn log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Sim(_) => "info",
            Self::Demo(_) => "error",
            _ => "warn",
        }
    }
}
