//! Connections: made when needed, few, and never waited for without end.
//!
//! Every connection runs on the store's own runtime, whatever runtime its user lives on. One that failed
//! is not used again. How the way there is protected is what the address asks for, never less.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;
use super::trouble::Trouble;
use crate::address::Postgres;
use crate::error::{LedgerError, Plain};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long one piece of work at the database may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Connections that read, at most.
const READERS_MAX: usize = 8;
/// Connections of one node, at most: one of them writes.
pub(super) const CONNECTIONS_MAX: usize = READERS_MAX + 1;
/// What every connection begins with. An acknowledgement means *on disk*: where the server's settings say
/// otherwise, they do not count here; where they ask for more than that, they do.
const FIRST: &str = "SET statement_timeout = 8000; SET idle_in_transaction_session_timeout = 20000; \
                     SELECT set_config('synchronous_commit', 'on', false) \
                     WHERE current_setting('synchronous_commit') = 'off'";
/// How often something is tried that others got in the way of.
const TRIES_MAX: u32 = 8;
/// How often something is tried when the connection breaks.
const LOSSES_MAX: u32 = 2;

/// Parameters of a statement.
pub(super) type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

/// A connection with what was prepared on it.
pub(super) struct Link {
    client: Client,
    statements: FxHashMap<&'static str, Statement>,
    _driver: Driver,
}

impl Link {
    /// Makes sure that these statements are prepared.
    pub(super) async fn ready(&mut self, statements: &[&'static str]) -> Result<(), Trouble> {
        for sql in statements {
            if !self.statements.contains_key(sql) {
                let prepared = self.client.prepare(sql).await?;
                self.statements.insert(sql, prepared);
            }
        }
        Ok(())
    }

    fn prepared(&self, sql: &'static str) -> Result<&Statement, Trouble> {
        self.statements
            .get(sql)
            .ok_or(Trouble::Final(LedgerError::Bug(
                "a statement that was not made ready",
            )))
    }

    /// Runs a statement that is ready; several at once go out together, in the order they are polled.
    pub(super) async fn ask(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        Ok(self.client.query(self.prepared(sql)?, params).await?)
    }

    /// As [`Self::ask`], for the number of rows changed.
    pub(super) async fn change(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<u64, Trouble> {
        Ok(self.client.execute(self.prepared(sql)?, params).await?)
    }

    /// Prepares if need be and runs.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        self.ready(&[sql]).await?;
        self.ask(sql, params).await
    }

    /// Prepares if need be and runs; the number of rows changed.
    pub(super) async fn run(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<u64, Trouble> {
        self.ready(&[sql]).await?;
        self.change(sql, params).await
    }

    /// Runs what takes no parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(sql).await?)
    }
}

/// Where connections come from.
pub(super) struct Pool {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    runtime: Handle,
    idle: Mutex<Vec<Link>>,
    room: Semaphore,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool for the database at `url`; connects to nothing yet.
    pub(super) fn new(url: &str, runtime: Handle) -> Result<Self, LedgerError> {
        let address =
            Postgres::parse(url).map_err(|error| LedgerError::Unavailable(Arc::new(error)))?;
        let tls =
            tls::connector(&address).map_err(|error| LedgerError::Unavailable(Arc::new(error)))?;
        let mut config = address.config().clone();
        // One host that does not answer leaves time for the next.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let each = CONNECT_WITHIN / hosts;
        config.connect_timeout(
            config
                .get_connect_timeout()
                .map_or(each, |own| each.min(*own)),
        );
        if config.get_application_name().is_none() {
            config.application_name("greenline");
        }
        Ok(Self {
            config,
            tls,
            runtime,
            idle: Mutex::default(),
            room: Semaphore::new(READERS_MAX),
        })
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Link, Trouble> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        // Made where it will live, since what drives it belongs to the runtime it was made on.
        let making = self.runtime.spawn(async move {
            match tls {
                Some(tls) => client(config, tls).await,
                None => client(config, NoTls).await,
            }
        });
        let (client, driver) = making
            .await
            .map_err(|_| Trouble::Lost(Arc::new(Plain("the store is closing"))))??;
        let link = Link {
            client,
            statements: FxHashMap::default(),
            _driver: driver,
        };
        within(link.batch(FIRST)).await?;
        Ok(link)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn at the database, for [`retrying`].
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn {
            pool: self,
            link: None,
            tries: 0,
            room: None,
        }
    }
}

async fn client<T>(config: Config, tls: T) -> Result<(Client, Driver), Trouble>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static, TlsConnect: Send> + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let made = tokio::time::timeout(CONNECT_WITHIN, config.connect(tls)).await;
    let (client, connection) = made.map_err(|_| Trouble::late())?.map_err(no_connection)?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a connection to the database ended"
            );
        }
    });
    Ok((client, Driver(driver.abort_handle())))
}

/// What drives a connection; gone with it. By itself it would wait for answers that nobody wants any more,
/// for as long as a database that hangs keeps them back.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Some work at the database, tried until it is done or given up.
pub(super) struct Turn<'p> {
    pool: &'p Pool,
    link: Option<Link>,
    tries: u32,
    room: Option<SemaphorePermit<'p>>,
}

impl Turn<'_> {
    /// A connection to try with.
    pub(super) async fn link(&mut self) -> Result<&mut Link, Trouble> {
        if self.room.is_none() {
            let room = tokio::time::timeout(ANSWER_WITHIN, self.pool.room.acquire()).await;
            self.room = room.map_err(|_| Trouble::late())?.ok();
        }
        if self.link.is_none() {
            let kept =
                std::iter::from_fn(|| self.pool.idle().pop()).find(|link| !link.client.is_closed());
            self.link = match kept {
                Some(link) => Some(link),
                None => Some(self.pool.connect().await?),
            };
        }
        self.link.as_mut().ok_or(Trouble::Final(LedgerError::Bug(
            "a connection that was just made",
        )))
    }

    /// Whether that was all; `None` when it is to be tried again.
    pub(super) fn over<T>(&mut self, done: Result<T, Trouble>) -> Option<Result<T, LedgerError>> {
        self.tries += 1;
        let (trouble, tries_max) = match done {
            Ok(done) => return Some(Ok(done)),
            Err(trouble @ Trouble::Final(_)) => return Some(Err(trouble.given_up())),
            Err(trouble @ Trouble::Again(_)) => (trouble, TRIES_MAX),
            Err(trouble @ Trouble::Lost(_)) => {
                self.link = None;
                (trouble, LOSSES_MAX)
            }
        };
        (self.tries >= tries_max).then(|| Err(trouble.given_up()))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Whoever gave up half-way may have left an answer on its way.
        if let Some(link) = self.link.take().filter(|_| self.tries > 0) {
            self.pool.idle().push(link);
        }
    }
}

/// The retrying helper: does something that may be done twice, again while others get in the way or the
/// connection breaks. What must not be done twice goes by a claim or an id of its own.
macro_rules! retrying {
    ($pool:expr, $link:ident => $work:expr) => {{
        let mut turn = $pool.turn();
        loop {
            let done = match turn.link().await {
                Ok($link) => $crate::postgres::connect::within(async { $work }).await,
                Err(trouble) => Err(trouble),
            };
            if let Some(done) = turn.over(done) {
                break done;
            }
        }
    }};
}
pub(super) use retrying;

/// Waits for the database, but not without end.
pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::time::timeout(ANSWER_WITHIN, work)
        .await
        .unwrap_or_else(|_| Err(Trouble::late()))
}

fn no_connection(error: tokio_postgres::Error) -> Trouble {
    Trouble::Lost(Arc::new(error))
}
