//! Three gateways on one database, each with a line of its own to it.

use std::net::SocketAddr;
use std::path::Path;

use greenline_testdb::{Database, Proxy};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::settings::Settings;
use crate::support::store::ready_database;

/// Nodes of a fleet.
pub(super) const NODES: usize = 3;

/// Where a node answers; the same after each start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) public: SocketAddr,
    pub(super) private: SocketAddr,
}

/// The nodes.
pub(super) struct Fleet {
    pub(super) gateways: [Mutex<Gateway>; NODES],
    /// Between each node and the database.
    pub(super) proxies: [Proxy; NODES],
    pub(super) addresses: [Address; NODES],
    folders: [TempDir; NODES],
    /// Last, so that the nodes are gone before it is.
    pub(super) database: Database,
}

impl Fleet {
    /// Starts them in front of `upstream`, in an environment.
    pub(super) async fn start(
        upstream: &str,
        environment: &[(&str, &str)],
        adapt: impl Fn(Settings) -> Settings,
    ) -> Self {
        Self::on(ready_database(), upstream, environment, adapt).await
    }

    /// The same on a database that the test has chosen.
    pub(super) async fn on(
        database: Database,
        upstream: &str,
        environment: &[(&str, &str)],
        adapt: impl Fn(Settings) -> Settings,
    ) -> Self {
        let folders: [TempDir; NODES] =
            std::array::from_fn(|_| tempfile::tempdir().expect("a folder"));
        let proxies: [Proxy; NODES] = std::array::from_fn(|_| Proxy::to(database.server_address()));
        let start = async |node: usize| {
            let url = database.url_through(&proxies[node]);
            let adapt = |settings: Settings| adapt(settings.with(&["store", "url"], url.as_str()));
            let mut gateway = Gateway::start(folders[node].path(), upstream, adapt).await;
            if !environment.is_empty() {
                assert!(gateway.stop().await.success());
                let mut command = Command::new(env!("CARGO_BIN_EXE_greenline"));
                command.envs(environment.iter().copied());
                gateway.run_under(command).await;
            }
            gateway
        };
        let (one, two, three) = tokio::join!(start(0), start(1), start(2));
        let gateways = [one, two, three];
        let addresses = gateways.each_ref().map(|gateway| Address {
            public: gateway.public,
            private: gateway.private,
        });
        Self {
            gateways: gateways.map(Mutex::new),
            proxies,
            addresses,
            folders,
            database,
        }
    }

    /// Where a node's configuration is.
    pub(super) fn folder(&self, node: usize) -> &Path {
        self.folders[node].path()
    }

    /// What the nodes complained of, for whoever reads why a test failed.
    pub(super) async fn tell(&self) {
        for (node, gateway) in self.gateways.iter().enumerate() {
            let log = gateway.lock().await.log_text();
            let complaints = log
                .lines()
                .filter(|line| line.contains("WARN") || line.contains("ERROR"));
            for complaint in complaints.take(40) {
                println!("node {node}: {complaint}");
            }
        }
    }

    /// Stops every node; what they leave behind holds together, and nothing panicked.
    pub(super) async fn ends_clean(&self) {
        for gateway in &self.gateways {
            let mut gateway = gateway.lock().await;
            assert!(gateway.stop().await.success(), "{}", gateway.log_text());
            let log = gateway.log_text();
            assert!(!log.contains("panicked"), "{log}");
        }
        let config = self.folder(0).join("greenline.toml");
        let found = run_with(&config, &["verify", "--json"]).await.ended(0);
        assert_eq!(found.json()["clean"], Value::Bool(true), "{found:?}");
    }
}
