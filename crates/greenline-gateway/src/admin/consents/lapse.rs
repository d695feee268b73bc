//! A renewal that comes too late renews nothing (A17).
//!
//! A yes runs out by the clock and the settings, and nothing is written down for it. When a renewal comes after
//! that moment, the end is put on record before it, at the time when it was: the fold then sees that there was
//! nothing left to renew.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{Actor, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use serde_json::json;

use crate::app::App;
use crate::directory::Business;
use crate::ids;

/// The end to be recorded before a renewal; `None` when the yes had not run out, or that is on record.
pub(crate) async fn before(
    app: &App,
    business: &Business,
    renewal: &NewEvent,
) -> Result<Option<NewEvent>, LedgerError> {
    let scope = &renewal.scope;
    let lasts = business.yes_lasts(Some(scope));
    let (EventKind::Reconfirmed, Some(identifier)) = (renewal.kind, renewal.person.first()) else {
        return Ok(None);
    };
    if lasts.end_ms(scope, 0).is_none() {
        return Ok(None);
    }
    let Some(person) = app.ledger.person(business.ix, identifier).await? else {
        return Ok(None);
    };
    let renews = |kind: EventKind| matches!(kind, EventKind::Granted | EventKind::Reconfirmed);
    let before = person.history.iter().filter(|stored| {
        stored.event.scope == *scope
            && stored.event.at_ms < renewal.at_ms
            && renews(stored.event.kind)
    });
    let Some(last) = before.max_by_key(|stored| (stored.event.at_ms, stored.version)) else {
        return Ok(None);
    };
    let end_ms = lasts.end_ms(scope, last.event.at_ms);
    let Some(end_ms) = end_ms.filter(|end_ms| *end_ms <= renewal.at_ms) else {
        return Ok(None);
    };
    Ok(Some(NewEvent {
        business: business.ix,
        person: renewal.person.clone(),
        kind: EventKind::Expired,
        scope: scope.clone(),
        at_ms: end_ms,
        stated_ms: end_ms,
        arrival_ms: renewal.arrival_ms,
        strength: Strength::default(),
        in_thread: false,
        evidence: Evidence {
            method: "expiry".into(),
            source: "yes_lasts_days".into(),
            extra_json: json!({ "ended": ids::event(last.id) }).to_string().into(),
            ..Evidence::default()
        },
        actor: Actor("greenline".into()),
        dedup: Some(format!("expiry:{}:{end_ms}", ids::event(last.id)).into()),
    }))
}
