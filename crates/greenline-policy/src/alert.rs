//! What somebody should look at: which conditions stand, by what is known and a date.
//!
//! [`standing`] is one pure function. It looks at the same causes as the capabilities of a number
//! ([`crate::health::holding`]) and at what those do not say: whether messages come back at all, how near a limit is,
//! what became of templates and of the token. It says what stands and nothing else: what was told before, to whom, and
//! how often, is for whoever tells.
//!
//! It invents no thresholds of the platform (QL-06). Where something is measured, the measure is the business's own
//! and stands in [`Bounds`].

mod kind;

pub use kind::{About, Kind, Severity};

use crate::health::{Cause, Holds, State, holding};
use crate::quality::Score;
use crate::reach::MessagingLimit;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// How long something that only happened, and does not last, is told of: a limit that changed, a category that did.
pub const NEWS_MS: i64 = 24 * HOUR_MS;
/// How long a violation that stopped nothing is told of.
pub const WARNED_MS: i64 = 7 * 24 * HOUR_MS;
/// How long after a restriction's end somebody may read the number before that is told (N1).
pub const UNREAD_GRACE_MS: i64 = 30 * MINUTE_MS;
/// Messages that the platform took and never spoke of again, before silence means something.
pub const SILENT_SENDS_MIN: u32 = 3;

/// The business's own measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The share of a limit, in percent, from which it counts as near.
    pub limit_near_percent: u32,
    /// How long before a restriction ends that is told.
    pub restriction_ends_ms: i64,
    /// How long the platform may say nothing of what was sent.
    pub webhooks_silent_ms: i64,
    /// How long a number may go unread.
    pub reads_failing_ms: i64,
    /// How long before the token ends that is told first.
    pub token_expiring_ms: i64,
    /// How long before it ends that is told once more.
    pub token_expires_soon_ms: i64,
}

/// What became of the messages of a number that the platform took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Those that were taken long enough ago and of which nothing was heard, as far as was looked.
    pub unheard: u32,
    /// When the first of them was sent, Unix milliseconds.
    pub first_unheard_ms: Option<i64>,
    /// Whether something was heard of any message that was looked at.
    pub heard: bool,
    /// When anybody last wrote to the number, Unix milliseconds.
    pub last_inbound_ms: Option<i64>,
}

/// A number.
#[derive(Clone, PartialEq, Debug)]
pub struct NumberFacts {
    /// The platform's id of it.
    pub id: Box<str>,
    /// The platform's id of its account.
    pub account: Box<str>,
    /// What is known of its health.
    pub state: State,
    /// Its rating, as last read.
    pub rating: Score,
    /// When it was last read, Unix milliseconds.
    pub read_ms: Option<i64>,
    /// Whether anything here reads it: without the platform's token nothing does.
    pub is_read: bool,
    /// What became of what it sent.
    pub traffic: Traffic,
    /// Whether it counted as unread before.
    pub stood_unread: bool,
    /// Whether it counted as silent before.
    pub stood_silent: bool,
}

/// How a portfolio stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortfolioFacts {
    /// What the platform lets it reach within 24 hours; `None` while nobody knows.
    pub limit: Option<MessagingLimit>,
    /// The lower of that and the business's own limit, if there is any.
    pub bound: Option<u32>,
    /// How many it has.
    pub reached: u64,
    /// The limit before, and when it changed, Unix milliseconds.
    pub before: Option<(MessagingLimit, i64)>,
}

/// A template, as far as somebody should look at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateFacts {
    /// Its account, name and language.
    pub id: Box<str>,
    /// The platform's word for its status.
    pub status: Option<Box<str>>,
    /// When its category last changed, or is said to change, Unix milliseconds.
    pub category_ms: Option<i64>,
}

/// What is known of the business's token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenFacts {
    /// Whether the platform refused it, and took it at no time since.
    pub refused: bool,
    /// When it, or its access to data, ends, Unix milliseconds, whichever is first; `None` for one that does not end and
    /// where that is not known.
    pub ends_ms: Option<i64>,
    /// Whether the platform called it invalid when it was last asked.
    pub invalid: bool,
}

/// Everything that is known of a business.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts<'a> {
    /// The date, Unix milliseconds.
    pub now_ms: i64,
    /// The business's name in the configuration.
    pub business: &'a str,
    /// Since when somebody here looks, Unix milliseconds: what did not come while nobody was there says nothing.
    pub looking_since_ms: i64,
    /// Its numbers.
    pub numbers: Vec<NumberFacts>,
    /// Its portfolio.
    pub portfolio: PortfolioFacts,
    /// Its templates.
    pub templates: Vec<TemplateFacts>,
    /// Its token.
    pub token: TokenFacts,
    /// Words of the platform that were not understood (N3): about what, whose, and when, Unix milliseconds.
    pub unknown_words: Vec<(About, Box<str>, i64)>,
    /// Ways out that were open and are closed.
    pub closed_avenues: Vec<&'static str>,
}

/// Something that stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Alert {
    /// What.
    pub kind: Kind,
    /// Of whom, by the id of [`Kind::about`].
    pub subject: Box<str>,
    /// The cause that it was read from, where it is one of health.
    pub cause: Option<Cause>,
    /// When it ends by itself, Unix milliseconds, where that is known.
    pub until_ms: Option<i64>,
    /// How many of how many, where it is counted.
    pub count: Option<(u64, u64)>,
}

impl Alert {
    fn new(kind: Kind, subject: &str) -> Self {
        Self {
            kind,
            subject: subject.into(),
            cause: None,
            until_ms: None,
            count: None,
        }
    }
}

/// Which conditions stand, each once for whom it is about, in the order of [`Kind`] and of ids.
#[must_use]
pub fn standing(facts: &Facts<'_>, bounds: &Bounds) -> Vec<Alert> {
    let mut found = Vec::new();
    for number in &facts.numbers {
        of_number(facts, bounds, number, &mut found);
    }
    of_portfolio(facts, bounds, &mut found);
    for template in &facts.templates {
        of_template(facts.now_ms, template, &mut found);
    }
    of_token(facts, bounds, &mut found);
    for (about, subject, at_ms) in &facts.unknown_words {
        let kind = match about {
            About::Number => Kind::UnknownWord,
            About::Account => Kind::UnknownAccountWord,
            About::Business | About::Template | About::Avenue => Kind::UnknownLimit,
        };
        if is_news(facts.now_ms, *at_ms) {
            found.push(Alert::new(kind, subject));
        }
    }
    for avenue in &facts.closed_avenues {
        found.push(Alert::new(Kind::AvenueClosed, avenue));
    }
    once(found)
}

fn is_news(now_ms: i64, at_ms: i64) -> bool {
    now_ms < at_ms.saturating_add(NEWS_MS)
}

/// What two numbers of an account say of it is one; the gravest cause tells, and the latest end.
fn once(mut found: Vec<Alert>) -> Vec<Alert> {
    found.sort_by(|a, b| {
        let key = |alert: &Alert| (alert.kind, alert.subject.clone());
        let lasts = |alert: &Alert| (alert.until_ms.is_none(), alert.until_ms);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.cause.cmp(&b.cause))
            .then_with(|| lasts(b).cmp(&lasts(a)))
    });
    found.dedup_by(|later, first| later.kind == first.kind && later.subject == first.subject);
    found
}

fn of_number(facts: &Facts<'_>, bounds: &Bounds, number: &NumberFacts, found: &mut Vec<Alert>) {
    match number.rating {
        Score::Red => found.push(Alert::new(Kind::RatingLow, &number.id)),
        Score::Yellow => found.push(Alert::new(Kind::RatingMedium, &number.id)),
        Score::Green | Score::Unrated => {}
    }
    for holds in holding(&number.state, facts.now_ms) {
        of_cause(facts, bounds, number, &holds, found);
    }
    if is_unread(facts, bounds, number) {
        found.push(Alert::new(Kind::ReadsFailing, &number.id));
    }
    if is_silent(facts, bounds, number) {
        found.push(Alert::new(Kind::WebhooksSilent, &number.id));
    }
}

fn of_cause(
    facts: &Facts<'_>,
    bounds: &Bounds,
    number: &NumberFacts,
    holds: &Holds,
    found: &mut Vec<Alert>,
) {
    let now_ms = facts.now_ms;
    let Some(kind) = Kind::of(holds.cause) else {
        return;
    };
    let seen_ms = holds.seen.map(|seen| seen.at_ms);
    match kind {
        Kind::Warned if seen_ms.is_some_and(|at_ms| now_ms >= at_ms.saturating_add(WARNED_MS)) => {
            return;
        }
        Kind::RestrictionUnread if !is_long_over(holds, now_ms) => return,
        _ => {}
    }
    let subject = match kind.about() {
        About::Account => &*number.account,
        About::Business => facts.business,
        About::Number | About::Template | About::Avenue => &*number.id,
    };
    found.push(Alert {
        cause: Some(holds.cause),
        until_ms: holds.until_ms,
        ..Alert::new(kind, subject)
    });
    let ends_soon = holds
        .until_ms
        .filter(|until_ms| until_ms.saturating_sub(now_ms) <= bounds.restriction_ends_ms);
    if kind.is_restriction() && ends_soon.is_some() {
        found.push(Alert {
            cause: Some(holds.cause),
            until_ms: ends_soon,
            ..Alert::new(Kind::RestrictionEnding, &number.account)
        });
    }
}

/// Whether nobody read the number for a while after a restriction's end.
fn is_long_over(holds: &Holds, now_ms: i64) -> bool {
    use crate::health::Provided;
    let Some(Provided::AvailableAfter(end_ms)) = holds.provided else {
        return true;
    };
    now_ms >= end_ms.saturating_add(UNREAD_GRACE_MS)
}

/// Whether somebody was here long enough for something that did not come to mean something.
fn is_watched(facts: &Facts<'_>, stood: bool, for_ms: i64) -> bool {
    stood || facts.now_ms.saturating_sub(facts.looking_since_ms) >= for_ms
}

fn is_unread(facts: &Facts<'_>, bounds: &Bounds, number: &NumberFacts) -> bool {
    let for_ms = bounds.reads_failing_ms;
    let is_old = number
        .read_ms
        .is_none_or(|read_ms| facts.now_ms.saturating_sub(read_ms) >= for_ms);
    number.is_read && is_old && is_watched(facts, number.stood_unread, for_ms)
}

fn is_silent(facts: &Facts<'_>, bounds: &Bounds, number: &NumberFacts) -> bool {
    let traffic = &number.traffic;
    let Some(first_ms) = traffic.first_unheard_ms else {
        return false;
    };
    let wrote_since = traffic
        .last_inbound_ms
        .is_some_and(|wrote_ms| wrote_ms >= first_ms);
    traffic.unheard >= SILENT_SENDS_MIN
        && !traffic.heard
        && !wrote_since
        && is_watched(facts, number.stood_silent, bounds.webhooks_silent_ms)
}

fn of_portfolio(facts: &Facts<'_>, bounds: &Bounds, found: &mut Vec<Alert>) {
    let portfolio = &facts.portfolio;
    if let Some(limit) = portfolio.bound {
        let (reached, limit) = (portfolio.reached, u64::from(limit));
        let near = limit.saturating_mul(u64::from(bounds.limit_near_percent));
        let is_near = reached.saturating_mul(100) >= near && reached < limit;
        let is_reached = found.iter().any(|alert| alert.kind == Kind::LimitReached);
        if is_near && !is_reached {
            found.push(Alert {
                count: Some((reached, limit)),
                ..Alert::new(Kind::LimitNear, facts.business)
            });
        }
    }
    let (Some(limit), Some((before, at_ms))) = (portfolio.limit, portfolio.before) else {
        return;
    };
    if is_news(facts.now_ms, at_ms) && size(limit) != size(before) {
        let kind = if size(limit) > size(before) {
            Kind::LimitRaised
        } else {
            Kind::LimitLowered
        };
        found.push(Alert {
            count: Some((size(before), size(limit))),
            ..Alert::new(kind, facts.business)
        });
    }
}

/// How many people; the most there is where there is no limit.
fn size(limit: MessagingLimit) -> u64 {
    match limit {
        MessagingLimit::People(people) => u64::from(people),
        MessagingLimit::Unlimited => u64::MAX,
    }
}

/// A token near its end stays so until another one is used, so what was told first is over only then.
fn of_token(facts: &Facts<'_>, bounds: &Bounds, found: &mut Vec<Alert>) {
    let token = &facts.token;
    if token.refused || token.invalid {
        found.push(Alert::new(Kind::TokenRefused, facts.business));
    }
    let Some(ends_ms) = token.ends_ms else {
        return;
    };
    let left_ms = ends_ms.saturating_sub(facts.now_ms);
    let steps = [
        (Kind::TokenExpired, 0),
        (Kind::TokenExpiresSoon, bounds.token_expires_soon_ms),
        (Kind::TokenExpiring, bounds.token_expiring_ms),
    ];
    for (kind, _) in steps.into_iter().filter(|(_, at_ms)| left_ms <= *at_ms) {
        found.push(Alert {
            until_ms: Some(ends_ms),
            ..Alert::new(kind, facts.business)
        });
    }
}

fn of_template(now_ms: i64, template: &TemplateFacts, found: &mut Vec<Alert>) {
    match template.status.as_deref() {
        Some("PAUSED") => found.push(Alert::new(Kind::TemplatePaused, &template.id)),
        Some("DISABLED") => found.push(Alert::new(Kind::TemplateDisabled, &template.id)),
        _ => {}
    }
    if template
        .category_ms
        .is_some_and(|at_ms| is_news(now_ms, at_ms))
    {
        found.push(Alert::new(Kind::TemplateCategory, &template.id));
    }
}
