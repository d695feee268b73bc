//! What was known at a moment in the past, worked out from what is kept.
//!
//! Who belonged together then is found anew from the links and moves made by then; their events are cut off at
//! their arrival, and the rest is folded as ever.

use greenline_policy::consent::{EventKind, Head, fold};
use greenline_policy::decide::{Intent, NumberFacts};
use greenline_policy::identity::{Identifier, Spelling};
use greenline_policy::pace::Pace;
use greenline_policy::reach::{PortfolioFacts, bound};

use crate::DecideFn;
use crate::compose::{self, GroupRows, PersonRows};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::question::{Previewed, Untold};
use crate::state::State;
use crate::state::links::Links;
use crate::state::people::Slot;
use crate::state::platform::{AccountRow, NumberRow, TemplateRow, number_facts};
use crate::types::{Ask, DecisionRecord, PersonId, UNSETTLED_MS};

/// What was known of one addressee.
#[derive(Debug, Default)]
pub(crate) struct PersonThen {
    /// The fold of what had arrived.
    pub(crate) head: Head,
    /// Their data were erased since.
    pub(crate) erased: bool,
    /// When they last answered about calls.
    pub(crate) call_at_ms: Option<i64>,
}

/// What was known of the number, with what could not be told of it and the template.
pub(crate) type PlatformThen = (NumberFacts, Vec<Untold>);

/// The people who were known to be one then.
fn together(links: &Links, first: PersonId, at_ms: i64) -> Vec<PersonId> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(&member) = found.get(next) {
        next += 1;
        for (other, linked_ms) in links.linked(member) {
            if *linked_ms <= at_ms && !found.contains(other) {
                found.push(*other);
            }
        }
    }
    found
}

/// A group then, and every group that people had moved here from, each with the earliest move on the way.
fn upstream(links: &Links, first: PersonId, at_ms: i64) -> Vec<(Vec<PersonId>, Option<i64>)> {
    let mut found = vec![(together(links, first, at_ms), None)];
    let mut open = vec![(0, i64::MAX)];
    while let Some((place, carried_ms)) = open.pop() {
        let Some((members, _)) = found.get(place).cloned() else {
            continue;
        };
        let into = members.iter().flat_map(|member| links.moves_of(*member));
        let into: Vec<(PersonId, i64)> = into
            .filter(|moved| moved.at_ms <= at_ms)
            .filter(|moved| members.contains(&moved.to) && !members.contains(&moved.from))
            .map(|moved| (moved.from, moved.at_ms.min(carried_ms)))
            .collect();
        for (from, moved_ms) in into {
            let mut known = found.iter_mut().enumerate();
            match known.find(|(_, (people, _))| people.contains(&from)) {
                Some((place, (_, Some(known_ms)))) if *known_ms > moved_ms => {
                    *known_ms = moved_ms;
                    open.push((place, moved_ms));
                }
                Some(_) => {}
                None => {
                    open.push((found.len(), moved_ms));
                    found.push((together(links, from, at_ms), Some(moved_ms)));
                }
            }
        }
    }
    found
}

/// One person's rows without what came later; whether they were erased since.
fn cut(mut rows: PersonRows, at_ms: i64) -> (PersonRows, bool) {
    let is_erasure = |kind: EventKind| kind == EventKind::Erased;
    let erased = rows
        .events
        .iter()
        .any(|event| is_erasure(event.kind) && event.arrival_ms > at_ms);
    // What an erasure took is gone, whatever moment is asked about.
    rows.events
        .retain(|event| event.arrival_ms <= at_ms || is_erasure(event.kind));
    let until_then = |marked: Option<i64>| marked.filter(|marked_ms| *marked_ms <= at_ms);
    // What an erasure left of a name carries noes alone, whenever they are asked about.
    let names = rows.identifiers.iter_mut();
    for row in names.filter(|row| !is_pseudonym(&row.canonical)) {
        row.left_at_ms = until_then(row.left_at_ms);
        row.gone_at_ms = until_then(row.gone_at_ms);
    }
    (rows, erased)
}

/// The fold of what had arrived by then about a person, as one spelling sees it. `rows` reads one person's.
fn head_then(
    links: &Links,
    person: PersonId,
    spelling: Spelling,
    at_ms: i64,
    mut rows: impl FnMut(PersonId) -> Result<PersonRows, LedgerError>,
) -> Result<(Head, bool), LedgerError> {
    let mut erased = false;
    let mut groups = Vec::new();
    for (members, carried_at_ms) in upstream(links, person, at_ms) {
        let mut group = GroupRows {
            carried_at_ms,
            ..GroupRows::default()
        };
        for member in &members {
            let (person, was_erased) = cut(rows(*member)?, at_ms);
            erased |= was_erased;
            group.people.push(person);
            let linked = links.linked(*member).iter();
            group.links.extend(
                linked
                    .filter(|(_, linked_ms)| *linked_ms <= at_ms)
                    .map(|(other, linked_ms)| (*member, *other, *linked_ms)),
            );
            for moved in links.moves_of(*member).filter(|moved| moved.at_ms <= at_ms) {
                match (moved.from == *member, members.contains(&moved.to)) {
                    (true, true) => group.inner_moves.push((moved.left.clone(), moved.at_ms)),
                    (true, false) => group.left_at_ms.push(moved.at_ms),
                    (false, _) => {}
                }
            }
        }
        groups.push(group);
    }
    let history = compose::history(&groups)
        .ok_or_else(|| LedgerError::unreadable("an event of an unknown identifier"))?;
    let head = if history.events.is_empty() {
        Head::default()
    } else {
        fold(&history, spelling)
    };
    Ok((head, erased))
}

/// What was known of a number and its account, and whether the template is told as of then.
pub(crate) fn platform_then(
    id: &str,
    number: Option<&NumberRow>,
    account: Option<&AccountRow>,
    template: Option<&TemplateRow>,
    at_ms: i64,
) -> PlatformThen {
    let mut untold = Vec::new();
    if template.is_some_and(|row| row.at_ms > at_ms) {
        untold.push(Untold::Template);
    }
    if number.is_some_and(|row| row.status.is_some() && row.at_ms > Some(at_ms)) {
        untold.push(Untold::NumberStatus);
    }
    let mut number = number.cloned();
    if let Some(row) = &mut number
        && row.rating_at_ms > Some(at_ms)
    {
        (row.rating, row.rating_at_ms) = Default::default();
        untold.push(Untold::NumberRating);
    }
    // Only the last time is kept: what was said before it is not known any more.
    if let Some(row) = &mut number
        && row.spam_ms > Some(at_ms)
    {
        row.spam_ms = None;
        untold.push(Untold::SpamLimit);
    }
    if let Some(row) = &mut number
        && row.health.cut(at_ms)
    {
        untold.push(Untold::NumberHealth);
    }
    let account = account.map(|row| {
        let mut then = row.clone();
        let before = then.restrictions.len();
        then.restrictions
            .retain(|restriction| restriction.at_ms <= at_ms);
        let banned_since = then.ban_at_ms.is_some_and(|said_ms| said_ms > at_ms);
        if banned_since {
            (then.ban, then.ban_at_ms) = Default::default();
        }
        if banned_since || then.restrictions.len() < before {
            untold.push(Untold::Restrictions);
        }
        then
    });
    (number_facts(id, number.as_ref(), account.as_ref()), untold)
}

impl State {
    /// As [`platform_then`], of a send's number, account and template.
    fn platform_then(&self, ask: &Ask) -> Result<PlatformThen, LedgerError> {
        let platform = &self.business(ask.business)?.platform;
        let template = ask
            .template
            .as_ref()
            .and_then(|asked| platform.template(&asked.waba_id, &asked.name, &asked.language));
        Ok(platform_then(
            &ask.number,
            platform.number(&ask.number),
            platform.account(&ask.waba_id),
            template,
            ask.now_ms,
        ))
    }

    /// What was known of a send's addressees and of its number; `person_of` says whose name that is, `rows` reads one
    /// person's.
    pub(crate) fn then(
        &self,
        ask: &Ask,
        person_of: impl Fn(&Identifier, Slot) -> Result<PersonId, LedgerError>,
        mut rows: impl FnMut(PersonId) -> Result<PersonRows, LedgerError>,
    ) -> Result<(Vec<PersonThen>, PlatformThen), LedgerError> {
        let mut people = Vec::new();
        for addressee in self.addressees(ask)? {
            let Some(slot) = addressee.slot else {
                people.push(PersonThen::default());
                continue;
            };
            // What was kept of someone erased stands under another name.
            let kept = self.kept_only(ask.business, &addressee.canonical)?;
            let name = kept.map_or_else(|| addressee.canonical.clone(), |(kept, _)| kept);
            let person = person_of(&name, slot)?;
            let spelling = addressee.spelling;
            let (head, erased) = head_then(&self.links, person, spelling, ask.now_ms, &mut rows)?;
            people.push(PersonThen {
                head,
                erased,
                call_at_ms: self.call_at(slot, ask)?,
            });
        }
        Ok((people, self.platform_then(ask)?))
    }

    /// When a group last answered about calls from a number.
    fn call_at(&self, slot: Slot, ask: &Ask) -> Result<Option<i64>, LedgerError> {
        let platform = &self.business(ask.business)?.platform;
        let window = platform
            .place_of(&ask.number)
            .and_then(|place| self.group(slot).window(place));
        Ok(window
            .map(|window| window.call_at_ms)
            .filter(|at_ms| *at_ms > i64::MIN))
    }
}

/// A decision with what is known now, decided again with what was known then.
pub(crate) fn decided_then(
    mut record: DecisionRecord,
    people: Vec<PersonThen>,
    (number, mut untold): PlatformThen,
    decide: DecideFn,
) -> Previewed {
    let at_ms = record.at_ms;
    for (known, then) in record.people.iter_mut().zip(people) {
        known.head = then.head;
        known.reached_at_ms = None;
        if then.erased {
            untold.push(Untold::Erased);
        }
        if known.wrote_at_ms.is_some_and(|wrote_ms| wrote_ms > at_ms) {
            known.wrote_at_ms = None;
            untold.push(Untold::Window);
        }
        if then
            .call_at_ms
            .is_some_and(|answered_ms| answered_ms > at_ms)
        {
            known.call_permission_until_ms = None;
            if record.intent == Intent::Call {
                untold.push(Untold::CallPermission);
            }
        }
        // Sent after that moment: it was not waiting then.
        known.unsettled_until_ms = known
            .unsettled_until_ms
            .filter(|until_ms| until_ms.saturating_sub(UNSETTLED_MS) <= at_ms);
    }
    for known in &mut record.people {
        known.pace = Pace::default();
    }
    record.number_facts = number;
    if bound(record.portfolio.limit, record.rules.portfolio_limit).is_some() {
        untold.push(Untold::Portfolio);
    }
    record.portfolio = PortfolioFacts::default();
    untold.extend([Untold::Unsettled, Untold::Pace, Untold::Settings]);
    untold.sort_unstable();
    untold.dedup();
    record.decision = record.again(decide);
    Previewed {
        record,
        untold,
        ended_ms: None,
    }
}
