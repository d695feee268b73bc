//! Bodies of answers: whole, or broken off in the middle.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A body of known length, of which perhaps only half will come.
pub(super) struct AnswerBody {
    left: Option<Bytes>,
    /// What the head promises.
    length: u64,
    end: End,
}

/// What comes after the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing: that was all.
    Proper,
    /// A pause in which the half is sent, then the break.
    Pause,
    /// The break.
    Break,
}

/// The connection breaks here.
#[derive(Debug, thiserror::Error)]
#[error("broken off in the middle, as the script says")]
pub(super) struct Broken;

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            length: bytes.len() as u64,
            left: Some(bytes).filter(|bytes| !bytes.is_empty()),
            end: End::Proper,
        }
    }

    pub(super) fn half(bytes: &Bytes) -> Self {
        Self {
            length: bytes.len() as u64,
            left: Some(bytes.slice(..bytes.len() / 2)),
            end: End::Pause,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if let Some(bytes) = this.left.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match this.end {
            End::Proper => Poll::Ready(None),
            End::Pause => {
                this.end = End::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            End::Break => Poll::Ready(Some(Err(Broken))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.end == End::Proper
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
