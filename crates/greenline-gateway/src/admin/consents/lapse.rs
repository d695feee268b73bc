//! A renewal that comes too late renews nothing (A17).
//!
//! A yes runs out by the clock and the settings, and nothing is written down for it. When a renewal comes after
//! that moment, the end is put on record before it, at the time when it was: the fold then sees that there was
//! nothing left to renew. Every door through which renewals come does so, and every door through which a yes comes
//! that is so old that a renewal on record may have been too late for it.
//!
//! A yes to everything runs out for each kind by itself, and for a topic that has a length of its own. What had run
//! out for one of them only is put on record for that one, and the renewal counts for the rest.

use std::collections::{BTreeMap, HashMap, HashSet};

use greenline_ledger::LedgerError;
use greenline_ledger::import::undo_key;
use greenline_ledger::types::{Actor, BusinessIx, Evidence, NewEvent, StoredEvent};
use greenline_policy::consent::{self, EventId, EventKind, RAN_OUT, RAN_OUT_HERE, Strength};
use greenline_policy::identity::{Identifier, Spelling};
use greenline_policy::lasting::YesLasts;
use greenline_policy::scope::Scope;
use serde_json::json;

use crate::admin::shape::time;
use crate::app::App;
use crate::ids;

/// How long a yes lasts for each of the scopes that it covers.
type Lengths = Vec<(Scope, YesLasts)>;

/// What renewals come to.
#[derive(Debug, Default)]
pub(crate) struct Lapsed {
    /// Ends to be put on record before them.
    pub(crate) ends: Vec<NewEvent>,
    /// Renewals that came too late, by their places: for what, and when the yes had run out.
    late: HashMap<usize, BTreeMap<Scope, i64>>,
    /// What each of them is about.
    about: HashMap<usize, Scope>,
}

impl Lapsed {
    /// What to say of the event in that place.
    pub(crate) fn note(&self, place: usize) -> Option<String> {
        let late = self.late.get(&place)?;
        let ended = match self.about.get(&place).and_then(|scope| late.get(scope)) {
            Some(end_ms) => format!("the yes had run out at {}", time(*end_ms)),
            None => {
                let ends = late.iter();
                let ends =
                    ends.map(|(scope, end_ms)| format!("for `{scope}` at {}", time(*end_ms)));
                format!(
                    "the yes had run out {}",
                    ends.collect::<Vec<_>>().join(", ")
                )
            }
        };
        Some(format!(
            "{ended}; a renewal brings nothing back, only a new yes of the person does"
        ))
    }
}

/// Looks at events that are about to be recorded together.
pub(crate) async fn before(app: &App, events: &[&NewEvent]) -> Result<Lapsed, LedgerError> {
    let mut lapsed = Lapsed::default();
    let concerned = events.iter().enumerate().filter_map(|(at, event)| {
        let lengths = app.directory.business(event.business).lengths(&event.scope);
        concerns(event, &lengths).then_some((at, *event, lengths))
    });
    let concerned: Vec<(usize, &NewEvent, Lengths)> = concerned.collect();
    if concerned.is_empty() {
        return Ok(lapsed);
    }
    let together = Together::new(events);
    let mut known = HashSet::new();
    for (at, event, lengths) in concerned {
        if event.kind == EventKind::Reconfirmed {
            lapsed.about.insert(at, event.scope.clone());
        }
        let (stored, new) = together.of(app, event).await?;
        // From the widest scope down: what had run out for everything had run out for each.
        let mut over: Vec<(Place, Scope)> = Vec::new();
        for (seen, lasts) in lengths {
            let acts = acts(&stored, events, &new, event, &seen);
            for (renewal, late) in late(&acts, &seen, lasts) {
                let covered =
                    |(place, wider): &(Place, Scope)| *place == renewal && wider.covers(&seen);
                if over.iter().any(covered) {
                    continue;
                }
                over.push((renewal, seen.clone()));
                if let Place::New(place) = renewal {
                    let late_for = lapsed.late.entry(place).or_default();
                    late_for.insert(seen.clone(), late.end_ms);
                }
                if let Some(last) = late.unrecorded
                    && known.insert((last.place, seen.clone(), late.end_ms))
                {
                    lapsed
                        .ends
                        .push(end(event, last, events, &seen, late.end_ms));
                }
            }
        }
    }
    Ok(lapsed)
}

/// Whether something may have run out before an event renewed it, or before what is on record renewed it.
fn concerns(event: &NewEvent, lengths: &[(Scope, YesLasts)]) -> bool {
    let mut ends = lengths
        .iter()
        .filter_map(|(seen, lasts)| lasts.end_ms(seen, event.at_ms));
    match event.kind {
        EventKind::Reconfirmed => ends.next().is_some(),
        EventKind::Granted => {
            event.strength != Strength::Claimed && ends.any(|end_ms| end_ms <= event.arrival_ms)
        }
        _ => false,
    }
}

/// How a number is spelled that an event is recorded under.
fn spelling(event: &NewEvent) -> Spelling {
    let first = event.person.first();
    first.map_or(Spelling::Mobile, |identifier| identifier.canonical().1)
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

/// What bears on yeses to the scope of an event, as one of its scopes sees them, oldest first; of one moment what begins
/// something comes first, and an end before a renewal.
fn acts(
    stored: &[StoredEvent],
    events: &[&NewEvent],
    new: &[usize],
    about: &NewEvent,
    seen: &Scope,
) -> Vec<Act> {
    let keys: HashSet<&str> = stored
        .iter()
        .filter_map(|stored| stored.event.dedup.as_deref())
        .collect();
    let own = spelling(about);
    let counts = |event: &NewEvent, spelled: Spelling| match event.kind {
        EventKind::Granted => {
            event.scope == about.scope && event.strength != Strength::Claimed && spelled == own
        }
        EventKind::Reconfirmed => event.scope == about.scope && !event.in_thread && spelled == own,
        EventKind::Expired => {
            (spelled == own || event.strength == Strength::Evidenced)
                && consent::ends(event.strength, &event.scope, &about.scope, seen)
        }
        _ => false,
    };
    let on_record = stored.iter().filter(|stored| {
        counts(&stored.event, stored.identifier.canonical().1)
            && !keys.contains(&*undo_key(stored.id))
    });
    let on_record = on_record.map(|stored| Act {
        place: Place::Stored(stored.id),
        kind: stored.event.kind,
        at_ms: stored.event.at_ms,
    });
    let together = new.iter().filter_map(|at| {
        let event = events.get(*at)?;
        counts(event, spelling(event)).then_some(Act {
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

/// The renewals that came after the yes had run out, by their places. What comes after one that was too late renews
/// nothing either.
fn late(acts: &[Act], seen: &Scope, lasts: YesLasts) -> Vec<(Place, Late)> {
    let (mut live, mut ended) = (None::<Act>, None::<Late>);
    let mut found = Vec::new();
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
                let end_ms = live.and_then(|last| lasts.end_ms(seen, last.at_ms));
                if let Some(end_ms) = end_ms.filter(|end_ms| *end_ms <= act.at_ms) {
                    ended = Some(Late {
                        end_ms,
                        unrecorded: live.take(),
                    });
                } else if live.is_some() {
                    live = Some(*act);
                }
                found.extend(ended.map(|late| (act.place, late)));
            }
        }
    }
    found
}

/// The end of a yes for a scope, to be put on record before what would have renewed it.
fn end(about: &NewEvent, last: Act, events: &[&NewEvent], seen: &Scope, end_ms: i64) -> NewEvent {
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
    let is_whole = *seen == about.scope;
    let strength = if is_whole { RAN_OUT } else { RAN_OUT_HERE };
    NewEvent {
        business: about.business,
        person: about.person.clone(),
        kind: EventKind::Expired,
        scope: seen.clone(),
        at_ms: end_ms,
        stated_ms: end_ms,
        arrival_ms: about.arrival_ms,
        strength,
        in_thread: false,
        evidence: Evidence {
            method: "expiry".into(),
            source: "yes_lasts_days".into(),
            extra_json: extra.into(),
            ..Evidence::default()
        },
        actor: Actor("greenline".into()),
        dedup: name.map(|name| {
            let of = if is_whole {
                String::new()
            } else {
                format!(":{seen}")
            };
            format!("expiry:{name}:{end_ms}{of}").into()
        }),
    }
}
