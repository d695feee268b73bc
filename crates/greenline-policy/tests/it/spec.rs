//! The slow, obvious twin: what the consent rules say, written as a story told from the first event to the
//! last, one scope at a time. It shares types with the core and no logic.

use greenline_policy::consent::{Event, EventKind, History, Side, Strength};
use greenline_policy::decide::{Facts, Intent, PersonFacts, Rules, TemplateFacts, TemplateStatus};
use greenline_policy::identity::Spelling;
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::scope::{Category, Scope};

/// What a scope comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Nothing, or nothing that covers.
    Nothing,
    /// A no.
    No,
    /// A yes that covers.
    Yes,
}

/// Is `upper` the scope itself or an ancestor of it?
fn above(upper: &Scope, lower: &Scope) -> bool {
    let mut here = Some(lower.clone());
    while let Some(scope) = here {
        if scope == *upper {
            return true;
        }
        here = match scope {
            Scope::All => None,
            Scope::Category(_) => Some(Scope::All),
            Scope::Topic(category, _) => Some(Scope::Category(category)),
        };
    }
    false
}

/// Tells the story of one scope.
pub(crate) fn tell(history: &History, scope: &Scope, spelling: Spelling) -> Told {
    let side = |event: &Event| {
        history
            .sides
            .get(event.side)
            .copied()
            .unwrap_or(Side::FIRST)
    };
    let mut events: Vec<&Event> = history
        .events
        .iter()
        .filter(|event| above(&event.scope, scope))
        .collect();
    // In time; at the same instant whatever closes comes last, so that it wins.
    events.sort_by_key(|event| {
        let closes = event.kind.is_no() || event.kind == EventKind::Expired;
        (event.at_ms, closes, event.version)
    });
    let mut noes: Vec<&Event> = Vec::new();
    let mut yeses: Vec<&Event> = Vec::new();
    for event in events {
        match event.kind {
            EventKind::Refused | EventKind::Withdrawn => noes.push(event),
            EventKind::Expired if is_undo(event) => {}
            EventKind::Expired => yeses.retain(|yes| !above(&event.scope, &yes.scope)),
            EventKind::Granted => {
                let side = side(event);
                let someone_else = side.carried_at_ms.is_some_and(|moved| event.at_ms > moved);
                if event.spelling != spelling
                    || event.strength == Strength::Claimed
                    || someone_else
                    || undone(history, event)
                {
                    continue;
                }
                yeses.push(event);
                if event.strength == Strength::Evidenced {
                    noes.retain(|no| !lifts(history, event, no, spelling));
                }
            }
            _ => {}
        }
    }
    if !noes.is_empty() {
        return Told::No;
    }
    if yeses.iter().any(|yes| confirmed(history, yes, spelling)) {
        Told::Yes
    } else {
        Told::Nothing
    }
}

/// An undone import says so with an expiry of its own kind.
fn is_undo(event: &Event) -> bool {
    event.kind == EventKind::Expired && event.strength == Strength::Imported
}

/// Came by an import that was undone afterwards.
fn undone(history: &History, yes: &Event) -> bool {
    let mut later = history
        .events
        .iter()
        .filter(|event| is_undo(event) && event.version > yes.version);
    let by_file = yes.strength == Strength::Imported || yes.strength == Strength::Claimed;
    by_file
        && later.any(|undo| {
            (&undo.scope, undo.at_ms, undo.side, undo.spelling)
                == (&yes.scope, yes.at_ms, yes.side, yes.spelling)
        })
}

fn lifts(history: &History, yes: &Event, no: &Event, spelling: Spelling) -> bool {
    let side = |index: usize| history.sides.get(index).copied().unwrap_or(Side::FIRST);
    let later = yes.at_ms > no.at_ms;
    let names_it = above(&no.scope, &yes.scope);
    let may_speak = yes.side == no.side
        || (confirmed(history, yes, spelling)
            && yes.at_ms > side(yes.side).linked_at_ms
            && yes.at_ms > side(no.side).linked_at_ms);
    later && names_it && may_speak
}

fn confirmed(history: &History, yes: &Event, spelling: Spelling) -> bool {
    let side = |index: usize| history.sides.get(index).copied().unwrap_or(Side::FIRST);
    let own = side(yes.side);
    if let Some(left) = own.left_at_ms
        && yes.at_ms <= left
    {
        return false;
    }
    let Some(moved) = own.carried_at_ms else {
        return true;
    };
    history.events.iter().any(|event| {
        event.kind == EventKind::Reconfirmed
            && !undone(history, event)
            && event.scope == yes.scope
            && event.at_ms > moved
            && side(event.side).carried_at_ms.is_none()
            && event.spelling == spelling
    })
}

/// May it go? Each sentence of the rules once, in the negative.
pub(crate) fn may_go(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> bool {
    facts
        .people
        .iter()
        .all(|person| person_allows(intent, facts, person, rules, now_ms))
        && number_allows(intent, facts, rules, now_ms)
        && !(intent == Intent::Template && is_shut_in(template_of(facts), rules))
}

/// Asks, and there is no way out but by notifications.
fn is_shut_in(template: &TemplateFacts, rules: &Rules) -> bool {
    let scope = match &template.topic {
        Some(topic) => topic.clone(),
        None => Scope::Category(template.category),
    };
    let mut shut = false;
    for category in Category::ALL {
        let concerned = above(&Scope::Category(category), &scope);
        shut |= concerned && rules.only_notifications.holds(category);
    }
    template.is_ask && shut
}

/// A yes, given or renewed not too many days ago.
fn covers_still(person: &PersonFacts<'_>, scope: &Scope, rules: &Rules, now_ms: i64) -> bool {
    use greenline_policy::consent::Standing;
    let Standing::Covered { at_ms, .. } = person.head.standing(scope) else {
        return false;
    };
    for (category, days) in Category::ALL.into_iter().zip(rules.yes_lasts.days()) {
        let concerned = above(&Scope::Category(category), scope);
        if concerned && days > 0 && now_ms - at_ms >= i64::from(days) * 86_400_000 {
            return false;
        }
    }
    true
}

fn in_window(person: &PersonFacts<'_>, now_ms: i64) -> bool {
    match person.wrote_at_ms {
        None => false,
        Some(wrote) => now_ms - wrote < 86_400_000,
    }
}

fn silent_since_stop(person: &PersonFacts<'_>) -> bool {
    match (person.head.freeform_closed, person.wrote_at_ms) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((_, closed)), Some(wrote)) => wrote <= closed,
    }
}

fn template_of<'a>(facts: &'a Facts<'a>) -> &'a TemplateFacts {
    facts.template.unwrap_or(&TemplateFacts::UNKNOWN)
}

fn is_reply_template(
    template: &TemplateFacts,
    person: &PersonFacts<'_>,
    rules: &Rules,
    now_ms: i64,
) -> bool {
    rules.window_templates_are_replies
        && template.known
        && !template.is_ask
        && template.category != Category::Marketing
        && in_window(person, now_ms)
        && !silent_since_stop(person)
}

/// 1 April 2025: from then on no marketing to the United States (SND-34).
const US_PAUSE_MS: i64 = 1_743_465_600_000;
/// 18 November 2024: WhatsApp's own switch begins (OPT-40).
const NATIVE_SWITCH_MS: i64 = 1_731_888_000_000;

fn is_closed(person: &PersonFacts<'_>, kinds: &[Category]) -> bool {
    kinds.iter().any(|kind| person.place.closed.holds(*kind))
}

fn is_night(person: &PersonFacts<'_>, kinds: &[Category], now_ms: i64) -> bool {
    let mut night = false;
    for (kind, end_ms) in Category::ALL.into_iter().zip(person.place.quiet.ends_ms()) {
        night |= kinds.contains(&kind) && now_ms < end_ms;
    }
    night
}

fn person_allows(
    intent: Intent,
    facts: &Facts<'_>,
    person: &PersonFacts<'_>,
    rules: &Rules,
    now_ms: i64,
) -> bool {
    use greenline_policy::consent::Standing;
    if person
        .unsettled_until_ms
        .is_some_and(|until| until > now_ms)
    {
        return false;
    }
    match intent {
        Intent::FreeForm => in_window(person, now_ms) && !silent_since_stop(person),
        Intent::Confirmation => in_window(person, now_ms),
        Intent::Call => {
            let calls = Scope::Category(Category::Calls);
            covers_still(person, &calls, rules, now_ms)
                && person
                    .call_permission_until_ms
                    .is_some_and(|until| until > now_ms)
                && !is_closed(person, &[Category::Calls])
                && !is_night(person, &[Category::Calls], now_ms)
        }
        Intent::Template => {
            let template = template_of(facts);
            let scope = template
                .topic
                .clone()
                .unwrap_or(Scope::Category(template.category));
            let standing = person.head.standing(&scope);
            let kinds: Vec<Category> = match template.topic.as_ref().and_then(Scope::category) {
                Some(other) => vec![template.category, other],
                None => vec![template.category],
            };
            let is_marketing = template.category == Category::Marketing;
            if is_marketing && person.place.country.as_str() == "US" && now_ms >= US_PAUSE_MS {
                return false;
            }
            if is_closed(person, &kinds) {
                return false;
            }
            if is_reply_template(template, person, rules, now_ms) {
                return !matches!(standing, Standing::Refused { .. });
            }
            let native =
                is_marketing && person.head.native_stop.is_some() && now_ms >= NATIVE_SWITCH_MS;
            covers_still(person, &scope, rules, now_ms)
                && !native
                && !is_night(person, &kinds, now_ms)
        }
    }
}

fn number_allows(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> bool {
    let number = facts.number;
    if number.ban == Ban::Disabled || number.locked || number.status == NumberStatus::Banned {
        return false;
    }
    let template = template_of(facts);
    if intent == Intent::Template && template.status != TemplateStatus::Sendable {
        return false;
    }
    let starts = match intent {
        Intent::FreeForm | Intent::Confirmation => false,
        Intent::Call => true,
        Intent::Template => {
            // One addressee outside the reply case makes it a start; a single reply makes it none.
            !facts
                .people
                .iter()
                .any(|person| is_reply_template(template, person, rules, now_ms))
        }
    };
    let at_limit = matches!(
        number.status,
        NumberStatus::Restricted | NumberStatus::RateLimited
    );
    if starts && intent != Intent::Call && at_limit {
        return false;
    }
    !number.restrictions.iter().any(|restriction| {
        let live = restriction.until_ms.is_none_or(|until| until > now_ms);
        live && match restriction.kind {
            RestrictionKind::BusinessInitiated => intent == Intent::Template,
            RestrictionKind::CustomerInitiated => {
                matches!(intent, Intent::FreeForm | Intent::Confirmation)
            }
            RestrictionKind::Calling => intent == Intent::Call,
            RestrictionKind::Unknown => starts,
            RestrictionKind::UtilityTemplates | RestrictionKind::Other => false,
        }
    })
}
