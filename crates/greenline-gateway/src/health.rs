//! What is known of a number's health, gathered from where it is kept, for `greenline_policy::health` to judge.
//!
//! The ledger keeps what decisions look at, the newest of each kind; the timeline keeps all that the platform ever said
//! of an account, a number and a portfolio, so that the past can be told too. Facts that are found twice are one.

pub mod header;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenline_ledger::LedgerError;
use greenline_ledger::types::{
    BusinessIx, Effect, HealthNews, NumberAsked, NumberKnown, TimelineEntry,
};
use greenline_policy::health::State;
use greenline_policy::health::state::{
    AccountStatus, BanTold, Entity, EntityKind, Health, Origin, Review, Sending, Told,
};
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_wire::answer;
use greenline_wire::webhook::{AccountUpdate, Value};
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use crate::app::{App, Shared};
use crate::directory::{Directory, Number};
use crate::timeline;
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
/// The platform does not take the token.
pub(crate) const TOKEN: u32 = 190;
/// Utility templates are limited within 24 hours, and as many as may go went (N9).
const UTILITY: u32 = 131_064;
/// How long that counts.
const UTILITY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is to be read at once.
#[derive(Debug, Default)]
pub struct Looks {
    wanted: Mutex<Wanted>,
    bell: Notify,
}

/// Ids of what is.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Numbers.
    pub(crate) numbers: BTreeSet<Arc<str>>,
    /// Accounts, with their templates and who gets their webhooks.
    pub(crate) accounts: BTreeSet<Arc<str>>,
    /// Businesses whose token is to be asked about.
    pub(crate) tokens: BTreeSet<BusinessIx>,
}

impl Looks {
    fn hold(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has numbers read at once.
    pub(crate) fn want(&self, numbers: Vec<Arc<str>>) {
        if numbers.is_empty() {
            return;
        }
        self.hold().numbers.extend(numbers);
        self.bell.notify_one();
    }

    /// Has accounts read at once.
    pub(crate) fn want_accounts(&self, accounts: Vec<Arc<str>>) {
        if accounts.is_empty() {
            return;
        }
        self.hold().accounts.extend(accounts);
        self.bell.notify_one();
    }

    /// Has it asked at once what the platform says of a business's token.
    pub(crate) fn want_token(&self, business: BusinessIx) {
        self.hold().tokens.insert(business);
        self.bell.notify_one();
    }

    /// Waits until something is wanted.
    pub(crate) async fn wanted(&self) {
        self.bell.notified().await;
    }

    /// Takes it out.
    pub(crate) fn take(&self) -> Wanted {
        std::mem::take(&mut *self.hold())
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

/// What the ledger keeps of a 131064: no utility template starts anything for 24 hours (N9).
pub(crate) fn utility_limited(waba_id: &str, at_ms: i64) -> Effect {
    let kind = RestrictionKind::UtilityLimit;
    let named = kind.own_word().unwrap_or_default();
    Effect::Restricted {
        waba_id: waba_id.into(),
        restrictions: vec![(kind, named.into(), Some(at_ms.saturating_add(UTILITY_MS)))],
        at_ms,
    }
}

/// Takes a refusal for what it may mean, for every number of the account, and has them read at once. Where Greenline has
/// no token to read with, nobody could say when it is over, and the platform is left to answer for itself.
pub(crate) async fn heed(app: &Shared, business: BusinessIx, number: &str, code: u32) {
    if !is_told(code) && code != TOKEN {
        return;
    }
    let at_ms = app.clock.now_ms();
    let numbers = concerned(&app.directory, business, number);
    let mut effects: Vec<Effect> = Vec::new();
    if let Some(news) = refused(code) {
        effects.extend(numbers.iter().map(|number| Effect::Health {
            number: (&**number).into(),
            news: news.clone(),
            at_ms,
        }));
    }
    if code == UTILITY
        && let Some(known) = app.directory.number(number)
    {
        effects.push(utility_limited(&known.waba_id, at_ms));
    }
    if !effects.is_empty()
        && let Err(error) = app.ledger.learn(business, effects).await
    {
        tracing::error!(number.id = number, code, %error, "what a refusal says of the account could not be recorded");
    }
    if is_told(code) {
        note_refusals(app, business, &[(number.into(), code)], at_ms).await;
    }
    if code == TOKEN {
        app.looks.want_token(business);
    }
    // A limit has its own hours, which no read shortens.
    if !matches!(code, SPAM | UTILITY) {
        app.looks.want(numbers);
    }
}

/// Puts on the timeline what sends were refused with.
pub(crate) async fn note_refusals(
    app: &App,
    business: BusinessIx,
    refusals: &[(Box<str>, u32)],
    at_ms: i64,
) {
    for (number, code) in refusals {
        let noted = timeline::note::refused(app, business, number, *code, at_ms).await;
        if let Err(error) = noted {
            tracing::error!(number.id = %number, code, %error, "a refusal could not be put on the timeline");
        }
    }
}

/// Whether a code is put on the timeline: it says something of the number or its account.
pub(crate) fn is_told(code: u32) -> bool {
    is_evidence(code) || code == PAYMENT
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

/// The accounts that a delivery tells something of which a read may tell more.
pub(crate) fn accounts_told_of(effects: &[Effect]) -> Vec<Arc<str>> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Timeline {
            subject: "account",
            subject_id,
            origin,
            ..
        } if matches!(
            &**origin,
            "account_update" | "account_review_update" | "account_alerts"
        ) =>
        {
            Some(Arc::from(&**subject_id))
        }
        _ => None,
    });
    let told: BTreeSet<Arc<str>> = told.collect();
    told.into_iter().collect()
}

/// Whose the threads of each number are, as far as this node looked: a message is no reason to look again.
#[derive(Debug, Default)]
pub struct Threads(Mutex<FxHashMap<Box<str>, (bool, i64)>>);

/// How long what was looked at is good enough.
const THREADS_FRESH_MS: i64 = 60_000;

impl Threads {
    fn knows(&self, number: &str, stood_by: bool, now_ms: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(number);
        known
            .is_some_and(|(by, looked_ms)| *by == stood_by && now_ms - looked_ms < THREADS_FRESH_MS)
    }

    /// Takes in where messages came in, of each number the newest last.
    pub(crate) async fn hear(
        &self,
        app: &App,
        business: BusinessIx,
        threads: &[(Box<str>, bool, i64)],
    ) {
        let mut threads: Vec<_> = threads.iter().collect();
        threads.sort_by_key(|(_, _, at_ms)| *at_ms);
        for (number, stood_by, at_ms) in threads {
            let now_ms = app.clock.now_ms();
            if self.knows(number, *stood_by, now_ms) || app.directory.number(number).is_none() {
                continue;
            }
            match timeline::note::thread(app, business, number, *stood_by, *at_ms).await {
                Ok(()) => {
                    let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(number.clone(), (*stood_by, now_ms));
                }
                Err(error) => {
                    tracing::error!(number.id = %number, %error, "whose threads a number's are could not be put on the timeline");
                }
            }
        }
    }
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
        (timeline::THREAD, &*number.id),
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

/// What decisions look at of numbers, without the past, in the order asked: their health as far as the plan of reads needs
/// it, and their status.
///
/// # Errors
/// `Unavailable` or `Corrupt` when the store does not read.
pub(crate) async fn known_states(
    app: &App,
    numbers: impl Iterator<Item = &Number>,
) -> Result<Vec<(State, NumberStatus)>, LedgerError> {
    let asked = numbers.map(|number| NumberAsked {
        business: number.business,
        number: (&*number.id).into(),
        waba_id: (&*number.waba_id).into(),
    });
    let known = app.ledger.numbers_known(asked.collect()).await?;
    let now_ms = app.clock.now_ms();
    let states = known.iter().map(|known| {
        let mut state = State::at(now_ms);
        tell_known(&mut state, known, None);
        let status = known.status.as_deref();
        (
            state,
            status.map_or(NumberStatus::Unknown, NumberStatus::parse),
        )
    });
    Ok(states.collect())
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
    // A scheduled day is kept apart, and says more.
    let day = RestrictionKind::BanScheduled.own_word().unwrap_or_default();
    let mut kept = known.restrictions.iter();
    let has_day = kept.any(|(named, _, at_ms)| **named == *day && known.ban_at_ms <= Some(*at_ms));
    let ban_at_ms = known
        .ban_at_ms
        .filter(|_| known.ban != Ban::Scheduled || !has_day);
    if let Some(at_ms) = ban_at_ms.filter(|at_ms| ban_said_ms < Some(*at_ms)) {
        let ban = match known.ban {
            Ban::None => BanTold::Reinstated,
            Ban::Scheduled => BanTold::Scheduled(None),
            Ban::Disabled => BanTold::Disabled,
        };
        state.tell(Told::Ban(ban), Origin::Webhook, at_ms);
    }
    for (named, until_ms, at_ms) in &known.restrictions {
        let kind = RestrictionKind::parse(named);
        if kind.own_word().is_some() {
            let origin = match kind {
                RestrictionKind::UtilityLimit => Origin::Error,
                RestrictionKind::AccountDisabled
                | RestrictionKind::AccountRestricted
                | RestrictionKind::AccountPending => Origin::Read,
                _ => Origin::Webhook,
            };
            let lasts = *until_ms != Some(*at_ms);
            let told = if lasts {
                held(kind, *until_ms)
            } else {
                (kind == RestrictionKind::Offboarded).then_some(Told::Reconnected)
            };
            if let Some(told) = told {
                state.tell(told, origin, *at_ms);
            }
            continue;
        }
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

/// What is kept of an account beside restrictions of the platform's naming; `None` for what is over, which whatever
/// ended it tells.
fn held(kind: RestrictionKind, until_ms: Option<i64>) -> Option<Told> {
    Some(match kind {
        RestrictionKind::UtilityLimit => Told::Failed(UTILITY),
        RestrictionKind::BanScheduled => Told::Ban(BanTold::Scheduled(until_ms)),
        RestrictionKind::BanUnclear => Told::Ban(BanTold::Unclear),
        RestrictionKind::AccountDisabled => Told::Account(AccountStatus::Disabled),
        RestrictionKind::AccountRestricted => Told::Account(AccountStatus::Restricted),
        RestrictionKind::AccountPending => Told::Account(AccountStatus::Pending),
        RestrictionKind::AccountDeleted => Told::AccountDeleted,
        RestrictionKind::ReviewRejected => Told::Review(Review::Rejected),
        RestrictionKind::ReviewRestricted => Told::Review(Review::Restricted),
        RestrictionKind::Offboarded => Told::Offboarded,
        _ => return None,
    })
}

/// What an entry of the timeline said: by the reader of webhooks, or what a read or a refusal was noted as.
fn tell_entry(state: &mut State, entry: &TimelineEntry, display_number: &str) {
    let (told, origin) = match (&*entry.origin, &*entry.subject) {
        (timeline::READ, _) => (told_by_read(entry), Origin::Read),
        // What refusals amount to is kept beside the timeline, and not kept where nobody could say that it is over.
        (timeline::REFUSAL, _) => return,
        (_, timeline::THREAD) => {
            let told = match &*entry.event {
                timeline::note::STOOD_BY => Told::StoodBy,
                _ => Told::Wrote,
            };
            (vec![told], Origin::Webhook)
        }
        (timeline::OWN, _) => return,
        _ => {
            let told = timeline::with_values(entry, |entry, value| {
                told_by_webhook(value, entry.at_ms, display_number)
            });
            (told, Origin::Webhook)
        }
    };
    for told in told {
        state.tell(told, origin, entry.at_ms);
    }
}

/// Codes that are evidence by themselves; the others only have the number read.
fn is_evidence(code: u32) -> bool {
    matches!(code, LOCKED | POLICY | SPAM | UTILITY)
}

fn told_by_read(entry: &TimelineEntry) -> Vec<Told> {
    let told = timeline::said(entry).into_iter().filter_map(|said| {
        Some(match (&*entry.subject, &*said.what) {
            ("number", "status") => Told::Status(NumberStatus::parse(&said.value)),
            ("number", "rating") => Told::Rating(Score::parse(&said.value)),
            ("number", "name_status") => match &*said.value {
                "APPROVED" | "AVAILABLE_WITHOUT_REVIEW" => Told::NameApproved(true),
                "DECLINED" => Told::NameApproved(false),
                _ => return None,
            },
            ("account", "account_status") => Told::Account(AccountStatus::parse(&said.value)),
            ("account", "review") => Told::Review(Review::parse(&said.value)),
            ("account", "subscribed") => Told::Subscribed(!said.value.starts_with(NOT_SUBSCRIBED)),
            _ => return None,
        })
    });
    told.collect()
}

fn told_by_webhook(value: &Value<'_>, at_ms: i64, display_number: &str) -> Vec<Told> {
    let one = match value {
        Value::AccountUpdate(update) => return account_update(update, at_ms, display_number),
        Value::AccountReview { decision } => Told::Review(Review::parse(decision)),
        Value::PhoneNumberName(value) => match &*value.decision {
            "APPROVED" => Told::NameApproved(true),
            "REJECTED" => Told::NameApproved(false),
            _ => return Vec::new(),
        },
        Value::PhoneNumberQuality(value) => match &*value.event {
            "FLAGGED" => Told::Status(NumberStatus::Flagged),
            "UNFLAGGED" => Told::Status(NumberStatus::Connected),
            _ => return Vec::new(),
        },
        Value::BusinessCapability(value) => {
            let Some(most) = value.numbers_per_business else {
                return Vec::new();
            };
            let most = u32::try_from(most.max(0)).unwrap_or(u32::MAX);
            Told::Numbers { held: 0, most }
        }
        _ => return Vec::new(),
    };
    vec![one]
}

/// How what a read says of an account's webhooks begins where Greenline's app does not get them.
pub(crate) const NOT_SUBSCRIBED: &str = "no";

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
