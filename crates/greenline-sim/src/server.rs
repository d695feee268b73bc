//! Connections and requests: read, remembered, struck by faults, answered.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::arrival::{Line, Watched};
use crate::faults::{Effect, Subject};
use crate::log::Received;
use crate::media::hex;
use crate::platform::Platform;
use crate::reply::{Refusal, Reply};
use crate::request::{Call, member};
use crate::router;
use crate::send;

mod body;

use body::AnswerBody;

/// When a request was read. Nanoseconds since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) head_ns: u64,
    pub(crate) body_ns: u64,
    pub(crate) not_before_ns: u64,
    pub(crate) unix_ms: i64,
}

/// What goes back.
pub(crate) enum Outcome {
    Whole(Reply),
    /// Only half of it, then the connection closes.
    Half(Reply),
    /// The connection closes without an answer.
    Nothing,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer, as the script says")]
struct Cut;

/// How long a stopping simulator waits for requests under way.
const DRAIN: Duration = Duration::from_secs(2);

/// Accepts connections until the simulator stops.
pub(crate) async fn run(sim: Arc<Platform>, listener: TcpListener) {
    let mut stopping = sim.stopping();
    let open = watch::Sender::new(0_usize);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) if sim.lines.count() < sim.config.limits.connections_max => {
                open.send_modify(|count| *count += 1);
                let (sim, open) = (Arc::clone(&sim), open.clone());
                tokio::spawn(async move {
                    serve(sim, stream).await;
                    open.send_modify(|count| *count -= 1);
                });
            }
            Ok(_) => tracing::warn!("too many connections"),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                // Out of file descriptors: let some close first.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    drop(listener);
    let mut counts = open.subscribe();
    let _ = tokio::time::timeout(DRAIN, counts.wait_for(|count| *count == 0)).await;
}

async fn serve(sim: Arc<Platform>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let line = sim.lines.open(&stream, !sim.config.quiet);
    let watched = Watched::new(stream, Arc::clone(&line), Arc::clone(&sim.clock));
    let service = service_fn(|request| {
        let (sim, line) = (Arc::clone(&sim), Arc::clone(&line));
        async move { answer(sim, &line, request).await }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(watched), service)
    );
    let mut stopping = sim.stopping();
    let stopped = tokio::select! {
        _ = connection.as_mut() => false,
        _ = stopping.wait_for(|stop| *stop) => true,
    };
    if stopped {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(DRAIN, connection).await;
    }
    sim.lines.close(&line);
}

async fn answer(
    sim: Arc<Platform>,
    line: &Line,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Cut> {
    let head_ns = sim.clock.ns();
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, sim.config.limits.body_bytes_max)
        .collect()
        .await
    else {
        return Ok(respond(
            Refusal {
                http: 413,
                ..Refusal::parameter("The request is too large, or broke off.")
            }
            .reply(&sim.ids.trace()),
            false,
        ));
    };
    let body = body.to_bytes();
    let times = Times {
        head_ns,
        body_ns: sim.clock.ns(),
        not_before_ns: line.not_before_ns(),
        unix_ms: sim.clock.now_ms(),
    };
    if sim.config.quiet && head.uri.path().ends_with("messages") && sim.faults.is_empty() {
        return Ok(respond(send::quick(&sim, &body), false));
    }
    let call = Call::read(head.method, &head.uri, &head.headers, &body);
    match carry_out(&sim, &call, body, times).await {
        Outcome::Whole(reply) => Ok(respond(reply, false)),
        Outcome::Half(reply) => Ok(respond(reply, true)),
        Outcome::Nothing => Err(Cut),
    }
}

/// Remembers a request, lets a fault strike it, hands it to its endpoint.
pub(crate) async fn carry_out(
    sim: &Arc<Platform>,
    call: &Call,
    body: Bytes,
    times: Times,
) -> Outcome {
    let for_operators = call.path.first().is_some_and(|part| part == "_sim");
    if for_operators {
        return Outcome::Whole(handle(sim, call, 0, times).await);
    }
    let path = call.bare_path();
    let about = About::of(call);
    let seq = remember(sim, call, &path, &about, &body, times);
    let effect = sim
        .faults
        .strike(&Subject {
            path: &path,
            method: call.method.as_str(),
            number: about.number.as_deref(),
            to: about.to.as_deref(),
            kind: about.kind.as_deref(),
        })
        .unwrap_or_default();
    let outcome = struck(sim, call, seq, times, &effect).await;
    if let (Outcome::Whole(reply) | Outcome::Half(reply), false) = (&outcome, sim.log.is_off()) {
        sim.log.update(seq, |entry| {
            entry.status = Some(reply.status);
            entry.code = reply.code;
            entry.wamid.clone_from(&reply.wamid);
        });
    }
    outcome
}

async fn struck(
    sim: &Arc<Platform>,
    call: &Call,
    seq: u64,
    times: Times,
    effect: &Effect,
) -> Outcome {
    if effect.delay_ms > 0 {
        let delay_ms = effect.delay_ms.min(sim.config.limits.wait_max_ms);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let answers_itself = effect.status.is_some() || effect.code.is_some() || effect.body.is_some();
    let silent = effect.drop_connection || effect.timeout;
    // Half of an answer needs an answer, so the request is carried out.
    let reply = if effect.process || !(answers_itself || silent) {
        Some(handle(sim, call, seq, times).await)
    } else {
        None
    };
    if effect.timeout {
        let longest = Duration::from_millis(sim.config.limits.wait_max_ms);
        tokio::time::sleep(longest).await;
        return Outcome::Nothing;
    }
    if effect.drop_connection {
        return Outcome::Nothing;
    }
    let reply = match (injected(sim, effect), reply) {
        (Some(injected), _) => injected,
        (None, Some(reply)) => reply,
        (None, None) => return Outcome::Nothing,
    };
    if effect.half_response {
        Outcome::Half(reply)
    } else {
        Outcome::Whole(reply)
    }
}

/// The answer that a fault gives instead of the endpoint's.
fn injected(sim: &Platform, effect: &Effect) -> Option<Reply> {
    if let Some(body) = &effect.body {
        return Some(Reply {
            status: effect.status.unwrap_or(200),
            retry_after_s: effect.retry_after_s,
            ..Reply::bytes(body.clone())
        });
    }
    let refusal = effect.refusal()?;
    Some(refusal.reply(&sim.ids.trace()))
}

async fn handle(sim: &Arc<Platform>, call: &Call, seq: u64, times: Times) -> Reply {
    match router::route(sim, call, seq, times).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.reply(&sim.ids.trace()),
    }
}

/// What a request is about, for the log and the faults.
struct About {
    number: Option<String>,
    to: Option<String>,
    kind: Option<String>,
    template: Option<String>,
}

impl About {
    fn of(call: &Call) -> Self {
        let sends = call.path.get(1).is_some_and(|edge| {
            ["messages", "marketing_messages", "calls"].contains(&edge.as_str())
        });
        let kind = if call.fields.contains_key("status") {
            None
        } else {
            call.text("type").or_else(|| {
                ["text", "template", "interactive", "image", "reaction"]
                    .into_iter()
                    .find(|kind| call.fields.contains_key(*kind))
                    .map(str::to_owned)
            })
        };
        Self {
            number: call.path.first().cloned(),
            to: call.text("to").or_else(|| call.text("recipient")),
            kind: kind.filter(|_| sends),
            template: call
                .object("template")
                .and_then(|template| member(template, "name")),
        }
    }
}

fn remember(
    sim: &Platform,
    call: &Call,
    path: &str,
    about: &About,
    body: &Bytes,
    times: Times,
) -> u64 {
    if sim.log.is_off() {
        return sim.log.count();
    }
    let body_sha256 = hex(&Sha256::digest(body));
    sim.log.push(|seq| Received {
        seq,
        head_ns: times.head_ns,
        body_ns: times.body_ns,
        not_before_ns: times.not_before_ns,
        unix_ms: times.unix_ms,
        method: call.method.to_string(),
        path: path.to_owned(),
        batch: call.batch,
        number: about.number.clone(),
        to: about.to.clone(),
        kind: about.kind.clone(),
        template: about.template.clone(),
        wamid: None,
        status: None,
        code: None,
        body_bytes: body.len(),
        body_sha256,
        body: sim.config.log.bodies.then(|| body.clone()),
    })
}

fn respond(reply: Reply, half: bool) -> Response<AnswerBody> {
    let body = if half {
        AnswerBody::half(&reply.body)
    } else {
        AnswerBody::whole(reply.body)
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        match reply.content_type {
            Cow::Borrowed(kind) => HeaderValue::from_static(kind),
            Cow::Owned(kind) => HeaderValue::try_from(kind)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
        },
    );
    for (name, value) in COMMON_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if reply.code == Some(190) {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(
                "OAuth \"Facebook Platform\" \"invalid_token\" \"Invalid OAuth access token\"",
            ),
        );
    }
    if let Some(retry_after_s) = reply.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
    }
    response
}

/// What the platform sends with every answer.
const COMMON_HEADERS: [(&str, &str); 6] = [
    ("facebook-api-version", crate::request::VERSION),
    ("x-fb-trace-id", "SimulatedTrace"),
    ("x-fb-rev", "1000000000"),
    (
        "cache-control",
        "private, no-cache, no-store, must-revalidate",
    ),
    ("pragma", "no-cache"),
    ("access-control-allow-origin", "*"),
];
