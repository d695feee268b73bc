//! The conditions by name: whom each is about, how grave it is, and which causes of health amount to it.

use crate::health::Cause;

/// Whom a condition is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum About {
    /// A number, by its phone_number_id.
    Number,
    /// An account, by its id.
    Account,
    /// The business and its portfolio.
    Business,
    /// A template, by account, name and language.
    Template,
    /// A way out.
    Avenue,
}

impl About {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Account => "account",
            Self::Business => "business",
            Self::Template => "template",
            Self::Avenue => "avenue",
        }
    }
}

/// How grave it is; the gravest comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Messages do not go, or nothing comes in.
    Critical,
    /// They go, and something is to be done before they do not.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident { $id:literal, $about:ident, $severity:ident })*) => {
        /// A condition.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every condition, gravest first as far as they can be compared.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its stable name.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Whom it is about.
            #[must_use]
            pub fn about(self) -> About {
                match self { $(Self::$name => About::$about,)* }
            }

            /// How grave it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

kinds! {
    /// The account is disabled or was deleted.
    AccountDisabled { "account.disabled", Account, Critical }
    /// The account is locked.
    AccountLocked { "account.locked", Account, Critical }
    /// Sends were refused as if the account were locked or restricted, and nothing was read since.
    AccountRefused { "account.refused", Account, Critical }
    /// The account will be disabled.
    AccountScheduled { "account.scheduled", Account, Critical }
    /// The account's status or review is bad, and what that stops is not said.
    AccountUnclear { "account.unclear", Account, Warning }
    /// The number is banned.
    NumberBanned { "number.banned", Number, Critical }
    /// The number is not connected.
    NumberOffline { "number.offline", Number, Critical }
    /// `health_status` blocks for a reason that is not known.
    HealthBlocked { "number.blocked", Number, Critical }
    /// The number's status says that it is throttled.
    NumberThrottled { "number.throttled", Number, Warning }
    /// No templates.
    RestrictionStarts { "restriction.starts", Account, Critical }
    /// No answers either.
    RestrictionReplies { "restriction.replies", Account, Critical }
    /// A restriction of a type that is not known.
    RestrictionUnknown { "restriction.unknown", Account, Critical }
    /// Utility templates are restricted or limited.
    RestrictionUtility { "restriction.utility", Account, Warning }
    /// Calls are restricted.
    RestrictionCalls { "restriction.calls", Account, Warning }
    /// Numbers cannot be added.
    RestrictionAdding { "restriction.adding", Account, Warning }
    /// A restriction is about to end.
    RestrictionEnding { "restriction.ending", Account, Info }
    /// A restriction's end has passed, and nothing was read since.
    RestrictionUnread { "restriction.unread", Account, Warning }
    /// A payment problem.
    Payment { "account.payment", Account, Critical }
    /// The platform limits what the number sends, because people blocked or reported too much of it.
    SpamLimit { "number.spam_limit", Number, Critical }
    /// The platform refuses the business's token.
    TokenRefused { "token.refused", Business, Critical }
    /// The token has ended.
    TokenExpired { "token.expired", Business, Critical }
    /// It ends within days.
    TokenExpiresSoon { "token.expires_soon", Business, Critical }
    /// It ends in a while.
    TokenExpiring { "token.expiring", Business, Warning }
    /// Messages go out, and nothing at all comes back.
    WebhooksSilent { "webhooks.silent", Number, Critical }
    /// The app is not subscribed to the account.
    NotSubscribed { "webhooks.not_subscribed", Account, Critical }
    /// Another app has the thread.
    Standby { "webhooks.standby", Number, Warning }
    /// The number could not be read for long.
    ReadsFailing { "reads.failing", Number, Warning }
    /// The rating is low.
    RatingLow { "rating.low", Number, Critical }
    /// The rating is medium.
    RatingMedium { "rating.medium", Number, Warning }
    /// A violation was recorded, and nothing stopped.
    Warned { "account.warned", Account, Warning }
    /// The limit is used up.
    LimitReached { "limit.reached", Business, Critical }
    /// The limit is nearly used up.
    LimitNear { "limit.near", Business, Warning }
    /// The limit was lowered.
    LimitLowered { "limit.lowered", Business, Warning }
    /// The limit was raised.
    LimitRaised { "limit.raised", Business, Info }
    /// A template is disabled.
    TemplateDisabled { "template.disabled", Template, Critical }
    /// A template is paused.
    TemplatePaused { "template.paused", Template, Warning }
    /// A template's category changed or will.
    TemplateCategory { "template.category", Template, Warning }
    /// A way out closed.
    AvenueClosed { "avenue.closed", Avenue, Warning }
    /// A word of the platform of which nothing is known.
    UnknownWord { "word.unknown", Number, Warning }
    /// The same, of an account.
    UnknownAccountWord { "word.unknown_of_account", Account, Warning }
    /// The same, of a portfolio.
    UnknownLimit { "word.unknown_of_limit", Business, Warning }
}

impl Kind {
    /// The condition of that name.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// Whether it is a restriction that may end by itself.
    #[must_use]
    pub fn is_restriction(self) -> bool {
        matches!(
            self,
            Self::RestrictionStarts
                | Self::RestrictionReplies
                | Self::RestrictionUnknown
                | Self::RestrictionUtility
                | Self::RestrictionCalls
                | Self::RestrictionAdding
        )
    }

    /// What a cause of health amounts to; `None` for one that nobody has to look at.
    #[must_use]
    pub fn of(cause: Cause) -> Option<Self> {
        Some(match cause {
            Cause::BanDisabled | Cause::AccountDisabled | Cause::AccountDeleted => {
                Self::AccountDisabled
            }
            Cause::NumberBanned => Self::NumberBanned,
            Cause::NumberDeleted
            | Cause::Migrated
            | Cause::Offboarded
            | Cause::Disconnected
            | Cause::Pending
            | Cause::Unverified => Self::NumberOffline,
            Cause::Locked => Self::AccountLocked,
            Cause::LockSuspected | Cause::PolicyRefused => Self::AccountRefused,
            Cause::HealthBlocked => Self::HealthBlocked,
            Cause::HealthUnclear | Cause::StatusUnclear => Self::UnknownWord,
            Cause::BanUnclear => Self::UnknownAccountWord,
            Cause::BanScheduled | Cause::BanDue => Self::AccountScheduled,
            Cause::StartsRestricted => Self::RestrictionStarts,
            Cause::RepliesRestricted | Cause::RepliesAlone => Self::RestrictionReplies,
            Cause::RestrictionUnknown => Self::RestrictionUnknown,
            Cause::RestrictionEnded => Self::RestrictionUnread,
            Cause::UtilityTemplates
            | Cause::UtilityLimit
            | Cause::UtilityRate
            | Cause::DirectUtility => Self::RestrictionUtility,
            Cause::AllCallsRestricted
            | Cause::CallsRestricted
            | Cause::ReceivingCallsRestricted
            | Cause::CallButtonHidden => Self::RestrictionCalls,
            Cause::AddingRestricted => Self::RestrictionAdding,
            Cause::AccountRestricted | Cause::ReviewRejected => Self::AccountUnclear,
            Cause::PaymentReplies | Cause::Payment => Self::Payment,
            Cause::SpamLimit => Self::SpamLimit,
            Cause::LimitReached | Cause::LimitUsedUp => Self::LimitReached,
            Cause::RateLimited => Self::NumberThrottled,
            Cause::NotSubscribed => Self::NotSubscribed,
            Cause::StoodBy => Self::Standby,
            Cause::Warned => Self::Warned,
            // The rating is told by what was read of it.
            Cause::RatingPoor | Cause::RatingPoorNumber => return None,
            // Worth knowing on the number's page; nobody has to be woken.
            Cause::SpamLimitOver
            | Cause::AccountPending
            | Cause::NumbersFull
            | Cause::RestrictionEnds
            | Cause::Flagged
            | Cause::FlaggedGone
            | Cause::HealthLimited
            | Cause::NameUnapproved => return None,
            Cause::Connected
            | Cause::HealthAvailable
            | Cause::NothingKnown
            | Cause::NumbersFree
            | Cause::CallsUntold
            | Cause::NumbersUntold => return None,
        })
    }
}
