//! How a command reaches the data: always through the admin API, so that each has one code path.
//!
//! If a server holds the configuration's SQLite store, the command asks it over HTTP. If none does, the
//! command takes the store itself and calls the same API within this process. On Postgres it always does
//! that, as one more node beside those that serve: the database keeps their order, and nobody has to guess
//! which of many servers to ask. It never reads or writes the store by any other way.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::{AdminToken, Config, May, Secret};
use greenline_gateway::router;
use greenline_gateway::serve::{self, StartError};
use greenline_gateway::upstream::{Bounds, CallError, Origin, Outgoing};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::failure::Failure;
use crate::lock::{self, Holder, PATIENCE, PAUSE, StoreLock, Taken};
use crate::settings::{self, Settings};

/// Longest time for one request to the admin API; a verification may take a while.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);
/// None for a file that is sent as it is read, which may be of any size: the server ends one that comes too slowly.
const NO_TIMEOUT: Duration = Duration::MAX;
/// Longest time to find out whether a server answers.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time to reach a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer of the admin API that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Under which name acts are recorded when the configuration names nobody who may do everything.
const LOCAL_NAME: &str = "local";

/// A way to the admin API.
#[derive(Debug)]
pub(crate) struct Access {
    way: Way,
    authorization: HeaderValue,
}

#[derive(Debug)]
enum Way {
    /// A server that runs.
    Remote(Box<Origin>),
    /// The store, opened by this process.
    Local {
        router: Router,
        app: Shared,
        _lock: StoreLock,
    },
}

/// An answer of the admin API.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

/// What to send beside a method and a path.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The body.
    pub(crate) body: Bytes,
    /// A body that is too large to be held, in the place of the other.
    pub(crate) stream: Option<Body>,
    /// Its type; JSON when not said.
    pub(crate) content_type: Option<&'static str>,
    /// Makes a repetition harmless.
    pub(crate) idempotency_key: Option<String>,
}

impl Content {
    /// A JSON body.
    pub(crate) fn json(value: &Value) -> Self {
        Self {
            body: value.to_string().into(),
            ..Self::default()
        }
    }
}

impl Access {
    /// Finds the server of this configuration, or opens its store.
    pub(crate) async fn open(settings: &Settings, command: &'static str) -> Result<Self, Failure> {
        let config = settings.load_checked()?;
        let token = settings.token(&config)?.cloned();
        let mut waited = Duration::ZERO;
        loop {
            let holder = match lock::try_take(&config, command)? {
                Taken::Ours(lock) => {
                    return Self::local(config, token, settings.is_named(), lock).await;
                }
                Taken::Held(holder) => holder,
            };
            if let Some(address) = holder.as_ref().and_then(|holder| holder.private.as_deref())
                && let Some(origin) = answering(address).await
            {
                return Self::remote(origin, token);
            }
            if waited >= PATIENCE {
                return Err(silent(&config, holder.as_ref()));
            }
            tokio::time::sleep(PAUSE).await;
            waited += PAUSE;
        }
    }

    fn remote(origin: Origin, token: Option<AdminToken>) -> Result<Self, Failure> {
        let token = token.ok_or_else(|| {
            Failure::input("a server holds the store, and the configuration has no admin token to ask it with")
                .help("Add an `[[admin.token]]` to the configuration and restart the server, or stop the server first.")
        })?;
        Ok(Self {
            way: Way::Remote(Box::new(origin)),
            authorization: bearer(&token)?,
        })
    }

    async fn local(
        mut config: Config,
        token: Option<AdminToken>,
        named: bool,
        lock: StoreLock,
    ) -> Result<Self, Failure> {
        // Whoever may read the configuration and write the store may do everything, unless they chose a name.
        let token = match token {
            Some(token) if named || settings::is_full(&token) => token,
            _ => {
                let token = local_token();
                config.admin.token.push(token.clone());
                token
            }
        };
        let authorization = bearer(&token)?;
        let ledger = serve::open_ledger(&config).await.map_err(start_failure)?;
        let app = serve::build(config, ledger, Clock::system()).map_err(start_failure)?;
        let router = router::private(app.clone());
        Ok(Self {
            way: Way::Local {
                router,
                app,
                _lock: lock,
            },
            authorization,
        })
    }

    /// Reads something.
    pub(crate) async fn get(&self, target: &str) -> Result<Reply, Failure> {
        self.call(Method::GET, target, Content::default()).await
    }

    /// Reads one answer and lets go of what was opened for it.
    pub(crate) async fn read(
        settings: &Settings,
        command: &'static str,
        target: &str,
    ) -> Result<Value, Failure> {
        let access = Self::open(settings, command).await?;
        let reply = access.get(target).await;
        access.close().await;
        reply?.done()
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, target: &str, body: &Value) -> Result<Reply, Failure> {
        self.call(Method::POST, target, Content::json(body)).await
    }

    /// Makes one request.
    pub(crate) async fn call(
        &self,
        method: Method,
        target: &str,
        content: Content,
    ) -> Result<Reply, Failure> {
        let headers = self.headers(&content)?;
        let within = match content.stream {
            Some(_) => NO_TIMEOUT,
            None => REQUEST_TIMEOUT,
        };
        let answering = async {
            match &self.way {
                Way::Remote(known) => match content.stream {
                    Some(stream) => {
                        let patient = origin(known.base(), within).map_err(Failure::unavailable)?;
                        let body = Outgoing::Stream(stream);
                        remote_call(&patient, request(method, target, headers, body)?).await
                    }
                    None => {
                        let body = Outgoing::full(content.body);
                        remote_call(known, request(method, target, headers, body)?).await
                    }
                },
                Way::Local { router, .. } => {
                    let body = content.stream.unwrap_or_else(|| Body::from(content.body));
                    local_call(router, request(method, target, headers, body)?).await
                }
            }
        };
        tokio::time::timeout(within, answering)
            .await
            .map_err(|_| Failure::unavailable("the admin API did not answer in time"))?
    }

    /// Reads an answer of any length, part by part, until it ends or `take` has had enough.
    pub(crate) async fn download(
        &self,
        target: &str,
        take: &mut (dyn FnMut(&[u8]) -> Result<bool, Failure> + Send),
    ) -> Result<(), Failure> {
        let headers = self.headers(&Content::default())?;
        let (status, headers, mut body) = match &self.way {
            Way::Remote(origin) => {
                let request = request(Method::GET, target, headers, Outgoing::empty())?;
                let answer = origin.call(request, None).await.map_err(|error| {
                    Failure::unavailable("the server that holds the store did not answer")
                        .because(error)
                })?;
                let (parts, body) = answer.into_parts();
                (parts.status, parts.headers, Body::new(body))
            }
            Way::Local { router, .. } => {
                let request = request(Method::GET, target, headers, Body::empty())?;
                let answer = match router.clone().oneshot(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                let (parts, body) = answer.into_parts();
                (parts.status, parts.headers, body)
            }
        };
        if !status.is_success() {
            let body = axum::body::to_bytes(body, ANSWER_BYTES_MAX)
                .await
                .map_err(|error| Failure::unavailable("the answer broke off").because(error))?;
            let reply = Reply {
                status,
                headers,
                body,
            };
            return reply.check();
        }
        while let Some(frame) = body.frame().await {
            let frame = frame
                .map_err(|error| Failure::unavailable("the answer broke off").because(error))?;
            if let Some(part) = frame.data_ref()
                && !take(part)?
            {
                break;
            }
        }
        Ok(())
    }

    fn headers(&self, content: &Content) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        if !content.body.is_empty() || content.stream.is_some() {
            let kind = content.content_type.unwrap_or("application/json");
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(key) = &content.idempotency_key {
            let key = HeaderValue::from_str(key).map_err(|error| {
                Failure::input("the idempotency key has characters that cannot be sent")
                    .because(error)
            })?;
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        Ok(headers)
    }

    /// Writes what is queued and lets go of the store.
    pub(crate) async fn close(self) {
        if let Way::Local { app, .. } = &self.way {
            app.ledger.close().await;
        }
    }
}

impl Reply {
    /// The body of an answer that says it is done; any other is a failure.
    pub(crate) fn done(&self) -> Result<Value, Failure> {
        self.check()?;
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::unavailable("the admin API's answer is not JSON").because(error)
        })
    }

    /// Makes a failure of an answer that does not say it is done.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.status.is_success() {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let said = |member: &str| problem.get(member).and_then(Value::as_str);
        let what = said("detail").or_else(|| said("title")).map_or_else(
            || format!("the admin API answered {}", self.status),
            |detail| match said("field") {
                Some(field) if !detail.contains(field) => format!("{field}: {detail}"),
                _ => detail.to_owned(),
            },
        );
        let failure = match self.status {
            StatusCode::UNAUTHORIZED => Failure::input(what)
                .help("The server runs with another configuration than the one read here; restart it, or name the right file."),
            StatusCode::FORBIDDEN => Failure::refused(what).help("Act under another admin token with `--as NAME`."),
            StatusCode::NOT_FOUND => Failure::refused(what),
            status if status.is_server_error() => Failure::unavailable(what).help("Try again shortly; nothing was recorded."),
            _ => Failure::input(what),
        };
        Err(match allowed(&problem) {
            Some(values) => failure.help(format!("Allowed: {values}.")),
            None => failure,
        }
        .problem(problem))
    }
}

fn allowed(problem: &Value) -> Option<String> {
    let values: Vec<&str> = problem
        .get("allowed")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// A path of the admin API from its segments, with those members of the query that are there.
pub(crate) fn path_of(segments: &[&str], query: &[(&str, Option<&str>)]) -> String {
    let mut target = String::new();
    for segment in segments {
        target.push('/');
        push_encoded(&mut target, segment);
    }
    let mut mark = '?';
    for (name, value) in query {
        let Some(value) = value else { continue };
        target.push(mark);
        target.push_str(name);
        target.push('=');
        push_encoded(&mut target, value);
        mark = '&';
    }
    target
}

/// Everything but unreserved characters as `%XX`, right in paths and in queries alike.
fn push_encoded(target: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                target.push(char::from(byte));
            }
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn request<B>(
    method: Method,
    target: &str,
    headers: HeaderMap,
    body: B,
) -> Result<Request<B>, Failure> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().map_err(|error: http::uri::InvalidUri| {
        Failure::input(format!("`{target}` is not a path")).because(error)
    })?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn remote_call(origin: &Origin, request: Request<Outgoing>) -> Result<Reply, Failure> {
    let response = origin.call(request, None).await.map_err(|error| {
        let unknown = matches!(error, CallError::Unknown(_));
        let failure =
            Failure::unavailable("the server that holds the store did not answer").because(error);
        if unknown {
            failure.help("It may have been done; look before doing it again.")
        } else {
            failure
        }
    })?;
    let (parts, body) = response.into_parts();
    let body = body
        .read(ANSWER_BYTES_MAX)
        .await
        .map_err(|error| Failure::unavailable("the server's answer broke off").because(error))?;
    Ok(Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

async fn local_call(router: &Router, request: Request<Body>) -> Result<Reply, Failure> {
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(|error| Failure::unavailable("the answer broke off").because(error))?;
    Ok(Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// The server at an address, if it answers.
async fn answering(address: &str) -> Option<Origin> {
    let origin = origin(address, REQUEST_TIMEOUT).ok()?;
    is_healthy(&origin).await.then_some(origin)
}

/// A client for one address.
pub(crate) fn origin(address: &str, timeout: Duration) -> Result<Origin, String> {
    Origin::new(
        address,
        Bounds {
            connect_timeout: CONNECT_TIMEOUT,
            timeout,
            idle: Duration::from_secs(10),
            idle_max: 4,
        },
    )
}

/// What a server that is ready asks a person to look at.
pub(crate) async fn warnings(origin: &Origin) -> Vec<String> {
    let Ok(request) = request(Method::GET, "/readyz", HeaderMap::new(), Outgoing::empty()) else {
        return Vec::new();
    };
    let said = tokio::time::timeout(PROBE_TIMEOUT, remote_call(origin, request)).await;
    let Ok(Ok(said)) = said else {
        return Vec::new();
    };
    String::from_utf8_lossy(&said.body)
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "))
        .map(str::to_owned)
        .collect()
}

/// Whether a server answers its health check in time.
pub(crate) async fn is_healthy(origin: &Origin) -> bool {
    let Ok(request) = request(Method::GET, "/healthz", HeaderMap::new(), Outgoing::empty()) else {
        return false;
    };
    let probe = async {
        origin
            .call(request, None)
            .await
            .is_ok_and(|answer| answer.status().is_success())
    };
    tokio::time::timeout(PROBE_TIMEOUT, probe)
        .await
        .unwrap_or(false)
}

fn silent(config: &Config, holder: Option<&Holder>) -> Failure {
    let held = lock::held(config, holder);
    match holder.and_then(|holder| holder.private.as_deref()) {
        Some(address) => held.help(format!(
            "It does not answer at {address}. If it is starting or stopping, wait; else stop it."
        )),
        None => held,
    }
}

/// The failure to open the store or to build what requests need.
pub(crate) fn start_failure(error: StartError) -> Failure {
    match &error {
        StartError::Config(_) => Failure::input("the configuration cannot be used").because(error),
        StartError::Store { url, .. } => {
            let help = if url.is_postgres() {
                "The database must be reachable and let this user in; `greenline doctor` looks closer."
            } else {
                "The store's folder must be writable and its disk must have space; `greenline doctor` looks closer."
            };
            Failure::unavailable("cannot go on")
                .because(error)
                .help(help)
        }
        StartError::Listen { .. } => Failure::unavailable("cannot go on").because(error).help(
            "Another program listens there; stop it, or change `[listen]` in the configuration.",
        ),
        StartError::Keys(_) => Failure::unavailable("cannot go on").because(error),
        StartError::Spill(_) => Failure::unavailable("cannot go on").because(error).help(
            "Make the folder of the store writable, or set `store.replies_when_down = \"refuse\"`.",
        ),
        StartError::Threads(_) => Failure::unavailable("cannot go on")
            .because(error)
            .help("Raise the limit on processes and open files (`ulimit -u`, `ulimit -n`)."),
    }
}

fn bearer(token: &AdminToken) -> Result<HeaderValue, Failure> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", token.key.reveal())).map_err(|_| {
            Failure::input(format!(
                "the key of the admin token `{}` has characters that cannot be sent",
                token.name
            ))
        })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token that exists only within this process.
fn local_token() -> AdminToken {
    use std::hash::{BuildHasher as _, RandomState};
    let key = format!(
        "{:016x}{:016x}",
        RandomState::new().hash_one(0),
        RandomState::new().hash_one(1)
    );
    AdminToken {
        name: LOCAL_NAME.to_owned(),
        key: Secret::new(key),
        businesses: None,
        may: May::Admin,
    }
}
