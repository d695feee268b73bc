//! How long a client may keep us waiting, with a request's body or with taking our answer.
//!
//! A client that sends a byte now and then, or reads none of what it asked for, costs a connection, of
//! which there are only so many. A clock is set only when there is something to wait for, so that a
//! request that is here in one piece costs nothing.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A body gets more time as it comes, but it must come at least this fast.
const BYTES_PER_S_MIN: u64 = 64 << 10;

/// The client did not send, or did not read, in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client took too long")]
pub(crate) struct TooSlow;

/// Whether a failure comes from a client that was too slow.
pub(crate) fn is_too_slow(failure: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(failure);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The wait for a body as a whole.
#[derive(Debug)]
pub(crate) struct Patience {
    within: Duration,
    bytes: u64,
    first_end: Option<Instant>,
    clock: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// So long from when there is first something to wait for.
    pub(crate) fn new(within: Duration) -> Self {
        Self {
            within,
            bytes: 0,
            first_end: None,
            clock: None,
        }
    }

    /// So many bytes came.
    pub(crate) fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Whether the wait is over; if not, whoever asks is woken when it is.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.within)));
        let first_end = *self.first_end.get_or_insert_with(|| clock.deadline());
        let end = first_end + Duration::from_secs(self.bytes / BYTES_PER_S_MIN);
        if clock.deadline() != end {
            clock.as_mut().reset(end);
        }
        clock.as_mut().poll(cx).is_ready()
    }
}

/// A wait that is begun again and again, seldom to its end. The timer runs on from one to the next, and is set
/// anew only when it goes off too early.
pub(crate) struct Clock {
    within: Duration,
    until: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Clock {
    /// Begins a wait of so long.
    pub(crate) fn new(within: Duration) -> Self {
        let until = Instant::now() + within;
        Self {
            within,
            until,
            sleep: Box::pin(tokio::time::sleep_until(until)),
        }
    }

    /// Begins it again.
    pub(crate) fn start(&mut self) {
        self.until = Instant::now() + self.within;
    }

    /// Comes when the wait is over.
    pub(crate) async fn over(&mut self) {
        loop {
            self.sleep.as_mut().await;
            if Instant::now() >= self.until {
                return;
            }
            self.sleep.as_mut().reset(self.until);
        }
    }

    /// What comes of `work`, unless the wait is over first.
    pub(crate) async fn first<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.over() => None,
        }
    }
}

/// A connection whose other end must go on reading what we write.
#[derive(Debug)]
pub(crate) struct Prompt<S> {
    stream: S,
    /// Read and put back.
    unread: Bytes,
    within: Duration,
    clock: Option<Pin<Box<Sleep>>>,
}

impl<S> Prompt<S> {
    /// Gives up on a client that takes nothing for so long.
    pub(crate) fn new(stream: S, within: Duration) -> Self {
        Self {
            stream,
            unread: Bytes::new(),
            within,
            clock: None,
        }
    }

    /// Puts back what was read; the next reads bring it again.
    pub(crate) fn put_back(&mut self, read: Bytes) {
        self.unread = read;
    }

    fn waited(
        &mut self,
        polled: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.clock = None;
            return polled;
        }
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.within)));
        match clock.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow))),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let first = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread.split_to(first));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.waited(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.waited(polled, cx)
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
