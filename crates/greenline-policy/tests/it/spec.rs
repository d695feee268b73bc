//! The slow, obvious twin: what the consent rules say, written as a story told from the first event to the
//! last, one scope at a time. It shares types with the core and no logic.

use greenline_policy::consent::{Event, EventKind, History, Side, Strength};
use greenline_policy::decide::{Facts, Intent, PersonFacts, Rules, TemplateFacts, TemplateStatus};
use greenline_policy::health::Cause;
use greenline_policy::identity::Spelling;
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_policy::scope::{Category, Scope};

/// What a scope comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Nothing, or nothing that covers.
    Nothing,
    /// A no.
    No,
    /// A yes that covers, given or renewed at that moment.
    Yes { at_ms: i64 },
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
    // Each with the moment from which its days are counted.
    let mut yeses: Vec<(&Event, i64)> = Vec::new();
    for event in events {
        match event.kind {
            EventKind::Refused | EventKind::Withdrawn => noes.push(event),
            EventKind::Expired => yeses.retain(|(yes, _)| !ran_out(event, yes)),
            EventKind::Reconfirmed => {
                for (yes, at_ms) in &mut yeses {
                    if renews(history, event, yes) {
                        *at_ms = event.at_ms;
                    }
                }
            }
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
                if !forgotten(history, event) {
                    yeses.push((event, event.at_ms));
                }
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
    let covering = yeses
        .iter()
        .filter(|(yes, _)| confirmed(history, yes, spelling));
    covering
        .map(|(_, at_ms)| *at_ms)
        .max()
        .map_or(Told::Nothing, |at_ms| Told::Yes { at_ms })
}

/// Whether a yes that stood until then ended: by somebody's word, or because its own time was over, for everything
/// that it was about or for one thing of it.
fn ran_out(end: &Event, yes: &Event) -> bool {
    match end.strength {
        Strength::Evidenced => true,
        Strength::Imported => false,
        Strength::Claimed => yes.scope == end.scope && yes.spelling == end.spelling,
        Strength::Vouched => {
            yes.scope != end.scope && above(&yes.scope, &end.scope) && yes.spelling == end.spelling
        }
    }
}

/// A renewal of that very yes, by whoever was known to be the same person then; not the mere writing from a new number.
fn renews(history: &History, renewal: &Event, yes: &Event) -> bool {
    let linked = |index: usize| {
        history
            .sides
            .get(index)
            .map_or(i64::MIN, |side| side.linked_at_ms)
    };
    let one_person = renewal.side == yes.side
        || (renewal.at_ms > linked(renewal.side) && renewal.at_ms > linked(yes.side));
    renewal.scope == yes.scope
        && renewal.at_ms > yes.at_ms
        && renewal.spelling == yes.spelling
        && one_person
        && !renewal.in_thread
        && !undone(history, renewal)
}

/// The person was erased since, under this identifier or under the number that it moved to.
fn forgotten(history: &History, yes: &Event) -> bool {
    let side = history.sides.get(yes.side).copied().unwrap_or(Side::FIRST);
    let mut erasures = history
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Erased);
    erasures.any(|erasure| {
        let later = erasure.at_ms >= yes.at_ms;
        let theirs = side.carried_at_ms.is_some()
            || side.left_at_ms.is_some_and(|left| erasure.at_ms <= left);
        later && theirs
    })
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
        && portfolio_allows(intent, facts, rules, now_ms)
        && !(intent == Intent::Template && is_shut_in(template_of(facts), rules))
}

/// Not more different people in a day than the portfolio may reach.
fn portfolio_allows(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> bool {
    use greenline_policy::reach::MessagingLimit;
    if intent != Intent::Template || now_ms < PORTFOLIO_LIMIT_MS {
        return true;
    }
    let mut after = u64::from(facts.portfolio.reached);
    let mut wants = false;
    for person in facts.people {
        let counted = person
            .reached_at_ms
            .is_some_and(|at_ms| now_ms - at_ms < 86_400_000);
        if !in_window(person, now_ms) && !counted {
            after += 1;
            wants = true;
        }
    }
    let metas = match facts.portfolio.limit {
        Some(MessagingLimit::People(people)) => after <= u64::from(people),
        Some(MessagingLimit::Unlimited) | None => true,
    };
    let own = rules
        .portfolio_limit
        .is_none_or(|people| after <= u64::from(people));
    !wants || (metas && own)
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

/// 7 October 2025: from then on a portfolio shares one limit (QL-17).
const PORTFOLIO_LIMIT_MS: i64 = 1_759_795_200_000;
/// 1 April 2025: from then on no marketing to the United States (SND-34).
const US_PAUSE_MS: i64 = 1_743_465_600_000;
/// 18 November 2024: WhatsApp's own switch begins (OPT-40).
const NATIVE_SWITCH_MS: i64 = 1_731_888_000_000;

/// 6 February 2024: from then on the platform bounds marketing to a person (SND-30).
const USER_BOUND_MS: i64 = 1_707_177_600_000;

fn is_capped(person: &PersonFacts<'_>, now_ms: i64) -> bool {
    person.pace.capped_until_ms.is_some_and(|end| now_ms < end)
}

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
    let too_fast = person.pace.paired_until_ms.is_some_and(|end| now_ms < end);
    if too_fast && intent != Intent::Call {
        return false;
    }
    match intent {
        Intent::FreeForm => in_window(person, now_ms) && !silent_since_stop(person),
        Intent::Confirmation => in_window(person, now_ms),
        Intent::Call => {
            let calls = Scope::Category(Category::Calls);
            covers_still(person, &calls, rules, now_ms)
                && !is_capped(person, now_ms)
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
            if is_closed(person, &kinds) || will_not_send(template, person, &scope, rules, now_ms) {
                return false;
            }
            if is_reply_template(template, person, rules, now_ms) {
                return !matches!(standing, Standing::Refused { .. });
            }
            let native =
                is_marketing && person.head.native_stop.is_some() && now_ms >= NATIVE_SWITCH_MS;
            let limited = person.pace.limited_until_ms.is_some_and(|end| now_ms < end);
            let held_back = is_marketing && limited && now_ms >= USER_BOUND_MS;
            covers_still(person, &scope, rules, now_ms)
                && !native
                && !is_capped(person, now_ms)
                && !held_back
                && !is_night(person, &kinds, now_ms)
        }
    }
}

/// The business has a rule of its own that this comes under, with everything that the rule names.
fn will_not_send(
    template: &TemplateFacts,
    person: &PersonFacts<'_>,
    scope: &Scope,
    rules: &Rules,
    now_ms: i64,
) -> bool {
    use greenline_policy::consent::Standing;
    let mut refused = false;
    for rule in template.own.iter().flat_map(|own| own.iter()) {
        let mut comes_under = true;
        if !rule.scopes.is_empty() {
            let about = |wide: &Scope| {
                above(wide, scope) || above(wide, &Scope::Category(template.category))
            };
            comes_under &= rule.scopes.iter().any(about);
        }
        if !rule.countries.is_empty() {
            comes_under &= rule.countries.contains(&person.place.country);
        }
        if rule.weak_consent {
            let attested = matches!(
                person.head.standing(scope),
                Standing::Covered {
                    strength: Strength::Imported | Strength::Vouched,
                    ..
                }
            );
            comes_under &= attested && covers_still(person, scope, rules, now_ms);
        }
        if let Some(from_ms) = rule.from_ms {
            comes_under &= now_ms >= from_ms;
        }
        if let Some(until_ms) = rule.until_ms {
            comes_under &= now_ms < until_ms;
        }
        refused |= comes_under;
    }
    refused
}

/// Marketing, to the platform or to the business, from a number that is known to be rated as badly as the business will
/// not have it, or worse.
fn is_rated_too_low(facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> bool {
    let template = template_of(facts);
    let topic = template.topic.as_ref().and_then(Scope::category);
    let is_marketing = [Some(template.category), topic].contains(&Some(Category::Marketing));
    let Some((stop_at, max_age_ms)) = rules.quality_guard.parts() else {
        return false;
    };
    let Some(rating) = facts.number.rating else {
        return false;
    };
    let too_low = match rating.score {
        Score::Red => true,
        Score::Yellow => stop_at == Score::Yellow,
        Score::Green | Score::Unrated => false,
    };
    is_marketing && too_low && now_ms - rating.read_ms <= max_age_ms
}

fn number_allows(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> bool {
    let number = facts.number;
    let is_gone = matches!(
        number.status,
        NumberStatus::Banned
            | NumberStatus::Pending
            | NumberStatus::Unverified
            | NumberStatus::Disconnected
            | NumberStatus::Migrated
            | NumberStatus::Deleted
    );
    if number.ban == Ban::Disabled || number.locked || is_gone {
        return false;
    }
    let template = template_of(facts);
    if intent == Intent::Template
        && (template.status != TemplateStatus::Sendable || is_rated_too_low(facts, rules, now_ms))
    {
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
    // N7 of the rules on health: nothing is started within 24 hours of the platform's word on spam.
    let is_spam = number
        .spam_limited_ms
        .is_some_and(|said_ms| now_ms - said_ms < 86_400_000);
    if starts && intent != Intent::Call && is_spam {
        return false;
    }
    let is_template = intent == Intent::Template;
    let starts_template = starts && is_template;
    let starts_utility = starts_template && template.category == Category::Utility;
    // What reads and refusals amounted to (N6, N8, N3).
    let closed_by_evidence = number.health.iter().any(|cause| match cause {
        Cause::BanDisabled | Cause::Locked | Cause::LockSuspected => true,
        Cause::HealthBlocked => intent != Intent::Call,
        Cause::HealthUnclear => starts_template,
        // N3: nothing is started while nobody knows what the number's status stops.
        Cause::StatusUnclear => starts,
        Cause::PolicyRefused | Cause::Payment => is_template,
        _ => unreachable!("no evidence"),
    });
    if closed_by_evidence {
        return false;
    }
    let watched = number.watched;
    !number.restrictions.iter().any(|restriction| {
        // What holds an account and is no restriction by the platform's naming (N9, N14).
        match restriction.kind {
            RestrictionKind::UtilityLimit => {
                return starts_utility && restriction.until_ms.is_some_and(|until| until > now_ms);
            }
            RestrictionKind::BanScheduled => {
                let day_has_come = restriction.until_ms.is_none_or(|day| day <= now_ms);
                return starts_template && day_has_come;
            }
            RestrictionKind::BanUnclear
            | RestrictionKind::AccountRestricted
            | RestrictionKind::AccountPending
            | RestrictionKind::ReviewRejected
            | RestrictionKind::ReviewRestricted => return starts_template,
            RestrictionKind::AccountDisabled
            | RestrictionKind::AccountDeleted
            | RestrictionKind::Offboarded => return true,
            _ => {}
        }
        let live = restriction.until_ms.is_none_or(|until| until > now_ms);
        if !live {
            // N1: an end opens nothing by itself.
            return watched
                && match restriction.kind {
                    RestrictionKind::BusinessInitiated => starts_template,
                    RestrictionKind::UtilityTemplates => starts_utility,
                    RestrictionKind::Calling | RestrictionKind::AllCalls => intent == Intent::Call,
                    RestrictionKind::Unknown => starts,
                    _ => false,
                };
        }
        match restriction.kind {
            RestrictionKind::BusinessInitiated => is_template,
            // N4: nothing is started by templates either.
            RestrictionKind::CustomerInitiated if watched => intent != Intent::Call,
            RestrictionKind::CustomerInitiated => !is_template && intent != Intent::Call,
            RestrictionKind::UtilityTemplates => watched && starts_utility,
            RestrictionKind::Calling | RestrictionKind::AllCalls => intent == Intent::Call,
            RestrictionKind::Unknown => starts,
            _ => false,
        }
    })
}
