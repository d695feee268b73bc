//! A platform that never answers sends to one person, and takes those to another.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::sync::watch;

use super::server::Server;

/// The platform.
#[derive(Debug)]
pub(crate) struct StuckPlatform {
    server: Server,
    begun: Arc<watch::Sender<usize>>,
    taken: Arc<watch::Sender<usize>>,
}

impl StuckPlatform {
    /// Keeps sends to `unanswered` waiting for ever, and counts those to `answered`.
    pub(crate) async fn start(unanswered: &'static str, answered: &'static str) -> Self {
        let (begun, taken) = (
            Arc::new(watch::Sender::new(0)),
            Arc::new(watch::Sender::new(0)),
        );
        let counts = (Arc::clone(&begun), Arc::clone(&taken));
        let server = Server::start(move |request| {
            let is_send = request.method() == Method::POST;
            let body = String::from_utf8_lossy(request.body());
            let is_stuck = is_send && body.contains(unanswered);
            if is_stuck {
                counts.0.send_modify(|count| *count += 1);
            } else if is_send && body.contains(answered) {
                counts.1.send_modify(|count| *count += 1);
            }
            async move {
                if is_stuck {
                    std::future::pending::<()>().await;
                }
                StatusCode::OK
            }
        })
        .await;
        Self {
            server,
            begun,
            taken,
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Waits until a send is stuck.
    pub(crate) async fn is_stuck(&self) {
        let _ = self.begun.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Waits until one was taken.
    pub(crate) async fn has_taken(&self, within: Duration) {
        let mut taken = self.taken.subscribe();
        let waiting = taken.wait_for(|count| *count > 0);
        let _ = tokio::time::timeout(within, waiting)
            .await
            .expect("something is taken");
    }

    /// How many were taken.
    pub(crate) fn taken(&self) -> usize {
        *self.taken.borrow()
    }
}
