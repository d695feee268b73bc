//! What is known of a number, each fact with its age and where it came from.

use std::collections::BTreeMap;

use greenline_ledger::types::TimelineEntry;
use greenline_policy::health::State;
use greenline_policy::health::state::{AccountStatus, BanTold, Fact, Health, Origin, Review, Told};
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::shape::time;
use crate::token::{self, Ends};

/// Something that is known, the newest of its kind.
#[derive(Serialize, ToSchema)]
#[schema(as = NumberFact)]
pub(crate) struct FactShape {
    /// `status`, `rating`, `display_name`, `health_status`, `account_status`, `account_review`, `ban`, `restriction`, `violation`,
    /// `account_deleted`, `phone_app`, `refusal`, `last_delivered`, `portfolio_limit`, `portfolio_reached`, `numbers`, `thread`,
    /// `subscription`, `token`, `token_data_access` or `token_app`.
    pub(super) fact: &'static str,
    /// What it is, in the platform's word where there is one.
    pub(super) value: String,
    /// `good`, `warn`, `bad` or `idle`.
    #[serde(skip)]
    pub(super) tone: &'static str,
    /// Its end, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
    #[serde(skip)]
    pub(super) until_ms: Option<i64>,
    /// When it was told: as the platform dated it, or when it was read.
    pub(super) at: String,
    #[serde(skip)]
    pub(super) at_ms: i64,
    /// How old that is, in seconds.
    pub(super) age_s: i64,
    /// Where it came from: `webhook`, `read`, `error`, `send` or `count`.
    pub(super) origin: &'static str,
}

/// In what order they are told.
type Order = (u8, String);

/// What one fact says, and of what it is the newest.
struct Said {
    order: Order,
    fact: &'static str,
    value: String,
    tone: &'static str,
    until_ms: Option<i64>,
}

/// Everything known at a moment, the newest of each kind, what matters most first.
pub(super) fn known(state: &State, at_ms: i64) -> Vec<FactShape> {
    let mut newest: BTreeMap<Order, (&Fact, Said)> = BTreeMap::new();
    for fact in state.facts.iter().filter(|fact| fact.at_ms <= at_ms) {
        let said = said(&fact.told);
        let kept = newest.get(&said.order);
        if kept.is_none_or(|(kept, _)| kept.at_ms <= fact.at_ms) {
            newest.insert(said.order.clone(), (fact, said));
        }
    }
    let facts = newest.into_values();
    // What was taken back is no news.
    let facts = facts.filter(|(fact, _)| !matches!(fact.told, Told::Lifted { .. }));
    let shape = |(fact, said): (&Fact, Said)| FactShape {
        fact: said.fact,
        value: said.value,
        tone: said.tone,
        until: said.until_ms.map(time),
        until_ms: said.until_ms,
        at: time(fact.at_ms),
        at_ms: fact.at_ms,
        age_s: (at_ms.saturating_sub(fact.at_ms) / 1_000).max(0),
        origin: fact.origin.as_str(),
    };
    facts.map(shape).collect()
}

fn said(told: &Told) -> Said {
    let plain = |rank: u8, fact: &'static str, value: String, tone: &'static str| Said {
        order: (rank, String::new()),
        fact,
        value,
        tone,
        until_ms: None,
    };
    match told {
        Told::Status(status) => {
            let (_, tone) = greenline_console::words::number_status(Some(status.as_str()));
            plain(0, "status", status.as_str().to_owned(), tone)
        }
        Told::Rating(rating) => {
            let (_, tone) = greenline_console::words::rating(Some(rating.as_str()));
            let word = match rating {
                Score::Unrated => "none yet",
                rated => rated.as_str(),
            };
            plain(1, "rating", word.to_owned(), tone)
        }
        Told::Health(health) => {
            let (value, tone) = sending(health);
            plain(2, "health_status", value, tone)
        }
        Told::Ban(ban) => ban_said(*ban),
        Told::Restricted {
            named, until_ms, ..
        } => Said {
            order: (4, named.to_string()),
            fact: "restriction",
            value: named.to_string(),
            tone: "bad",
            until_ms: *until_ms,
        },
        Told::Lifted { named } => Said {
            order: (4, named.to_string()),
            fact: "restriction",
            value: named.to_string(),
            tone: "good",
            until_ms: None,
        },
        Told::Account(status) => {
            let (word, tone) = match status {
                AccountStatus::Active => ("ACTIVE", "good"),
                AccountStatus::Pending => ("PENDING", "warn"),
                AccountStatus::Restricted => ("RESTRICTED", "bad"),
                AccountStatus::Disabled => ("DISABLED", "bad"),
            };
            plain(5, "account_status", word.to_owned(), tone)
        }
        Told::Review(review) => {
            let (word, tone) = match review {
                Review::Fine => ("passed", "good"),
                Review::Restricted => ("RESTRICTED", "bad"),
                Review::Rejected => ("REJECTED", "bad"),
            };
            plain(6, "account_review", word.to_owned(), tone)
        }
        Told::NameApproved(approved) => {
            let (word, tone) = if *approved {
                ("approved", "good")
            } else {
                ("not approved", "warn")
            };
            plain(7, "display_name", word.to_owned(), tone)
        }
        Told::Warned => plain(
            8,
            "violation",
            "recorded, nothing stopped".to_owned(),
            "warn",
        ),
        Told::AccountDeleted => plain(9, "account_deleted", "deleted".to_owned(), "bad"),
        Told::Offboarded => plain(10, "phone_app", "disconnected".to_owned(), "bad"),
        Told::Reconnected => plain(10, "phone_app", "connected again".to_owned(), "good"),
        Told::Failed(code) => Said {
            order: (11, code.to_string()),
            fact: "refusal",
            value: code.to_string(),
            tone: "warn",
            until_ms: None,
        },
        Told::Delivered => plain(12, "last_delivered", "delivered".to_owned(), "good"),
        Told::Limit(limit) => {
            let value = match limit {
                MessagingLimit::People(people) => format!("{people} people in 24 hours"),
                MessagingLimit::Unlimited => "unlimited".to_owned(),
            };
            plain(13, "portfolio_limit", value, "idle")
        }
        Told::Reached { people, .. } => {
            plain(14, "portfolio_reached", format!("{people} people"), "idle")
        }
        Told::Numbers { held, most } => plain(15, "numbers", format!("{held} of {most}"), "idle"),
        Told::StoodBy => plain(16, "thread", "another app has it".to_owned(), "warn"),
        Told::Wrote => plain(16, "thread", "ours".to_owned(), "good"),
        Told::Subscribed(true) => plain(17, "subscription", "subscribed".to_owned(), "good"),
        Told::Subscribed(false) => plain(17, "subscription", "not subscribed".to_owned(), "bad"),
    }
}

/// What is known at a moment of the token that the business is called with; nothing where it was never asked about.
pub(super) fn of_token(entries: &[TimelineEntry], at_ms: i64) -> Vec<FactShape> {
    let told: Vec<TimelineEntry> = entries
        .iter()
        .filter(|entry| entry.at_ms <= at_ms)
        .cloned()
        .collect();
    let token = token::Said::read(&told);
    let Some(since_ms) = token.since_ms else {
        return Vec::new();
    };
    let shape =
        |fact: &'static str, value: &str, tone: &'static str, until_ms: Option<i64>| FactShape {
            fact,
            value: value.to_owned(),
            tone,
            until: until_ms.map(time),
            until_ms,
            at: time(since_ms),
            at_ms: since_ms,
            age_s: (at_ms.saturating_sub(since_ms) / 1_000).max(0),
            origin: Origin::Read.as_str(),
        };
    let ends = |ends: Ends| match ends {
        Ends::At(end_ms) if end_ms <= at_ms => ("ended", "bad"),
        Ends::At(_) => ("ends", "idle"),
        Ends::Never => ("does not end", "good"),
        Ends::Unknown => ("end not known", "idle"),
    };
    let mut facts = Vec::new();
    let (value, tone) = match token.valid {
        Some(false) => ("called invalid", "bad"),
        Some(true) | None => ends(token.expires),
    };
    let value = match token.kind.as_deref() {
        Some("SYSTEM_USER") => format!("{value} (a system user's)"),
        _ => value.to_owned(),
    };
    facts.push(shape("token", &value, tone, token.expires.at_ms()));
    if let Some(end_ms) = token.data_access.at_ms() {
        let (value, tone) = ends(token.data_access);
        facts.push(shape("token_data_access", value, tone, Some(end_ms)));
    }
    if let Some((app, _)) = &token.app {
        facts.push(shape("token_app", app, "idle", None));
    }
    facts
}

fn sending(health: &Health) -> (String, &'static str) {
    let mut codes: Vec<u32> = health
        .entities
        .iter()
        .flat_map(|entity| entity.codes.iter().copied())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let word = health.overall.as_str();
    let tone = match word {
        "AVAILABLE" => "good",
        "BLOCKED" => "bad",
        _ => "warn",
    };
    let codes: Vec<String> = codes.iter().map(u32::to_string).collect();
    if codes.is_empty() {
        (word.to_owned(), tone)
    } else {
        (format!("{word} ({})", codes.join(", ")), tone)
    }
}

fn ban_said(ban: BanTold) -> Said {
    let (value, tone, until_ms) = match ban {
        BanTold::Disabled => ("DISABLE", "bad", None),
        BanTold::Scheduled(day_ms) => ("SCHEDULE_FOR_DISABLE", "bad", day_ms),
        BanTold::Reinstated => ("REINSTATE", "good", None),
        BanTold::Unclear => ("a state that is not known", "warn", None),
    };
    Said {
        order: (3, String::new()),
        fact: "ban",
        value: value.to_owned(),
        tone,
        until_ms,
    }
}

/// What a page calls a fact.
pub(super) fn word(fact: &str) -> &'static str {
    match fact {
        "status" => "Status",
        "rating" => "Quality rating",
        "health_status" => "Health status (sending)",
        "ban" => "Ban state of the account",
        "restriction" => "Restriction of the account",
        "account_status" => "Status of the account",
        "account_review" => "Review of the account",
        "display_name" => "Display name",
        "violation" => "Violation",
        "account_deleted" => "Account",
        "phone_app" => "Phone app",
        "refusal" => "A send was refused with",
        "last_delivered" => "A started conversation was",
        "portfolio_limit" => "Limit of the portfolio",
        "portfolio_reached" => "Reached of it",
        "numbers" => "Numbers of the portfolio",
        "thread" => "Thread",
        "token" => "Access token",
        "token_data_access" => "The token's access to data",
        "token_app" => "App of the token",
        _ => "Webhooks of the account",
    }
}
