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
    /// Added, not yet registered or approved.
    Pending,
    /// Its code was never confirmed.
    Unverified,
    /// Not reachable by the platform's servers, mostly because it was deregistered.
    Disconnected,
    /// It lives in another account now.
    Migrated,
    /// Removed.
    Deleted,
    /// Any value of which nothing is known, or that the platform itself answers for.
    Other,
    /// Nothing read yet.
    #[default]
    Unknown,
}

impl NumberStatus {
    /// Every status.
    pub const ALL: [Self; 12] = [
        Self::Connected,
        Self::Flagged,
        Self::Restricted,
        Self::RateLimited,
        Self::Banned,
        Self::Pending,
        Self::Unverified,
        Self::Disconnected,
        Self::Migrated,
        Self::Deleted,
        Self::Other,
        Self::Unknown,
    ];

    /// Reads the platform's value; unknown values become [`Self::Other`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "CONNECTED" => Self::Connected,
            "FLAGGED" => Self::Flagged,
            "RESTRICTED" => Self::Restricted,
            "RATE_LIMITED" => Self::RateLimited,
            "BANNED" => Self::Banned,
            "PENDING" => Self::Pending,
            "UNVERIFIED" => Self::Unverified,
            "DISCONNECTED" => Self::Disconnected,
            "MIGRATED" => Self::Migrated,
            "DELETED" => Self::Deleted,
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
            Self::Pending => "PENDING",
            Self::Unverified => "UNVERIFIED",
            Self::Disconnected => "DISCONNECTED",
            Self::Migrated => "MIGRATED",
            Self::Deleted => "DELETED",
            Self::Other => "OTHER",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// How long a number starts nothing after the platform said that it limits what the number sends, because people
/// blocked or reported too much of it (131048; N7 of the rules on health).
pub const SPAM_LIMIT_MS: i64 = 24 * 60 * 60 * 1_000;

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
    /// Calls placed by people.
    ReceivingCalls,
    /// Calls either way.
    AllCalls,
    /// The button that people call with is hidden.
    CallButton,
    /// Adding numbers.
    AddingNumbers,
    /// Utility templates are limited within 24 hours.
    UtilityRate,
    /// Utility templates by direct send.
    DirectUtility,
    /// Utility templates, for the 24 hours after one was refused with 131064.
    UtilityLimit,
    /// Nothing yet: the account is scheduled for disabling, and its end is the first moment of that day.
    BanScheduled,
    /// A ban state of which nothing is known.
    BanUnclear,
    /// The account's status is DISABLED.
    AccountDisabled,
    /// The account's status is RESTRICTED.
    AccountRestricted,
    /// The account's status is PENDING.
    AccountPending,
    /// The account was deleted.
    AccountDeleted,
    /// The account's review ended badly.
    ReviewRejected,
    /// The account's review says RESTRICTED.
    ReviewRestricted,
    /// The phone app was disconnected from the account's number.
    Offboarded,
    /// Nothing that is sent, as earlier releases wrote several types down.
    Other,
    /// A type we do not know: closes starts, keeps replies.
    Unknown,
}

impl RestrictionKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::BusinessInitiated,
        Self::CustomerInitiated,
        Self::UtilityTemplates,
        Self::Calling,
        Self::ReceivingCalls,
        Self::AllCalls,
        Self::CallButton,
        Self::AddingNumbers,
        Self::UtilityRate,
        Self::DirectUtility,
        Self::UtilityLimit,
        Self::BanScheduled,
        Self::BanUnclear,
        Self::AccountDisabled,
        Self::AccountRestricted,
        Self::AccountPending,
        Self::AccountDeleted,
        Self::ReviewRejected,
        Self::ReviewRestricted,
        Self::Offboarded,
        Self::Other,
        Self::Unknown,
    ];

    /// Reads the platform's `restriction_type`, or the word that Greenline itself keeps something by which is no
    /// restriction of the platform's naming and holds an account all the same ([`Self::own_word`]).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "RESTRICTED_BIZ_INITIATED_MESSAGING" => Self::BusinessInitiated,
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" => Self::CustomerInitiated,
            "RESTRICTED_UTILITY_TEMPLATES" => Self::UtilityTemplates,
            "RESTRICTED_BUSINESS_INITIATED_CALLING" => Self::Calling,
            "RESTRICTED_USER_INITIATED_CALLING" => Self::ReceivingCalls,
            "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING" => Self::AllCalls,
            "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN" => Self::CallButton,
            "RESTRICTED_ADD_PHONE_NUMBER_ACTION"
            | "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION"
            | "RESTRICTION_ADD_PHONE_NUMBER_ACTION" => Self::AddingNumbers,
            "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING" => Self::UtilityRate,
            "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES" => Self::DirectUtility,
            own => {
                // One number's words say the same of it as the account's say of all its numbers.
                let own = own.split_once(OF_NUMBER).map_or(own, |(word, _)| word);
                let mut known = Self::OWN.into_iter();
                known
                    .find(|(_, word)| *word == own)
                    .map_or(Self::Unknown, |(kind, _)| kind)
            }
        }
    }

    /// What is kept by a word of Greenline's own. The platform's words are all upper case.
    const OWN: [(Self, &str); 10] = [
        (Self::UtilityLimit, "error.131064"),
        (Self::BanScheduled, "ban.scheduled"),
        (Self::BanUnclear, "ban.unclear"),
        (Self::AccountDisabled, "account.disabled"),
        (Self::AccountRestricted, "account.restricted"),
        (Self::AccountPending, "account.pending"),
        (Self::AccountDeleted, "account.deleted"),
        (Self::ReviewRejected, "review.rejected"),
        (Self::ReviewRestricted, "review.restricted"),
        (Self::Offboarded, "offboarded"),
    ];

    /// The word that Greenline keeps it by, where the platform has none.
    #[must_use]
    pub fn own_word(self) -> Option<&'static str> {
        let mut own = Self::OWN.into_iter();
        own.find(|(kind, _)| *kind == self).map(|(_, word)| word)
    }

    /// The word that Greenline keeps it by where the news named one number of the account, and says nothing of the others.
    #[must_use]
    pub fn own_word_of(self, number: &str) -> Option<String> {
        Some(format!("{}{OF_NUMBER}{number}", self.own_word()?))
    }

    /// The one number that a word is about; `None` where it is about all of its account.
    #[must_use]
    pub fn number_of(word: &str) -> Option<&str> {
        let (own, number) = word.split_once(OF_NUMBER)?;
        let is_own = Self::OWN.iter().any(|(_, word)| *word == own);
        is_own.then_some(number)
    }
}

/// Stands between a word of Greenline's own and the one number that it is about.
const OF_NUMBER: char = ':';

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
