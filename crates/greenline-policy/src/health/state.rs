//! What is known of a portfolio, an account and a number: facts as they were told, in no order.

use crate::number::{NumberStatus, RestrictionKind};
use crate::quality::Score;
use crate::reach::MessagingLimit;

/// Where a fact came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// A webhook; its moment is the platform's own.
    Webhook,
    /// Read from the platform, by Greenline or by an app through it; it holds from then on.
    Read,
    /// An error code that a send was answered with, or failed with later.
    Error,
    /// A send that went.
    Send,
    /// Greenline's own count.
    Count,
}

impl Origin {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Read => "read",
            Self::Error => "error",
            Self::Send => "send",
            Self::Count => "count",
        }
    }
}

/// What `health_status` says of sending (QL-41).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sending {
    /// `BLOCKED`.
    Blocked,
    /// A word of which nothing is known.
    Other,
    /// `LIMITED`.
    Limited,
    /// `AVAILABLE`.
    Available,
}

impl Sending {
    /// The platform's word; one that is not known is not kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "BLOCKED",
            Self::Other => "OTHER",
            Self::Limited => "LIMITED",
            Self::Available => "AVAILABLE",
        }
    }

    /// Reads the platform's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "BLOCKED" => Self::Blocked,
            "LIMITED" => Self::Limited,
            "AVAILABLE" => Self::Available,
            _ => Self::Other,
        }
    }
}

/// What an entry of `health_status` is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EntityKind {
    /// `PHONE_NUMBER`.
    Number,
    /// `WABA`.
    Account,
    /// `BUSINESS`.
    Business,
    /// `APP`.
    App,
    /// `MESSAGE_TEMPLATE`: nothing of it concerns the number.
    Template,
    /// A kind of which nothing is known.
    Other,
}

impl EntityKind {
    /// The platform's word; one that is not known is not kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "PHONE_NUMBER",
            Self::Account => "WABA",
            Self::Business => "BUSINESS",
            Self::App => "APP",
            Self::Template => "MESSAGE_TEMPLATE",
            Self::Other => "OTHER",
        }
    }

    /// Reads the platform's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "PHONE_NUMBER" => Self::Number,
            "WABA" => Self::Account,
            "BUSINESS" => Self::Business,
            "APP" => Self::App,
            "MESSAGE_TEMPLATE" => Self::Template,
            _ => Self::Other,
        }
    }
}

/// One entry of `health_status`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entity {
    /// What it is about.
    pub kind: EntityKind,
    /// What it says.
    pub sending: Sending,
    /// The codes of its errors.
    pub codes: Vec<u32>,
}

/// One read of `health_status`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Health {
    /// The value over all.
    pub overall: Sending,
    /// One entry per entity.
    pub entities: Vec<Entity>,
}

impl Health {
    /// What it says of the account; of all together where it has no entry for it.
    #[must_use]
    pub fn account(&self) -> Sending {
        let of_account = |entity: &&Entity| entity.kind == EntityKind::Account;
        let said = self.entities.iter().filter(of_account);
        said.map(|entity| entity.sending)
            .min()
            .unwrap_or(self.overall)
    }
}

/// The status of an account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AccountStatus {
    /// `DISABLED`.
    Disabled,
    /// `RESTRICTED`, or a word of which nothing is known: what it stops is not said.
    Restricted,
    /// `PENDING`.
    Pending,
    /// `ACTIVE`.
    Active,
}

impl AccountStatus {
    /// Reads the platform's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "ACTIVE" => Self::Active,
            "PENDING" => Self::Pending,
            "DISABLED" => Self::Disabled,
            _ => Self::Restricted,
        }
    }
}

/// How the platform's review of an account ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Review {
    /// `REJECTED`.
    Rejected,
    /// `RESTRICTED`.
    Restricted,
    /// Anything else: nothing follows from it.
    Fine,
}

impl Review {
    /// Reads the platform's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "REJECTED" => Self::Rejected,
            "RESTRICTED" => Self::Restricted,
            _ => Self::Fine,
        }
    }
}

/// What `ban_info` says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BanTold {
    /// `DISABLE`.
    Disabled,
    /// A state of which nothing is known.
    Unclear,
    /// `SCHEDULE_FOR_DISABLE`, with the day's first moment (Unix milliseconds) where its text could be read.
    Scheduled(Option<i64>),
    /// `REINSTATE`.
    Reinstated,
}

/// What was told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// The number's status.
    Status(NumberStatus),
    /// The number's rating.
    Rating(Score),
    /// Whether its display name is approved.
    NameApproved(bool),
    /// `health_status`.
    Health(Health),
    /// The account's status.
    Account(AccountStatus),
    /// The account's review.
    Review(Review),
    /// The account's ban state.
    Ban(BanTold),
    /// A restriction of the account.
    Restricted {
        /// What it stops.
        kind: RestrictionKind,
        /// The platform's word for it; each word has an end of its own.
        named: Box<str>,
        /// Its end, Unix milliseconds.
        until_ms: Option<i64>,
    },
    /// The platform took a restriction of that word back.
    Lifted {
        /// The platform's word for it.
        named: Box<str>,
    },
    /// A violation was recorded and nothing was stopped.
    Warned,
    /// The account was deleted.
    AccountDeleted,
    /// The number that is shared with the phone app was disconnected from the account.
    Offboarded,
    /// It came back.
    Reconnected,
    /// A send was refused or failed with this code.
    Failed(u32),
    /// A message that begins a conversation was delivered.
    Delivered,
    /// How many people the portfolio may reach within 24 hours.
    Limit(MessagingLimit),
    /// How many it has reached, and when the next place is free (Unix milliseconds).
    Reached {
        /// So many.
        people: u32,
        /// When the first of them no longer counts.
        frees_at_ms: Option<i64>,
    },
    /// How many numbers the portfolio has, and how many it may have.
    Numbers {
        /// It has.
        held: u32,
        /// It may have.
        most: u32,
    },
    /// A message came in the field `standby`: another app has the thread.
    StoodBy,
    /// Messages came in the field `messages`.
    Wrote,
    /// Whether the app is subscribed to the account.
    Subscribed(bool),
}

/// Something that was told, where and when.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fact {
    /// What.
    pub told: Told,
    /// Where it came from.
    pub origin: Origin,
    /// When: as the platform dated it, or when it was read. Unix milliseconds.
    pub at_ms: i64,
}

/// Everything that is known of a number, its account and its portfolio at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The moment at which no more than this was known, Unix milliseconds. What is asked about a later date is asked
    /// in advance.
    pub as_of_ms: i64,
    /// What was told, in any order and as often as it was told.
    pub facts: Vec<Fact>,
}

impl State {
    /// Nothing known at a moment.
    #[must_use]
    pub fn at(as_of_ms: i64) -> Self {
        Self {
            as_of_ms,
            facts: Vec::new(),
        }
    }

    /// Takes a fact in.
    pub fn tell(&mut self, told: Told, origin: Origin, at_ms: i64) {
        self.facts.push(Fact {
            told,
            origin,
            at_ms,
        });
    }

    /// The same, for building one.
    #[must_use]
    pub fn with(mut self, told: Told, origin: Origin, at_ms: i64) -> Self {
        self.tell(told, origin, at_ms);
        self
    }
}
