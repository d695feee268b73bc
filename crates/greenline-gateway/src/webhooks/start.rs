//! START and its kind (A7): what they reopen.
//!
//! The word reopens what the person's last stop in the thread closed, and only if the confirmation they
//! got offered it: that text is what they answer, and the proof of their yes. In every other case it is an
//! ordinary message. This asks the ledger, so it stands beside the pure reading of deliveries; where the
//! ledger does not show a confirmation that went out, nothing is reopened.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{
    Actor, DecisionId, DecisionRecord, Effect, Evidence, NewEvent, PersonShard, StoredEvent,
};
use greenline_policy::consent::{EventId, EventKind, Strength};
use greenline_policy::evidence::Method;
use serde::Deserialize;

use super::effects::Start;
use crate::app::App;
use crate::directory::Business;
use crate::{ids, replies};

/// A confirmation goes out within this time of its stop, or its START is not recognised.
const CONFIRMED_WITHIN_MS: i64 = 10 * 60 * 1_000;
/// Decisions looked through for it.
const PAGE: usize = 250;
/// Pages of them at most.
const PAGES_MAX: usize = 8;

/// How a stop was answered, as its evidence tells.
#[derive(Deserialize)]
struct Answered {
    reply_language: Option<String>,
    reply_reach: Option<String>,
}

/// The grants that a START brings; none when it is an ordinary message.
pub(super) async fn effects(
    app: &App,
    business: &Business,
    start: &Start,
    received_ms: i64,
) -> Result<Vec<Effect>, LedgerError> {
    let Some(identifier) = start.person.first() else {
        return Ok(Vec::new());
    };
    let Some(person) = app.ledger.person(business.ix, identifier).await? else {
        return Ok(Vec::new());
    };
    let stop = last_stop(&person.history, start.at_ms);
    let Some(text) = stop.first().and_then(|stop| offered(business, stop)) else {
        return Ok(Vec::new());
    };
    let Some(confirmation) = confirmation(app, business, &stop).await? else {
        return Ok(Vec::new());
    };
    let grant = |stop: &&StoredEvent| {
        let scope = stop.event.scope.clone();
        Effect::Consent(NewEvent {
            business: business.ix,
            person: start.person.clone(),
            kind: EventKind::Granted,
            at_ms: start.at_ms,
            stated_ms: start.stated_ms,
            arrival_ms: received_ms,
            strength: Strength::Evidenced,
            in_thread: true,
            evidence: Evidence {
                method: Method::WhatsappThread.as_str().into(),
                wording: format!("{text}\n{}", start.wording).into(),
                business_name: business.config.name.as_str().into(),
                source: (&*start.number).into(),
                message_id: (&*start.message_id).into(),
                extra_json: format!("{{\"answers\":\"{}\"}}", ids::decision(confirmation)).into(),
                ..Evidence::default()
            },
            actor: Actor("person".into()),
            dedup: Some(format!("{}:{scope}", start.message_id).into()),
            scope,
        })
    };
    Ok(stop.iter().map(grant).collect())
}

/// The events of the last stop in the thread before `at_ms`; empty when another no came after it.
fn last_stop(history: &[StoredEvent], at_ms: i64) -> Vec<&StoredEvent> {
    let noes = || {
        history
            .iter()
            .filter(|stored| stored.event.kind.is_no() && stored.event.at_ms < at_ms)
    };
    let Some(last) = noes().max_by_key(|stored| (stored.event.at_ms, stored.version)) else {
        return Vec::new();
    };
    let message_id = &last.event.evidence.message_id;
    if !last.event.in_thread || message_id.is_empty() {
        return Vec::new();
    }
    noes()
        .filter(|stored| stored.event.in_thread && stored.event.evidence.message_id == *message_id)
        .collect()
}

/// The confirmation's text, if it offers the word.
fn offered(business: &Business, stop: &StoredEvent) -> Option<String> {
    let answered: Answered = serde_json::from_str(&stop.event.evidence.extra_json).ok()?;
    let (language, reach) = (answered.reply_language?, answered.reply_reach?);
    let text = replies::confirmation(&business.config, &language, &reach);
    let word = greenline_policy::stop::texts(&language).start_word;
    text.contains(word).then_some(text)
}

/// The decision by which the stop's confirmation went out.
async fn confirmation(
    app: &App,
    business: &Business,
    stop: &[&StoredEvent],
) -> Result<Option<DecisionId>, LedgerError> {
    let Some(arrival_ms) = stop.iter().map(|stored| stored.event.arrival_ms).min() else {
        return Ok(None);
    };
    let events: Vec<EventId> = stop.iter().map(|stored| stored.id).collect();
    let confirms = |record: &DecisionRecord| {
        record.confirms.is_some_and(|event| events.contains(&event))
            && record.outcome.as_deref() == Some("accepted")
    };
    // Decisions are numbered by time, so the search begins where it must end.
    let latest = u64::try_from(arrival_ms.saturating_add(CONFIRMED_WITHIN_MS)).unwrap_or(0) << 20;
    let mut before = DecisionId {
        shard: PersonShard(u16::MAX),
        seq: latest,
    };
    for _ in 0..PAGES_MAX {
        let page = app
            .ledger
            .decisions(Some(business.ix), Some(before), PAGE)
            .await?;
        if let Some(record) = page.iter().find(|record| confirms(record)) {
            return Ok(Some(record.id));
        }
        let Some(oldest) = page
            .last()
            .filter(|oldest| page.len() == PAGE && oldest.at_ms >= arrival_ms)
        else {
            break;
        };
        before = oldest.id;
    }
    Ok(None)
}
