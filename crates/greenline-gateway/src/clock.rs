//! The one place that reads clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands until it is set; for tests that need a day to pass.
    #[must_use]
    pub fn fixed(now_ms: i64) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(now_ms))))
    }

    /// Sets a fixed clock; the machine's clock is left alone.
    pub fn set(&self, now_ms: i64) {
        if let Source::Fixed(cell) = &self.0 {
            cell.store(now_ms, Ordering::SeqCst);
        }
    }

    /// Unix milliseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
                }),
            Source::Fixed(cell) => cell.load(Ordering::SeqCst),
        }
    }

    /// The monotonic clock, for deadlines.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}
