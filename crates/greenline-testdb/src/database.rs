//! A database of a test's own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::home::{ADMIN, USER, lock_file};
use crate::or_panic;
use crate::proxy::Proxy;
use crate::server::{Running, database_name};

/// What Postgres copies for a database with nothing in it.
const EMPTY: &str = "template0";

/// A fresh database, dropped with this value.
///
/// Its owner is an ordinary user, so that what needs a superuser fails in tests and not at an administrator's.
///
/// # Panics
///
/// The methods panic when Postgres is not installed, saying what to run, or does not do as it should, with its own words.
pub struct Database {
    running: Arc<Running>,
    name: String,
    /// A private server takes its databases with it.
    dropped: bool,
}

impl Database {
    /// An empty one on the server all tests share, which is started if it does not run.
    #[must_use]
    pub fn fresh() -> Database {
        let made = Running::shared().and_then(Database::shared);
        or_panic(made, format_args!("no database"))
    }

    /// One that `prepare` has filled: a template is made once per server and copied for each test.
    ///
    /// `what` identifies what `prepare` does, such as the text of all migrations: for the same `what` it is not called again.
    /// It is handed the template's URL, and must have closed its connections when it returns.
    #[must_use]
    pub fn prepared(what: &str, prepare: impl FnOnce(&str)) -> Database {
        let made = Running::shared().and_then(|running| {
            let template = template(&running, what, prepare)?;
            Database::copy_of(running, &template, true)
        });
        or_panic(made, format_args!("no prepared database"))
    }

    fn shared(running: Arc<Running>) -> Result<Database> {
        Database::copy_of(running, EMPTY, true)
    }

    pub(crate) fn private(running: Arc<Running>) -> Result<Database> {
        Database::copy_of(running, EMPTY, false)
    }

    fn copy_of(running: Arc<Running>, template: &str, dropped: bool) -> Result<Database> {
        let name = database_name();
        create(&running, &name, template)?;
        Ok(Database {
            running,
            name,
            dropped,
        })
    }

    /// `postgres://user:password@127.0.0.1:port/name`
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.running, self.running.address(), &self.name)
    }

    /// The same database, reached through `proxy`.
    #[must_use]
    pub fn url_through(&self, proxy: &Proxy) -> String {
        url(&self.running, proxy.address(), &self.name)
    }

    /// Where its server listens, for a [`Proxy`].
    #[must_use]
    pub fn server_address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Its name on the server, and on those that follow it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL as a superuser, to look from the outside or to do what only an administrator may.
    /// Returns the rows, a line each, columns parted by `|`.
    pub fn sql(&self, sql: &str) -> String {
        let rows = self.running.sql(&self.name, sql);
        or_panic(rows, format_args!("SQL failed"))
    }

    /// Ends every connection to it, as an administrator or a failover does. Returns how many there were.
    pub fn disconnect_all(&self) -> usize {
        let ended = self.running.sql(
            ADMIN,
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                self.name
            ),
        );
        or_panic(ended, format_args!("SQL failed")).lines().count()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.dropped {
            return;
        }
        // Where this fails, as it does when the server is gone, the database goes with the server.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = self.running.sql(ADMIN, &sql);
    }
}

fn template(running: &Running, what: &str, prepare: impl FnOnce(&str)) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    let name = format!("template_{:016x}", hasher.finish());
    // The folder goes with the server, and so does what stands in it.
    let ready = running.run.folder.join(format!("{name}.ready"));
    if ready.exists() {
        return Ok(name);
    }
    // One process makes it, the others wait.
    let lock = lock_file(&running.run.folder.join(format!("{name}.lock")))?;
    lock.lock().context("cannot lock a template")?;
    if !ready.exists() {
        // Under its own name only when whole.
        let draft = format!("{name}_draft");
        for left in [&draft, &name] {
            let drop = format!("DROP DATABASE IF EXISTS {left} WITH (FORCE)");
            running.sql(ADMIN, &drop)?;
        }
        create(running, &draft, EMPTY)?;
        prepare(&url(running, running.address(), &draft));
        let rename = format!("ALTER DATABASE {draft} RENAME TO {name}");
        running.sql(ADMIN, &rename)?;
        std::fs::write(&ready, "").context("cannot note a template")?;
    }
    Ok(name)
}

fn create(running: &Running, name: &str, template: &str) -> Result<()> {
    let sql = format!("CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}");
    running.sql(ADMIN, &sql).map(drop)
}

fn url(running: &Running, address: SocketAddr, name: &str) -> String {
    let password = &running.home.password;
    format!("postgres://{USER}:{password}@{address}/{name}")
}
