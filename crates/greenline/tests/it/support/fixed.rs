//! The gateway within the test, on a clock that the test moves: for what takes days.
//!
//! It is built and started as the program does it; only the clock is another one. Commands find it by the holder's file
//! beside a SQLite store, as they find a server; on Postgres they are nodes of their own, on the machine's clock.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config;
use greenline_gateway::serve::{self, Running};

use super::settings::Settings;
use super::store::Site;

/// A gateway that runs within the test.
pub(crate) struct Fixed {
    /// Where the public listener answers.
    pub(crate) public: SocketAddr,
    /// Where the private listener answers.
    pub(crate) private: SocketAddr,
    /// The configuration's file.
    pub(crate) config: PathBuf,
    clock: Clock,
    running: Running,
    _held: Option<File>,
}

impl Fixed {
    /// Starts one at a moment, on the store of `site`.
    pub(crate) async fn start(
        site: &(impl Site + ?Sized),
        settings: Settings,
        now_ms: i64,
    ) -> Self {
        let path = site.settle(settings).write(site.folder());
        let config = config::load(Some(&path), std::iter::empty()).expect("a configuration");
        let store = config.store.url.sqlite_path().map(|store| {
            let mut name = store.as_os_str().to_owned();
            name.push(".holder");
            PathBuf::from(name)
        });
        let ledger = serve::open_ledger(&config).await.expect("a store");
        let clock = Clock::fixed(now_ms);
        let app = serve::build(config, ledger, clock.clone()).expect("a gateway");
        app.keys.open(now_ms).expect("keys");
        let running = serve::start(app).await.expect("it listens");
        let (public, private) = (running.public, running.private);
        Self {
            public,
            private,
            config: path,
            clock,
            running,
            _held: store.map(|path| held(path, private)),
        }
    }

    /// What its requests share.
    pub(crate) fn app(&self) -> &Shared {
        self.running.app()
    }

    /// Moves the clock to a moment, in Unix milliseconds.
    pub(crate) fn set_clock(&self, now_ms: i64) {
        self.clock.set(now_ms);
    }

    /// Stops it as the program does.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Holds the store as a server does, and says where it answers.
fn held(path: PathBuf, private: SocketAddr) -> File {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .expect("the holder's file");
    file.try_lock().expect("a store that nobody else holds");
    let holder = serde_json::json!({
        "command": "serve", "process": std::process::id(), "private": format!("http://{private}"),
    });
    file.write_all(holder.to_string().as_bytes())
        .expect("the holder's file");
    file
}
