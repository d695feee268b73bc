//! What Greenline says of its own accord: the one confirmation of a stop, and the question whether a word
//! was meant as one.
//!
//! Each is owed by the ledger, handed out to one node at a time, and sent through the same decision and path as
//! any other message; the commit of that decision marks it as attempted, and is refused to a hand that holds it no
//! more. So a stop gets at most one confirmation whatever happens (law 7), none outside the window, and one whose
//! node died before it decided is sent by another. This module never decides whether a reply may go.

mod text;

use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::types::{DueReply, OwnReply, ReplyEnd};
use greenline_policy::pair::PAID_WITHIN_MS;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::Shared;
use crate::opt_in;
use crate::pipeline::{OwnSendResult, SendOwn, send_own};

pub use text::{body, confirmation};

/// Replies under way at once.
const UNDER_WAY_MAX: usize = 64;
/// Between looks at the ledger when nobody rings.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Tries of a reply that certainly did not go out.
const TRIES_MAX: u32 = 5;
/// The first pause between them; each later one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// How long a reply waits at most that comes too fast after other messages to the same person: as long as the longest
/// burst takes, and a little more.
const EARLY_MAX_MS: i64 = PAID_WITHIN_MS + 30_000;
/// For replies under way once told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Sends what is owed, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    while !*stop.borrow() {
        let room = UNDER_WAY_MAX - under_way.len();
        let taken = match app.ledger.replies_due(room).await {
            Ok(due) => {
                let taken = due.len();
                for reply in due {
                    under_way.spawn(send(app.clone(), reply, stop.clone()));
                }
                taken
            }
            Err(error) => {
                tracing::warn!(%error, "replies that are due could not be read");
                0
            }
        };
        if taken == room && taken < UNDER_WAY_MAX {
            under_way.join_next().await;
            continue;
        }
        tokio::select! {
            () = app.replies_due.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(_) = under_way.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    let _ = tokio::time::timeout(DRAIN, async {
        while under_way.join_next().await.is_some() {}
    })
    .await;
}

/// Sends one reply and notes that it is over. Tried again only where it certainly did not go out.
async fn send(app: Shared, reply: DueReply, mut stop: watch::Receiver<bool>) {
    let business = app.directory.business(reply.business).clone();
    let body = match &reply.reply {
        OwnReply::OptInQuestion { .. } => opt_in::question::body(&app, &business, &reply),
        _ => body(&business.config, &reply),
    };
    let (sent, decision) = match body {
        None => (OwnSendResult::Refused, None),
        Some(body) => {
            let own = || SendOwn {
                business: reply.business,
                number: reply.number.clone(),
                to: reply.to.clone(),
                body: body.clone(),
                confirms: reply.confirms,
                reply: Some(reply.claim),
            };
            let mut sent = send_own(&app, own()).await;
            for tried in 1..TRIES_MAX {
                let Some(pause) = pause(&app, &sent.0, tried) else {
                    break;
                };
                if sent.1.is_some() && !still_owed(&app, &reply).await {
                    return;
                }
                tokio::select! {
                    () = rest(&app, pause) => {}
                    // It did not go out, and that is noted: whoever starts next sends it.
                    _ = stop.changed() => return,
                }
                sent = send_own(&app, own()).await;
            }
            sent
        }
    };
    match sent {
        OwnSendResult::Sent => app.metrics.replies_sent.add(),
        OwnSendResult::Refused | OwnSendResult::Early(_) => {
            tracing::info!(number.id = %reply.number, "a reply of our own was not sent");
        }
        OwnSendResult::Taken => {
            tracing::info!(number.id = %reply.number, "a reply of our own was taken over by another node");
            return;
        }
        OwnSendResult::Unavailable => {
            tracing::warn!(number.id = %reply.number, "a reply of our own could not be sent");
        }
    }
    let over = ReplyEnd::Over(decision);
    if let Err(error) = app.ledger.reply_done(reply.claim, over).await {
        tracing::warn!(%error, "a reply's end could not be noted");
    }
}

/// Before a reply is tried again.
#[derive(Clone, Copy)]
enum Pause {
    /// So long.
    For(Duration),
    /// Until then, by the app's clock.
    Until(i64),
}

/// How long to wait before a reply is tried again; `None` where it is not.
fn pause(app: &Shared, sent: &OwnSendResult, tried: u32) -> Option<Pause> {
    match sent {
        OwnSendResult::Unavailable => Some(Pause::For(PAUSE_FIRST * 2_u32.pow(tried - 1))),
        OwnSendResult::Early(until_ms) => {
            let left_ms = until_ms.saturating_sub(app.clock.now_ms());
            (left_ms <= EARLY_MAX_MS).then_some(Pause::Until(*until_ms))
        }
        OwnSendResult::Sent | OwnSendResult::Refused | OwnSendResult::Taken => None,
    }
}

async fn rest(app: &Shared, pause: Pause) {
    match pause {
        Pause::For(pause) => tokio::time::sleep(pause).await,
        Pause::Until(until_ms) => loop {
            let left_ms = until_ms.saturating_sub(app.clock.now_ms());
            let Ok(left_ms @ 1..) = u64::try_from(left_ms) else {
                return;
            };
            tokio::time::sleep(Duration::from_millis(left_ms).min(LOOK_EVERY)).await;
        },
    }
}

/// Notes that a decided reply did not go out, so that another node may send it should this one die before it has
/// tried again; whether it is still in this hand.
async fn still_owed(app: &Shared, reply: &DueReply) -> bool {
    match app.ledger.reply_done(reply.claim, ReplyEnd::NotSent).await {
        Ok(()) => true,
        Err(LedgerError::NotFound(_)) => false,
        Err(error) => {
            tracing::warn!(%error, "that a reply did not go out could not be noted");
            true
        }
    }
}
