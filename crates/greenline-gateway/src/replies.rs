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
                if sent.0 != OwnSendResult::Unavailable {
                    break;
                }
                if sent.1.is_some() && !still_owed(&app, &reply).await {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE_FIRST * 2_u32.pow(tried - 1)) => {}
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
        OwnSendResult::Refused => {
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
