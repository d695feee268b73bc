//! Which events a person's standing rests on today: what is handed out when only what holds is asked for.

use greenline_ledger::types::StoredEvent;
use greenline_policy::consent::{EventKind, Head, Standing, Strength};
use greenline_policy::scope::Scope;

use crate::admin::problem::Problem;
use crate::app::App;
use crate::directory::Business;

/// Whether something that holds today for the person rests on this event: a yes that covers or is claimed, and its
/// renewals; a no in force, also one that a wider no hides; the native stop; an end that keeps a wider yes from
/// covering something.
pub(super) async fn holds(
    app: &App,
    business: &Business,
    stored: &StoredEvent,
) -> Result<bool, Problem> {
    let person = app.ledger.person(business.ix, &stored.identifier).await?;
    Ok(person.is_some_and(|person| {
        is_named(&person.head, stored)
            || is_hidden_no(&person.head, &person.history, stored)
            || is_renewal(&person.head, &person.history, stored)
            || is_end(&person.head, stored)
    }))
}

/// The head itself names it.
fn is_named(head: &Head, stored: &StoredEvent) -> bool {
    let rests_on = |standing: &Standing| {
        matches!(standing,
            Standing::Refused { event, .. } | Standing::Covered { event, .. } | Standing::Claimed { event }
                if *event == stored.id)
    };
    head.base.iter().any(rests_on)
        || head.topics.iter().any(|(_, standing)| rests_on(standing))
        || head
            .native_stop
            .is_some_and(|(event, _)| event == stored.id)
}

/// The latest no about a scope that a later no about a wider one hides: a yes about the wider scope would not open it.
fn is_hidden_no(head: &Head, history: &[StoredEvent], stored: &StoredEvent) -> bool {
    let no = &stored.event;
    if !no.kind.is_no() || !matches!(head.standing(&no.scope), Standing::Refused { .. }) {
        return false;
    }
    !history.iter().any(|other| {
        let later = (other.event.at_ms, other.version) > (no.at_ms, stored.version);
        let lifts =
            other.event.kind == EventKind::Granted && other.event.strength == Strength::Evidenced;
        other.event.scope == no.scope && later && (other.event.kind.is_no() || lifts)
    })
}

/// A renewal of a yes that covers: without it the yes would run out earlier elsewhere.
fn is_renewal(head: &Head, history: &[StoredEvent], stored: &StoredEvent) -> bool {
    let renewal = &stored.event;
    let Standing::Covered { event, at_ms, .. } = head.standing(&renewal.scope) else {
        return false;
    };
    let yes = history.iter().find(|yes| yes.id == event);
    renewal.kind == EventKind::Reconfirmed
        && renewal.at_ms <= at_ms
        && yes
            .is_some_and(|yes| yes.event.scope == renewal.scope && yes.event.at_ms < renewal.at_ms)
}

/// What a wider yes that holds covers no more: without it the wider yes would cover that elsewhere.
fn is_end(head: &Head, stored: &StoredEvent) -> bool {
    let end = &stored.event;
    let covers = |scope: &Scope| matches!(head.standing(scope), Standing::Covered { .. });
    let kind = end.scope.category().map(Scope::Category);
    let mut wider = std::iter::once(Scope::All).chain(kind);
    end.kind == EventKind::Expired
        && end.strength != Strength::Imported
        && !covers(&end.scope)
        && wider.any(|wider| wider != end.scope && wider.covers(&end.scope) && covers(&wider))
}
