//! A connection that looks at the clock right before a request's first byte.
//!
//! A send may begin to go out only until its dispatch deadline. The check sits here, below the HTTP
//! code, so that nothing lies between it and the write: what has not begun by then never begins.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No deadline.
const OPEN: u64 = u64::MAX;

/// What the sender and the connection share.
#[derive(Debug)]
pub(super) struct Gate {
    base: Instant,
    /// Nanoseconds after `base` until which a first byte may be written.
    shut_at_ns: AtomicU64,
    begun: AtomicBool,
}

impl Gate {
    pub(super) fn new(base: Instant) -> Arc<Self> {
        Arc::new(Self {
            base,
            shut_at_ns: AtomicU64::new(OPEN),
            begun: AtomicBool::new(false),
        })
    }

    /// Readies the connection for its next request.
    pub(super) fn arm(&self, dispatch_by: Option<Instant>) {
        let shut_at_ns = dispatch_by.map_or(OPEN, |by| {
            u64::try_from(by.saturating_duration_since(self.base).as_nanos()).unwrap_or(OPEN)
        });
        self.begun.store(false, Ordering::Release);
        self.shut_at_ns.store(shut_at_ns, Ordering::Release);
    }

    /// Whether any byte of the request may have left.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    // The last look at the clock before a write must be a real one.
    fn pass(&self) -> io::Result<()> {
        if self.begun.load(Ordering::Acquire) {
            return Ok(());
        }
        let shut_at_ns = self.shut_at_ns.load(Ordering::Acquire);
        if shut_at_ns != OPEN && self.base.elapsed().as_nanos() >= u128::from(shut_at_ns) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "past the dispatch deadline",
            ));
        }
        self.begun.store(true, Ordering::Release);
        Ok(())
    }
}

/// A stream with a gate before its writes.
#[derive(Debug)]
pub(super) struct Gated<S> {
    pub(super) stream: S,
    pub(super) gate: Arc<Gate>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.gate.pass()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.gate.pass()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
