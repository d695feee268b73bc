//! What the platform says of a number and its account, as far as sending depends on it.

/// The `status` of a number (table in section 4 of the notes on limits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum NumberStatus {
    /// Registered and online.
    Connected,
    /// Old watch state; gone since October 2025. Sends as connected.
    Flagged,
    /// Reached its messaging limit.
    Restricted,
    /// Throttled; not explained by the platform.
    RateLimited,
    /// Banned from sending and receiving.
    Banned,
    /// Any value that the platform itself answers for: pending, offline, migrated, deleted, …
    Other,
    /// Nothing read yet.
    #[default]
    Unknown,
}

impl NumberStatus {
    /// Reads the platform's value; unknown values become [`Self::Other`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "CONNECTED" => Self::Connected,
            "FLAGGED" => Self::Flagged,
            "RESTRICTED" => Self::Restricted,
            "RATE_LIMITED" => Self::RateLimited,
            "BANNED" => Self::Banned,
            "" | "UNKNOWN" => Self::Unknown,
            _ => Self::Other,
        }
    }

    /// The name used in APIs and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "CONNECTED",
            Self::Flagged => "FLAGGED",
            Self::Restricted => "RESTRICTED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Banned => "BANNED",
            Self::Other => "OTHER",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What a restriction stops (ENF-10, ENF-12 and the table of restriction types).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RestrictionKind {
    /// Templates.
    BusinessInitiated,
    /// Replies.
    CustomerInitiated,
    /// Utility templates by direct send or creation; templates on record go as marketing.
    UtilityTemplates,
    /// Calls placed by the business.
    Calling,
    /// Nothing that is sent: adding numbers, incoming calls, rate limits.
    Other,
    /// A type we do not know: closes starts, keeps replies.
    Unknown,
}

impl RestrictionKind {
    /// Reads the platform's `restriction_type`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "RESTRICTED_BIZ_INITIATED_MESSAGING" => Self::BusinessInitiated,
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" => Self::CustomerInitiated,
            "RESTRICTED_UTILITY_TEMPLATES" => Self::UtilityTemplates,
            "RESTRICTED_BUSINESS_INITIATED_CALLING"
            | "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING" => Self::Calling,
            "RESTRICTED_ADD_PHONE_NUMBER_ACTION"
            | "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION"
            | "RESTRICTION_ADD_PHONE_NUMBER_ACTION"
            | "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING"
            | "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES"
            | "RESTRICTED_USER_INITIATED_CALLING"
            | "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// One restriction in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restriction {
    /// What it stops.
    pub kind: RestrictionKind,
    /// Its end, Unix milliseconds; `None` when the platform named none.
    pub until_ms: Option<i64>,
}

/// The ban state of an account (`ban_info`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Ban {
    /// Not banned, or reinstated.
    #[default]
    None,
    /// Will be disabled; still sends.
    Scheduled,
    /// Disabled.
    Disabled,
}

impl Ban {
    /// Reads the platform's `waba_ban_state`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "REINSTATE" => Some(Self::None),
            "SCHEDULE_FOR_DISABLE" => Some(Self::Scheduled),
            "DISABLE" => Some(Self::Disabled),
            _ => None,
        }
    }

    /// The name used in APIs and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Scheduled => "scheduled",
            Self::Disabled => "disabled",
        }
    }
}
