//! The simulator's one clock.
//!
//! It runs with real time, can be put ahead, so that a window of a day closes in a
//! test, can stand still but for being moved, so that a run is the same each time,
//! and counts nanoseconds since the start on a clock that never steps: what arrived
//! before what is judged by that one.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::ClockConfig;

#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_ms: i64,
    ahead_ms: AtomicI64,
    stands_still: AtomicBool,
    /// What a clock that stands still shows.
    stood_at_ms: AtomicI64,
    speed: f64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else here is given"
    )]
    pub(crate) fn start(speed: f64, config: &ClockConfig) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let start_ms = config
            .start_ms
            .unwrap_or_else(|| i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX));
        Self {
            start: Instant::now(),
            start_ms,
            ahead_ms: AtomicI64::new(0),
            stands_still: AtomicBool::new(config.stands_still),
            stood_at_ms: AtomicI64::new(start_ms),
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
        if self.stands_still.load(Ordering::Relaxed) {
            return self.stood_at_ms.load(Ordering::Relaxed);
        }
        self.running_ms()
    }

    fn running_ms(&self) -> i64 {
        let passed = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start_ms + passed + self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Unix seconds.
    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    pub(crate) fn advance(&self, ms: i64) {
        let moved = if self.stands_still.load(Ordering::Relaxed) {
            &self.stood_at_ms
        } else {
            &self.ahead_ms
        };
        moved.fetch_add(ms, Ordering::Relaxed);
    }

    /// Puts the clock to this moment, if it is not there or past it already.
    pub(crate) fn reach(&self, unix_ms: i64) {
        let missing = unix_ms - self.now_ms();
        if missing > 0 {
            self.advance(missing);
        }
    }

    pub(crate) fn stands_still(&self) -> bool {
        self.stands_still.load(Ordering::Relaxed)
    }

    /// Stops the clock where it is, or lets it run on from there.
    pub(crate) fn hold(&self, stands_still: bool) {
        if stands_still == self.stands_still() {
            return;
        }
        let now_ms = self.now_ms();
        if stands_still {
            self.stood_at_ms.store(now_ms, Ordering::Relaxed);
        } else {
            let behind = now_ms - self.running_ms();
            self.ahead_ms.fetch_add(behind, Ordering::Relaxed);
        }
        self.stands_still.store(stands_still, Ordering::Relaxed);
    }

    /// How long a simulated wait really takes.
    pub(crate) fn wait(&self, ms: u64) -> Duration {
        Duration::from_millis(ms).div_f64(self.speed)
    }
}
