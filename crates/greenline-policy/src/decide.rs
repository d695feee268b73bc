//! The one function every answer comes from: live sends, dry runs, screenings and replays.
//!
//! [`decide`] takes what is to be sent, what is known, the rules and the time. It runs every rule and
//! returns every reason, the one that answers the caller first. It waits for nothing, reads no clock
//! and changes nothing.

use std::borrow::Cow;
use std::sync::Arc;

use crate::avenue::OnlyNotifications;
use crate::consent::{EventId, Head, Standing, Strength};
use crate::country::{Country, Place};
use crate::health::{self, Asked, Cause, What};
use crate::hold::Hold;
use crate::lasting::YesLasts;
use crate::number::{Ban, NumberStatus, Restriction, SPAM_LIMIT_MS};
use crate::own::{Looked, OwnReason, OwnRule};
use crate::pace::Pace;
use crate::quality::{Guarded, QualityGuard, Rated, Score};
use crate::reach::{self, PortfolioFacts};
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
    /// When the newest message reached them that counts towards the portfolio's limit.
    pub reached_at_ms: Option<i64>,
    /// Until when earlier messages make another one wait.
    pub pace: Pace,
}

impl<'a> PersonFacts<'a> {
    /// Someone of whom nothing is known but how their consent stands.
    #[must_use]
    pub fn of(head: &'a Head) -> Self {
        Self {
            head,
            wrote_at_ms: None,
            call_permission_until_ms: None,
            unsettled_until_ms: None,
            place: Place::default(),
            reached_at_ms: None,
            pace: Pace::default(),
        }
    }
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
    /// How people take it, where the platform has said so.
    pub quality: Option<Score>,
    /// The business's own rules that may be about it.
    pub own: Option<Arc<[OwnRule]>>,
}

impl TemplateFacts {
    /// A template that the account's list does not name: judged as marketing.
    pub const UNKNOWN: Self = Self {
        known: false,
        category: Category::Marketing,
        topic: None,
        status: TemplateStatus::Sendable,
        is_ask: false,
        quality: None,
        own: None,
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
    /// Restrictions; those that ended are among them until something read since says that they are over.
    pub restrictions: Vec<Restriction>,
    /// Whether a restriction's end opens only what was read since, and each kind closes what it closes; records of
    /// earlier releases opened by themselves.
    pub watched: bool,
    /// What reads of `health_status` and refusals amount to, as [`health::evidence`] tells.
    pub health: Vec<Cause>,
    /// How people take what it sends, as last read.
    pub rating: Option<Rated>,
    /// When the platform last said that it limits what the number sends (131048), where nothing since says that this is
    /// over.
    pub spam_limited_ms: Option<i64>,
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
    /// The portfolio of the number.
    pub portfolio: PortfolioFacts,
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
    /// How many people the business itself lets its portfolio reach within 24 hours.
    pub portfolio_limit: Option<u32>,
    /// What a message that is only early is kept for, instead of being refused.
    pub hold: Hold,
    /// At which rating of the number marketing stops.
    pub quality_guard: QualityGuard,
}

/// What may happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// It may go now.
    Allow,
    /// It may not go.
    Refuse,
    /// It may not go yet: it is to be kept until [`Decision::held_until_ms`], and decided again then.
    Hold,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Refuse, Self::Hold];

    /// The name used in APIs and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
            Self::Hold => "hold",
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
    /// The business's own rules among them, which [`Rule::BusinessRule`] stands for.
    pub own: Vec<OwnReason>,
}

impl Decision {
    /// What a rule that fired means, in a sentence; the business's own rules in its words.
    #[must_use]
    pub fn text(&self, rule: Rule) -> Cow<'static, str> {
        let text = rule.card().text;
        if rule != Rule::BusinessRule || self.own.is_empty() {
            return Cow::Borrowed(text);
        }
        let own = self.own.iter();
        let own = own.map(|own| format!(" `{}`: {}", own.name, own.text));
        Cow::Owned(own.fold(text.to_owned(), |all, one| all + &one))
    }

    /// The reason that answers the caller.
    #[must_use]
    pub fn first(&self) -> Option<&Reason> {
        self.reasons.first()
    }

    /// When what is held may be decided again: once the last of its blockers has passed. `None` for other verdicts.
    #[must_use]
    pub fn held_until_ms(&self) -> Option<i64> {
        let blockers = self
            .reasons
            .iter()
            .filter(|reason| reason.rule.card().severity != Severity::Note);
        let latest = blockers.filter_map(|reason| reason.until_ms).max();
        latest.filter(|_| self.verdict == Verdict::Hold)
    }
}

/// Decides, by the rules that are in force at that moment; [`crate::pack::Pack::at`] names them.
#[must_use]
pub fn decide(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> Decision {
    let mut reasons = Reasons {
        found: Vec::with_capacity(4),
        own: Vec::new(),
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
                judge_own(template, person, rules, now_ms, &mut reasons);
            }
            Some(template) => {
                judge_template(template, person, rules, now_ms, &mut reasons);
                judge_country(template, person, &mut reasons);
                judge_own(template, person, rules, now_ms, &mut reasons);
                judge_hour(concerned(template), person, now_ms, &mut reasons);
                judge_cap(person, now_ms, &mut reasons);
                judge_platform_bound(template, person, now_ms, &mut reasons);
            }
            None if intent == Intent::Call => judge_call(person, rules, now_ms, &mut reasons),
            None => judge_free_form(person, intent, window_open, rules, now_ms, &mut reasons),
        }
        judge_pair(intent, person, now_ms, &mut reasons);
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
        judge_template_quality(template, &mut reasons);
        judge_rating(template, facts.number, rules, now_ms, &mut reasons);
        judge_reach(facts, rules, now_ms, &mut reasons);
    }
    judge_number(facts.number, intent, starts, template, now_ms, &mut reasons);
    reasons.decision(held_for(template, facts, rules))
}

/// What this message may be held for: a template to one person, and none that puts a question, which is to be asked
/// at the moment that the app chose or not at all.
fn held_for(template: Option<&TemplateFacts>, facts: &Facts<'_>, rules: &Rules) -> Hold {
    match template {
        Some(template) if !template.is_ask && facts.people.len() == 1 => rules.hold,
        _ => Hold::NONE,
    }
}

struct Reasons {
    found: Vec<Reason>,
    own: Vec<OwnReason>,
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
    fn decision(mut self, hold: Hold) -> Decision {
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
        let verdict = match refuses {
            false => Verdict::Allow,
            true if hold.until(&self.found).is_some() => Verdict::Hold,
            true => Verdict::Refuse,
        };
        Decision {
            verdict,
            reasons: self.found,
            own: self.own,
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

pub(crate) fn window_open(person: &PersonFacts<'_>, now_ms: i64) -> bool {
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

/// Whether a message begins something with this person: one that only answers them does not count towards how much
/// they get.
#[must_use]
pub fn begins(
    intent: Intent,
    template: Option<&TemplateFacts>,
    person: &PersonFacts<'_>,
    rules: &Rules,
    now_ms: i64,
) -> bool {
    match intent {
        Intent::FreeForm | Intent::Confirmation => false,
        Intent::Call => true,
        Intent::Template => {
            let template = template.unwrap_or(&TemplateFacts::UNKNOWN);
            let answers = counts_as_reply(template, rules)
                && window_open(person, now_ms)
                && !thread_stopped(person);
            !answers
        }
    }
}

/// Whether a message is marketing as the platform counts it: a template of that category, or one that it does not name.
#[must_use]
pub fn is_marketing(intent: Intent, template: Option<&TemplateFacts>) -> bool {
    let template = template.unwrap_or(&TemplateFacts::UNKNOWN);
    intent == Intent::Template && template.category == Category::Marketing
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

/// What the business itself will not send.
fn judge_own(
    template: &TemplateFacts,
    person: &PersonFacts<'_>,
    rules: &Rules,
    now_ms: i64,
    reasons: &mut Reasons,
) {
    let Some(own) = &template.own else {
        return;
    };
    let scope = scope_of(template);
    let standing = person.head.standing(&scope);
    let looked = Looked {
        scope: &scope,
        category: template.category,
        country: person.place.country,
        standing: rules.yes_lasts.aged(standing, &scope, now_ms),
    };
    for rule in own.iter().filter(|rule| rule.refuses(&looked, now_ms)) {
        reasons.add(Rule::BusinessRule);
        if !reasons.own.iter().any(|known| known.name == rule.name) {
            reasons.own.push(OwnReason {
                name: rule.name.clone(),
                text: rule.text.clone(),
            });
        }
    }
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

/// The business's own caps; whatever answers the person is not counted and not judged by them.
fn judge_cap(person: &PersonFacts<'_>, now_ms: i64, reasons: &mut Reasons) {
    let until_ms = person.pace.capped_until_ms;
    if until_ms.is_some_and(|until_ms| until_ms > now_ms) {
        reasons.add_until(Rule::FrequencyCap, until_ms);
    }
}

/// The platform's bound on marketing to a person, which it goes by in its own category.
fn judge_platform_bound(
    template: &TemplateFacts,
    person: &PersonFacts<'_>,
    now_ms: i64,
    reasons: &mut Reasons,
) {
    let until_ms = person.pace.limited_until_ms;
    if template.category == Category::Marketing
        && until_ms.is_some_and(|until_ms| until_ms > now_ms)
    {
        reasons.add_until(Rule::LimitPerUser, until_ms);
    }
}

/// The platform's limit on how fast one number writes to one person, whatever it writes. A call is no message.
fn judge_pair(intent: Intent, person: &PersonFacts<'_>, now_ms: i64, reasons: &mut Reasons) {
    let until_ms = person.pace.paired_until_ms;
    if intent != Intent::Call && until_ms.is_some_and(|until_ms| until_ms > now_ms) {
        reasons.add_until(Rule::PacePair, until_ms);
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
    judge_cap(person, now_ms, reasons);
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

/// What the platform said of how people take a template: nothing that stops it, which the platform does itself.
fn judge_template_quality(template: &TemplateFacts, reasons: &mut Reasons) {
    let Some(quality) = template.quality else {
        return;
    };
    if quality.is_poor() {
        reasons.add(Rule::TemplateLowQuality);
    }
    // Of utility templates the platform paces some for a week after a pause, which cannot be told from here.
    if quality != Score::Green && template.category == Category::Marketing {
        reasons.add(Rule::TemplatePacing);
    }
}

/// The business's own guard over the number's rating: it stops marketing, and nothing else.
fn judge_rating(
    template: &TemplateFacts,
    number: &NumberFacts,
    rules: &Rules,
    now_ms: i64,
    reasons: &mut Reasons,
) {
    if !concerned(template).holds(Category::Marketing) {
        return;
    }
    match rules.quality_guard.judge(number.rating, now_ms) {
        Guarded::Open => {}
        Guarded::Stopped => reasons.add(Rule::GuardQuality),
        Guarded::Blind => reasons.add(Rule::GuardQualityBlind),
    }
}

/// No more people than the portfolio may reach.
fn judge_reach(facts: &Facts<'_>, rules: &Rules, now_ms: i64, reasons: &mut Reasons) {
    let portfolio = facts.portfolio;
    let wanted = reach::places_wanted(facts.people, now_ms);
    if wanted > 0
        && let Some(bound) = reach::bound(portfolio.limit, rules.portfolio_limit)
        && portfolio.reached.saturating_add(wanted) > bound
    {
        reasons.add_until(Rule::LimitPortfolio, portfolio.frees_at_ms);
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
    let asked = match (intent, template) {
        (Intent::Call, _) => Asked::Call,
        (Intent::Template, Some(template)) if starts => Asked::Start(begun(template)),
        (Intent::Template, _) => Asked::ReplyByTemplate,
        (Intent::FreeForm | Intent::Confirmation, _) => Asked::Reply,
    };
    health::in_the_way(number, now_ms, |holds| {
        // Earlier releases took each of these for less, and their records have to come out as they did.
        let was_less = match holds.cause {
            Cause::UtilityTemplates => true,
            Cause::RepliesRestricted => asked == Asked::ReplyByTemplate,
            _ => false,
        };
        if was_less && !number.watched {
            return;
        }
        let said = asked.of(holds);
        if let Some(rule) = said.and_then(|can| holds.cause.refuses(asked, can)) {
            let is_unread = rule == Rule::NumberUnread;
            reasons.add_until(rule, holds.until_ms.filter(|_| !is_unread));
        }
    });
    if starts && intent != Intent::Call {
        judge_spam_limit(number, now_ms, reasons);
    }
}

/// What a template begins a conversation as.
fn begun(template: &TemplateFacts) -> What {
    match template.category {
        Category::Utility => What::StartUtility,
        Category::Authentication => What::StartAuthentication,
        Category::Marketing | Category::Calls => What::StartMarketing,
    }
}

/// For a day after the platform limited the number nothing is started; then one has to be, since what the platform
/// takes is what says that it is over.
fn judge_spam_limit(number: &NumberFacts, now_ms: i64, reasons: &mut Reasons) {
    let Some(until_ms) = number
        .spam_limited_ms
        .map(|said_ms| said_ms.saturating_add(SPAM_LIMIT_MS))
    else {
        return;
    };
    if now_ms < until_ms {
        reasons.add_until(Rule::LimitSpam, Some(until_ms));
    } else {
        reasons.add(Rule::LimitSpamUnknown);
    }
}
