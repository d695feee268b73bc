//! A request's body on its way in.
//!
//! A client that is told "too long" in the middle of its upload must get to read that. Closing the
//! connection on unread bytes would reset it and take the answer along, so what nobody wants any more is
//! still read, and thrown away, within bounds.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::patience::{Patience, TooSlow};

/// Bytes that are thrown away at most before the connection is closed all the same.
const DISCARDED_BYTES_MAX: u64 = 64 << 20;
/// How long throwing away may take.
const DISCARD_WITHIN: Duration = Duration::from_secs(10);

/// A body from a client; dropping it before its end throws the rest away.
#[derive(Debug)]
pub struct Inbound {
    incoming: Option<Incoming>,
    /// The client waits to be asked for the body, so there is nothing to throw away before that.
    withheld: bool,
    patience: Patience,
}

impl Inbound {
    /// A body that must come within a time; `withheld` when the client sent `Expect: 100-continue`.
    #[must_use]
    pub fn new(incoming: Incoming, withheld: bool, within: Duration) -> Self {
        Self {
            incoming: Some(incoming),
            withheld,
            patience: Patience::new(within),
        }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.withheld = false;
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.came(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.patience.is_over(cx) => {
                self.incoming = None;
                Poll::Ready(Some(Err(TooSlow.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if self.withheld || self.is_end_stream() {
            return;
        }
        if let (Some(rest), Ok(runtime)) =
            (self.incoming.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(tokio::time::timeout(DISCARD_WITHIN, discard(rest)));
        }
    }
}

async fn discard(mut rest: Incoming) {
    let mut discarded = 0_u64;
    while let Some(Ok(frame)) = rest.frame().await {
        discarded += frame.data_ref().map_or(0, |data| data.len() as u64);
        if discarded > DISCARDED_BYTES_MAX {
            return;
        }
    }
}
