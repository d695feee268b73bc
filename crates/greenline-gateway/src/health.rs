//! What is known of a number's health, gathered from where it is kept, for `greenline_policy::health` to judge.
//!
//! The ledger keeps what decisions look at, the newest of each kind; the timeline keeps all that the platform ever said
//! of an account, a number and a portfolio, so that the past can be told too. Facts that are found twice are one.

pub mod header;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, Effect, HealthNews, NumberKnown, TimelineEntry};
use greenline_policy::health::State;
use greenline_policy::health::state::{
    BanTold, Entity, EntityKind, Health, Origin, Review, Sending, Told,
};
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_wire::webhook::{self, AccountUpdate, Value};
use greenline_wire::{answer, ascii};
use tokio::sync::Notify;

use crate::app::{App, Shared};
use crate::directory::{Directory, Number};
use crate::webhooks::effects::ended_restriction;

/// Newest entries of a timeline that are looked at; what lies before is not told of the past. What holds now is kept
/// beside it and is never left out.
const TIMELINE_ENTRIES_MAX: usize = 1_000;
/// The code that a number is limited for spam with.
const SPAM: u32 = 131_048;

/// Codes of a refusal that say something of the whole account: what they are taken for until the number was read, and
/// payment, which a read explains (N6, N8).
const LOCKED: u32 = 131_031;
const POLICY: u32 = 368;
const PAYMENT: u32 = 131_042;

/// Numbers that are to be read at once.
#[derive(Debug, Default)]
pub struct Looks {
    wanted: Mutex<BTreeSet<Arc<str>>>,
    bell: Notify,
}

impl Looks {
    /// Has numbers read at once.
    pub(crate) fn want(&self, numbers: Vec<Arc<str>>) {
        if numbers.is_empty() {
            return;
        }
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.extend(numbers);
        self.bell.notify_one();
    }

    /// Waits until some are.
    pub(crate) async fn wanted(&self) {
        self.bell.notified().await;
    }

    /// Takes them out.
    pub(crate) fn take(&self) -> BTreeSet<Arc<str>> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut wanted)
    }
}

/// What a refusal says of the account; `None` for one that says nothing of it.
pub(crate) fn refused(code: u32) -> Option<HealthNews> {
    match code {
        LOCKED => Some(HealthNews::Locked),
        POLICY => Some(HealthNews::Policy),
        _ => None,
    }
}

/// Takes a refusal for what it may mean, for every number of the account, and has them read at once. Where Greenline has
/// no token to read with, nobody could say when it is over, and the platform is left to answer for itself.
pub(crate) async fn heed(app: &Shared, business: BusinessIx, number: &str, code: u32) {
    if refused(code).is_none() && code != PAYMENT {
        return;
    }
    let numbers = concerned(&app.directory, business, number);
    if let Some(news) = refused(code) {
        let at_ms = app.clock.now_ms();
        let effects = numbers.iter().map(|number| Effect::Health {
            number: (&**number).into(),
            news: news.clone(),
            at_ms,
        });
        let effects: Vec<Effect> = effects.collect();
        if !effects.is_empty()
            && let Err(error) = app.ledger.learn(business, effects).await
        {
            tracing::error!(number.id = number, %error, "a refusal that looks like a lock could not be recorded");
        }
    }
    app.looks.want(numbers);
}

/// The numbers of an account that one of its numbers speaks for, where Greenline can read them.
pub(crate) fn concerned(
    directory: &Directory,
    business: BusinessIx,
    number: &str,
) -> Vec<Arc<str>> {
    if directory.business(business).authorization.is_none() {
        return Vec::new();
    }
    let known = directory.number(number);
    let Some(known) = known.filter(|known| known.business == business) else {
        return Vec::new();
    };
    let numbers = directory.numbers();
    numbers
        .filter(|other| other.business == business && other.waba_id == known.waba_id)
        .map(|other| Arc::clone(&other.id))
        .collect()
}

/// The numbers that a delivery says were refused.
pub(crate) fn refused_numbers(effects: &[Effect]) -> Vec<Arc<str>> {
    let refused = effects.iter().filter_map(|effect| match effect {
        Effect::Health { number, news, .. } if !matches!(news, HealthNews::Read(_)) => {
            Some(Arc::from(&**number))
        }
        _ => None,
    });
    refused.collect()
}

/// A read of `health_status`, in the policy's words; nothing where it says nothing of sending.
pub(crate) fn read(health: &answer::Health<'_>) -> Option<Health> {
    let overall = Sending::parse(health.can_send.as_deref()?);
    let entities = health.entities.iter().map(|entity| Entity {
        kind: EntityKind::parse(entity.kind.as_deref().unwrap_or_default()),
        sending: Sending::parse(entity.can_send.as_deref().unwrap_or_default()),
        codes: entity
            .errors
            .iter()
            .filter_map(|error| u32::try_from(error.code?).ok())
            .collect(),
    });
    Some(Health {
        overall,
        entities: entities.collect(),
    })
}

/// Everything that is known of a number, its account and its portfolio by now.
///
/// # Errors
/// `Unavailable` or `Corrupt` when the store does not read.
pub(crate) async fn state(app: &App, number: &Number) -> Result<State, LedgerError> {
    let now_ms = app.clock.now_ms();
    let business = app.directory.business(number.business);
    let mut state = State::at(now_ms);
    let mut configured = business.config.number.iter();
    let display_number = configured
        .find(|configured| *configured.phone_number_id == *number.id)
        .map_or("", |configured| &configured.display_number);
    let subjects = [
        ("account", &*number.waba_id),
        ("number", &*number.id),
        ("business", business.config.id.as_str()),
    ];
    let mut ban_said_ms = None;
    for subject in subjects {
        let told = app
            .ledger
            .timeline(number.business, Some(subject), None, TIMELINE_ENTRIES_MAX);
        for entry in told.await? {
            tell_entry(&mut state, &entry, display_number);
        }
    }
    for fact in &state.facts {
        if matches!(fact.told, Told::Ban(_)) {
            ban_said_ms = ban_said_ms.max(Some(fact.at_ms));
        }
    }
    let known = app
        .ledger
        .number_known(number.business, &number.id, &number.waba_id)
        .await?;
    tell_known(&mut state, &known, ban_said_ms);
    let portfolio = app.ledger.portfolio(number.business, now_ms).await?;
    if let (Some(limit), Some(at_ms)) = (portfolio.limit, portfolio.at_ms) {
        state.tell(Told::Limit(limit), Origin::Read, at_ms);
        let people = u32::try_from(portfolio.reached).unwrap_or(u32::MAX);
        let frees_at_ms = portfolio.frees_at_ms;
        let reached = Told::Reached {
            people,
            frees_at_ms,
        };
        state.tell(reached, Origin::Count, now_ms);
    }
    let held = numbers_of_portfolio(app, &business.config.portfolio_id, &business.config.id);
    for fact in &mut state.facts {
        if let Told::Numbers { held: known, .. } = &mut fact.told {
            *known = held;
        }
    }
    Ok(state)
}

/// How many numbers of the portfolio are configured here.
fn numbers_of_portfolio(app: &App, portfolio_id: &str, business: &str) -> u32 {
    let businesses = app.directory.businesses();
    let of_portfolio = businesses.filter(|other| {
        other.config.id == business
            || (!portfolio_id.is_empty() && other.config.portfolio_id == portfolio_id)
    });
    let numbers: usize = of_portfolio.map(|other| other.config.number.len()).sum();
    u32::try_from(numbers).unwrap_or(u32::MAX)
}

/// What decisions look at. A ban state without its day says less than the news it came from.
fn tell_known(state: &mut State, known: &NumberKnown, ban_said_ms: Option<i64>) {
    if let (Some(status), Some(at_ms)) = (&known.status, known.at_ms) {
        let status = NumberStatus::parse(status);
        state.tell(Told::Status(status), Origin::Read, at_ms);
    }
    if let (Some(rating), Some(at_ms)) = (&known.rating, known.rating_at_ms) {
        state.tell(Told::Rating(Score::parse(rating)), Origin::Read, at_ms);
    }
    if let Some(at_ms) = known.spam_ms {
        state.tell(Told::Failed(SPAM), Origin::Error, at_ms);
    }
    if let Some((read, at_ms)) = &known.health {
        state.tell(Told::Health(read.clone()), Origin::Read, *at_ms);
    }
    let read_ms = known.health.as_ref().map(|(_, at_ms)| *at_ms);
    if let Some(at_ms) = known.available_ms.filter(|at_ms| read_ms != Some(*at_ms)) {
        let available = Health {
            overall: Sending::Available,
            entities: Vec::new(),
        };
        state.tell(Told::Health(available), Origin::Read, at_ms);
    }
    for (code, at_ms) in [(LOCKED, known.locked_ms), (POLICY, known.policy_ms)] {
        if let Some(at_ms) = at_ms {
            state.tell(Told::Failed(code), Origin::Error, at_ms);
        }
    }
    if let Some(at_ms) = known.ban_at_ms.filter(|at_ms| ban_said_ms < Some(*at_ms)) {
        let ban = match known.ban {
            Ban::None => BanTold::Reinstated,
            Ban::Scheduled => BanTold::Scheduled(None),
            Ban::Disabled => BanTold::Disabled,
        };
        state.tell(Told::Ban(ban), Origin::Webhook, at_ms);
    }
    for (named, until_ms, at_ms) in &known.restrictions {
        state.tell(
            restricted(named, *until_ms, *at_ms),
            Origin::Webhook,
            *at_ms,
        );
    }
}

/// An end that is the moment of the news itself is how the ledger keeps that the platform took it back.
fn restricted(named: &str, until_ms: Option<i64>, at_ms: i64) -> Told {
    let named = named.into();
    if until_ms == Some(at_ms) {
        return Told::Lifted { named };
    }
    Told::Restricted {
        kind: RestrictionKind::parse(&named),
        named,
        until_ms,
    }
}

/// What an entry of the timeline said, read by the reader of webhooks.
fn tell_entry(state: &mut State, entry: &TimelineEntry, display_number: &str) {
    let delivery = format!(
        "{{\"entry\":[{{\"changes\":[{{\"field\":{},\"value\":{}}}]}}]}}",
        ascii::string(&entry.origin),
        if entry.body.is_empty() {
            "{}"
        } else {
            &entry.body
        },
    );
    let Ok(delivery) = webhook::parse(delivery.as_bytes()) else {
        return;
    };
    let at_ms = entry.at_ms;
    let mut tell = |told| state.tell(told, Origin::Webhook, at_ms);
    let changes = delivery.entries.iter().flat_map(|entry| &entry.changes);
    for change in changes {
        match &change.value {
            Value::AccountUpdate(update) => {
                for told in account_update(update, at_ms, display_number) {
                    tell(told);
                }
            }
            Value::AccountReview { decision } => tell(Told::Review(Review::parse(decision))),
            Value::PhoneNumberName(value) => match &*value.decision {
                "APPROVED" => tell(Told::NameApproved(true)),
                "REJECTED" => tell(Told::NameApproved(false)),
                _ => {}
            },
            Value::PhoneNumberQuality(value) => match &*value.event {
                "FLAGGED" => tell(Told::Status(NumberStatus::Flagged)),
                "UNFLAGGED" => tell(Told::Status(NumberStatus::Connected)),
                _ => {}
            },
            Value::BusinessCapability(value) => {
                if let Some(most) = value.numbers_per_business {
                    let most = u32::try_from(most.max(0)).unwrap_or(u32::MAX);
                    tell(Told::Numbers { held: 0, most });
                }
            }
            _ => {}
        }
    }
}

fn account_update(update: &AccountUpdate<'_>, at_ms: i64, display_number: &str) -> Vec<Told> {
    let mut told = Vec::new();
    let restrictions = update.restrictions.iter();
    // As where the ledger learns them: nothing of it could be read.
    let named = restrictions.filter(|one| !one.kind.is_empty() || one.expiration_s.is_some());
    for restriction in named {
        let until_ms = restriction
            .expiration_s
            .map(|end_s| end_s.saturating_mul(1_000));
        told.push(restricted(&restriction.kind, until_ms, at_ms));
    }
    let violation = update.violation.as_deref();
    let ended = violation.and_then(ended_restriction);
    if let Some(named) = ended {
        let named = named.into();
        told.push(Told::Lifted { named });
    }
    if let Some(ban) = &update.ban {
        let day_ms = ban.date_s.map(|day_s| day_s.saturating_mul(1_000));
        told.push(Told::Ban(match Ban::parse(&ban.state) {
            Some(Ban::None) => BanTold::Reinstated,
            Some(Ban::Scheduled) => BanTold::Scheduled(day_ms),
            Some(Ban::Disabled) => BanTold::Disabled,
            None => BanTold::Unclear,
        }));
    }
    if violation.is_some() && told.is_empty() {
        told.push(Told::Warned);
    }
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let named = update.phone_number.as_deref().map(digits);
    let is_other = named.is_some_and(|named| !named.is_empty() && named != digits(display_number));
    match &*update.event {
        "ACCOUNT_DELETED" => told.push(Told::AccountDeleted),
        "ACCOUNT_RECONNECTED" if !is_other => told.push(Told::Reconnected),
        "ACCOUNT_OFFBOARDED" if !is_other => told.push(Told::Offboarded),
        "PARTNER_REMOVED" if !is_other && update.disconnection.is_some() => {
            told.push(Told::Offboarded);
        }
        _ => {}
    }
    told
}
