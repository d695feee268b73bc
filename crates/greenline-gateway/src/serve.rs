//! Listening, and stopping well: stop accepting, let requests end, flush, exit.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use greenline_ledger::{BusinessSetup, Ledger, LedgerError, Setup};
use greenline_policy::pack::Pack;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tower::ServiceExt;

use crate::alerts::{self, Alerts};
use crate::app::{App, Shared};
use crate::avenues::{self, Avenues};
use crate::clock::Clock;
use crate::config::{Config, StoreUrl};
use crate::directory::Directory;
use crate::health::header::Abilities;
use crate::health::{Looks, Threads};
use crate::inbound::Inbound;
use crate::keyring::{Keys, KeysError};
use crate::metrics::Metrics;
use crate::patience::Prompt;
use crate::polling::Reads;
use crate::preferences::{Brands, Limiter, Peer, Preferences};
use crate::spill::Spill;
use crate::templates::Templates;
use crate::upstream::{Bounds, Origin};
use crate::workers::Workers;
use crate::{
    events, express, graph, later, learn, polling, relay, replies, retention, router, sealer, spill,
};

/// How long requests under way may take to end once told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// Bytes read ahead on one connection; a request's head must fit.
const READ_BUFFER_BYTES_MAX: usize = 64 << 10;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not hold together.
    #[error("{0}")]
    Config(String),
    /// The store can't be opened.
    #[error("the store `{url}` cannot be opened")]
    Store {
        /// Which.
        url: StoreUrl,
        /// Why.
        source: LedgerError,
    },
    /// There are no keys to work with.
    #[error("{0}")]
    Keys(#[from] KeysError),
    /// The spill file can't be read.
    #[error("the spill file cannot be opened")]
    Spill(#[source] std::io::Error),
    /// An address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The system gives no more threads.
    #[error("the threads that serve connections cannot be started")]
    Threads(#[source] std::io::Error),
}

/// Opens the ledger that the configuration names.
///
/// # Errors
/// The store's.
pub async fn open_ledger(config: &Config) -> Result<Ledger, StartError> {
    let url = &config.store.url;
    Ledger::open(url.reveal(), setup(config))
        .await
        .map_err(|source| StartError::Store {
            url: url.clone(),
            source,
        })
}

/// What decides about sends, live and when a record is judged again.
pub const DECIDE: greenline_ledger::DecideFn = greenline_policy::decide::decide;

/// What the ledger needs to know of the configuration.
#[must_use]
pub fn setup(config: &Config) -> Setup {
    Setup {
        businesses: config
            .business
            .iter()
            .map(|business| BusinessSetup {
                id: business.id.clone(),
                portfolio: business.portfolio_id.clone(),
            })
            // Where webhooks of accounts that belong to nobody are kept; no business has such an id.
            .chain(config.meta_app.iter().map(|app| BusinessSetup {
                id: format!("meta_app/{}", app.id),
                portfolio: String::new(),
            }))
            .collect(),
        decide: DECIDE,
        queue_max: config.store.queue_max,
        batch_max: config.store.batch_max,
    }
}

/// Builds everything a request needs.
///
/// # Errors
/// What the configuration gets wrong.
pub fn build(config: Config, ledger: Ledger, clock: Clock) -> Result<Shared, StartError> {
    if let Some(finding) = crate::config::check(&config)
        .into_iter()
        .find(|finding| finding.fatal)
    {
        return Err(StartError::Config(finding.text));
    }
    let bounds = Bounds {
        connect_timeout: Duration::from_millis(config.upstream.connect_timeout_ms),
        timeout: Duration::from_millis(config.upstream.timeout_ms),
        idle: Duration::from_millis(config.upstream.idle_ms),
        idle_max: config.upstream.idle_connections_max,
    };
    let app = App {
        directory: Directory::new(&config),
        alerts: Alerts::new(&config, &clock),
        keys: Keys::new(&config),
        avenues: Avenues::new(&config),
        imports: crate::imports::Imports::new(&config),
        screenings: crate::screen::job::Screenings::new(&config),
        retention: retention::Progress::default(),
        unread: sealer::Unread::default(),
        events: Default::default(),
        later: Default::default(),
        receptions: Default::default(),
        decision_batches: Arc::new(Semaphore::new(config.limits.decision_batches_max.max(1))),
        preferences: Preferences {
            brands: Brands::new(&config).map_err(|error| StartError::Config(error.to_string()))?,
            limiter: Limiter::default(),
        },
        spill: open_spill(&config).map_err(StartError::Spill)?,
        upstream: Origin::new(&config.upstream.url, bounds).map_err(StartError::Config)?,
        config,
        ledger,
        templates: Templates::default(),
        media: crate::media::MediaHosts::default(),
        metrics: Metrics::default(),
        clock,
        abilities: Abilities::default(),
        looks: Looks::default(),
        reads: Reads::default(),
        threads: Threads::default(),
        timeline_grew: Notify::new(),
        relay_due: Notify::new(),
        replies_due: Notify::new(),
    };
    crate::admin::erase::ready(&app)?;
    Ok(Arc::new(app))
}

fn open_spill(config: &Config) -> std::io::Result<Spill> {
    let businesses: Vec<&str> = config.business.iter().map(|b| b.id.as_str()).collect();
    Spill::open(&config.store, &businesses)
}

/// The gateway, listening.
#[derive(Debug)]
pub struct Running {
    /// Where the public listener listens.
    pub public: SocketAddr,
    /// Where the private listener listens.
    pub private: SocketAddr,
    app: Shared,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    workers: Workers,
}

impl Running {
    /// What requests share.
    #[must_use]
    pub fn app(&self) -> &Shared {
        &self.app
    }

    /// Stops accepting, lets requests under way end, and flushes the ledger.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        // It begins anew at the next start.
        let _ = tokio::time::timeout(DRAIN, self.app.screenings.pause()).await;
        for task in self.tasks {
            let _ = tokio::time::timeout(DRAIN, task).await;
        }
        self.workers.stop();
        self.app.ledger.clone().close().await;
    }
}

/// Listens on both addresses and starts the background work.
///
/// # Errors
/// An address that can't be listened on, or a store that can't be read.
pub async fn start(app: Shared) -> Result<Running, StartError> {
    // The first stop must not wait until the words are read.
    greenline_policy::stop::prepare();
    let now_ms = app.clock.now_ms();
    if let Some(warning) = Pack::at(now_ms).warning(now_ms) {
        tracing::warn!(%warning, "the rules want a look");
    }
    let public = listen(app.config.listen.public).await?;
    let private = listen(app.config.listen.private).await?;
    let at = |listener: &TcpListener, wanted: SocketAddr| listener.local_addr().unwrap_or(wanted);
    let (public_at, private_at) = (
        at(&public, app.config.listen.public),
        at(&private, app.config.listen.private),
    );
    if let Err(why) = learn::remember_templates(&app).await {
        tracing::warn!(%why, "templates on record could not be read");
    }
    avenues::begin(&app).await;
    if let Err(error) = events::sync(&app).await {
        tracing::warn!(%error, "subscriptions of the configuration wait for the store");
    }
    if let Err(error) = spill::read_in(&app).await {
        tracing::warn!(%error, "spilled decisions of the last run wait for the store");
    }
    crate::imports::resume(&app);
    crate::screen::job::resume(&app);
    let (stop, stopped) = watch::channel(false);
    let workers = Workers::start().map_err(StartError::Threads)?;
    let here = Handle::current();
    let public_router = router::public(Arc::clone(&app));
    let private_router = router::private(Arc::clone(&app));
    let tasks = vec![
        tokio::spawn(accept(
            Arc::clone(&app),
            public,
            vec![here.clone()],
            stopped.clone(),
            move |request| answer_own(public_router.clone(), request),
            false,
        )),
        tokio::spawn(accept(
            Arc::clone(&app),
            private,
            workers.handles(),
            stopped.clone(),
            {
                let app = Arc::clone(&app);
                move |request| {
                    answer_private(
                        Arc::clone(&app),
                        here.clone(),
                        private_router.clone(),
                        request,
                    )
                }
            },
            true,
        )),
        tokio::spawn(polling::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(events::follow::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(relay::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(events::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(replies::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(later::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(retention::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(sealer::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(avenues::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(alerts::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(spill::run(Arc::clone(&app), stopped)),
    ];
    tracing::info!(listen.public = %public_at, listen.private = %private_at, "listening");
    Ok(Running {
        public: public_at,
        private: private_at,
        app,
        stop,
        tasks,
        workers,
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

/// The private listener: our own endpoints, and everything else as Graph calls. Our own may work long, so
/// they run on the runtime `own`, where no send waits behind them.
async fn answer_private(
    app: Shared,
    own: Handle,
    router: Router,
    request: Request<Inbound>,
) -> Response<Body> {
    let path = request.uri().path();
    // `GET /` is the status page unless it reads several nodes; a posted `/` is a Graph batch.
    let page = path == "/"
        && request.method() == Method::GET
        && request.uri().query().is_none_or(|q| !q.contains("ids="));
    if !page && !router::is_own(path) {
        return graph::handle(app, request).await;
    }
    match own.spawn(answer_own(router, request)).await {
        Ok(response) => response,
        Err(ended) => {
            tracing::error!(error = %ended, "an endpoint ended without an answer");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

async fn answer_own(router: Router, request: Request<Inbound>) -> Response<Body> {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Accepts connections and hands them round to `runtimes`. Where apps `send`, connections begin in the
/// express.
async fn accept<F, R>(
    app: Shared,
    listener: TcpListener,
    runtimes: Vec<Handle>,
    mut stopped: watch::Receiver<bool>,
    answer: F,
    send: bool,
) where
    F: Fn(Request<Inbound>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(app.config.limits.connections_max));
    let timeout = Duration::from_millis(app.config.limits.client_timeout_ms);
    let graceful = GracefulShutdown::new();
    for runtime in runtimes.iter().cycle() {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let stream = match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (answer, watcher) = (answer.clone(), graceful.watcher());
        let sends = send.then(|| (Arc::clone(&app), stopped.clone()));
        runtime.spawn(async move {
            if let Err(error) = connection(stream, timeout, sends, watcher, answer).await {
                tracing::debug!(error = &*error, "a client's connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still under way at the end of the drain");
    }
}

/// Serves one connection to its end. It is watched by the poller of the runtime that this runs on.
async fn connection<F, R>(
    stream: std::net::TcpStream,
    timeout: Duration,
    sends: Option<(Shared, watch::Receiver<bool>)>,
    watcher: Watcher,
    answer: F,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    F: Fn(Request<Inbound>) -> R,
    R: Future<Output = Response<Body>>,
{
    let stream = TcpStream::from_std(stream)?;
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(|peer| Peer(peer.ip()));
    let mut stream = Prompt::new(stream, timeout);
    if let Some((app, stopped)) = sends {
        match express::serve(&app, stream, timeout, stopped).await? {
            Some(other) => stream = other,
            None => return Ok(()),
        }
    }
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let withheld = request.headers().contains_key(header::EXPECT);
        let answering = answer(request.map(|body| Inbound::new(body, withheld, timeout)));
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    Ok(watcher.watch(served).await?)
}
