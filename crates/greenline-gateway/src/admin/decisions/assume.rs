//! What if: facts put in the place of what is known, for one answer that is on no record.
//!
//! The facts of a dry run are changed and decided again by the function that decides everything; nothing here
//! knows a rule.

use std::collections::BTreeMap;

use greenline_ledger::types::DecisionRecord;
use greenline_policy::avenue::OnlyNotifications;
use greenline_policy::consent::{Head, Standing, Strength};
use greenline_policy::decide::{NumberFacts, TemplateFacts, TemplateStatus, WINDOW_MS};
use greenline_policy::health::Cause;
use greenline_policy::lasting::YesLasts;
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use greenline_policy::quality::{QualityGuard, Rated, Score};
use greenline_policy::reach::{MessagingLimit, PortfolioFacts};
use greenline_policy::scope::{Category, Scope};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::admin::extract::typed;
use crate::admin::problem::Problem;
use crate::admin::shape::{ASSUMED, time};

/// Scopes and restrictions that may be assumed at once.
const ENTRIES_MAX: usize = 64;

/// How old a rating may be where a guard is assumed that the business does not have.
const GUARD_AGE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Which facts were assumed, by name, with what was assumed of each.
pub(crate) type Assumed = BTreeMap<String, String>;

/// Facts to put in the place of what is known. Whatever is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"consent": {"marketing": "covered"}, "window_open_until": "closed", "number": {"status": "CONNECTED"}}))]
pub(crate) struct Assume {
    /// How scopes stand for every addressee: `covered`, `refused`, `claimed`, `unconfirmed`, `expired` or `unknown`, or
    /// an object with `standing`, `since` (RFC 3339; the moment of the decision if left out) and `strength`
    /// (`evidenced`, `vouched`, `imported`). A scope takes those below it along, unless they are named too.
    #[serde(default)]
    #[schema(value_type = Object)]
    consent: BTreeMap<String, Value>,
    /// Until when the window is open (RFC 3339), or `closed`.
    window_open_until: Option<String>,
    /// WhatsApp's own switch is off: `true`, `false`, or since when (RFC 3339).
    #[schema(value_type = Object)]
    native_stop: Option<Value>,
    /// The person said stop in the thread: `true`, `false`, or when (RFC 3339).
    #[schema(value_type = Object)]
    thread_stop: Option<Value>,
    /// The template, where the message is one.
    template: Option<AssumedTemplate>,
    /// The number and its account.
    number: Option<AssumedNumber>,
    /// Days that a yes lasts, by category; 0 for ever.
    #[serde(default)]
    yes_lasts_days: BTreeMap<String, u16>,
    /// `false`: none of the business's own rules counts.
    business_rules: Option<bool>,
    /// At which rating of the number marketing stops: `low`, `medium` or `off`.
    quality_guard: Option<AssumedGuard>,
    /// `open`: there is a way out that needs no notification; `only_notifications`: there is none.
    ways_out: Option<WaysOut>,
    /// Utility and authentication templates in an open window count as replies.
    window_templates_are_replies: Option<bool>,
    /// The portfolio, its limit and whom it reached.
    portfolio: Option<AssumedPortfolio>,
    /// When the newest message reached the person that counts towards that limit (RFC 3339), or `none`.
    reached_at: Option<String>,
    /// Until when the same message waits for its outcome (RFC 3339), or `none`.
    unsettled_until: Option<String>,
    /// Until when as many have gone to the person as the business's caps on this kind of message allow (RFC 3339), or
    /// `none`.
    capped_until: Option<String>,
    /// Until when the platform keeps marketing back from the person (RFC 3339), or `none`.
    limited_until: Option<String>,
    /// Until when the platform's pace from this number to the person makes a message wait (RFC 3339), or `none`.
    paired_until: Option<String>,
}

/// What to assume of a template.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssumedTemplate {
    /// `marketing`, `utility` or `authentication`.
    category: Option<AssumedCategory>,
    /// `APPROVED`, `PAUSED` or `DISABLED`.
    status: Option<AssumedTemplateStatus>,
    /// The account's list names it. One that it does not name is judged as marketing.
    known: Option<bool>,
    /// It asks whether the person wants messages, or wants to stop them.
    ask: Option<bool>,
    /// How people take it: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    quality: Option<AssumedScore>,
}

/// A rating of the platform.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum AssumedScore {
    Green,
    Yellow,
    Red,
    Unknown,
}

impl AssumedScore {
    fn score(self) -> Score {
        match self {
            Self::Green => Score::Green,
            Self::Yellow => Score::Yellow,
            Self::Red => Score::Red,
            Self::Unknown => Score::Unrated,
        }
    }
}

/// At which rating of the number marketing stops.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssumedGuard {
    Low,
    Medium,
    Off,
}

/// A template's category.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssumedCategory {
    Marketing,
    Utility,
    Authentication,
}

/// Where a template stands.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum AssumedTemplateStatus {
    Approved,
    Paused,
    Disabled,
}

/// What to assume of the portfolio.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssumedPortfolio {
    /// How many people it may reach within 24 hours: a number, `unlimited`, or `unknown`. The business's own limit counts
    /// beside it.
    #[schema(value_type = Option<Object>)]
    limit: Option<Value>,
    /// How many people count as reached.
    reached: Option<u32>,
    /// When there is a place again, should there be none (RFC 3339), or `unknown`.
    frees_at: Option<String>,
}

/// What to assume of the number and its account.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssumedNumber {
    /// `CONNECTED`, `FLAGGED`, `RESTRICTED`, `RATE_LIMITED`, `BANNED`, `PENDING`, `UNVERIFIED`, `DISCONNECTED`, `MIGRATED`,
    /// `DELETED` or `UNKNOWN`.
    status: Option<AssumedNumberStatus>,
    /// `none`, `scheduled` or `disabled`.
    ban: Option<AssumedBan>,
    /// The account is locked.
    locked: Option<bool>,
    /// All restrictions there are: each `business_initiated`, `customer_initiated`, `utility_templates`, `calling` or
    /// `unknown`, or an object with `type` and `until` (RFC 3339); one whose end has passed counts as not read since. An
    /// empty list lifts them.
    #[schema(value_type = Option<Vec<Object>>)]
    restrictions: Option<Vec<Value>>,
    /// What reads of `health_status` and refusals amount to, all of it. An empty list stands for nothing of the kind.
    health: Option<Vec<AssumedHealth>>,
    /// How people take what it sends, as if read at that moment: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    rating: Option<AssumedScore>,
    /// When the platform last said that it limits the number for spam (RFC 3339), with nothing since that says
    /// otherwise, or `none`.
    spam_limited_at: Option<String>,
}

/// A number's status.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AssumedNumberStatus {
    Connected,
    Flagged,
    Restricted,
    RateLimited,
    Banned,
    Pending,
    Unverified,
    Disconnected,
    Migrated,
    Deleted,
    Unknown,
}

/// What reads and refusals amount to.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(crate) enum AssumedHealth {
    /// Refused as by a lock, and not read since.
    #[serde(rename = "refused.131031")]
    LockSuspected,
    /// Refused for policy, and not read since.
    #[serde(rename = "refused.368")]
    PolicyRefused,
    /// Blocked for a reason that is not known.
    #[serde(rename = "health.blocked")]
    HealthBlocked,
    /// Read in a word that is not known.
    #[serde(rename = "health.unclear")]
    HealthUnclear,
    /// A problem with payment.
    #[serde(rename = "payment")]
    Payment,
    /// Read as banned.
    #[serde(rename = "ban.disabled")]
    BanDisabled,
}

impl AssumedHealth {
    fn cause(self) -> Cause {
        match self {
            Self::LockSuspected => Cause::LockSuspected,
            Self::PolicyRefused => Cause::PolicyRefused,
            Self::HealthBlocked => Cause::HealthBlocked,
            Self::HealthUnclear => Cause::HealthUnclear,
            Self::Payment => Cause::Payment,
            Self::BanDisabled => Cause::BanDisabled,
        }
    }
}

/// An account's ban.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssumedBan {
    None,
    Scheduled,
    Disabled,
}

/// Whether a way out is open that needs no notification.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaysOut {
    Open,
    OnlyNotifications,
}

/// A standing with what goes with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullStanding {
    standing: String,
    since: Option<String>,
    strength: Option<String>,
}

/// A restriction with its end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullRestriction {
    r#type: String,
    until: Option<String>,
}

const STANDINGS: [&str; 6] = [
    "covered",
    "refused",
    "claimed",
    "unconfirmed",
    "expired",
    "unknown",
];
const STRENGTHS: [Strength; 3] = [Strength::Evidenced, Strength::Vouched, Strength::Imported];
const RESTRICTIONS: [(&str, RestrictionKind); 5] = [
    ("business_initiated", RestrictionKind::BusinessInitiated),
    ("customer_initiated", RestrictionKind::CustomerInitiated),
    ("utility_templates", RestrictionKind::UtilityTemplates),
    ("calling", RestrictionKind::Calling),
    ("unknown", RestrictionKind::Unknown),
];

impl Assume {
    /// Puts what is assumed into the facts of a dry run, and says what that was. The decision is still the old one.
    pub(crate) fn apply(&self, record: &mut DecisionRecord) -> Result<Assumed, Problem> {
        let mut assumed = Assumed::new();
        let at_ms = record.at_ms;
        let consent = self.consent(at_ms, &mut assumed)?;
        let window = match self.window_open_until.as_deref() {
            None => None,
            Some("closed") => Some(None),
            Some(text) => Some(Some(
                moment("assume.window_open_until", text, "closed")?.saturating_sub(WINDOW_MS),
            )),
        };
        let native_stop = stop("assume.native_stop", self.native_stop.as_ref(), at_ms)?;
        let thread_stop = stop("assume.thread_stop", self.thread_stop.as_ref(), at_ms)?;
        let reached = until("assume.reached_at", self.reached_at.as_deref())?;
        let unsettled = until("assume.unsettled_until", self.unsettled_until.as_deref())?;
        let capped = until("assume.capped_until", self.capped_until.as_deref())?;
        let limited = until("assume.limited_until", self.limited_until.as_deref())?;
        let paired = until("assume.paired_until", self.paired_until.as_deref())?;
        for person in &mut record.people {
            for (scope, standing) in &consent {
                set_standing(&mut person.head, scope, *standing);
            }
            if let Some(stop) = native_stop {
                person.head.native_stop = stop.map(|since_ms| (ASSUMED, since_ms));
            }
            if let Some(stop) = thread_stop {
                person.head.freeform_closed = stop.map(|since_ms| (ASSUMED, since_ms));
            }
            if let Some(wrote_at_ms) = window {
                person.wrote_at_ms = wrote_at_ms;
            }
            if let Some(until_ms) = unsettled {
                person.unsettled_until_ms = until_ms;
            }
            if let Some(at_ms) = reached {
                person.reached_at_ms = at_ms;
            }
            if let Some(until_ms) = capped {
                person.pace.capped_until_ms = until_ms;
            }
            if let Some(until_ms) = limited {
                person.pace.limited_until_ms = until_ms;
            }
            if let Some(until_ms) = paired {
                person.pace.paired_until_ms = until_ms;
            }
        }
        for (name, value) in [
            ("window_open_until", &self.window_open_until),
            ("unsettled_until", &self.unsettled_until),
            ("reached_at", &self.reached_at),
            ("capped_until", &self.capped_until),
            ("limited_until", &self.limited_until),
            ("paired_until", &self.paired_until),
        ] {
            if let Some(value) = value {
                assumed.insert(name.to_owned(), value.clone());
            }
        }
        for (name, stop) in [("native_stop", native_stop), ("thread_stop", thread_stop)] {
            if let Some(stop) = stop {
                let said = stop.map_or_else(
                    || "no".to_owned(),
                    |since_ms| format!("since {}", time(since_ms)),
                );
                assumed.insert(name.to_owned(), said);
            }
        }
        if let Some(template) = &self.template {
            let facts = record.template_facts.as_mut().ok_or_else(|| {
                Problem::invalid("assume.template", "the message is not a template")
            })?;
            template.apply(facts, &mut assumed);
        }
        if let Some(number) = &self.number {
            number.apply(&mut record.number_facts, record.at_ms, &mut assumed)?;
        }
        if let Some(portfolio) = &self.portfolio {
            portfolio.apply(&mut record.portfolio, &mut assumed)?;
        }
        self.rules(record, &mut assumed)?;
        Ok(assumed)
    }

    /// Standings from the broadest scope to the narrowest, so that the narrower one counts.
    fn consent(
        &self,
        at_ms: i64,
        assumed: &mut Assumed,
    ) -> Result<Vec<(Scope, Standing)>, Problem> {
        few("assume.consent", self.consent.len())?;
        let mut standings = Vec::with_capacity(self.consent.len());
        for (name, value) in &self.consent {
            let field = format!("assume.consent.{name}");
            let scope = Scope::parse(name).ok_or_else(|| {
                let kinds = Category::ALL.map(Category::as_str);
                Problem::invalid(
                    field.as_str(),
                    "no such scope; a topic is written `marketing.offers`",
                )
                .allowed(["all"].into_iter().chain(kinds))
            })?;
            let (standing, said) = standing(&field, value, at_ms)?;
            assumed.insert(format!("consent.{name}"), said);
            standings.push((scope, standing));
        }
        standings.sort_by_key(|(scope, _)| match scope {
            Scope::All => 0,
            Scope::Category(_) => 1,
            Scope::Topic(..) => 2,
        });
        Ok(standings)
    }

    fn rules(&self, record: &mut DecisionRecord, assumed: &mut Assumed) -> Result<(), Problem> {
        for (name, days) in &self.yes_lasts_days {
            let field = format!("assume.yes_lasts_days.{name}");
            let category = Category::parse(name).ok_or_else(|| {
                Problem::invalid(field.as_str(), "no such category")
                    .allowed(Category::ALL.map(Category::as_str))
            })?;
            if *days > YesLasts::DAYS_MAX {
                return Err(Problem::invalid(
                    field,
                    format!("at most {} days", YesLasts::DAYS_MAX),
                ));
            }
            record.rules.yes_lasts = record.rules.yes_lasts.with(category, *days);
            assumed.insert(format!("yes_lasts_days.{name}"), days.to_string());
        }
        if let Some(ways_out) = self.ways_out {
            let (only, said) = match ways_out {
                WaysOut::Open => (OnlyNotifications::default(), "open"),
                WaysOut::OnlyNotifications => {
                    (OnlyNotifications::of(Category::ALL), "only_notifications")
                }
            };
            record.rules.only_notifications = only;
            assumed.insert("ways_out".to_owned(), said.to_owned());
        }
        if let Some(count) = self.business_rules {
            if !count && let Some(facts) = &mut record.template_facts {
                facts.own = None;
            }
            assumed.insert("business_rules".to_owned(), yes_no(count));
        }
        if let Some(guard) = self.quality_guard {
            let kept = record.rules.quality_guard.parts();
            let max_age_ms = kept.map_or(GUARD_AGE_MS, |(_, max_age_ms)| max_age_ms);
            let (rule, said) = match guard {
                AssumedGuard::Low => (QualityGuard::at(Score::Red, max_age_ms), "low"),
                AssumedGuard::Medium => (QualityGuard::at(Score::Yellow, max_age_ms), "medium"),
                AssumedGuard::Off => (QualityGuard::OFF, "off"),
            };
            record.rules.quality_guard = rule;
            assumed.insert("quality_guard".to_owned(), said.to_owned());
        }
        if let Some(are_replies) = self.window_templates_are_replies {
            record.rules.window_templates_are_replies = are_replies;
            assumed.insert(
                "window_templates_are_replies".to_owned(),
                yes_no(are_replies),
            );
        }
        Ok(())
    }
}

impl AssumedTemplate {
    fn apply(&self, facts: &mut TemplateFacts, assumed: &mut Assumed) {
        let mut say = |name: &str, value: &str| {
            assumed.insert(format!("template.{name}"), value.to_owned());
        };
        if let Some(known) = self.known {
            facts.known = known;
            if !known {
                facts.category = TemplateFacts::UNKNOWN.category;
                facts.topic = None;
            }
            say("known", &yes_no(known));
        }
        if let Some(category) = self.category {
            let category = match category {
                AssumedCategory::Marketing => Category::Marketing,
                AssumedCategory::Utility => Category::Utility,
                AssumedCategory::Authentication => Category::Authentication,
            };
            facts.category = category;
            // A topic of another category would be judged in its place.
            facts.topic = facts
                .topic
                .take()
                .filter(|topic| topic.category() == Some(category));
            say("category", category.as_str());
        }
        if let Some(status) = self.status {
            let (status, said) = match status {
                AssumedTemplateStatus::Approved => (TemplateStatus::Sendable, "APPROVED"),
                AssumedTemplateStatus::Paused => (TemplateStatus::Paused, "PAUSED"),
                AssumedTemplateStatus::Disabled => (TemplateStatus::Disabled, "DISABLED"),
            };
            facts.status = status;
            say("status", said);
        }
        if let Some(ask) = self.ask {
            facts.is_ask = ask;
            say("ask", &yes_no(ask));
        }
        if let Some(quality) = self.quality {
            facts.quality = Some(quality.score());
            say("quality", quality.score().as_str());
        }
    }
}

impl AssumedPortfolio {
    fn apply(&self, facts: &mut PortfolioFacts, assumed: &mut Assumed) -> Result<(), Problem> {
        if let Some(limit) = &self.limit {
            let people = limit.as_u64().and_then(|people| u32::try_from(people).ok());
            facts.limit = match (people, limit.as_str()) {
                (Some(people), _) => Some(MessagingLimit::People(people)),
                (None, Some("unlimited")) => Some(MessagingLimit::Unlimited),
                (None, Some("unknown")) => None,
                _ => {
                    return Err(Problem::invalid(
                        "assume.portfolio.limit",
                        "a number of people, `unlimited` or `unknown`",
                    ));
                }
            };
            let said = people.map_or_else(
                || limit.as_str().unwrap_or_default().to_owned(),
                |people| people.to_string(),
            );
            assumed.insert("portfolio.limit".to_owned(), said);
        }
        if let Some(reached) = self.reached {
            facts.reached = reached;
            assumed.insert("portfolio.reached".to_owned(), reached.to_string());
        }
        if let Some(frees_at) = self.frees_at.as_deref() {
            facts.frees_at_ms = match frees_at {
                "unknown" => None,
                text => Some(moment("assume.portfolio.frees_at", text, "unknown")?),
            };
            assumed.insert("portfolio.frees_at".to_owned(), frees_at.to_owned());
        }
        Ok(())
    }
}

impl AssumedNumber {
    fn apply(
        &self,
        facts: &mut NumberFacts,
        at_ms: i64,
        assumed: &mut Assumed,
    ) -> Result<(), Problem> {
        if let Some(rating) = self.rating {
            let score = rating.score();
            facts.rating = Some(Rated {
                score,
                read_ms: at_ms,
            });
            assumed.insert("number.rating".to_owned(), score.as_str().to_owned());
        }
        if let Some(status) = self.status {
            facts.status = match status {
                AssumedNumberStatus::Connected => NumberStatus::Connected,
                AssumedNumberStatus::Flagged => NumberStatus::Flagged,
                AssumedNumberStatus::Restricted => NumberStatus::Restricted,
                AssumedNumberStatus::RateLimited => NumberStatus::RateLimited,
                AssumedNumberStatus::Banned => NumberStatus::Banned,
                AssumedNumberStatus::Pending => NumberStatus::Pending,
                AssumedNumberStatus::Unverified => NumberStatus::Unverified,
                AssumedNumberStatus::Disconnected => NumberStatus::Disconnected,
                AssumedNumberStatus::Migrated => NumberStatus::Migrated,
                AssumedNumberStatus::Deleted => NumberStatus::Deleted,
                AssumedNumberStatus::Unknown => NumberStatus::Unknown,
            };
            // Another status says more than the word that was not known.
            facts.health.retain(|cause| *cause != Cause::StatusUnclear);
            assumed.insert("number.status".to_owned(), facts.status.as_str().to_owned());
        }
        if let Some(ban) = self.ban {
            facts.ban = match ban {
                AssumedBan::None => Ban::None,
                AssumedBan::Scheduled => Ban::Scheduled,
                AssumedBan::Disabled => Ban::Disabled,
            };
            assumed.insert("number.ban".to_owned(), facts.ban.as_str().to_owned());
        }
        if let Some(locked) = self.locked {
            facts.locked = locked;
            assumed.insert("number.locked".to_owned(), yes_no(locked));
        }
        if let Some(said_ms) = until(
            "assume.number.spam_limited_at",
            self.spam_limited_at.as_deref(),
        )? {
            facts.spam_limited_ms = said_ms;
            let said = self.spam_limited_at.clone().unwrap_or_default();
            assumed.insert("number.spam_limited_at".to_owned(), said);
        }
        if let Some(health) = &self.health {
            few("assume.number.health", health.len())?;
            facts.health = health.iter().map(|assumed| assumed.cause()).collect();
            let said: Vec<&str> = facts.health.iter().map(|cause| cause.id()).collect();
            let said = match said.as_slice() {
                [] => "none".to_owned(),
                some => some.join(", "),
            };
            assumed.insert("number.health".to_owned(), said);
        }
        if let Some(restrictions) = &self.restrictions {
            few("assume.number.restrictions", restrictions.len())?;
            let read = restrictions.iter().map(restriction);
            let read: Vec<(Restriction, String)> = read.collect::<Result<_, _>>()?;
            let said: Vec<&str> = read.iter().map(|(_, said)| said.as_str()).collect();
            let said = match said.as_slice() {
                [] => "none".to_owned(),
                some => some.join(", "),
            };
            assumed.insert("number.restrictions".to_owned(), said);
            facts.watched = !read.is_empty();
            facts.restrictions = read.into_iter().map(|(read, _)| read).collect();
        }
        Ok(())
    }
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn few(field: &'static str, entries: usize) -> Result<(), Problem> {
    if entries > ENTRIES_MAX {
        return Err(Problem::invalid(
            field,
            format!("at most {ENTRIES_MAX} may be assumed"),
        ));
    }
    Ok(())
}

fn moment(field: &str, text: &str, or: &str) -> Result<i64, Problem> {
    text.parse::<Timestamp>()
        .map(Timestamp::as_millisecond)
        .map_err(|_| {
            Problem::invalid(
                field,
                format!("neither a time after RFC 3339 with its offset nor `{or}`"),
            )
        })
}

/// `None` when nothing is assumed, `Some(None)` when it is assumed not to be.
fn stop(field: &str, value: Option<&Value>, at_ms: i64) -> Result<Option<Option<i64>>, Problem> {
    Ok(match value {
        None | Some(Value::Null) => None,
        Some(Value::Bool(true)) => Some(Some(at_ms)),
        Some(Value::Bool(false)) => Some(None),
        Some(Value::String(text)) => Some(Some(moment(field, text, "true` or `false")?)),
        Some(_) => {
            return Err(Problem::invalid(
                field,
                "neither a time after RFC 3339 with its offset nor `true` or `false`",
            ));
        }
    })
}

/// A moment, or `none`; nothing where nothing is assumed.
fn until(field: &str, text: Option<&str>) -> Result<Option<Option<i64>>, Problem> {
    Ok(match text {
        None => None,
        Some("none") => Some(None),
        Some(text) => Some(Some(moment(field, text, "none")?)),
    })
}

fn standing(field: &str, value: &Value, at_ms: i64) -> Result<(Standing, String), Problem> {
    let full = match value {
        Value::String(word) => FullStanding {
            standing: word.clone(),
            since: None,
            strength: None,
        },
        other => typed::<FullStanding>(other.clone())
            .map_err(|problem| Problem::invalid(field, problem.in_words()).allowed(STANDINGS))?,
    };
    let since_ms = match full.since.as_deref() {
        None => at_ms,
        Some(text) => moment(&format!("{field}.since"), text, "nothing")?,
    };
    let strength = match full.strength.as_deref() {
        None => Strength::Evidenced,
        Some(word) => STRENGTHS
            .into_iter()
            .find(|strength| strength.as_str() == word)
            .ok_or_else(|| {
                Problem::invalid(format!("{field}.strength"), "no such strength")
                    .allowed(STRENGTHS.map(Strength::as_str))
            })?,
    };
    let standing = match full.standing.as_str() {
        "covered" => Standing::Covered {
            event: ASSUMED,
            at_ms: since_ms,
            strength,
        },
        "refused" => Standing::Refused {
            event: ASSUMED,
            at_ms: since_ms,
        },
        "claimed" => Standing::Claimed { event: ASSUMED },
        "unconfirmed" => Standing::Unconfirmed { event: ASSUMED },
        "expired" => Standing::Expired { event: ASSUMED },
        "unknown" => Standing::Unknown,
        _ => return Err(Problem::invalid(field, "no such standing").allowed(STANDINGS)),
    };
    let mut said = full.standing;
    if full.strength.is_some() {
        said.push_str(&format!(", {}", strength.as_str()));
    }
    if full.since.is_some() {
        said.push_str(&format!(", since {}", time(since_ms)));
    }
    Ok((standing, said))
}

/// Sets a scope and everything below it.
fn set_standing(head: &mut Head, scope: &Scope, standing: Standing) {
    let categories = Category::ALL.map(Scope::Category);
    let bases = std::iter::once(Scope::All).chain(categories);
    for (base, of) in bases.zip(&mut head.base) {
        if scope.covers(&base) {
            *of = standing;
        }
    }
    for (topic, of) in &mut head.topics {
        if scope.covers(topic) {
            *of = standing;
        }
    }
    let is_new = |scope: &Scope| head.topics.iter().all(|(topic, _)| topic != scope);
    if matches!(scope, Scope::Topic(..)) && is_new(scope) {
        head.topics.push((scope.clone(), standing));
    }
    // A no to everything closes the thread too, until the person writes again.
    if let (Scope::All, Standing::Refused { event, at_ms }) = (scope, standing) {
        head.freeform_closed = Some((event, at_ms));
    }
}

fn restriction(value: &Value) -> Result<(Restriction, String), Problem> {
    let field = "assume.number.restrictions";
    let allowed = RESTRICTIONS.map(|(word, _)| word);
    let full = match value {
        Value::String(word) => FullRestriction {
            r#type: word.clone(),
            until: None,
        },
        other => typed::<FullRestriction>(other.clone())
            .map_err(|problem| Problem::invalid(field, problem.in_words()).allowed(allowed))?,
    };
    let kind = RESTRICTIONS
        .into_iter()
        .find(|(word, _)| *word == full.r#type)
        .map(|(_, kind)| kind)
        .ok_or_else(|| Problem::invalid(field, "no such restriction").allowed(allowed))?;
    let until_ms = full
        .until
        .as_deref()
        .map(|text| moment(field, text, "nothing"))
        .transpose()?;
    let said = match until_ms {
        None => full.r#type,
        Some(until_ms) => format!("{} until {}", full.r#type, time(until_ms)),
    };
    Ok((Restriction { kind, until_ms }, said))
}
