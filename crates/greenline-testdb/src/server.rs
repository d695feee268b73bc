//! The shared server of all tests, and servers of a test's own that it may treat badly.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::database::Database;
use crate::home::{ADMIN, Home, StartLock};
use crate::or_panic;
use crate::process::wait_until;
use crate::run::Run;

/// How long the shared server waits for another test; runs of one test after the other find it still there.
const SHARED_IDLE_S: u64 = 30;
/// Names another number of seconds.
const SHARED_IDLE_VAR: &str = "GREENLINE_TESTDB_IDLE_S";
/// Longest wait for a follower to have everything.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(120);

/// A Postgres server of this machine that this process uses.
pub(crate) struct Running {
    pub(crate) home: Home,
    pub(crate) run: Run,
    pub(crate) port: u16,
}

impl Running {
    /// The server all tests share, started if it does not run.
    pub(crate) fn shared() -> Result<Arc<Running>> {
        // Once in this process: its threads come one by one, and the lock it holds ends with it.
        static SHARED: Mutex<Option<Arc<Running>>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.as_ref() {
            return Ok(Arc::clone(running));
        }
        let (home, lock) = Home::open()?;
        let (run, port) = match find_shared(&home, &lock)? {
            Some(found) => found,
            None => start_shared(&home, &lock)?,
        };
        drop(lock);
        let running = Arc::new(Running { home, run, port });
        *shared = Some(Arc::clone(&running));
        Ok(running)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Runs SQL as the administrator.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> Result<String> {
        crate::run::sql(&self.home, self.port, database, sql)
    }
}

fn find_shared(home: &Home, lock: &StartLock) -> Result<Option<(Run, u16)>> {
    let Some(folder) = home.shared(lock) else {
        return Ok(None);
    };
    let run = Run::claim(folder)?;
    let port = run.port_if_alive();
    Ok(port.map(|port| (run, port)))
}

fn start_shared(home: &Home, lock: &StartLock) -> Result<(Run, u16)> {
    home.forget_shared(lock);
    home.sweep(lock);
    let run = home.new_run(lock)?;
    let idle_s = std::env::var(SHARED_IDLE_VAR)
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(SHARED_IDLE_S);
    let (port, _keeper) =
        run.start_anywhere(home, Duration::from_secs(idle_s), &shared_settings())?;
    home.set_shared(&run, lock)?;
    Ok((run, port))
}

/// Nobody stops or kills the server that tests share, and its data are gone with it: it waits for no disk. Many use it at once.
fn shared_settings() -> Vec<String> {
    ["fsync=off", "full_page_writes=off", "max_connections=400"]
        .map(str::to_owned)
        .into()
}

/// A server of a test's own, to stop, kill, freeze and start again. Gone with this value, or soon after its process.
///
/// Data is on disk as in production: what was committed is there after [`Server::kill`] and [`Server::start`].
///
/// # Panics
///
/// Every method panics, with the server's own words, when Postgres does not do as it should.
pub struct Server {
    running: Arc<Running>,
    settings: Vec<String>,
    keeper: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one, empty.
    #[must_use]
    pub fn private() -> Server {
        Server::private_with(&[])
    }

    /// Starts one with settings such as `"max_connections=20"` over the usual ones.
    #[must_use]
    pub fn private_with(settings: &[&str]) -> Server {
        let settings = settings.iter().map(|setting| (*setting).to_owned());
        or_panic(
            Server::begin(settings.collect()),
            format_args!("no private Postgres"),
        )
    }

    fn begin(settings: Vec<String>) -> Result<Server> {
        let (home, lock) = Home::open()?;
        home.sweep(&lock);
        let run = home.new_run(&lock)?;
        drop(lock);
        Server::start_new(home, run, settings)
    }

    fn start_new(home: Home, run: Run, settings: Vec<String>) -> Result<Server> {
        let (port, keeper) = run.start_anywhere(&home, Duration::ZERO, &settings)?;
        Ok(Server {
            running: Arc::new(Running { home, run, port }),
            settings,
            keeper: Mutex::new(Some(keeper)),
        })
    }

    /// Starts another server that follows this one: what this one acknowledges from now on is on the follower's disk as well,
    /// and commits wait for that. [`Server::kill`] this one, [`Server::promote`] the other and lead a [`crate::Proxy`] there:
    /// that is a failover.
    #[must_use]
    pub fn follower(&self) -> Server {
        or_panic(self.begin_follower(), format_args!("no follower"))
    }

    fn begin_follower(&self) -> Result<Server> {
        let (home, lock) = Home::open()?;
        let run = home.new_follower(self.running.port, &lock)?;
        drop(lock);
        let follower = Server::start_new(home, run, self.settings.clone())?;
        let primary = &self.running;
        primary.sql(ADMIN, "ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        primary.sql(ADMIN, "SELECT pg_reload_conf()")?;
        let mut failed = Ok(());
        let follows = wait_until(FOLLOWS_WITHIN, || {
            let asked = primary.sql(ADMIN, "SELECT sync_state FROM pg_stat_replication");
            match asked {
                Ok(states) => states == "sync",
                Err(error) => {
                    failed = Err(error);
                    true
                }
            }
        });
        failed?;
        ensure!(follows, "the follower does not catch up");
        Ok(follower)
    }

    /// Makes a follower take writes. It goes on alone.
    pub fn promote(&self) {
        // It must not wait for followers, as the server it was copied from may.
        let promoted = self
            .running
            .sql(ADMIN, "SELECT pg_promote(true, 120)")
            .and_then(|done| {
                ensure!(done == "t", "it is not a follower, or too slow");
                self.running
                    .sql(ADMIN, "ALTER SYSTEM RESET synchronous_standby_names")?;
                self.running.sql(ADMIN, "SELECT pg_reload_conf()")
            });
        or_panic(promoted, format_args!("cannot promote Postgres"));
    }

    /// Runs SQL in a database of this server as a superuser; see [`Database::sql`].
    pub fn sql(&self, database: &Database, sql: &str) -> String {
        let rows = self.running.sql(database.name(), sql);
        or_panic(rows, format_args!("SQL failed"))
    }

    /// An empty database of this server.
    #[must_use]
    pub fn database(&self) -> Database {
        or_panic(
            Database::private(Arc::clone(&self.running)),
            format_args!("no database"),
        )
    }

    /// Where it listens, while it runs; the same after every start.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Ends it as an administrator would: open transactions are rolled back, what is committed is written out.
    pub fn stop(&self) {
        self.end("INT");
    }

    /// Ends it as a power cut would: `kill -9` for the server and each of its processes.
    pub fn kill(&self) {
        self.end("KILL");
    }

    /// Starts it again, on the same port and data. It answers when this returns, after recovery if it was killed.
    pub fn start(&self) {
        let keeper = self.running.run.start(
            &self.running.home,
            self.running.port,
            Duration::ZERO,
            &self.settings,
        );
        *self.keeper() = Some(or_panic(keeper, format_args!("cannot start Postgres")));
    }

    /// Stops it in the middle of whatever it does, connections open: it answers nothing, for as long as it takes.
    pub fn freeze(&self) {
        or_panic(
            self.running.run.signal_all("STOP"),
            format_args!("cannot freeze Postgres"),
        );
    }

    /// Lets a frozen server go on where it was.
    pub fn thaw(&self) {
        or_panic(
            self.running.run.signal_all("CONT"),
            format_args!("cannot thaw Postgres"),
        );
    }

    fn end(&self, signal: &str) {
        or_panic(
            self.running.run.end(signal),
            format_args!("cannot end Postgres"),
        );
        if let Some(mut keeper) = self.keeper().take() {
            let _ = keeper.wait();
        }
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.run.clear_away();
        if let Some(mut keeper) = self.keeper().take() {
            let _ = keeper.wait();
        }
    }
}

/// A name no other database of this server has.
pub(crate) fn database_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static STARTED: OnceLock<u128> = OnceLock::new();
    // A process id comes again; with the time it began it does not.
    let started = STARTED.get_or_init(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos())
    });
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{started:x}_{count}", std::process::id())
}
