//! States by script: "this number is in that state, until then".

use serde::{Deserialize, Serialize};

/// Something that a script has happen.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The state.
    pub state: HealthState,
    /// The number. For a state of an account or a portfolio, that of this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The portfolio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<String>,
    /// The template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<u64>,
    /// What `limit` is to be: `TIER_2K`; what violation led to it: `SCAM`; which alert `limit_deferred` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Until when, in Unix milliseconds; as long as the state usually lasts if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// For how many seconds, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<i64>,
    /// When it begins, in Unix milliseconds; at once if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

/// Every state that a script can put something into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    // Numbers (QL-33 to QL-36).
    /// Registered and online.
    Connected,
    /// Added, not yet registered.
    Pending,
    /// Its code was not verified.
    Unverified,
    /// Low quality, watched for seven days; until October 2025 (QL-16).
    Flagged,
    /// Its limit is used up: status RESTRICTED (QL-35).
    LimitReached,
    /// Status RATE_LIMITED.
    RateLimited,
    /// Too much of what it sent was blocked or reported: 131048 (QL-09).
    SpamLimited,
    /// Banned (QL-36).
    Banned,
    /// Not reachable.
    Disconnected,
    /// Lives in another account now.
    Migrated,
    /// Removed.
    Deleted,
    /// Status UNKNOWN.
    Unknown,
    /// Another app has the chats: what people write comes in the field `standby` (ENF-16).
    StoodBy,
    /// 1,000 messages a second; announced.
    ThroughputRaised,
    /// Rated GREEN.
    RatedGreen,
    /// Rated YELLOW.
    RatedYellow,
    /// Rated RED.
    RatedRed,
    /// Without a rating.
    Unrated,

    // Accounts (ENF-00, ENF-20).
    /// All restrictions, the lock and the payment problem are gone; a ban is not.
    Clear,
    /// A warning.
    Warned,
    /// No templates: 1 or 3 days (ENF-07).
    TemplatesRestricted,
    /// No messages at all: 5, 7 or 30 days (ENF-08).
    MessagesRestricted,
    /// No answers: the second half of the above, alone.
    AnswersRestricted,
    /// Nothing may be sent until an appeal (ENF-09).
    Locked,
    /// Will be disabled at the end.
    ScheduledForDisable,
    /// Disabled (ENF-13).
    Disabled,
    /// An appeal succeeded (ENF-04).
    Reinstated,
    /// First step for misuse of the utility category (ENF-20).
    UtilityWarned,
    /// Second step.
    UtilityRateLimited,
    /// The same, with nothing left of it: each utility template gets 131064 (ENF-24).
    UtilityUsedUp,
    /// Third step.
    UtilityRestricted,
    /// Fourth step: every account of the portfolio.
    UtilityRestrictedPortfolio,
    /// No new numbers (ENF-12).
    AddingNumbersRestricted,
    /// No outgoing calls.
    OutgoingCallsRestricted,
    /// No incoming calls.
    IncomingCallsRestricted,
    /// No calls.
    CallsRestricted,
    /// People see no call button.
    CallButtonHidden,
    /// A payment problem: 131042, 141006.
    PaymentProblem,
    /// The number left with the phone app.
    Offboarded,
    /// The phone app was not used for two weeks, and the system took the number out (ENF-28).
    PhoneDisconnected,
    /// It came back.
    Reconnected,
    /// The app is no longer subscribed to the account: nothing is told (ENF-17).
    Unsubscribed,
    /// It is again; what was missed is not told later (WH-07).
    Subscribed,
    /// The account was deleted.
    AccountDeleted,

    // Templates (SND-20 to SND-24).
    /// Paused for low quality: 3 hours, then 6, then disabled.
    TemplatePaused,
    /// Disabled.
    TemplateDisabled,
    /// Approved.
    TemplateApproved,
    /// Rated GREEN.
    TemplateGreen,
    /// Rated YELLOW.
    TemplateYellow,
    /// Rated RED, without a pause.
    TemplateRed,

    // Portfolios.
    /// The limit is this from now on.
    Limit,
    /// The limit was not raised (`account_alerts`).
    LimitDeferred,
    /// The business is verified now (QL-21).
    Verified,
}

impl Script {
    /// A state of a number, or of what it belongs to.
    #[must_use]
    pub fn number(number: &str, state: HealthState) -> Self {
        Self {
            number: Some(number.to_owned()),
            ..Self::of(state)
        }
    }

    /// A state of an account.
    #[must_use]
    pub fn account(account: &str, state: HealthState) -> Self {
        Self {
            account: Some(account.to_owned()),
            ..Self::of(state)
        }
    }

    /// A state of a template.
    #[must_use]
    pub fn template(template: u64, state: HealthState) -> Self {
        Self {
            template: Some(template),
            ..Self::of(state)
        }
    }

    fn of(state: HealthState) -> Self {
        Self {
            state,
            number: None,
            account: None,
            portfolio: None,
            template: None,
            value: None,
            until_ms: None,
            for_s: None,
            at_ms: None,
        }
    }

    /// Until then, in Unix milliseconds.
    #[must_use]
    pub fn until(mut self, until_ms: i64) -> Self {
        self.until_ms = Some(until_ms);
        self
    }

    /// With this value.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.value = Some(value.to_owned());
        self
    }

    /// From then on, in Unix milliseconds.
    #[must_use]
    pub fn at(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }

    pub(crate) fn end_ms(&self, now_ms: i64) -> Option<i64> {
        self.until_ms
            .or_else(|| Some(now_ms.saturating_add(self.for_s?.checked_mul(1_000)?)))
    }
}
