//! A plain HTTP client of the tests' own, so that they do not judge the product by its own client.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// A header's text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The code of a Graph error.
    pub(crate) fn code(&self) -> Option<u64> {
        self.json().pointer("/error/code").and_then(Value::as_u64)
    }

    /// The message id that a send was answered with.
    pub(crate) fn message_id(&self) -> Option<String> {
        self.json()
            .pointer("/messages/0/id")
            .and_then(Value::as_str)
            .map(str::to_owned)
    }
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer(pub(crate) String);

/// One connection, kept open between requests, as a loader wants it.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, NoAnswer> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| NoAnswer(error.to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| NoAnswer(error.to_string()))?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| NoAnswer(error.to_string()))?;
        tokio::spawn(driver);
        Ok(Self { address, sender })
    }

    /// Makes one request; a failure says only that no answer came.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().expect("a path");
        let host = HeaderValue::from_str(&self.address.to_string()).expect("an address");
        request.headers_mut().insert(HOST, host);
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            request.headers_mut().append(
                name,
                HeaderValue::from_str(value).expect("a header's value"),
            );
        }
        let answering = async {
            self.sender.ready().await?;
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        tokio::time::timeout(ANSWER_WITHIN, answering)
            .await
            .map_err(|_| NoAnswer("no answer in time".to_owned()))?
            .map_err(|error: hyper::Error| NoAnswer(error.to_string()))
    }

    /// Posts JSON under a key.
    pub(crate) async fn post(
        &mut self,
        target: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, NoAnswer> {
        self.post_with(target, key, &[], body).await
    }

    /// Posts JSON under a key, with further headers.
    pub(crate) async fn post_with(
        &mut self,
        target: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, NoAnswer> {
        let bearer = format!("Bearer {key}");
        let mut all = vec![
            (AUTHORIZATION.as_str(), bearer.as_str()),
            (CONTENT_TYPE.as_str(), "application/json"),
        ];
        all.extend_from_slice(headers);
        self.call(Method::POST, target, &all, body.to_string())
            .await
    }
}

/// One request on a connection of its own.
pub(crate) async fn call(
    address: SocketAddr,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, NoAnswer> {
    Connection::open(address)
        .await?
        .call(method, target, headers, body)
        .await
}

/// Posts JSON under a key; there must be an answer.
pub(crate) async fn post(address: SocketAddr, target: &str, key: &str, body: &Value) -> Answer {
    let mut connection = Connection::open(address)
        .await
        .unwrap_or_else(|why| panic!("POST {target}: {why:?}"));
    connection
        .post(target, key, body)
        .await
        .unwrap_or_else(|why| panic!("POST {target}: {why:?}"))
}

/// Reads under a key; there must be an answer.
pub(crate) async fn get(address: SocketAddr, target: &str, key: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    call(
        address,
        Method::GET,
        target,
        &[(AUTHORIZATION.as_str(), &bearer)],
        Bytes::new(),
    )
    .await
    .unwrap_or_else(|why| panic!("GET {target}: {why:?}"))
}
