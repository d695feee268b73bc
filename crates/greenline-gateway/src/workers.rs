//! Threads that serve connections, each with a runtime of its own.
//!
//! A send stays on one thread from its first byte to its answer, but for its turn at the ledger: no task
//! is stolen, and no thread wakes another. Long work does not belong here; it runs on the runtime that
//! started the workers.

use std::cell::Cell;
use std::io;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// More threads than this serve nobody: the ledger has one writer.
const WORKERS_MAX: usize = 16;
/// A timer due before all timers waited for makes the runtime interrupt its own poll, at the price of a
/// system call. One that is always due sooner than requests' time-outs spares them that.
const TICK: Duration = Duration::from_millis(500);

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(0) };
}

fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        std::thread::available_parallelism().map_or(1, |threads| threads.get().min(WORKERS_MAX))
    })
}

/// How many lanes there are: one for each worker, and one for everything else.
pub(crate) fn lanes() -> usize {
    count() + 1
}

/// The lane of the thread this runs on.
pub(crate) fn lane() -> usize {
    LANE.get()
}

/// The threads. They end once this is dropped.
#[derive(Debug)]
pub(crate) struct Workers {
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    running: watch::Sender<()>,
}

impl Workers {
    /// Starts one thread for each processor.
    ///
    /// # Errors
    /// The system has no room for another thread or poll.
    pub(crate) fn start() -> io::Result<Self> {
        let running = watch::Sender::new(());
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for lane in 1..=count() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let mut ended = running.subscribe();
            let thread = std::thread::Builder::new()
                .name(format!("gateway-{lane}"))
                .spawn(move || {
                    LANE.set(lane);
                    // Nothing is ever sent: this ends when the sender is dropped.
                    runtime.block_on(async {
                        while tokio::time::timeout(TICK, ended.changed()).await.is_err() {}
                    });
                    runtime.shutdown_background();
                })?;
            threads.push(thread);
        }
        Ok(Self {
            handles,
            threads,
            running,
        })
    }

    /// Their runtimes.
    pub(crate) fn handles(&self) -> Vec<Handle> {
        self.handles.clone()
    }

    /// Ends them and waits until they are gone.
    pub(crate) fn stop(self) {
        drop(self.running);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}
