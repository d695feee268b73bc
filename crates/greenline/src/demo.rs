//! `greenline demo`: gateway, store, simulated platform and a sample brand in one process, on loopback only.
//!
//! Nothing here is a stage set: people are taken in by the import, the stop comes as a signed webhook, and
//! the three messages go through the gateway like an application's.

mod brand;
mod messages;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use greenline_gateway::clock::Clock;
use greenline_gateway::config;
use greenline_gateway::keyring::Keys;
use greenline_gateway::serve::Running;
use greenline_sim::{Sim, SimConfig};
use tempfile::TempDir;

use crate::failure::{Exit, Failure};
use crate::lock::StoreLock;
use crate::output;
use crate::serve;
use crate::signals::Signals;
use crate::sim as platform;

use messages::Stage;

/// Ports that are taken if they are free.
const PUBLIC_PORT: u16 = 8080;
const PRIVATE_PORT: u16 = 8081;
const PLATFORM_PORT: u16 = 8090;
/// Longest time for the simulated platform to end its work.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Shows it all at work.
#[derive(Args)]
pub(crate) struct Demo {
    /// Keeps store and configuration in this folder [default: one that is gone afterwards].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Keeps people and decisions in this store, as in `store.url` [default: a file in the folder].
    #[arg(
        long,
        value_name = "URL",
        env = "GREENLINE_DEMO_STORE",
        hide_env_values = true
    )]
    store: Option<String>,
    /// How many people the sample brand has.
    #[arg(long, value_name = "COUNT", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    people: u32,
    /// Sends the three messages itself, says what became of them, and ends: 0 if all is as it should be.
    #[arg(long)]
    check: bool,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let mut signals = Signals::listen()?;
        let folder = Folder::new(self.dir.as_deref())?;
        let sim = self.platform().await?;
        let playing = async {
            let (running, lock) = self.gateway(&folder, &sim).await?;
            let stage = Stage::new(&running, &sim, folder.path())?;
            let prepared = self.prepare(&stage, &sim).await;
            Ok::<_, Failure>((running, lock, stage, prepared))
        };
        let (running, lock, stage, prepared): (Running, StoreLock, Stage, _) = tokio::select! {
            played = playing => played?,
            () = signals.stop() => return Ok(Exit::Yes),
        };
        let ended = match prepared {
            Err(failure) => Err(failure),
            Ok(()) if self.check => stage.check().await,
            Ok(()) => match output::print(&stage.tour(self.people)) {
                Ok(()) => {
                    signals.stop().await;
                    Ok(Exit::Yes)
                }
                Err(failure) => Err(failure),
            },
        };
        serve::stop(running, signals).await;
        drop(lock);
        let _ = tokio::time::timeout(STOP_WITHIN, sim.stop()).await;
        ended
    }

    /// The simulated platform, on its usual port if that is free.
    async fn platform(&self) -> Result<Sim, Failure> {
        let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PLATFORM_PORT));
        let listen = if !self.check && is_free(usual) {
            usual
        } else {
            any_port()
        };
        let mut config = SimConfig {
            listen,
            ..SimConfig::sample()
        };
        config.behaviour.read_share = 0.7;
        platform::start(config).await
    }

    /// The gateway, on its usual ports if both are free.
    async fn gateway(&self, folder: &Folder, sim: &Sim) -> Result<(Running, StoreLock), Failure> {
        let usual =
            [PUBLIC_PORT, PRIVATE_PORT].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let [public, private] = if !self.check && usual.into_iter().all(is_free) {
            usual
        } else {
            [any_port(), any_port()]
        };
        let beside = format!("sqlite:{}", folder.path().join("greenline.db").display());
        let store = self.store.as_deref().unwrap_or(&beside);
        let keys = folder.path().join("greenline.keys");
        let text = brand::configuration(public, private, &sim.url(), store, &keys);
        let file = folder.path().join("greenline.toml");
        std::fs::write(&file, text).map_err(|error| {
            Failure::input(format!("`{}` cannot be written", file.display())).because(error)
        })?;
        let config = config::load(Some(&file), std::iter::empty()).map_err(|error| {
            Failure::unavailable("the demo's configuration cannot be used").because(error)
        })?;
        if !keys.exists() {
            let made = Keys::new(&config).create(Clock::system().now_ms());
            made.map_err(|error| {
                Failure::unavailable("the demo's keys cannot be made").because(error)
            })?;
        }
        serve::start(config, "demo").await
    }

    /// Tells the platform where webhooks go, takes the people in, and has one of them write STOP.
    async fn prepare(&self, stage: &Stage, sim: &Sim) -> Result<(), Failure> {
        stage.subscribe(sim).await?;
        stage
            .import(&brand::people(self.people, stage.now_ms()))
            .await?;
        platform::person_writes(sim, brand::STOPPED, "STOP")?;
        stage.await_stop().await
    }
}

/// Where the demo keeps its files.
#[derive(Debug)]
enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Folder {
    fn new(kept: Option<&Path>) -> Result<Self, Failure> {
        match kept {
            Some(path) => std::fs::create_dir_all(path)
                .map(|()| Self::Kept(path.to_owned()))
                .map_err(|error| {
                    Failure::input(format!("the folder `{}` cannot be made", path.display()))
                        .because(error)
                }),
            None => tempfile::Builder::new()
                .prefix("greenline-demo-")
                .tempdir()
                .map(Self::Passing)
                .map_err(|error| {
                    Failure::unavailable("no folder for the demo's files can be made")
                        .because(error)
                }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
