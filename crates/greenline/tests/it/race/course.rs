//! One race: sends that go on until a stop is acknowledged.

use tokio::sync::watch;

/// How far it is.
pub(super) struct Course {
    /// Sends begun.
    pub(super) begun: watch::Sender<usize>,
    /// Whether the stop was acknowledged.
    pub(super) acknowledged: watch::Sender<bool>,
}

impl Course {
    pub(super) fn new() -> Self {
        Self {
            begun: watch::Sender::new(0),
            acknowledged: watch::Sender::new(false),
        }
    }

    /// Whether the send that begins now is the last one: the stop is acknowledged. After `most` sends it waits for that.
    pub(super) async fn is_last(&self, sends: usize, most: usize) -> bool {
        let mut acknowledged = self.acknowledged.subscribe();
        if sends == most {
            let _ = acknowledged.wait_for(|acknowledged| *acknowledged).await;
        }
        *acknowledged.borrow_and_update()
    }
}
