//! Bodies on their way out and back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::conn::Conn;
use super::pool::Pool;

/// A request body: in memory, or streamed from a client.
#[derive(Debug)]
pub enum Outgoing {
    /// All of it; `None` when empty or gone.
    Full(Option<Bytes>),
    /// As it comes.
    Stream(axum::body::Body),
}

impl Outgoing {
    /// A body in memory.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }

    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::Full(None)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// An answer's body; gives its connection back once it is read to the end.
#[derive(Debug)]
pub struct Answer {
    incoming: Incoming,
    conn: Option<(Conn, Arc<Pool<Conn>>)>,
}

impl Answer {
    pub(super) fn new(incoming: Incoming, conn: Conn, pool: Arc<Pool<Conn>>) -> Self {
        let mut answer = Self {
            incoming,
            conn: Some((conn, pool)),
        };
        answer.give_back_at_end();
        answer
    }

    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream()
            && let Some((conn, pool)) = self.conn.take()
        {
            pool.put(conn);
        }
    }

    /// Reads all of it, up to `bytes_max`.
    ///
    /// # Errors
    /// Too long, or the connection broke.
    pub async fn read(self, bytes_max: usize) -> Result<Bytes, ReadError> {
        match Limited::new(self, bytes_max).collect().await {
            Ok(all) => Ok(all.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ReadError::TooLong),
            Err(_) => Err(ReadError::Broken),
        }
    }
}

/// Why an answer's body could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// Longer than the limit.
    #[error("the answer is longer than the limit")]
    TooLong,
    /// The connection broke.
    #[error("the connection broke while the answer was read")]
    Broken,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some((conn, _)) = &mut self.conn
        {
            conn.drive(cx);
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        let frame = ready!(polled);
        match &frame {
            None => {
                if let Some((conn, pool)) = self.conn.take() {
                    pool.put(conn);
                }
            }
            Some(Ok(_)) => self.give_back_at_end(),
            Some(Err(_)) => self.conn = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
