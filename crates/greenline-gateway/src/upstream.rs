//! Speaking to one other server: the platform, or an app that webhooks are relayed to.
//!
//! A lean HTTP/1.1 client over a pool of connections. It knows one thing a general client does not say:
//! whether any byte of a request may have left. A request that certainly did not go out can be tried
//! again; one that may have is never sent twice on our own account. It follows no redirects.
//!
//! A connection is moved by whoever uses it, not by a task of its own, so a call crosses no threads and
//! wakes nobody. One that nobody uses notices only when it is taken again that its server closed it.

mod body;
mod conn;
mod gate;
pub(crate) mod lines;
mod pool;
mod post;
pub mod reach;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, Uri, header};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use conn::Conn;
use pool::Pool;
use reach::Reach;

pub use body::{Answer, Outgoing, ReadError};

/// Tries on connections that turned out closed before the request went out.
const STALE_RETRIES_MAX: u32 = 3;

/// How a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Certainly nothing left.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Certainly nothing left, because the dispatch deadline had passed.
    #[error("not sent: past the dispatch deadline")]
    Late,
    /// Something may have left, and no answer came.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// Bounds of the client.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// To open a connection.
    pub connect_timeout: Duration,
    /// To wait for an answer's head.
    pub timeout: Duration,
    /// Before an idle connection is dropped.
    pub idle: Duration,
    /// Connections kept.
    pub idle_max: usize,
}

/// One server.
pub struct Origin {
    base: String,
    host: String,
    port: u16,
    host_header: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    bounds: Bounds,
    reach: Reach,
    pool: Arc<Pool<Conn>>,
    posts: Pool<post::Conn>,
}

/// What a connection runs over: TCP, or TLS on top of it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// A server by its address, `https://host[:port][/path]`.
    ///
    /// # Errors
    /// Says what is wrong with the address.
    pub fn new(url: &str, bounds: Bounds) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("`{url}` is not an address: {error}"))?;
        let authority = uri
            .authority()
            .ok_or_else(|| format!("`{url}` names no host"))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{url}` is neither http nor https")),
        };
        let tls = if secure {
            let name =
                ServerName::try_from(host.clone()).map_err(|error| format!("`{host}`: {error}"))?;
            Some((tls_connector()?, name))
        } else {
            None
        };
        let host_header =
            HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            host,
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            host_header,
            tls,
            bounds,
            reach: Reach::default(),
            pool: Arc::new(Pool::new(bounds.idle_max)),
            posts: Pool::new(bounds.idle_max),
        })
    }

    /// The same server, if it is where it may be.
    #[must_use]
    pub fn within(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Makes one call. The request's address is a path (and query) on this server; its `Host` is set here.
    ///
    /// With `dispatch_by`, nothing is written once that instant has passed.
    ///
    /// # Errors
    /// [`CallError`] says whether anything may have left.
    pub async fn call(
        &self,
        mut request: Request<Outgoing>,
        dispatch_by: Option<Instant>,
    ) -> Result<Response<Answer>, CallError> {
        request
            .headers_mut()
            .insert(header::HOST, self.host_header.clone());
        for _ in 0..STALE_RETRIES_MAX {
            let mut conn = self.connection(dispatch_by).await?;
            conn.gate.arm(dispatch_by);
            let sent = tokio::time::timeout(self.bounds.timeout, conn.send(request)).await;
            let mut failed = match sent {
                Err(_) => return Err(CallError::Unknown("no answer in time".to_owned())),
                Ok(Ok(answer)) => {
                    let pool = Arc::clone(&self.pool);
                    return Ok(answer.map(|incoming| Answer::new(incoming, conn, pool)));
                }
                Ok(Err(failed)) => failed,
            };
            match failed.take_message() {
                Some(unsent) => request = unsent,
                None if conn.gate.has_begun() => {
                    return Err(CallError::Unknown(chain(failed.error())));
                }
                None if dispatch_by.is_some_and(is_past) => return Err(CallError::Late),
                None => return Err(CallError::NotSent(chain(failed.error()))),
            }
        }
        Err(CallError::NotSent("connections kept closing".to_owned()))
    }

    async fn connection(&self, dispatch_by: Option<Instant>) -> Result<Conn, CallError> {
        while let Some(mut conn) = self.pool.take(self.bounds.idle) {
            if conn.is_ready().await {
                return Ok(conn);
            }
        }
        Conn::over(self.open_in_time(dispatch_by).await?)
            .await
            .map_err(CallError::NotSent)
    }

    async fn open_in_time(
        &self,
        dispatch_by: Option<Instant>,
    ) -> Result<Box<dyn Stream>, CallError> {
        let opening = tokio::time::timeout(self.bounds.connect_timeout, self.open());
        let opened = match dispatch_by {
            Some(by) => tokio::time::timeout_at(by.into(), opening)
                .await
                .map_err(|_| CallError::Late)?,
            None => opening.await,
        };
        opened
            .map_err(|_| CallError::NotSent("no connection in time".to_owned()))?
            .map_err(CallError::NotSent)
    }

    async fn open(&self) -> Result<Box<dyn Stream>, String> {
        let stream = self.reach.connect(&self.host, self.port).await?;
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), stream)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok(Box::new(stream))
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines are real time")]
fn is_past(by: Instant) -> bool {
    Instant::now() >= by
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn tls_connector() -> Result<TlsConnector, String> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_platform_verifier()
        .map_err(|error| error.to_string())?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
