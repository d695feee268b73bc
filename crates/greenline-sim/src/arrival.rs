//! When a request arrived, as exactly as a program can know.
//!
//! The time at which a request has been *read* is later than the time at which it
//! *arrived*: bytes wait in the socket until a task gets to them. Whoever judges
//! whether a send came after a stop was acknowledged must not blame the sender for
//! that wait. So each connection also knows a time at which it certainly held
//! nothing unread; what is read after that arrived after that. [`Lines::sweep`]
//! looks at all connections at once, and is called when a webhook is answered.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream as Probe;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::Clock;

/// The open connections.
#[derive(Default)]
pub(crate) struct Lines {
    open: Mutex<HashMap<u64, Arc<Line>>>,
    next: AtomicU64,
}

/// What is known of one connection.
pub(crate) struct Line {
    id: u64,
    /// The same socket, for looking without reading.
    probe: Option<Probe>,
    /// When the socket was last seen empty.
    empty_ns: AtomicU64,
    /// What `empty_ns` was when the latest bytes were read.
    not_before_ns: AtomicU64,
}

impl Line {
    pub(crate) fn not_before_ns(&self) -> u64 {
        self.not_before_ns.load(Ordering::Acquire)
    }

    fn look(&self, clock: &Clock) {
        let Some(probe) = &self.probe else { return };
        // The time is taken first: what arrives after the look arrives after this time too.
        let now_ns = clock.ns();
        if let Err(error) = probe.peek(&mut [0])
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.empty_ns.fetch_max(now_ns, Ordering::AcqRel);
        }
    }
}

impl Lines {
    /// Takes a connection into view. `watched` says whether its arrivals are of interest.
    pub(crate) fn open(&self, stream: &TcpStream, watched: bool) -> Arc<Line> {
        let probe = watched
            .then(|| stream.as_fd().try_clone_to_owned().ok())
            .flatten()
            .map(Probe::from);
        let line = Arc::new(Line {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            probe,
            empty_ns: AtomicU64::new(0),
            not_before_ns: AtomicU64::new(0),
        });
        self.lines().insert(line.id, Arc::clone(&line));
        line
    }

    pub(crate) fn close(&self, line: &Line) {
        self.lines().remove(&line.id);
    }

    pub(crate) fn count(&self) -> usize {
        self.lines().len()
    }

    /// Looks at every connection.
    pub(crate) fn sweep(&self, clock: &Clock) {
        for line in self.lines().values() {
            line.look(clock);
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<u64, Arc<Line>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that keeps its line informed.
pub(crate) struct Watched {
    stream: TcpStream,
    line: Arc<Line>,
    clock: Arc<Clock>,
}

impl Watched {
    pub(crate) fn new(stream: TcpStream, line: Arc<Line>, clock: Arc<Clock>) -> Self {
        Self {
            stream,
            line,
            clock,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.probe.is_none() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let before_ns = this.line.empty_ns.load(Ordering::Acquire);
        let filled = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) if buf.filled().len() > filled => {
                this.line.not_before_ns.store(before_ns, Ordering::Release);
            }
            // The runtime may say so from memory without asking the system: look.
            Poll::Pending => this.line.look(&this.clock),
            Poll::Ready(_) => {}
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
