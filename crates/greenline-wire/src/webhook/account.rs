//! News about accounts, portfolios and numbers.

use std::borrow::Cow;

use crate::json::Json;
use crate::time;

/// The value of `account_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountUpdate<'a> {
    /// `ACCOUNT_RESTRICTION`, `DISABLED_UPDATE`, …
    pub event: Cow<'a, str>,
    /// `restriction_info[]`: every one, each with its own end.
    pub restrictions: Vec<Restriction<'a>>,
    /// `ban_info`
    pub ban: Option<Ban<'a>>,
    /// `violation_info.violation_type`
    pub violation: Option<Cow<'a, str>>,
    /// `disconnection_info`
    pub disconnection: Option<Disconnection<'a>>,
    /// `waba_info.waba_id`
    pub waba_id: Option<Cow<'a, str>>,
    /// `waba_info.owner_business_id`
    pub owner_business_id: Option<Cow<'a, str>>,
    /// `phone_number`, in old payloads (ENF-10).
    pub phone_number: Option<Cow<'a, str>>,
    /// `country`
    pub country: Option<Cow<'a, str>>,
}

/// One restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction<'a> {
    /// `restriction_type`
    pub kind: Cow<'a, str>,
    /// When it ends, in Unix seconds; `None` where it has no end that could be read.
    pub expiration_s: Option<i64>,
    /// `remediation`
    pub remediation: Option<Cow<'a, str>>,
}

/// A ban.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ban<'a> {
    /// `SCHEDULE_FOR_DISABLE`, `DISABLE`, `REINSTATE`.
    pub state: Cow<'a, str>,
    /// The date as written, such as `September 01, 2026`.
    pub date: Option<Cow<'a, str>>,
    /// The start of that day (UTC) in Unix seconds, where it could be read.
    pub date_s: Option<i64>,
}

/// Why a number shared with the phone app went away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnection<'a> {
    /// `PRIMARY_INACTIVITY`, …
    pub reason: Option<Cow<'a, str>>,
    /// `USER` or `SYSTEM`.
    pub initiated_by: Option<Cow<'a, str>>,
}

/// The value of `account_alerts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountAlert<'a> {
    /// `BUSINESS`, `PHONE_NUMBER`, …
    pub entity_type: Option<Cow<'a, str>>,
    /// Its id.
    pub entity_id: Option<Cow<'a, str>>,
    /// `alert_severity`
    pub severity: Option<Cow<'a, str>>,
    /// `alert_status`
    pub status: Option<Cow<'a, str>>,
    /// `alert_type`
    pub kind: Option<Cow<'a, str>>,
    /// `alert_description`
    pub description: Option<Cow<'a, str>>,
}

/// The value of `business_capability_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusinessCapability<'a> {
    /// `max_daily_conversations_per_business`
    pub limit: Option<Limit<'a>>,
    /// `max_daily_conversation_per_phone`, ended February 2026.
    pub limit_per_phone: Option<Limit<'a>>,
    /// `max_phone_numbers_per_business`
    pub numbers_per_business: Option<i64>,
    /// `max_phone_numbers_per_waba`
    pub numbers_per_account: Option<i64>,
}

/// A messaging limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit<'a> {
    /// So many people in 24 hours.
    People(u64),
    /// No limit.
    Unlimited,
    /// `TIER_NOT_SET`
    NotSet,
    /// Another text.
    Other(Cow<'a, str>),
}

/// The value of `phone_number_quality_update`; never a colour (QL-07).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneNumberQuality<'a> {
    /// `display_phone_number`
    pub display_phone_number: Option<Cow<'a, str>>,
    /// `ONBOARDING`, `THROUGHPUT_UPGRADE`; old `FLAGGED`, `UNFLAGGED`, `UPGRADE`, `DOWNGRADE`.
    pub event: Cow<'a, str>,
    /// `old_limit`
    pub old_limit: Option<Limit<'a>>,
    /// `current_limit`
    pub current_limit: Option<Limit<'a>>,
    /// `max_daily_conversations_per_business`
    pub limit_of_business: Option<Limit<'a>>,
}

/// The value of `phone_number_name_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneNumberName<'a> {
    /// `display_phone_number`
    pub display_phone_number: Option<Cow<'a, str>>,
    /// `APPROVED`, `DEFERRED`, `PENDING`, `REJECTED`.
    pub decision: Cow<'a, str>,
    /// `requested_verified_name`
    pub requested_name: Option<Cow<'a, str>>,
    /// `rejection_reason`
    pub rejection_reason: Option<Cow<'a, str>>,
}

/// The value of `security`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security<'a> {
    /// `display_phone_number`
    pub display_phone_number: Option<Cow<'a, str>>,
    /// `PIN_CHANGED`, `PIN_RESET_REQUEST`, `PIN_REQUEST_SUCCESS`.
    pub event: Cow<'a, str>,
    /// Who asked.
    pub requester: Option<Cow<'a, str>>,
}

/// Reads the value of `account_update`.
pub(super) fn account_update<'a>(value: &Json<'_, 'a>) -> AccountUpdate<'a> {
    let info = value.object("waba_info");
    AccountUpdate {
        event: value.text("event").unwrap_or_default(),
        restrictions: value
            .elements("restriction_info")
            .map(|object| restriction(&object))
            .collect(),
        ban: value.object("ban_info").map(|ban| {
            let date = ban.word("waba_ban_date");
            Ban {
                state: ban.text("waba_ban_state").unwrap_or_default(),
                date_s: date.as_deref().and_then(time::seconds),
                date,
            }
        }),
        violation: value
            .object("violation_info")
            .and_then(|info| info.word("violation_type")),
        disconnection: value
            .object("disconnection_info")
            .map(|info| Disconnection {
                reason: info.word("reason"),
                initiated_by: info.word("initiated_by"),
            }),
        waba_id: info.and_then(|info| info.word("waba_id")),
        owner_business_id: info.and_then(|info| info.word("owner_business_id")),
        phone_number: value.word("phone_number"),
        country: value.word("country"),
    }
}

fn restriction<'a>(object: &Json<'_, 'a>) -> Restriction<'a> {
    Restriction {
        kind: object.text("restriction_type").unwrap_or_default(),
        expiration_s: object.seconds("expiration"),
        remediation: object.word("remediation"),
    }
}

/// Reads the value of `account_alerts`.
pub(super) fn account_alert<'a>(value: &Json<'_, 'a>) -> AccountAlert<'a> {
    // Older payloads have no `alert_info` around the alert.
    let inner = value.object("alert_info").unwrap_or(*value);
    let either = |name| inner.word(name).or_else(|| value.word(name));
    AccountAlert {
        entity_type: value.word("entity_type"),
        entity_id: value.word("entity_id"),
        severity: either("alert_severity"),
        status: either("alert_status"),
        kind: either("alert_type"),
        description: either("alert_description"),
    }
}

/// Reads the value of `business_capability_update`.
pub(super) fn capability<'a>(value: &Json<'_, 'a>) -> BusinessCapability<'a> {
    BusinessCapability {
        limit: limit(value, "max_daily_conversations_per_business"),
        limit_per_phone: limit(value, "max_daily_conversation_per_phone"),
        numbers_per_business: value.integer("max_phone_numbers_per_business"),
        numbers_per_account: value.integer("max_phone_numbers_per_waba"),
    }
}

fn limit<'a>(value: &Json<'_, 'a>, name: &str) -> Option<Limit<'a>> {
    value.word(name).map(Limit::of)
}

impl<'a> Limit<'a> {
    /// Reads a limit: a number, `-1`, or a `TIER_*` text.
    #[must_use]
    pub fn of(text: Cow<'a, str>) -> Self {
        let word = text.trim();
        let step = word.strip_prefix("TIER_").unwrap_or(word);
        match step {
            "UNLIMITED" | "-1" => return Self::Unlimited,
            "NOT_SET" => return Self::NotSet,
            _ => {}
        }
        let (number, times) = match step.strip_suffix(['K', 'k']) {
            Some(thousands) => (thousands, 1000),
            None => (step, 1),
        };
        match number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(times))
        {
            Some(people) => Self::People(people),
            None => Self::Other(text),
        }
    }
}

/// Reads the value of `phone_number_quality_update`.
pub(super) fn number_quality<'a>(value: &Json<'_, 'a>) -> PhoneNumberQuality<'a> {
    PhoneNumberQuality {
        display_phone_number: value.word("display_phone_number"),
        event: value.text("event").unwrap_or_default(),
        old_limit: limit(value, "old_limit"),
        current_limit: limit(value, "current_limit"),
        limit_of_business: limit(value, "max_daily_conversations_per_business"),
    }
}

/// Reads the value of `phone_number_name_update`.
pub(super) fn number_name<'a>(value: &Json<'_, 'a>) -> PhoneNumberName<'a> {
    PhoneNumberName {
        display_phone_number: value.word("display_phone_number"),
        decision: value.text("decision").unwrap_or_default(),
        requested_name: value.word("requested_verified_name"),
        rejection_reason: value.word("rejection_reason"),
    }
}

/// Reads the value of `security`.
pub(super) fn security<'a>(value: &Json<'_, 'a>) -> Security<'a> {
    Security {
        display_phone_number: value.word("display_phone_number"),
        event: value.text("event").unwrap_or_default(),
        requester: value.word("requester"),
    }
}
