//! Releases what was held: each message decided again and sent as any other, the earlier of a person and number before
//! the later.
//!
//! A held message is in one node's hand at a time, and the decision to let it go is on record before it goes; from
//! then on it is never sent again on our own account. What is due comes in batches and a few at a time for each number,
//! so that the end of a quiet night is no burst.

use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::later::{DueMessage, HeldFilter, HeldStage, HeldStep, KeptRequest};
use greenline_ledger::types::{BusinessIx, Outcome};
use greenline_wire::form::ContentType;
use greenline_wire::send;
use http::{HeaderValue, Method, header};
use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::tell;
use crate::app::Shared;
use crate::directory;
use crate::learn;
use crate::pipeline::{self, Ended, Forward};

/// Held messages in hand at once.
const IN_HAND_MAX: usize = 64;
/// Of these, under way at once for one number.
const PER_NUMBER_MAX: usize = 8;
/// Between looks at the ledger when nobody rings: about as late as a message may go.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between counts of what is held.
const COUNT_EVERY_MS: i64 = 5_000;
/// Before a message that did not go out is looked at again.
const PAUSE_MS: i64 = 5_000;
/// Between tries to note what became of one.
const NOTE_PAUSE: Duration = Duration::from_millis(500);
/// For what is under way once told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// Codes of the platform that pass by themselves and say that nothing was sent: too fast, too many calls.
const LATER_CODES: [u32; 4] = [130_429, 131_056, 80_007, 4];
/// The code for what cannot be sent and nobody knows a better one for.
pub(super) const FAILED: u32 = 131_000;

type Numbers = FxHashMap<Box<str>, Arc<Semaphore>>;

/// Releases what is due, until told to stop. Where no app holds anything and nothing is held there is nothing to do.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    recall(&app).await;
    let (mut counted_ms, mut is_idle) = (i64::MIN, true);
    let (mut under_way, mut numbers) = (JoinSet::new(), Numbers::default());
    while !*stop.borrow() {
        let now_ms = app.clock.now_ms();
        let is_old = now_ms.saturating_sub(counted_ms) >= COUNT_EVERY_MS || counted_ms > now_ms;
        if is_old && let Some(holds) = count(&app).await {
            (is_idle, counted_ms) = (!holds, now_ms);
        }
        if is_idle && counted_ms > i64::MIN {
            // The configuration says who holds, and what is held elsewhere is released there.
            let _ = stop.changed().await;
            return;
        }
        let room = IN_HAND_MAX - under_way.len();
        let taken = match app.ledger.held_due(now_ms, room).await {
            Ok(due) => {
                let taken = due.len();
                for one in due {
                    let number = &one.message.number;
                    let turn = numbers
                        .entry(number.clone())
                        .or_insert_with(|| Arc::new(Semaphore::new(PER_NUMBER_MAX)));
                    under_way.spawn(one_of(app.clone(), one, Arc::clone(turn), stop.clone()));
                }
                taken
            }
            Err(error) => {
                tracing::warn!(%error, "held messages that are due could not be read");
                0
            }
        };
        if taken == room && taken > 0 {
            under_way.join_next().await;
            continue;
        }
        tokio::select! {
            () = app.later.rung.notified() => {}
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

/// Reads of which businesses anything was ever held: their statuses may speak of it.
async fn recall(app: &Shared) {
    for business in app.directory.businesses() {
        let any = app
            .ledger
            .held_messages(business.ix, &HeldFilter::default(), None, 1)
            .await;
        match any {
            Ok(any) if any.is_empty() => {}
            Ok(_) => app.later.note_held(business.ix),
            Err(error) => {
                // Rather look for nothing than miss something.
                app.later.note_held(business.ix);
                tracing::warn!(%error, "it could not be read whether anything was ever held");
            }
        }
    }
}

/// Counts what is held; whether anything is, or may be.
async fn count(app: &Shared) -> Option<bool> {
    let mut holds = false;
    for business in app.directory.businesses() {
        holds |= business.config.app.iter().any(|one| !one.hold.is_empty());
        match app.ledger.held_waiting(business.ix).await {
            Ok(counts) => {
                holds |= !counts.is_empty();
                app.later.counted(business.ix, counts);
            }
            Err(error) => {
                tracing::warn!(%error, "held messages could not be counted");
                return None;
            }
        }
    }
    Some(holds)
}

/// Does what is to be done about one, and notes it.
async fn one_of(
    app: Shared,
    due: DueMessage,
    turn: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(_turn) = turn.acquire().await else {
        return;
    };
    let step = if due.message.stage == HeldStage::ToTell {
        tell::tell(&app, &due.message).await
    } else {
        release(&app, &due).await
    };
    let Some(step) = step else {
        // The decision's own commit says what becomes of it, and takes it out of this hand.
        app.later.rung.notify_one();
        return;
    };
    loop {
        let now_ms = app.clock.now_ms();
        match app.ledger.held_done(due.claim, step.clone(), now_ms).await {
            Ok(()) => break,
            Err(LedgerError::NotFound(_)) => {
                tracing::info!("a held message was cancelled, erased or taken over meanwhile");
                break;
            }
            Err(error) => {
                tracing::warn!(%error, "what became of a held message could not be noted yet");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(NOTE_PAUSE) => {}
            // Whoever starts next finds what the decision's outcome says.
            _ = stop.changed() => return,
        }
    }
    app.later.rung.notify_one();
}

/// Decides again, and sends what may go.
async fn release(app: &Shared, due: &DueMessage) -> Option<HeldStep> {
    let message = &due.message;
    let now_ms = app.clock.now_ms();
    let again = |code: u32| {
        let again_ms = now_ms.saturating_add(PAUSE_MS);
        if again_ms > message.last_ms {
            HeldStep::Failed(code)
        } else {
            HeldStep::Again(again_ms)
        }
    };
    let parcel = match parcel(app, due).await {
        Ok(parcel) => parcel,
        Err(why) => {
            tracing::warn!(held.number = %message.number, why, "a held message cannot be sent");
            return Some(HeldStep::Failed(FAILED));
        }
    };
    match pipeline::release(app, parcel).await {
        Ended::Answered(_, Outcome::Accepted { message_ids }) => {
            app.metrics.held_released.add();
            Some(HeldStep::Sent(message_ids.into_iter().next()))
        }
        Ended::Answered(_, Outcome::Rejected { code }) if LATER_CODES.contains(&code) => {
            Some(again(code))
        }
        Ended::Answered(_, Outcome::Rejected { code }) => Some(HeldStep::Failed(code)),
        Ended::Answered(_, Outcome::NotSent) | Ended::NotSent(_) => Some(again(131_016)),
        Ended::Answered(_, Outcome::Unknown) | Ended::Unknown(_) => Some(HeldStep::Unknown),
        Ended::Held(..) | Ended::Refused(_) => None,
        Ended::Taken(_) => {
            tracing::info!("a held message was cancelled, erased or taken over meanwhile");
            None
        }
    }
}

/// Readies a held message to be decided again, by the settings of now.
async fn parcel(app: &Shared, due: &DueMessage) -> Result<Box<pipeline::Parcel>, &'static str> {
    let message = &due.message;
    let request = due.request.as_ref().ok_or("its body is gone")?;
    let number = app
        .directory
        .number(&message.number)
        .filter(|number| number.business == message.business)
        .cloned()
        .ok_or("its number is not configured any more")?;
    let client = client(app, message.business, &message.app)
        .ok_or("its app is not configured any more, or keeps its token to itself")?;
    let (_, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let read =
        send::parse_query(query, content(request)).map_err(|_| "it cannot be read any more")?;
    let judged = pipeline::judged_message(app, &number, &read)
        .ok()
        .flatten()
        .ok_or("it cannot be read any more")?;
    let forward = forward(app, message.business, request)?;
    let (claim, last_ms) = (due.claim, message.last_ms);
    pipeline::release_parcel(app, &client, &number, judged, forward, claim, last_ms)
        .await
        .ok_or("the gateway is closing")
}

/// The app that wanted it sent.
fn client(app: &Shared, business: BusinessIx, name: &str) -> Option<Arc<directory::App>> {
    let mut apps = app.directory.apps();
    let found = apps.find(|one| one.business == business && *one.name == *name)?;
    (!found.keeps_token).then(|| Arc::clone(found))
}

fn content(request: &KeptRequest) -> send::Body<'_> {
    match ContentType::of(Some(&request.content_type)) {
        _ if request.body.is_empty() => send::Body::Empty,
        ContentType::Form => send::Body::Form(&request.body),
        _ => send::Body::Json(&request.body),
    }
}

fn forward(
    app: &Shared,
    business: BusinessIx,
    request: &KeptRequest,
) -> Result<Forward, &'static str> {
    let unreadable = "its address cannot be read any more";
    let mut headers = learn::own_headers(app, business);
    let kind = HeaderValue::from_str(&request.content_type).map_err(|_| unreadable)?;
    headers.insert(header::CONTENT_TYPE, kind);
    Ok(Forward::Parts {
        method: Method::POST,
        target: request.target.parse().map_err(|_| unreadable)?,
        headers,
        body: bytes::Bytes::from_owner(Arc::clone(&request.body)),
    })
}
