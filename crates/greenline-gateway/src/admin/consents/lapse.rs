//! A renewal that comes too late renews nothing (A17).
//!
//! A yes runs out by the clock and the settings, and nothing is written down for it. When a renewal comes after
//! that moment, the end is put on record before it, at the time when it was: the fold then sees that there was
//! nothing left to renew. Every door through which renewals come does so.

use std::collections::{HashMap, HashSet};

use greenline_ledger::LedgerError;
use greenline_ledger::import::undo_key;
use greenline_ledger::types::{Actor, BusinessIx, Evidence, NewEvent, StoredEvent};
use greenline_policy::consent::{EventId, EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::lasting::YesLasts;
use greenline_policy::scope::Scope;
use serde_json::json;

use crate::admin::shape::time;
use crate::app::App;
use crate::ids;

/// What renewals come to.
#[derive(Debug, Default)]
pub(crate) struct Lapsed {
    /// Ends to be put on record before them.
    pub(crate) ends: Vec<NewEvent>,
    /// Renewals that came too late, by their places, with when the yes had run out.
    late: HashMap<usize, i64>,
}

impl Lapsed {
    /// What to say of the event in that place.
    pub(crate) fn note(&self, place: usize) -> Option<String> {
        let ended = time(*self.late.get(&place)?);
        Some(format!(
            "the yes had run out at {ended}; a renewal brings nothing back, only a new yes of the person does"
        ))
    }
}

/// Looks at events that are about to be recorded together.
pub(crate) async fn before(app: &App, events: &[&NewEvent]) -> Result<Lapsed, LedgerError> {
    let mut lapsed = Lapsed::default();
    let renewals = events.iter().enumerate().filter_map(|(at, event)| {
        let lasts = app
            .directory
            .business(event.business)
            .yes_lasts(Some(&event.scope));
        let ends = lasts.end_ms(&event.scope, 0).is_some();
        (event.kind == EventKind::Reconfirmed && ends).then_some((at, *event, lasts))
    });
    let renewals: Vec<(usize, &NewEvent, YesLasts)> = renewals.collect();
    if renewals.is_empty() {
        return Ok(lapsed);
    }
    let together = Together::new(events);
    let mut known = HashSet::new();
    for (at, renewal, lasts) in renewals {
        let (stored, new) = together.of(app, renewal).await?;
        let acts = acts(&stored, events, &new, renewal);
        let Some(late) = late(&acts, at, &renewal.scope, lasts) else {
            continue;
        };
        lapsed.late.insert(at, late.end_ms);
        if let Some(last) = late.unrecorded
            && known.insert((last.place, late.end_ms))
        {
            lapsed.ends.push(end(renewal, last, events, late.end_ms));
        }
    }
    Ok(lapsed)
}

/// Events that are recorded together, by whom they are about.
struct Together<'e> {
    events: &'e [&'e NewEvent],
    places: HashMap<(BusinessIx, Identifier), Vec<usize>>,
}

impl<'e> Together<'e> {
    fn new(events: &'e [&'e NewEvent]) -> Self {
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, event) in events.iter().enumerate() {
            for identifier in &event.person {
                let key = (event.business, identifier.canonical().0);
                places.entry(key).or_default().push(at);
            }
        }
        Self { events, places }
    }

    /// Everything about the person of an event: what is on record, and the places of what is recorded together with
    /// it. Under whichever of their identifiers, for one event may say that two are one person.
    async fn of(
        &self,
        app: &App,
        event: &NewEvent,
    ) -> Result<(Vec<StoredEvent>, Vec<usize>), LedgerError> {
        let canonical = |identifier: &Identifier| identifier.canonical().0;
        let mut names: Vec<Identifier> = event.person.iter().map(canonical).collect();
        let mut on_record = HashSet::new();
        let mut stored: Vec<StoredEvent> = Vec::new();
        let mut new: Vec<usize> = Vec::new();
        let mut next = 0;
        while let Some(name) = names.get(next).cloned() {
            next += 1;
            if !on_record.contains(&name)
                && let Some(person) = app.ledger.person(event.business, &name).await?
            {
                stored.extend(person.history);
                on_record.insert(name.clone());
                on_record.extend(person.identifiers.iter().map(|(known, _)| canonical(known)));
            }
            let found = self.places.get(&(event.business, name));
            for at in found.into_iter().flatten() {
                if !new.contains(at) {
                    new.push(*at);
                    names.extend(self.events[*at].person.iter().map(canonical));
                }
            }
            let more: Vec<Identifier> = on_record.iter().cloned().collect();
            names.extend(more);
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
        }
        new.sort_unstable();
        Ok((stored, new))
    }
}

/// Where an event stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
    Stored(EventId),
    New(usize),
}

/// An event that bears on how long a yes lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Act {
    place: Place,
    kind: EventKind,
    at_ms: i64,
}

/// What bears on a renewal, oldest first; of one moment what begins something comes first, and an end before a
/// renewal.
fn acts(
    stored: &[StoredEvent],
    events: &[&NewEvent],
    new: &[usize],
    renewal: &NewEvent,
) -> Vec<Act> {
    let keys: HashSet<&str> = stored
        .iter()
        .filter_map(|stored| stored.event.dedup.as_deref())
        .collect();
    let counts = |event: &NewEvent| match event.kind {
        EventKind::Granted => event.scope == renewal.scope && event.strength != Strength::Claimed,
        EventKind::Reconfirmed => event.scope == renewal.scope,
        // One that is imported takes an import back, and ends nothing else.
        EventKind::Expired => {
            event.scope.covers(&renewal.scope) && event.strength != Strength::Imported
        }
        _ => false,
    };
    let on_record = stored
        .iter()
        .filter(|stored| counts(&stored.event) && !keys.contains(&*undo_key(stored.id)));
    let on_record = on_record.map(|stored| Act {
        place: Place::Stored(stored.id),
        kind: stored.event.kind,
        at_ms: stored.event.at_ms,
    });
    let together = new.iter().filter_map(|at| {
        let event = events.get(*at)?;
        counts(event).then_some(Act {
            place: Place::New(*at),
            kind: event.kind,
            at_ms: event.at_ms,
        })
    });
    let mut acts: Vec<Act> = on_record.chain(together).collect();
    acts.sort_by_key(|act| {
        let order = match act.kind {
            EventKind::Granted => 0,
            EventKind::Expired => 1,
            _ => 2,
        };
        (act.at_ms, order)
    });
    acts
}

/// How a renewal was too late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Late {
    /// When the yes had run out.
    end_ms: i64,
    /// What ran out, where that is not on record.
    unrecorded: Option<Act>,
}

/// Whether the renewal in that place came after the yes had run out. An earlier one that was too late renewed nothing
/// either.
fn late(acts: &[Act], renewal: usize, scope: &Scope, lasts: YesLasts) -> Option<Late> {
    let (mut live, mut ended) = (None::<Act>, None::<Late>);
    for act in acts {
        match act.kind {
            EventKind::Granted => (live, ended) = (Some(*act), None),
            EventKind::Expired => {
                if live.take().is_some() {
                    ended = Some(Late {
                        end_ms: act.at_ms,
                        unrecorded: None,
                    });
                }
            }
            _ => {
                let end_ms = live.and_then(|last| lasts.end_ms(scope, last.at_ms));
                if let Some(end_ms) = end_ms.filter(|end_ms| *end_ms <= act.at_ms) {
                    ended = Some(Late {
                        end_ms,
                        unrecorded: live.take(),
                    });
                } else if live.is_some() {
                    live = Some(*act);
                }
                if act.place == Place::New(renewal) {
                    return ended;
                }
            }
        }
    }
    None
}

/// The end of a yes, to be put on record before a renewal.
fn end(renewal: &NewEvent, last: Act, events: &[&NewEvent], end_ms: i64) -> NewEvent {
    let (name, extra) = match last.place {
        Place::Stored(id) => {
            let id = ids::event(id);
            let extra = json!({ "ended": id }).to_string();
            (Some(id), extra)
        }
        Place::New(at) => {
            let key = events.get(at).and_then(|event| event.dedup.as_deref());
            (key.map(str::to_owned), String::new())
        }
    };
    NewEvent {
        business: renewal.business,
        person: renewal.person.clone(),
        kind: EventKind::Expired,
        scope: renewal.scope.clone(),
        at_ms: end_ms,
        stated_ms: end_ms,
        arrival_ms: renewal.arrival_ms,
        strength: Strength::default(),
        in_thread: false,
        evidence: Evidence {
            method: "expiry".into(),
            source: "yes_lasts_days".into(),
            extra_json: extra.into(),
            ..Evidence::default()
        },
        actor: Actor("greenline".into()),
        dedup: name.map(|name| format!("expiry:{name}:{end_ms}").into()),
    }
}
