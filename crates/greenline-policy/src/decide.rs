//! The one function every answer comes from: live sends, dry runs, screenings and replays.
//!
//! [`decide`] takes what is to be sent, what is known, the rules and the time. It runs every rule and
//! returns every reason, the one that answers the caller first. It waits for nothing, reads no clock
//! and changes nothing.

use crate::avenue::OnlyNotifications;
use crate::consent::{EventId, Head, Standing, Strength};
use crate::country::{Country, Place};
use crate::lasting::YesLasts;
use crate::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use crate::rule::{Rule, Severity};
use crate::scope::{Categories, Category, Scope};

/// Length of the customer service window (SND-02).
pub const WINDOW_MS: i64 = 24 * 60 * 60 * 1_000;

/// What an app wants to do, once read from the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Text, media, interactive, reaction: anything that is not a template.
    FreeForm,
    /// A template; which one is in [`TemplateFacts`].
    Template,
    /// A call placed by the business.
    Call,
    /// Greenline's own one confirmation of a stop: goes past the thread that the stop closed.
    Confirmation,
}

/// What is known of one addressee. A message to two of them needs both to be allowed.
#[derive(Clone, Copy, Debug)]
pub struct PersonFacts<'a> {
    /// The fold of their consent.
    pub head: &'a Head,
    /// When they last wrote something new to this number, Unix milliseconds.
    pub wrote_at_ms: Option<i64>,
    /// Until when they allow calls from this number; `i64::MAX` when permanent.
    pub call_permission_until_ms: Option<i64>,
    /// Until when the same body may not go again, its outcome being unknown.
    pub unsettled_until_ms: Option<i64>,
    /// What place and hour say; nothing is known of it for what only answers.
    pub place: Place,
}

/// Where a template stands on the platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TemplateStatus {
    /// Nothing stands in the way, or the platform answers for it itself.
    #[default]
    Sendable,
    /// Paused for quality.
    Paused,
    /// Disabled for quality.
    Disabled,
}

/// What is known of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateFacts {
    /// Whether the account's list names it.
    pub known: bool,
    /// The platform's category; marketing when unknown.
    pub category: Category,
    /// The topic it is mapped to in the business's settings.
    pub topic: Option<Scope>,
    /// Where it stands.
    pub status: TemplateStatus,
    /// The business marks it as an ask, or its body puts the question.
    pub is_ask: bool,
}

impl TemplateFacts {
    /// A template that the account's list does not name: judged as marketing.
    pub const UNKNOWN: Self = Self {
        known: false,
        category: Category::Marketing,
        topic: None,
        status: TemplateStatus::Sendable,
        is_ask: false,
    };
}

/// What is known of the number and its account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NumberFacts {
    /// The number's status.
    pub status: NumberStatus,
    /// The account's ban state.
    pub ban: Ban,
    /// The account is locked.
    pub locked: bool,
    /// Restrictions, ended ones included.
    pub restrictions: Vec<Restriction>,
}

/// Everything a decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The addressees, at least one.
    pub people: &'a [PersonFacts<'a>],
    /// The template, for [`Intent::Template`].
    pub template: Option<&'a TemplateFacts>,
    /// The sending number.
    pub number: &'a NumberFacts,
}

/// The business's own choices, and the state of its ways out, that rules look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// Utility and authentication templates in an open window count as replies.
    pub window_templates_are_replies: bool,
    /// What notifications are the only way out of; then no ask goes.
    pub only_notifications: OnlyNotifications,
    /// How long a yes lasts (A17).
    pub yes_lasts: YesLasts,
}

/// What may happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// It may go now.
    Allow,
    /// It may not go.
    Refuse,
}

impl Verdict {
    /// The name used in APIs and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }
}

/// One rule that fired.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reason {
    /// Which rule.
    pub rule: Rule,
    /// The consent event it rests on.
    pub event: Option<EventId>,
    /// When it passes by itself, Unix milliseconds.
    pub until_ms: Option<i64>,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Whether it may go.
    pub verdict: Verdict,
    /// Every rule that fired, the one that answers first.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// The reason that answers the caller.
    #[must_use]
    pub fn first(&self) -> Option<&Reason> {
        self.reasons.first()
    }
}

/// Decides, by the rules that are in force at that moment; [`crate::pack::Pack::at`] names them.
#[must_use]
pub fn decide(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> Decision {
    let mut reasons = Reasons {
        found: Vec::with_capacity(4),
        now_ms,
    };
    let template =
        (intent == Intent::Template).then(|| facts.template.unwrap_or(&TemplateFacts::UNKNOWN));
    let mut starts = matches!(intent, Intent::Template | Intent::Call);
    for person in facts.people {
        let window_open = window_open(person, now_ms);
        match template {
            Some(template)
                if counts_as_reply(template, rules) && window_open && !thread_stopped(person) =>
            {
                starts = false;
                reasons.add(Rule::WindowOpen);
                judge_refusals(template, person, &mut reasons);
                judge_country(template, person, &mut reasons);
            }
            Some(template) => {
                judge_template(template, person, rules, now_ms, &mut reasons);
                judge_country(template, person, &mut reasons);
                judge_hour(concerned(template), person, now_ms, &mut reasons);
            }
            None if intent == Intent::Call => judge_call(person, rules, now_ms, &mut reasons),
            None => judge_free_form(person, intent, window_open, rules, now_ms, &mut reasons),
        }
        if let Some(until_ms) = person
            .unsettled_until_ms
            .filter(|until_ms| *until_ms > now_ms)
        {
            reasons.add_until(Rule::SendUnsettled, Some(until_ms));
        }
    }
    if let Some(template) = template {
        judge_way_out(template, rules, &mut reasons);
        judge_template_status(template, &mut reasons);
    }
    judge_number(facts.number, intent, starts, template, now_ms, &mut reasons);
    reasons.decision()
}

struct Reasons {
    found: Vec<Reason>,
    now_ms: i64,
}

impl Reasons {
    fn add(&mut self, rule: Rule) {
        self.push(Reason {
            rule,
            event: None,
            until_ms: None,
        });
    }

    fn add_event(&mut self, rule: Rule, event: EventId) {
        self.push(Reason {
            rule,
            event: Some(event),
            until_ms: None,
        });
    }

    fn add_until(&mut self, rule: Rule, until_ms: Option<i64>) {
        self.push(Reason {
            rule,
            event: None,
            until_ms,
        });
    }

    /// Whatever fired, if its rule is in force and it is not there yet.
    fn push(&mut self, reason: Reason) {
        if reason.rule.card().is_in_force(self.now_ms) && !self.found.contains(&reason) {
            self.found.push(reason);
        }
    }

    /// Permanent before passing before notes; within each, the catalogue's order.
    fn decision(mut self) -> Decision {
        self.found
            .sort_by_key(|reason| (reason.rule.card().severity, *reason));
        let refuses = self
            .found
            .iter()
            .any(|reason| reason.rule.card().severity != Severity::Note);
        // A free-form message outside the window is answered by the window, which the app can cure:
        // the missing opt-in is listed, not put first.
        if let Some(window_at) = self
            .found
            .iter()
            .position(|reason| reason.rule == Rule::WindowClosed)
            && self
                .found
                .first()
                .is_some_and(|reason| is_absent_consent(reason.rule))
        {
            let window = self.found.remove(window_at);
            self.found.insert(0, window);
        }
        Decision {
            verdict: if refuses {
                Verdict::Refuse
            } else {
                Verdict::Allow
            },
            reasons: self.found,
        }
    }
}

fn is_absent_consent(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::ConsentMissing
            | Rule::ConsentClaimed
            | Rule::ConsentUnconfirmed
            | Rule::ConsentExpired
    )
}

fn window_open(person: &PersonFacts<'_>, now_ms: i64) -> bool {
    person
        .wrote_at_ms
        .is_some_and(|wrote_ms| now_ms < wrote_ms.saturating_add(WINDOW_MS))
}

/// A stop in the thread, or a no on everything, that the person's writing has not come after.
fn thread_stopped(person: &PersonFacts<'_>) -> bool {
    person.head.freeform_closed.is_some_and(|(_, closed_ms)| {
        person
            .wrote_at_ms
            .is_none_or(|wrote_ms| wrote_ms <= closed_ms)
    })
}

fn counts_as_reply(template: &TemplateFacts, rules: &Rules) -> bool {
    rules.window_templates_are_replies
        && template.known
        && template.category != Category::Marketing
        && !template.is_ask
}

fn scope_of(template: &TemplateFacts) -> Scope {
    template
        .topic
        .clone()
        .unwrap_or(Scope::Category(template.category))
}

fn judge_template(
    template: &TemplateFacts,
    person: &PersonFacts<'_>,
    rules: &Rules,
    now_ms: i64,
    reasons: &mut Reasons,
) {
    let scope = scope_of(template);
    let standing = rules
        .yes_lasts
        .aged(person.head.standing(&scope), &scope, now_ms);
    judge_standing(standing, reasons);
    judge_native_stop(template, person, reasons);
    if template.is_ask
        && !matches!(
            standing,
            Standing::Covered { .. } | Standing::Refused { .. }
        )
    {
        reasons.add(Rule::AskFirstContact);
    }
}

/// What a template counts as for the business's own hours and countries: its category, and what its topic lies in.
fn concerned(template: &TemplateFacts) -> Categories {
    let topic = template.topic.as_ref().and_then(Scope::category);
    Categories::of(core::iter::once(template.category).chain(topic))
}

/// Countries that are closed: by the platform, which goes by its own category, and by the business.
fn judge_country(template: &TemplateFacts, person: &PersonFacts<'_>, reasons: &mut Reasons) {
    if template.category == Category::Marketing && person.place.country == Country::US {
        reasons.add(Rule::CountryUsMarketing);
    }
    judge_closed(concerned(template), person, reasons);
}

fn judge_closed(concerned: Categories, person: &PersonFacts<'_>, reasons: &mut Reasons) {
    if person.place.closed.meets(concerned) {
        reasons.add(Rule::CountryClosed);
    }
}

/// Quiet hours; whatever answers the person is never quiet, and is not judged by them.
fn judge_hour(concerned: Categories, person: &PersonFacts<'_>, now_ms: i64, reasons: &mut Reasons) {
    let quiet = person.place.quiet;
    if quiet.holds(concerned, now_ms) {
        reasons.add_until(Rule::QuietHours, quiet.until_ms(concerned));
    }
}

/// An ask may not be the only way out of what it asks about.
fn judge_way_out(template: &TemplateFacts, rules: &Rules, reasons: &mut Reasons) {
    let category = template
        .topic
        .as_ref()
        .map_or(Some(template.category), Scope::category);
    let only = Category::ALL
        .into_iter()
        .filter(|known| category.is_none_or(|category| category == *known))
        .any(|category| rules.only_notifications.holds(category));
    if template.is_ask && only {
        reasons.add(Rule::AskOnlyWayOut);
    }
}

/// A template that counts as a reply needs no opt-in, but a no still closes it.
fn judge_refusals(template: &TemplateFacts, person: &PersonFacts<'_>, reasons: &mut Reasons) {
    if let Standing::Refused { event, .. } = person.head.standing(&scope_of(template)) {
        reasons.add_event(Rule::OptedOut, event);
    }
}

fn judge_standing(standing: Standing, reasons: &mut Reasons) {
    match standing {
        Standing::Unknown => reasons.add(Rule::ConsentMissing),
        Standing::Refused { event, .. } => reasons.add_event(Rule::OptedOut, event),
        Standing::Covered {
            event,
            strength: Strength::Imported,
            ..
        } => reasons.add_event(Rule::CoveredByImport, event),
        Standing::Covered {
            event,
            strength: Strength::Vouched,
            ..
        } => reasons.add_event(Rule::CoveredByVouching, event),
        Standing::Covered { event, .. } => reasons.add_event(Rule::Covered, event),
        Standing::Claimed { event } => reasons.add_event(Rule::ConsentClaimed, event),
        Standing::Unconfirmed { event } => reasons.add_event(Rule::ConsentUnconfirmed, event),
        Standing::Expired { event } => reasons.add_event(Rule::ConsentExpired, event),
    }
}

fn judge_native_stop(template: &TemplateFacts, person: &PersonFacts<'_>, reasons: &mut Reasons) {
    if let (Category::Marketing, Some((event, _))) = (template.category, person.head.native_stop) {
        reasons.add_event(Rule::NativeStop, event);
    }
}

fn judge_free_form(
    person: &PersonFacts<'_>,
    intent: Intent,
    window_open: bool,
    rules: &Rules,
    now_ms: i64,
    reasons: &mut Reasons,
) {
    let closed = intent == Intent::FreeForm && thread_stopped(person);
    if let (true, Some((event, _))) = (closed, person.head.freeform_closed) {
        reasons.add_event(Rule::ThreadStopped, event);
    }
    if window_open {
        reasons.add(Rule::WindowOpen);
        return;
    }
    reasons.add(Rule::WindowClosed);
    if !rules.yes_lasts.covers_anything(person.head, now_ms) {
        reasons.add(Rule::ConsentMissing);
    }
}

fn judge_call(person: &PersonFacts<'_>, rules: &Rules, now_ms: i64, reasons: &mut Reasons) {
    let scope = Scope::Category(Category::Calls);
    let standing = person.head.standing(&scope);
    judge_standing(rules.yes_lasts.aged(standing, &scope, now_ms), reasons);
    if person
        .call_permission_until_ms
        .is_none_or(|until_ms| until_ms <= now_ms)
    {
        reasons.add(Rule::CallPermission);
    }
    let calls = Categories::of([Category::Calls]);
    judge_closed(calls, person, reasons);
    judge_hour(calls, person, now_ms, reasons);
}

fn judge_template_status(template: &TemplateFacts, reasons: &mut Reasons) {
    if !template.known {
        reasons.add(Rule::TemplateUnknown);
    }
    match template.status {
        TemplateStatus::Sendable => {}
        TemplateStatus::Paused => reasons.add(Rule::TemplatePaused),
        TemplateStatus::Disabled => reasons.add(Rule::TemplateDisabled),
    }
}

fn judge_number(
    number: &NumberFacts,
    intent: Intent,
    starts: bool,
    template: Option<&TemplateFacts>,
    now_ms: i64,
    reasons: &mut Reasons,
) {
    if number.ban == Ban::Disabled || number.status == NumberStatus::Banned {
        reasons.add(Rule::NumberBanned);
    }
    if number.locked {
        reasons.add(Rule::AccountLocked);
    }
    if starts
        && matches!(
            number.status,
            NumberStatus::Restricted | NumberStatus::RateLimited
        )
        && intent != Intent::Call
    {
        reasons.add(Rule::LimitReached);
    }
    let live = number.restrictions.iter().filter(|restriction| {
        restriction
            .until_ms
            .is_none_or(|until_ms| until_ms > now_ms)
    });
    for restriction in live {
        let stops = match restriction.kind {
            RestrictionKind::BusinessInitiated => template.is_some(),
            RestrictionKind::CustomerInitiated => {
                matches!(intent, Intent::FreeForm | Intent::Confirmation)
            }
            RestrictionKind::Calling => intent == Intent::Call,
            RestrictionKind::Unknown => starts,
            RestrictionKind::UtilityTemplates | RestrictionKind::Other => false,
        };
        if stops {
            reasons.add_until(Rule::NumberRestricted, restriction.until_ms);
        }
    }
}
