//! The simulator's one clock.
//!
//! It runs with real time, can be put ahead, so that a window of a day closes in a
//! test, and counts nanoseconds since the start on a clock that never steps: what
//! arrived before what is judged by that one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_ms: i64,
    ahead_ms: AtomicI64,
    speed: f64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else here is given"
    )]
    pub(crate) fn start(speed: f64) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: Instant::now(),
            start_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            ahead_ms: AtomicI64::new(0),
            speed: if speed > 0.0 { speed } else { 1.0 },
        }
    }

    pub(crate) fn started(&self) -> Instant {
        self.start
    }

    /// Nanoseconds since the start; putting the clock ahead does not change them.
    pub(crate) fn ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start_ms + passed + self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Unix seconds.
    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// How long a simulated wait really takes.
    pub(crate) fn wait(&self, ms: u64) -> Duration {
        Duration::from_millis(ms).div_f64(self.speed)
    }
}
