//! Listening, and stopping well: stop accepting, let requests end, flush, exit.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use greenline_ledger::{Ledger, LedgerError, Setup};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tower::ServiceExt;

use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::Directory;
use crate::metrics::Metrics;
use crate::templates::Templates;
use crate::upstream::{Bounds, Origin};
use crate::{graph, learn, relay, replies, router};

/// How long requests under way may take to end once told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not hold together.
    #[error("{0}")]
    Config(String),
    /// The store can't be opened.
    #[error("the store cannot be opened")]
    Store(#[from] LedgerError),
    /// An address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Opens the ledger that the configuration names.
///
/// # Errors
/// The store's.
pub fn open_ledger(config: &Config) -> Result<Ledger, StartError> {
    let path = config.store.url.strip_prefix("sqlite:").ok_or_else(|| {
        StartError::Config(format!(
            "store.url `{}` must be sqlite:PATH",
            config.store.url
        ))
    })?;
    Ok(Ledger::open_sqlite(
        std::path::Path::new(path),
        setup(config),
    )?)
}

/// What the ledger needs to know of the configuration.
#[must_use]
pub fn setup(config: &Config) -> Setup {
    Setup {
        businesses: config
            .business
            .iter()
            .map(|business| greenline_ledger::BusinessSetup {
                id: business.id.clone(),
            })
            .collect(),
        decide: greenline_policy::decide::decide,
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
    Ok(Arc::new(App {
        directory: Directory::new(&config),
        upstream: Origin::new(&config.upstream.url, bounds).map_err(StartError::Config)?,
        config,
        ledger,
        templates: Templates::default(),
        media: crate::media::MediaHosts::default(),
        metrics: Metrics::default(),
        clock,
        relay_due: Notify::new(),
        replies_due: Notify::new(),
    }))
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
        for task in self.tasks {
            let _ = tokio::time::timeout(DRAIN, task).await;
        }
        self.app.ledger.clone().close().await;
    }
}

/// Listens on both addresses and starts the background work.
///
/// # Errors
/// An address that can't be listened on, or a store that can't be read.
pub async fn start(app: Shared) -> Result<Running, StartError> {
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
    let (stop, stopped) = watch::channel(false);
    let public_router = router::public(Arc::clone(&app));
    let private_router = router::private(Arc::clone(&app));
    let tasks = vec![
        tokio::spawn(accept(
            Arc::clone(&app),
            public,
            stopped.clone(),
            move |request| answer_own(public_router.clone(), request),
        )),
        tokio::spawn(accept(Arc::clone(&app), private, stopped.clone(), {
            let app = Arc::clone(&app);
            move |request| answer_private(Arc::clone(&app), private_router.clone(), request)
        })),
        tokio::spawn(learn::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(relay::run(Arc::clone(&app), stopped.clone())),
        tokio::spawn(replies::run(Arc::clone(&app), stopped)),
    ];
    tracing::info!(listen.public = %public_at, listen.private = %private_at, "listening");
    Ok(Running {
        public: public_at,
        private: private_at,
        app,
        stop,
        tasks,
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

/// The private listener: our own endpoints, and everything else as Graph calls.
async fn answer_private(app: Shared, router: Router, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path();
    // `GET /` is the status page unless it reads several nodes; a posted `/` is a Graph batch.
    let page = path == "/"
        && request.method() == Method::GET
        && request.uri().query().is_none_or(|q| !q.contains("ids="));
    if page || router::is_own(path) {
        return answer_own(router, request).await;
    }
    graph::handle(app, request.map(Body::new)).await
}

async fn answer_own(router: Router, request: Request<Incoming>) -> Response<Body> {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn accept<F, R>(
    app: Shared,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(app.config.limits.connections_max));
    let timeout = Duration::from_millis(app.config.limits.client_timeout_ms);
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answering = answer(request);
            async move { Ok::<_, std::convert::Infallible>(answering.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeout)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a client's connection ended");
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
