//! A simulator with a receiver for its webhooks and a client to call it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use greenline_sim::config::Webhooks;
use greenline_sim::{SAMPLE_NUMBER, Sim, SimConfig, Unclear};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) const TOKEN: &str = "sim-access-token";
pub(crate) const SECRET: &str = "sim-app-secret";
pub(crate) const DANA: &str = "15550100123";
/// Long enough for a busy machine; nothing waits this long when all is well.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The sample world, a thousand times as fast.
pub(crate) fn quick() -> SimConfig {
    SimConfig {
        speed: 1_000.0,
        unclear: Some(Unclear::default()),
        webhooks: Webhooks {
            calls_max: 1,
            ..Webhooks::default()
        },
        ..SimConfig::sample()
    }
}

pub(crate) async fn start(config: SimConfig) -> Sim {
    Sim::start(config).await.unwrap()
}

/// The sample world with somebody listening.
pub(crate) async fn with_receiver(config: SimConfig) -> (Sim, Receiver) {
    let receiver = Receiver::start().await;
    let sim = start(config).await;
    sim.set_callback(None, &receiver.url(), "sim-verify-token")
        .unwrap();
    (sim, receiver)
}

pub(crate) fn text(to: &str, body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}})
}

pub(crate) fn template(to: &str, name: &str, parameters: &[&str]) -> Value {
    let mut template = json!({"name": name, "language": {"code": "en_US"}});
    if !parameters.is_empty() {
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|text| json!({"type": "text", "text": text}))
            .collect();
        template["components"] = json!([{"type": "body", "parameters": parameters}]);
    }
    json!({"messaging_product": "whatsapp", "to": to, "type": "template", "template": template})
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn wamid(&self) -> String {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.json()["messages"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn error_code(&self) -> u64 {
        self.json()["error"]["code"].as_u64().unwrap()
    }
}

/// One request on a connection of its own; an error if the connection broke.
pub(crate) async fn call(
    sim: &Sim,
    method: Method,
    path: &str,
    content_type: &str,
    token: Option<&str>,
    body: impl Into<Bytes>,
) -> Result<Got, hyper::Error> {
    let stream = TcpStream::connect(sim.addr()).await.unwrap();
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", sim.addr().to_string())
        .header("content-type", content_type);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = sender
        .send_request(request.body(Full::new(body.into())).unwrap())
        .await?;
    let (head, body) = response.into_parts();
    Ok(Got {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.collect().await?.to_bytes(),
    })
}

pub(crate) async fn get(sim: &Sim, path: &str) -> Got {
    call(sim, Method::GET, path, "", Some(TOKEN), "")
        .await
        .unwrap()
}

pub(crate) async fn post(sim: &Sim, path: &str, body: &Value) -> Got {
    call(
        sim,
        Method::POST,
        path,
        "application/json",
        Some(TOKEN),
        body.to_string(),
    )
    .await
    .unwrap()
}

pub(crate) async fn delete(sim: &Sim, path: &str) -> Got {
    call(sim, Method::DELETE, path, "", Some(TOKEN), "")
        .await
        .unwrap()
}

/// A send from the sample number.
pub(crate) async fn send(sim: &Sim, body: &Value) -> Got {
    post(sim, &format!("/v23.0/{SAMPLE_NUMBER}/messages"), body).await
}

/// A webhook call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What it was answered.
    pub(crate) status: u16,
}

impl Hook {
    /// The value of every change in it.
    pub(crate) fn changes(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        let entries = body["entry"].as_array().unwrap().clone();
        entries
            .iter()
            .flat_map(|entry| entry["changes"].as_array().unwrap().clone())
            .collect()
    }

    pub(crate) fn signature_is_right(&self) -> bool {
        let signature = self.headers["x-hub-signature-256"].to_str().unwrap();
        greenline_wire::signature::verify(SECRET.as_bytes(), signature, &self.body)
    }
}

/// Somebody who takes webhooks.
pub(crate) struct Receiver {
    addr: SocketAddr,
    state: Arc<State>,
}

struct State {
    /// What to answer next; 200 when nothing is left.
    script: Mutex<VecDeque<u16>>,
    hooks: watch::Sender<Vec<Hook>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Mutex::default(),
            hooks: watch::Sender::new(Vec::new()),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&shared);
                tokio::spawn(server::Builder::new().serve_connection(
                    TokioIo::new(stream),
                    service_fn(move |request| take(Arc::clone(&state), request)),
                ));
            }
        });
        Self { addr, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.addr)
    }

    /// What the next calls are answered.
    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        self.state.script.lock().unwrap().extend(statuses);
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.state.hooks.borrow().clone()
    }

    /// The calls, once there are so many.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Hook> {
        let mut hooks = self.state.hooks.subscribe();
        let enough = hooks.wait_for(|hooks| hooks.len() >= count);
        tokio::time::timeout(SOON, enough)
            .await
            .unwrap_or_else(|_| panic!("only {} webhooks came", self.hooks().len()))
            .unwrap()
            .clone()
    }

    /// The changes of the calls that were taken.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.hooks()
            .iter()
            .filter(|hook| hook.status == 200)
            .flat_map(Hook::changes)
            .collect()
    }

    /// The code that a message failed with.
    pub(crate) fn failure(&self, wamid: &str) -> Option<u64> {
        self.taken()
            .iter()
            .filter_map(|change| change["value"]["statuses"].as_array().cloned())
            .flatten()
            .find(|status| status["id"] == wamid && status["status"] == "failed")
            .and_then(|status| status["errors"][0]["code"].as_u64())
    }

    /// The values of a field, in order.
    pub(crate) fn values(&self, field: &str) -> Vec<Value> {
        self.taken()
            .into_iter()
            .filter(|change| change["field"] == field)
            .map(|change| change["value"].clone())
            .collect()
    }

    /// The statuses that were told of a message, in order.
    pub(crate) fn statuses(&self, wamid: &str) -> Vec<String> {
        self.taken()
            .iter()
            .filter_map(|change| change["value"]["statuses"].as_array().cloned())
            .flatten()
            .filter(|status| status["id"] == wamid)
            .map(|status| status["status"].as_str().unwrap().to_owned())
            .collect()
    }
}

async fn take(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET {
        let query: Vec<(String, String)> =
            form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let value = |name: &str| {
            let found = query.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let known = value("hub.verify_token") == "sim-verify-token";
        let body = if known {
            value("hub.challenge")
        } else {
            "no".to_owned()
        };
        return Ok(Response::new(Full::from(body)));
    }
    let body = body.collect().await.unwrap().to_bytes();
    let status = state.script.lock().unwrap().pop_front().unwrap_or(200);
    state.hooks.send_modify(|hooks| {
        hooks.push(Hook {
            headers: head.headers,
            body,
            status,
        });
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}
