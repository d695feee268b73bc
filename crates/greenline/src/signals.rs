//! Being told to stop, and what must not kill a server.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// `SIGXFSZ`, the same number on Linux and macOS: a file reached the size it may have.
const FILE_SIZE_EXCEEDED: i32 = 25;

/// Listens for the signals that ask a program to stop.
///
/// While it lives, a write past the file size limit fails with an error instead of killing the process,
/// so that a full store is answered like any other store that is down. (A closed pipe already does: the
/// runtime of the language ignores `SIGPIPE`.)
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    _file_size: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::unavailable("signals cannot be listened for").because(error)
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            _file_size: listen(SignalKind::from_raw(FILE_SIZE_EXCEEDED))?,
        })
    }

    /// Waits to be told to stop.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
