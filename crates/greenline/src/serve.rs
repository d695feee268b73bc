//! `greenline serve`: the gateway, until it is told to stop.

use std::time::Duration;

use clap::Args;
use greenline_gateway::clock::Clock;
use greenline_gateway::config;
use greenline_gateway::serve::{self, Running};

use crate::access::start_failure;
use crate::failure::{Exit, Failure};
use crate::lock::{self, StoreLock};
use crate::output;
use crate::settings::Settings;
use crate::signals::Signals;

/// Longest time to end requests under way and flush the store; past it the process ends all the same,
/// and what was acknowledged is on disk anyway.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Runs the gateway.
#[derive(Args)]
pub(crate) struct Serve {}

impl Serve {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load_checked()?;
        for finding in config::check(&config)
            .into_iter()
            .filter(|finding| !finding.fatal)
        {
            tracing::warn!(finding = finding.text, "the configuration wants a look");
        }
        let mut signals = Signals::listen()?;
        let starting = start(config, "serve");
        let (running, lock) = tokio::select! {
            started = starting => started?,
            () = signals.stop() => return Ok(Exit::Yes),
        };
        output::print(&format!(
            "public  http://{}\nprivate http://{}\nready\n",
            running.public, running.private
        ))?;
        signals.stop().await;
        tracing::info!("told to stop: letting requests under way end");
        stop(running, signals).await;
        drop(lock);
        Ok(Exit::Yes)
    }
}

/// Takes the store, opens it, listens, and says where in the lock.
pub(crate) async fn start(
    config: config::Config,
    command: &'static str,
) -> Result<(Running, StoreLock), Failure> {
    let lock = lock::take(&config, command).await?;
    let ledger = serve::open_ledger(&config).await.map_err(start_failure)?;
    let app = serve::build(config, ledger, Clock::system()).map_err(start_failure)?;
    // Not at the first need: a link or a log that cannot be signed is to be known now.
    let keys = app.keys.open(app.clock.now_ms());
    keys.map_err(|error| start_failure(error.into()))?;
    let running = serve::start(app).await.map_err(start_failure)?;
    lock.announce(&format!("http://{}", reachable(running.private)))?;
    Ok((running, lock))
}

/// Ends requests under way and flushes the store. A second signal cuts the first short.
pub(crate) async fn stop(running: Running, mut signals: Signals) {
    tokio::select! {
        ended = tokio::time::timeout(STOP_WITHIN, running.stop()) => {
            if ended.is_err() {
                tracing::error!("requests under way did not end in time");
            }
        }
        () = signals.stop() => tracing::warn!("told to stop again: not waiting any longer"),
    }
}

/// An address that can be connected to, for one that is listened on.
pub(crate) fn reachable(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
