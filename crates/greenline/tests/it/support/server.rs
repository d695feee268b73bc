//! A small HTTP server within the test: an app that takes relayed webhooks, or a front before the gateway.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers every request with the status that `answer` gives; a request that breaks off is not seen.
    pub(crate) async fn start<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Bytes>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = StatusCode> + Send + 'static,
    {
        let [address] = super::ports::free();
        let listener = TcpListener::bind(address).await.expect("a free port");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answer.clone();
                let service = service_fn(move |request| respond(answer.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(served);
            }
        });
        Self { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond<F, R>(
    answer: F,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    F: Fn(Request<Bytes>) -> R,
    R: Future<Output = StatusCode>,
{
    let (head, body) = request.into_parts();
    let status = match body.collect().await {
        Ok(body) => answer(Request::from_parts(head, body.to_bytes())).await,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
