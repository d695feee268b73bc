//! Everything that can stand in a number's way, or be taken for it, and what each says of every capability.
//!
//! Gravest first: of two that say the same, the first answers. A row has a letter for each of [`What::ALL`]: `y`, `n`,
//! `u` for unknown, and a dot where the cause says nothing. What a row rests on stands in the guide's
//! `capabilities.toml`; a test there holds that each letter has its sources, and that whatever is of low confidence is
//! `u` (N3).

use super::{Can, What};

/// What sort of thing a cause is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// The platform stops something.
    Block,
    /// It has said that it will, or that it might.
    Warning,
    /// Silence that is no enforcement.
    LookAlike,
    /// Worth knowing; it stops nothing.
    Note,
    /// Nothing is in the way, or nothing is known.
    Fine,
}

impl Kind {
    /// The name used in APIs and data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Warning => "warning",
            Self::LookAlike => "look_alike",
            Self::Note => "note",
            Self::Fine => "fine",
        }
    }
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident { $id:literal, $kind:ident, $row:literal })*) => {
        /// Something that holds of a number at a date.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// Every cause, gravest first.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its stable name.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What sort of thing it is.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            fn row(self) -> &'static [u8; 8] {
                match self { $(Self::$name => $row,)* }
            }
        }
    };
}

// In a row: start.marketing, start.utility, start.authentication, reply, receive, call, receive_call, add_number.
causes! {
    /// The account is disabled: `ban_info` or error 141014 says so.
    BanDisabled { "ban.disabled", Block, b"nnnnnnnn" }
    /// The account's status is DISABLED.
    AccountDisabled { "account.disabled", Block, b"nnnnnnnn" }
    /// The account was deleted.
    AccountDeleted { "account.deleted", Block, b"nnnnnnnn" }
    /// The number is banned.
    NumberBanned { "status.banned", Block, b"nnnnnnn." }
    /// The number was removed.
    NumberDeleted { "status.deleted", Block, b"nnnnnnn." }
    /// The number lives in another account.
    Migrated { "status.migrated", LookAlike, b"nnnnnnn." }
    /// The number that is shared with the phone app was disconnected.
    Offboarded { "offboarded", LookAlike, b"nnnnnnn." }
    /// The platform's servers do not reach the number.
    Disconnected { "status.disconnected", LookAlike, b"nnnnnnn." }
    /// The number is not registered or approved yet.
    Pending { "status.pending", Block, b"nnnnnnn." }
    /// The number's code was never confirmed.
    Unverified { "status.unverified", Block, b"nnnnnnn." }
    /// The account is locked (141008).
    Locked { "locked", Block, b"nnnnunun" }
    /// Error 131031 was seen and nothing was read since (N6).
    LockSuspected { "refused.131031", Block, b"nnnnun.." }
    /// `health_status` blocks for a reason that is not known (N8).
    HealthBlocked { "health.blocked", Block, b"nnnnu..." }
    /// `health_status` in a word of which nothing is known.
    HealthUnclear { "health.unclear", Block, b"uuuu...." }
    /// A ban state of which nothing is known (N14).
    BanUnclear { "ban.unknown", Block, b"uuuuu..u" }
    /// The day of a scheduled disable has come (N14).
    BanDue { "ban.due", Block, b"uuuuu..u" }
    /// No answers, beside no templates: the longer restriction.
    RepliesRestricted { "restriction.replies", Block, b"...ny..." }
    /// No templates: the shorter restriction.
    StartsRestricted { "restriction.starts", Block, b"nnnyy..u" }
    /// A restriction of a type that is not known (N3).
    RestrictionUnknown { "restriction.unknown", Block, b"nnnyyuuu" }
    /// No answers, and nothing said of templates (N4).
    RepliesAlone { "restriction.replies_alone", Block, b"uuuny..." }
    /// Error 368 was seen and nothing was read since (N6).
    PolicyRefused { "refused.368", Block, b"nnnuy..." }
    /// The account's status is RESTRICTED, which does not say what it stops (N14).
    AccountRestricted { "account.restricted", Block, b"uuuuu..u" }
    /// The review of the account ended badly (N14).
    ReviewRejected { "review.rejected", Block, b"uuuuu..u" }
    /// The account's status is PENDING.
    AccountPending { "account.pending", Block, b"uuuuu..." }
    /// A payment problem since answers cost something (N8).
    PaymentReplies { "payment.replies_cost", Block, b"nnnuy..." }
    /// A payment problem while answers were free (N8).
    Payment { "payment", Block, b"nnnyy..." }
    /// Error 131048 was seen within 24 hours (N7).
    SpamLimit { "spam_limit", Block, b"nnnyy..." }
    /// The 24 hours after error 131048 are over, and nothing was read since (N7).
    SpamLimitOver { "spam_limit.over", Block, b"uuuyy..." }
    /// The number's status says that it reached its messaging limit.
    LimitReached { "status.restricted", Block, b"nnnyy..." }
    /// By our own count the portfolio has reached as many people as it may.
    LimitUsedUp { "limit.used_up", Block, b"nnnyy..." }
    /// Utility templates of the account go as marketing (N9).
    UtilityTemplates { "restriction.utility_templates", Block, b"ynyyy..." }
    /// Error 131064 was seen within 24 hours (N9).
    UtilityLimit { "utility_limit", Block, b"ynyyy..." }
    /// Utility templates are limited within 24 hours (N9).
    UtilityRate { "restriction.utility_rate", Block, b"yuyyy..." }
    /// The number's status is RATE_LIMITED, which the platform does not explain (N3).
    RateLimited { "status.rate_limited", Block, b"uuuuu..." }
    /// A number's status of which nothing is known (N3).
    StatusUnclear { "status.unclear", Block, b"uuuuu..." }
    /// A restriction's end has passed, and nothing was read since (N1).
    RestrictionEnded { "restriction.ended", Block, b"uuuuuuuu" }
    /// The app is not subscribed to the account.
    NotSubscribed { "not_subscribed", LookAlike, b"....n..." }
    /// Another app has the thread.
    StoodBy { "standby", LookAlike, b"...yu..." }
    /// Calls either way are restricted.
    AllCallsRestricted { "restriction.all_calls", Block, b".....nn." }
    /// Calls by the business are restricted.
    CallsRestricted { "restriction.calls", Block, b".....n.." }
    /// Calls by people are restricted.
    ReceivingCallsRestricted { "restriction.receiving_calls", Block, b"......n." }
    /// The button that people call with is hidden.
    CallButtonHidden { "restriction.call_button", Block, b"......u." }
    /// Numbers cannot be added while a restriction lasts.
    AddingRestricted { "restriction.add_number", Block, b".......n" }
    /// The portfolio has as many numbers as it may.
    NumbersFull { "numbers.full", Block, b".......n" }
    /// Utility by direct send is restricted; templates go on.
    DirectUtility { "restriction.direct_utility", Note, b".y......" }
    /// The account will be disabled.
    BanScheduled { "ban.scheduled", Warning, b"yyyyy..." }
    /// A restriction will have ended by then (N1).
    RestrictionEnds { "restriction.ends", Warning, b"yyyyyyyy" }
    /// A watch over seven days, as it was until October 2025.
    Flagged { "status.flagged", Warning, b"yyyyy..." }
    /// The same word since; the watch is gone.
    FlaggedGone { "status.flagged_gone", Note, b"yyyyy..." }
    /// People take its messages badly.
    RatingPoor { "rating.poor", Warning, b"yyyyy..." }
    /// As until October 2025: a rating that stayed low cost the number's limit a step.
    RatingPoorNumber { "rating.poor_number", Warning, b"yyyyy..." }
    /// A violation was recorded, and nothing stopped.
    Warned { "warned", Warning, b"yyyyy..." }
    /// `health_status` says LIMITED.
    HealthLimited { "health.limited", Note, b"yyyy...." }
    /// The display name is not approved.
    NameUnapproved { "name.unapproved", Note, b"yyyy...." }
    /// The number is connected.
    Connected { "status.connected", Fine, b"yyyyy..." }
    /// `health_status` says AVAILABLE, and no status was read.
    HealthAvailable { "health.available", Fine, b"yyyyu..." }
    /// Nothing was read yet.
    NothingKnown { "nothing_known", Fine, b"uuuuu..." }
    /// The portfolio may have more numbers.
    NumbersFree { "numbers.free", Fine, b".......y" }
    /// Nothing was told of calls.
    CallsUntold { "calls.not_told", Fine, b".....uu." }
    /// How many numbers there may be was not told.
    NumbersUntold { "numbers.not_told", Fine, b".......u" }
}

impl Cause {
    /// What it says of a capability; `None` where it says nothing.
    #[must_use]
    pub fn says(self, what: What) -> Option<Can> {
        match self.row().get(what as usize) {
            Some(b'y') => Some(Can::Yes),
            Some(b'n') => Some(Can::No),
            Some(b'u') => Some(Can::Unknown),
            _ => None,
        }
    }

    /// Whether it opens until its end and closes then.
    #[must_use]
    pub fn closes_at_its_end(self) -> bool {
        self == Self::BanScheduled
    }

    /// The cause of that name.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.id() == id)
    }
}
