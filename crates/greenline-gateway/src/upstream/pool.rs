//! Connections that wait for their next request.
//!
//! Each worker keeps its own, so that a connection stays with the thread that watches its socket.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::workers;

/// Connections, each with when it was put.
type Idle<C> = Vec<(C, Instant)>;

/// Idle connections to one server.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    lanes: Box<[Mutex<Idle<C>>]>,
    idle_max: usize,
}

impl<C> Pool<C> {
    /// A pool of at most `idle_max` connections, shared out among the workers.
    pub(super) fn new(idle_max: usize) -> Self {
        let lanes = workers::lanes();
        Self {
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            idle_max: idle_max.div_ceil(lanes),
        }
    }

    fn lane(&self) -> &Mutex<Idle<C>> {
        &self.lanes[workers::lane() % self.lanes.len()]
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "idle time of a socket is real time"
    )]
    pub(super) fn put(&self, conn: C) {
        let mut idle = self.lane().lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max {
            idle.push((conn, Instant::now()));
        }
    }

    /// The connection that was put last, unless it has been idle for too long.
    pub(super) fn take(&self, idle_for: Duration) -> Option<C> {
        let mut idle = self.lane().lock().unwrap_or_else(PoisonError::into_inner);
        let (conn, since) = idle.pop()?;
        if since.elapsed() > idle_for {
            // The rest is older still.
            idle.clear();
            return None;
        }
        Some(conn)
    }
}
