//! `greenline sim`: the simulated platform alone, for demos and for other teams' pipelines.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use greenline_sim::config::Business;
use greenline_sim::{Inbound, SAMPLE_NUMBER, Sim as Platform, SimConfig};
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::output;
use crate::signals::Signals;

/// Longest time to end work under way.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Runs the simulated platform alone.
#[derive(Args)]
pub(crate) struct Sim {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8090)))]
    listen: SocketAddr,
    /// Everything left to chance follows from this number.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The world, as TOML or JSON [default: one business, Acme, with one number and a few templates].
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Where webhooks go, such as http://127.0.0.1:8080/webhooks/meta/acme.
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// Signs webhooks [sample: sim-app-secret].
    #[arg(long, value_name = "SECRET")]
    app_secret: Option<String>,
    /// Shown in the handshake [sample: sim-verify-token].
    #[arg(long, value_name = "TOKEN")]
    verify_token: Option<String>,
    /// Opens the business's objects [sample: sim-access-token].
    #[arg(long, value_name = "TOKEN")]
    access_token: Option<String>,
    /// How much faster than in reality waits pass.
    #[arg(long, value_name = "FACTOR")]
    speed: Option<f64>,
    /// Answers sends with as little work as possible and sends no webhooks, to measure what stands in front.
    #[arg(long)]
    quiet: bool,
}

impl Sim {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let mut signals = Signals::listen()?;
        let sim = start(self.config()?).await?;
        output::print(&format!("platform {}\nready\n", sim.url()))?;
        signals.stop().await;
        if tokio::time::timeout(STOP_WITHIN, sim.stop()).await.is_err() {
            tracing::warn!("work under way did not end in time");
        }
        Ok(Exit::Yes)
    }

    fn config(self) -> Result<SimConfig, Failure> {
        let mut config = match &self.world {
            None => SimConfig::sample(),
            Some(path) => world(path)?,
        };
        config.listen = self.listen;
        config.quiet |= self.quiet;
        config.seed = self.seed.unwrap_or(config.seed);
        if let Some(speed) = self.speed {
            if !(speed.is_finite() && speed > 0.0) {
                return Err(Failure::input("`--speed` must be greater than 0"));
            }
            config.speed = speed;
        }
        if config.businesses.is_empty() {
            config.businesses.push(Business::sample());
        }
        if let Some(business) = config.businesses.first_mut() {
            business.callback_url = self.callback.or(business.callback_url.take());
            if let Some(secret) = self.app_secret {
                business.app_secret = secret;
            }
            if let Some(token) = self.verify_token {
                business.verify_token = token;
            }
            if let Some(token) = self.access_token {
                business.access_tokens = vec![token];
            }
        }
        Ok(config)
    }
}

fn world(path: &Path) -> Result<SimConfig, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!("the world `{shown}` cannot be read")).because(error)
    })?;
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return serde_json::from_str(&text).map_err(|error| {
            Failure::input(format!("the world `{shown}` cannot be used")).because(error)
        });
    }
    toml::from_str(&text).map_err(|error| {
        Failure::input(format!("the world `{shown}` cannot be used")).because(error)
    })
}

/// Starts a simulated platform.
pub(crate) async fn start(config: SimConfig) -> Result<Platform, Failure> {
    let listen = config.listen;
    Platform::start(config).await.map_err(|error| {
        Failure::unavailable(format!("the simulated platform cannot listen on {listen}"))
            .because(error)
            .help("Another program listens there; name another address.")
    })
}

/// Has a simulated person write to the sample number.
pub(crate) fn person_writes(sim: &Platform, from: &str, text: &str) -> Result<(), Failure> {
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, from, text))
        .map(|_| ())
        .map_err(|error| {
            Failure::unavailable("the simulated person could not write").because(error)
        })
}

/// The `curl` line that has a simulated person write STOP.
pub(crate) fn stop_curl(platform: &str, from: &str) -> String {
    let body = json!({ "number": SAMPLE_NUMBER, "from": from, "text": "STOP" });
    format!("curl -s {platform}/_sim/inbound -H 'Content-Type: application/json' -d '{body}'")
}
