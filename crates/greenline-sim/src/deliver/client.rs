//! A small HTTP client for webhook calls, with connections kept for reuse.
//!
//! Plain HTTP only: the simulator speaks to receivers on the same machine.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::clock::Clock;

/// Idle connections kept for one address.
const IDLE_MAX: usize = 64;
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Client {
    idle: Mutex<HashMap<String, Vec<SendRequest<Full<Bytes>>>>>,
}

/// Why there was no answer.
#[derive(Debug, Error)]
pub enum HookError {
    /// The address cannot be called.
    #[error("not a plain `http` address with a host")]
    Address,
    /// Nobody listens there.
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// The set-up call was not answered with the challenge.
    #[error("the set-up call was answered {0}, not with the challenge")]
    Challenge(u16),
    /// The account or business is not there.
    #[error("no such account or business")]
    Unknown,
}

/// An answer to a webhook call.
pub(crate) struct Posted {
    pub(crate) status: u16,
    /// When its head had been read.
    pub(crate) answered_ns: u64,
}

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) async fn get(&self, url: &str, within: Duration) -> Result<Got, HookError> {
        let (authority, path) = target(url)?;
        let request = Request::get(path)
            .header(header::HOST, &authority)
            .header(header::USER_AGENT, "facebookplatform/1.0")
            .body(Full::default())
            .map_err(|_| HookError::Address)?;
        let ask = async {
            let (sender, response) = self.call(&authority, request).await?;
            let status = response.status().as_u16();
            let body = self.finish(&authority, sender, response).await;
            Ok(Got { status, body })
        };
        tokio::time::timeout(within, ask)
            .await
            .unwrap_or(Err(HookError::Timeout))
    }

    pub(crate) async fn post(
        &self,
        url: &str,
        signature: &str,
        body: Bytes,
        within: Duration,
        clock: &Clock,
    ) -> Result<Posted, HookError> {
        let (authority, path) = target(url)?;
        let request = Request::post(path)
            .header(header::HOST, &authority)
            .header(header::USER_AGENT, "facebookexternalua")
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_TYPE, "application/json")
            .header(greenline_wire::signature::HEADER, signature)
            .body(Full::new(body))
            .map_err(|_| HookError::Address)?;
        let ask = async {
            let (sender, response) = self.call(&authority, request).await?;
            let answered_ns = clock.ns();
            let status = response.status().as_u16();
            self.finish(&authority, sender, response).await;
            Ok(Posted {
                status,
                answered_ns,
            })
        };
        tokio::time::timeout(within, ask)
            .await
            .unwrap_or(Err(HookError::Timeout))
    }

    /// Calls over an idle connection, or a new one if there is none or it just closed.
    async fn call(
        &self,
        authority: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<(SendRequest<Full<Bytes>>, http::Response<Incoming>), HookError> {
        while let Some(mut sender) = self.take(authority) {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.send_request(request.clone()).await {
                Ok(response) => return Ok((sender, response)),
                Err(error) if error.is_canceled() || error.is_incomplete_message() => break,
                Err(error) => return Err(HookError::Broken(error)),
            }
        }
        let mut sender = connect(authority).await?;
        let response = sender
            .send_request(request)
            .await
            .map_err(HookError::Broken)?;
        Ok((sender, response))
    }

    /// Reads the rest and keeps the connection.
    async fn finish(
        &self,
        authority: &str,
        sender: SendRequest<Full<Bytes>>,
        response: http::Response<Incoming>,
    ) -> Bytes {
        match Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
        {
            Ok(body) => {
                self.keep(authority, sender);
                body.to_bytes()
            }
            Err(_) => Bytes::new(),
        }
    }

    fn take(&self, authority: &str) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.get_mut(authority)?.pop()
    }

    fn keep(&self, authority: &str, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let senders = idle.entry(authority.to_owned()).or_default();
        if senders.len() < IDLE_MAX && !sender.is_closed() {
            senders.push(sender);
        }
    }
}

async fn connect(authority: &str) -> Result<SendRequest<Full<Bytes>>, HookError> {
    let address = if authority.rsplit(':').next().is_some_and(is_port) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let stream = TcpStream::connect(address)
        .await
        .map_err(HookError::Connect)?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(HookError::Broken)?;
    tokio::spawn(async move {
        // An error here is the other side hanging up; the next call finds out.
        let _ = connection.await;
    });
    Ok(sender)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn target(url: &str) -> Result<(String, String), HookError> {
    let uri: Uri = url.parse().map_err(|_| HookError::Address)?;
    if uri.scheme_str() != Some("http") {
        return Err(HookError::Address);
    }
    let authority = uri.authority().ok_or(HookError::Address)?.to_string();
    let path = uri
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    Ok((authority, path))
}
