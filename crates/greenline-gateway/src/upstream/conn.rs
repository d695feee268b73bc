//! One connection, moved by whoever uses it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::gate::{Gate, Gated};
use super::{Outgoing, Stream, chain};

/// Reads and writes; over once the connection is.
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection; dropping it closes it.
pub(crate) struct Conn {
    sender: SendRequest<Outgoing>,
    driver: Option<Driver>,
    pub(super) gate: Arc<Gate>,
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn")
            .field("over", &self.driver.is_none())
            .finish_non_exhaustive()
    }
}

impl Conn {
    /// A connection over an open stream.
    #[expect(
        clippy::disallowed_methods,
        reason = "the gate's base is compared with real instants"
    )]
    pub(super) async fn over(stream: Box<dyn Stream>) -> Result<Self, String> {
        let now = Instant::now();
        let gate = Gate::new(now);
        let io = TokioIo::new(Gated {
            stream,
            gate: Arc::clone(&gate),
        });
        let (sender, driver) = http1::handshake(io)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            gate,
        })
    }

    /// Reads and writes what can be; what is read arrives at the answer.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(driver) = &mut self.driver else {
            return;
        };
        if let Poll::Ready(ended) = driver.as_mut().poll(cx) {
            self.driver = None;
            if let Err(error) = ended {
                tracing::debug!(error = %chain(&error), "connection ended");
            }
        }
    }

    /// Whether a request can be sent right now: its server has not closed it, and nothing is under way.
    pub(super) async fn is_ready(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(()))))
        })
        .await
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        poll_fn(|cx| {
            if let Some(running) = driver
                && running.as_mut().poll(cx).is_ready()
            {
                *driver = None;
            }
            answer.as_mut().poll(cx)
        })
        .await
    }
}
