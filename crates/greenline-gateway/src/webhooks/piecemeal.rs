//! A delivery that contradicts the ledger: what can be recorded is, and the bytes are kept.
//!
//! Answering 503 to what no repetition cures would make the platform try for days and then drop it
//! (WH-04). So each thing it teaches is tried alone, what fails is left out with an alarm, and the rest is
//! written as always. One thing is never left out: a stop that cannot be recorded is not acknowledged.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{Delivery, Effect, Ingested, NewEvent};
use sha2::{Digest, Sha256};

use super::effects::note;
use crate::app::App;
use crate::directory::Business;

/// Ingests a delivery, without what contradicts the ledger.
pub(super) async fn ingest(
    app: &App,
    business: &Business,
    delivery: Delivery,
) -> Result<Ingested, LedgerError> {
    let again = delivery.clone();
    match app.ledger.ingest(delivery).await {
        Err(error) if !error.is_passing() => {
            tracing::error!(business.id = %business.config.id, %error, "a webhook contradicts the ledger; its parts are recorded one by one");
            without_contradictions(app, business, again).await
        }
        Err(error) => {
            app.spill.heard(app, &again.effects, again.received_ms);
            Err(error)
        }
        done => done,
    }
}

async fn without_contradictions(
    app: &App,
    business: &Business,
    mut delivery: Delivery,
) -> Result<Ingested, LedgerError> {
    let mut recorded = Vec::with_capacity(delivery.effects.len() + 1);
    let mut left_out = 0_u32;
    for effect in delivery.effects {
        // The timeline contradicts nothing, and would show it twice.
        if matches!(effect, Effect::Timeline { .. }) {
            recorded.push(effect);
            continue;
        }
        match recordable(app, business, effect).await? {
            Some(effect) => recorded.push(effect),
            None => left_out += 1,
        }
    }
    let body = format!("{{\"parts\":{left_out}}}").into();
    let place = &business.config.id;
    recorded.push(note(place, delivery.received_ms, "", "not_recorded", body));
    delivery.effects = recorded;
    app.ledger.ingest(delivery).await
}

/// Records one thing alone and gives it back; `None` where it cannot be recorded. All of them can be
/// recorded twice.
async fn recordable(
    app: &App,
    business: &Business,
    effect: Effect,
) -> Result<Option<Effect>, LedgerError> {
    let error = match app.ledger.learn(business.ix, vec![effect.clone()]).await {
        Ok(()) => return Ok(Some(effect)),
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => error,
    };
    match effect {
        Effect::Consent(event) if event.kind.closes() => {
            let effect = Effect::Consent(under_another_key(event));
            app.ledger.learn(business.ix, vec![effect.clone()]).await?;
            Ok(Some(effect))
        }
        _ => {
            app.metrics.webhooks_not_recorded.add();
            tracing::error!(business.id = %business.config.id, %error, "a part of a webhook cannot be recorded; the inbox keeps it");
            Ok(None)
        }
    }
}

/// The key of a no was used for someone else's: this one is told apart by its person, so that neither is
/// lost.
fn under_another_key(event: NewEvent) -> NewEvent {
    let mut hash = Sha256::new();
    for identifier in &event.person {
        hash.update(identifier.reveal());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, ..] = digest;
    let told = u32::from_be_bytes([a, b, c, d]);
    NewEvent {
        dedup: event.dedup.map(|key| format!("{key}:{told:08x}").into()),
        ..event
    }
}
