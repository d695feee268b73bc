//! What the platform tells about accounts and numbers. These go to the app's own callback (WH-06).

use serde::Serialize;

use super::webhook::Change;

/// A restriction and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Restriction<'a> {
    /// `RESTRICTED_BIZ_INITIATED_MESSAGING` and its kind.
    #[serde(rename = "restriction_type")]
    pub kind: &'a str,
    /// Unix seconds.
    #[serde(rename = "expiration")]
    pub expires_s: i64,
}

/// `account_update`: `ACCOUNT_RESTRICTION`, for a violation or without one.
#[must_use]
pub fn restricted(violation: Option<&str>, restrictions: &[Restriction<'_>]) -> Change {
    Change::new(
        "account_update",
        &AccountUpdate {
            violation_info: violation.map(|violation_type| ViolationInfo { violation_type }),
            restriction_info: (!restrictions.is_empty()).then_some(restrictions),
            ..AccountUpdate::of("ACCOUNT_RESTRICTION")
        },
    )
}

/// `account_update`: `ACCOUNT_VIOLATION`
#[must_use]
pub fn violation(violation_type: &str) -> Change {
    Change::new(
        "account_update",
        &AccountUpdate {
            violation_info: Some(ViolationInfo { violation_type }),
            ..AccountUpdate::of("ACCOUNT_VIOLATION")
        },
    )
}

/// `account_update`: `DISABLED_UPDATE`, with `SCHEDULE_FOR_DISABLE`, `DISABLE` or `REINSTATE` and a date in words.
#[must_use]
pub fn ban(state: &str, date: &str) -> Change {
    Change::new(
        "account_update",
        &AccountUpdate {
            ban_info: Some(BanInfo {
                waba_ban_state: state,
                waba_ban_date: date,
            }),
            ..AccountUpdate::of("DISABLED_UPDATE")
        },
    )
}

/// `account_update`: an event that says all by its name, such as `ACCOUNT_DELETED`.
#[must_use]
pub fn event(event: &str) -> Change {
    Change::new("account_update", &AccountUpdate::of(event))
}

/// `business_capability_update`; a limit of -1 means none.
#[must_use]
pub fn capability(
    max_daily_conversations_per_business: i64,
    max_phone_numbers_per_business: u32,
    max_phone_numbers_per_waba: u32,
) -> Change {
    Change::new(
        "business_capability_update",
        &Capability {
            max_daily_conversations_per_business,
            max_phone_numbers_per_business,
            max_phone_numbers_per_waba,
        },
    )
}

/// `phone_number_quality_update`: `ONBOARDING`, `THROUGHPUT_UPGRADE`.
#[must_use]
pub fn number_quality(display_phone_number: &str, event: &str, limit: &str) -> Change {
    Change::new(
        "phone_number_quality_update",
        &NumberQuality {
            display_phone_number,
            event,
            current_limit: limit,
            max_daily_conversations_per_business: limit,
        },
    )
}

/// `phone_number_name_update`
#[must_use]
pub fn number_name(
    display_phone_number: &str,
    decision: &str,
    name: &str,
    rejection_reason: Option<&str>,
) -> Change {
    Change::new(
        "phone_number_name_update",
        &NumberName {
            display_phone_number,
            decision,
            requested_verified_name: name,
            rejection_reason,
        },
    )
}

/// `account_review_update`
#[must_use]
pub fn review(decision: &str) -> Change {
    Change::new("account_review_update", &Review { decision })
}

/// `account_alerts`
#[derive(Clone, Copy, Debug)]
pub struct Alert<'a> {
    /// `BUSINESS`, `PHONE_NUMBER` …
    pub entity_type: &'a str,
    /// Its id.
    pub entity_id: &'a str,
    /// `CRITICAL`, `WARNING`, `INFORMATIONAL`
    pub severity: &'a str,
    /// `INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED` and its kind.
    pub kind: &'a str,
    /// In words.
    pub description: &'a str,
}

/// `account_alerts`
#[must_use]
pub fn alert(alert: &Alert<'_>) -> Change {
    Change::new(
        "account_alerts",
        &AlertJson {
            entity_type: alert.entity_type,
            entity_id: alert.entity_id,
            alert_info: AlertInfo {
                alert_severity: alert.severity,
                alert_status: "ACTIVE",
                alert_type: alert.kind,
                alert_description: alert.description,
            },
        },
    )
}

/// `security`: `PIN_CHANGED`, `PIN_RESET_REQUEST`, `PIN_REQUEST_SUCCESS`.
#[must_use]
pub fn security(display_phone_number: &str, event: &str, requester: &str) -> Change {
    Change::new(
        "security",
        &Security {
            display_phone_number,
            event,
            requester,
        },
    )
}

#[derive(Serialize)]
struct AccountUpdate<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation_info: Option<ViolationInfo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restriction_info: Option<&'a [Restriction<'a>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ban_info: Option<BanInfo<'a>>,
}

impl<'a> AccountUpdate<'a> {
    fn of(event: &'a str) -> Self {
        Self {
            event,
            violation_info: None,
            restriction_info: None,
            ban_info: None,
        }
    }
}

#[derive(Serialize)]
struct ViolationInfo<'a> {
    violation_type: &'a str,
}

#[derive(Serialize)]
struct BanInfo<'a> {
    waba_ban_state: &'a str,
    waba_ban_date: &'a str,
}

#[derive(Serialize)]
struct Capability {
    max_daily_conversations_per_business: i64,
    max_phone_numbers_per_business: u32,
    max_phone_numbers_per_waba: u32,
}

#[derive(Serialize)]
struct NumberQuality<'a> {
    display_phone_number: &'a str,
    event: &'a str,
    current_limit: &'a str,
    max_daily_conversations_per_business: &'a str,
}

#[derive(Serialize)]
struct NumberName<'a> {
    display_phone_number: &'a str,
    decision: &'a str,
    requested_verified_name: &'a str,
    rejection_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Review<'a> {
    decision: &'a str,
}

#[derive(Serialize)]
struct AlertJson<'a> {
    entity_type: &'a str,
    entity_id: &'a str,
    alert_info: AlertInfo<'a>,
}

#[derive(Serialize)]
struct AlertInfo<'a> {
    alert_severity: &'a str,
    alert_status: &'a str,
    alert_type: &'a str,
    alert_description: &'a str,
}

#[derive(Serialize)]
struct Security<'a> {
    display_phone_number: &'a str,
    event: &'a str,
    requester: &'a str,
}
