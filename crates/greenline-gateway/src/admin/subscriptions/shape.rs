//! What the API says of subscriptions, and what it is asked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::shape::time;
use crate::directory::Business;
use crate::events::record::{Attempt, EventType, Health, Record, Wish};
use crate::events::secret::SecretRef;

/// A subscription to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubscriptionWish, example = json!({"business": "acme", "url": "https://crm.acme.example/greenline", "types": ["consent.changed"]}))]
pub(crate) struct SubscriptionBody {
    /// The business; may be left out with a token that reaches only one.
    #[serde(default)]
    pub(super) business: Option<String>,
    /// Where events are posted to: https, on public addresses.
    pub(super) url: String,
    /// `consent.changed`, `avenue.closed`, `avenue.opened`, `alert.opened`, `alert.closed`,
    /// `number.changed`; all when left out.
    #[serde(default)]
    pub(super) types: Vec<String>,
    /// Whether consents that were imported are told too.
    #[serde(default = "yes")]
    pub(super) imports: bool,
    /// What people call it.
    #[serde(default)]
    pub(super) description: String,
}

fn yes() -> bool {
    true
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubscriptionChange, example = json!({"state": "active"}))]
pub(crate) struct ChangeBody {
    /// `active` or `paused`.
    #[serde(default)]
    pub(super) state: Option<String>,
    /// `consent.changed`, `avenue.closed`, `avenue.opened`, `alert.opened`, `alert.closed`,
    /// `number.changed`; an empty list stands for all.
    #[serde(default)]
    pub(super) types: Option<Vec<String>>,
    /// Whether consents that were imported are told too.
    #[serde(default)]
    pub(super) imports: Option<bool>,
    /// What people call it.
    #[serde(default)]
    pub(super) description: Option<String>,
}

/// How long the secret before stays good.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation)]
pub(crate) struct SecretBody {
    /// Hours for which events are signed with both, 24 when left out; 0 when the old one got into wrong hands.
    #[serde(default)]
    pub(super) previous_valid_hours: Option<u32>,
}

/// From when to replay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayWish, example = json!({"from": "2026-11-20T09:30:00Z"}))]
pub(crate) struct ReplayBody {
    /// Events recorded at this time or later, RFC 3339; or what `next_from` of an answer says.
    pub(super) from: String,
}

/// How deliveries went.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriptionHealth)]
pub(crate) struct HealthShape {
    /// Events taken.
    delivered: u64,
    /// Attempts that were not.
    failed: u64,
    /// Events given up after the last attempt.
    given_up: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_taken_at: Option<String>,
    /// Since when nothing was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error_at: Option<String>,
}

impl From<&Health> for HealthShape {
    fn from(health: &Health) -> Self {
        let (at, error) = health
            .last_error
            .as_ref()
            .map(|(at_ms, error)| (time(*at_ms), error.clone()))
            .unzip();
        Self {
            delivered: health.delivered,
            failed: health.failed,
            given_up: health.given_up,
            last_taken_at: health.last_ok_ms.map(time),
            failing_since: health.failing_since_ms.map(time),
            last_error: error,
            last_error_at: at,
        }
    }
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = EventAttempt)]
pub(crate) struct AttemptShape {
    at: String,
    /// The event, as `webhook-id` names it.
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Which attempt it was, from 1.
    attempt: u32,
    taken: bool,
    /// What was answered; absent when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    took_ms: u64,
}

impl From<&Attempt> for AttemptShape {
    fn from(attempt: &Attempt) -> Self {
        Self {
            at: time(attempt.at_ms),
            id: attempt.id.clone(),
            kind: attempt.kind.clone(),
            attempt: attempt.attempt,
            taken: attempt.error.is_none(),
            status: (attempt.status != 0).then_some(attempt.status),
            error: attempt.error.clone(),
            took_ms: attempt.took_ms,
        }
    }
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionShape {
    id: String,
    business: String,
    description: String,
    url: String,
    /// What it is told of.
    types: Vec<String>,
    /// Whether consents that were imported are told too.
    imports: bool,
    /// `api`, or `config` when it stands in the operator's file.
    made: &'static str,
    /// `active`, `paused` or `disabled`.
    state: &'static str,
    /// Why it is paused or disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<String>,
    /// Since when: what happened since can be replayed from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_since: Option<String>,
    created_at: String,
    created_by: String,
    /// Until when the secret before the newest one signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<String>,
    health: HealthShape,
    /// Events that wait for it, also while it gets none; 1,000 stands for that many or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    /// The newest attempts, newest first; up to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptShape>>,
}

/// A subscription with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriptionMade)]
pub(crate) struct MadeShape {
    #[serde(flatten)]
    pub(super) subscription: SubscriptionShape,
    /// Verifies `webhook-signature`; shown only now.
    pub(super) secret: String,
}

/// A business's subscriptions.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscriptions)]
pub(crate) struct ListShape {
    /// All of them: there are 32 at most.
    pub(super) subscriptions: Vec<SubscriptionShape>,
}

/// A test that was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Pinged)]
pub(crate) struct PingedShape {
    /// The event, as `webhook-id` names it.
    pub(super) id: String,
}

/// What was replayed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventsReplayed)]
pub(crate) struct ReplayedShape {
    /// Events that are due again; those that wait anyway are not counted.
    pub(super) events: u64,
    /// What to give as `from` to go on, when there are more than one request replays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_from: Option<String>,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = SecretRotated)]
pub(crate) struct RotatedShape {
    /// Shown only now.
    pub(super) secret: String,
    /// Until when the one before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous_secret_until: Option<String>,
}

/// A subscription; `waiting` where it was looked at, and the attempts where it is shown alone.
pub(super) fn shape(
    (business, id): (&Business, &str),
    record: &Record,
    waiting: Option<u64>,
    whole: bool,
) -> SubscriptionShape {
    let Wish {
        url,
        imports,
        made,
        state,
        secrets,
        ..
    } = &record.wish;
    let (since, why) = record.why.clone().unzip();
    SubscriptionShape {
        id: id.to_owned(),
        business: business.config.id.clone(),
        description: record.description.clone(),
        url: url.clone(),
        types: told(&record.wish),
        imports: *imports,
        made: made.as_str(),
        state: state.as_str(),
        state_reason: why,
        state_since: since.map(time),
        created_at: time(record.made_ms),
        created_by: record.made_by.clone(),
        previous_secret_until: until_ms(secrets).map(time),
        health: (&record.health).into(),
        waiting,
        attempts: whole.then(|| record.recent.iter().rev().map(Into::into).collect()),
    }
}

/// What it is told of.
pub(super) fn told(wish: &Wish) -> Vec<String> {
    match wish.types.as_slice() {
        [] => EventType::OFFERED
            .iter()
            .map(|one| one.as_str().to_owned())
            .collect(),
        some => some.to_vec(),
    }
}

/// Until when a secret before the newest one signs too.
pub(super) fn until_ms(secrets: &[SecretRef]) -> Option<i64> {
    secrets.iter().filter_map(|one| one.until_ms).max()
}
