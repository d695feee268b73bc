//! What the platform said of a business's numbers, accounts and templates, as far as decisions look.
//!
//! Newer news wins; older news only fills in what was never said.

use greenline_policy::decide::{NumberFacts, TemplateFacts, TemplateStatus};
use greenline_policy::health::state::{BanTold, Health, Origin, Sending, Told};
use greenline_policy::health::{self, Cause};
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind, SPAM_LIMIT_MS};
use greenline_policy::quality::{Rated, Score};
use greenline_policy::scope::Category;
use rustc_hash::FxHashMap;

use crate::codec::health::{health_read, health_text};
use crate::types::{HealthNews, NumberKnown, TemplateRef};

/// A number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NumberRow {
    /// `status`, as read.
    pub(crate) status: Option<Box<str>>,
    /// `quality_rating`, as read.
    pub(crate) rating: Option<Box<str>>,
    /// When the rating was read; not known of one that an earlier release read.
    pub(crate) rating_at_ms: Option<i64>,
    /// When anything was read.
    pub(crate) at_ms: Option<i64>,
    /// When the platform last said that it limits the number for spam, and took nothing since that tells otherwise.
    pub(crate) spam_ms: Option<i64>,
    /// What is known of whether it can send.
    pub(crate) health: HealthRow,
}

/// What is known of whether a number can send.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct HealthRow {
    /// `health_status` as last read, in the words of [`health_text`].
    pub(crate) read: Option<Box<str>>,
    /// When that was.
    pub(crate) read_ms: Option<i64>,
    /// When one last called the account AVAILABLE.
    pub(crate) available_ms: Option<i64>,
    /// When a send was last refused as if the account were locked.
    pub(crate) locked_ms: Option<i64>,
    /// When a send was last refused for policy.
    pub(crate) policy_ms: Option<i64>,
}

impl HealthRow {
    /// What a piece of news says by itself.
    pub(crate) fn of(news: &HealthNews, at_ms: i64) -> Self {
        let at_ms = Some(at_ms);
        match news {
            HealthNews::Read(read) => Self {
                read: Some(health_text(read)),
                read_ms: at_ms,
                available_ms: at_ms.filter(|_| read.account() == Sending::Available),
                ..Self::default()
            },
            HealthNews::Locked => Self {
                locked_ms: at_ms,
                ..Self::default()
            },
            HealthNews::Policy => Self {
                policy_ms: at_ms,
                ..Self::default()
            },
        }
    }

    /// Takes news in: of each kind the newest counts.
    pub(crate) fn hear(&mut self, news: Self) {
        if news.read_ms.is_some() && news.read_ms >= self.read_ms {
            (self.read, self.read_ms) = (news.read, news.read_ms);
        }
        self.available_ms = self.available_ms.max(news.available_ms);
        self.locked_ms = self.locked_ms.max(news.locked_ms);
        self.policy_ms = self.policy_ms.max(news.policy_ms);
    }

    /// Takes out what came after a moment; whether anything did.
    pub(crate) fn cut(&mut self, at_ms: i64) -> bool {
        let before = self.clone();
        let until = |said: Option<i64>| said.filter(|said_ms| *said_ms <= at_ms);
        if until(self.read_ms) != self.read_ms {
            (self.read, self.read_ms) = Default::default();
        }
        self.available_ms = until(self.available_ms);
        self.locked_ms = until(self.locked_ms);
        self.policy_ms = until(self.policy_ms);
        *self != before
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it amounts to, given when the account was last reinstated, and the status with its age where that is a word of
    /// which nothing is known.
    fn evidence(
        &self,
        reinstated_ms: Option<i64>,
        unclear: Option<(NumberStatus, i64)>,
    ) -> Vec<Cause> {
        if self.is_empty() && unclear.is_none() {
            return Vec::new();
        }
        let moments = [
            self.read_ms,
            self.available_ms,
            self.locked_ms,
            self.policy_ms,
            reinstated_ms,
            unclear.map(|(_, at_ms)| at_ms),
        ];
        let mut state = health::State::at(moments.into_iter().flatten().max().unwrap_or_default());
        if let Some((status, at_ms)) = unclear {
            state.tell(Told::Status(status), Origin::Read, at_ms);
        }
        if let (Some(read), Some(at_ms)) = (&self.read, self.read_ms) {
            state.tell(Told::Health(health_read(read)), Origin::Read, at_ms);
        }
        // A newer read may have said otherwise; that this one was made stays true.
        if let Some(at_ms) = self
            .available_ms
            .filter(|_| self.available_ms != self.read_ms)
        {
            let available = Health {
                overall: Sending::Available,
                entities: Vec::new(),
            };
            state.tell(Told::Health(available), Origin::Read, at_ms);
        }
        for (code, at_ms) in [(LOCKED, self.locked_ms), (POLICY, self.policy_ms)] {
            if let Some(at_ms) = at_ms {
                state.tell(Told::Failed(code), Origin::Error, at_ms);
            }
        }
        if let Some(at_ms) = reinstated_ms {
            state.tell(Told::Ban(BanTold::Reinstated), Origin::Webhook, at_ms);
        }
        health::evidence(&state)
    }
}

/// A day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The code of a refusal that looks like a lock.
const LOCKED: u32 = 131_031;
/// The code of a refusal for policy.
const POLICY: u32 = 368;

impl NumberRow {
    /// The rating with its age; without one it is as good as unknown.
    fn rated(&self) -> Option<Rated> {
        let score = Score::parse(self.rating.as_deref()?);
        let read_ms = self.rating_at_ms?;
        Some(Rated { score, read_ms })
    }

    /// Notes what the platform said of spam: the last time counts, and what it took within the day after says nothing.
    pub(crate) fn spam(&mut self, limits: bool, at_ms: i64) {
        if limits {
            self.spam_ms = self.spam_ms.max(Some(at_ms));
        } else {
            self.spam_ms = self
                .spam_ms
                .filter(|said_ms| !is_over(*said_ms, Some(at_ms)));
        }
    }
}

/// One type of restriction of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RestrictionRow {
    /// What it stops.
    pub(crate) kind: RestrictionKind,
    /// The platform's word for it.
    pub(crate) named: Box<str>,
    /// Its end.
    pub(crate) until_ms: Option<i64>,
    /// When the platform said so.
    pub(crate) at_ms: i64,
}

impl RestrictionRow {
    /// Whether it needs no more watching: the platform took it back, `health_status` was read after its end and calls
    /// the account AVAILABLE (N1), or it had no end and the account was reinstated since. What is no restriction by the
    /// platform's naming ends as the matrix says (N9, N14).
    fn is_over(&self, since: &Since) -> bool {
        let said = Some(self.at_ms);
        let reinstated = since.reinstated_ms > said;
        if self.until_ms == said {
            return true;
        }
        match self.kind {
            RestrictionKind::AccountDeleted => false,
            RestrictionKind::AccountDisabled => reinstated,
            RestrictionKind::Offboarded => since.connected_ms > said,
            RestrictionKind::BanUnclear
            | RestrictionKind::AccountRestricted
            | RestrictionKind::AccountPending
            | RestrictionKind::ReviewRejected
            | RestrictionKind::ReviewRestricted => since.available_ms > said || reinstated,
            RestrictionKind::BanScheduled => {
                // The news names a day and no hour.
                let day_over = self.until_ms.map(|day_ms| day_ms.saturating_add(DAY_MS));
                day_over.is_some() && since.available_ms > day_over || reinstated
            }
            _ => match self.until_ms {
                Some(until_ms) => since.available_ms > Some(until_ms),
                None => reinstated,
            },
        }
    }
}

/// When something was last said that ends what an account is held by.
struct Since {
    /// `health_status` called the account AVAILABLE.
    available_ms: Option<i64>,
    /// The account was reinstated.
    reinstated_ms: Option<i64>,
    /// The number was read as connected.
    connected_ms: Option<i64>,
}

/// An account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AccountRow {
    /// Its ban state.
    pub(crate) ban: Ban,
    /// When that was said.
    pub(crate) ban_at_ms: Option<i64>,
    /// One per type.
    pub(crate) restrictions: Vec<RestrictionRow>,
}

/// A template in one language.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TemplateRow {
    /// The platform's id of it.
    pub(crate) template_id: Option<Box<str>>,
    /// Category in force.
    pub(crate) category: Option<Category>,
    /// `APPROVED`, `PAUSED`, `DISABLED`, …
    pub(crate) status: Option<Box<str>>,
    /// Its body puts the question.
    pub(crate) is_ask: Option<bool>,
    /// Its quality score, as read.
    pub(crate) quality: Option<Box<str>>,
    /// When the platform last said something.
    pub(crate) at_ms: i64,
}

/// Takes `new` over `old` if it is as new, else only where `old` is empty.
pub(crate) fn newer<T: Clone>(old: &mut Option<T>, new: Option<&T>, is_newer: bool) {
    if let Some(new) = new
        && (is_newer || old.is_none())
    {
        *old = Some(new.clone());
    }
}

/// Where a template stands, for deciding.
pub(crate) fn template_status(status: Option<&str>) -> TemplateStatus {
    match status {
        Some("PAUSED") => TemplateStatus::Paused,
        Some("DISABLED") => TemplateStatus::Disabled,
        _ => TemplateStatus::Sendable,
    }
}

/// What a decision is told of a template.
pub(crate) fn template_facts(asked: &TemplateRef, row: Option<&TemplateRow>) -> TemplateFacts {
    let Some((row, category)) = row.and_then(|row| Some((row, row.category?))) else {
        let status = template_status(row.and_then(|row| row.status.as_deref()));
        return TemplateFacts {
            is_ask: asked.marked_ask,
            status,
            own: asked.own.clone(),
            ..TemplateFacts::UNKNOWN
        };
    };
    TemplateFacts {
        known: true,
        category,
        topic: asked.topic.clone(),
        status: template_status(row.status.as_deref()),
        is_ask: asked.marked_ask || row.is_ask == Some(true),
        quality: row.quality.as_deref().map(Score::parse),
        own: asked.own.clone(),
    }
}

/// Whether the day is over, at a moment, that the platform's word on spam counts for.
fn is_over(said_ms: i64, at_ms: Option<i64>) -> bool {
    at_ms >= Some(said_ms.saturating_add(SPAM_LIMIT_MS))
}

/// What holds an account is kept as, of that which is about one number: all of the account's and the number's own; of
/// what was told of both the newest counts.
fn restrictions_of<'a>(
    number: &'a str,
    account: &'a AccountRow,
) -> impl Iterator<Item = &'a RestrictionRow> {
    let is_its = move |row: &&RestrictionRow| {
        RestrictionKind::number_of(&row.named).is_none_or(|named| named == number)
    };
    let rows = move || account.restrictions.iter().filter(is_its);
    rows().filter(move |row| {
        let is_newer = |other: &RestrictionRow| other.kind == row.kind && other.at_ms > row.at_ms;
        row.kind != RestrictionKind::Offboarded || !rows().any(is_newer)
    })
}

/// What a decision is told of a number.
pub(crate) fn number_facts(
    id: &str,
    number: Option<&NumberRow>,
    account: Option<&AccountRow>,
) -> NumberFacts {
    let status = number
        .and_then(|row| row.status.as_deref())
        .map_or(NumberStatus::Unknown, NumberStatus::parse);
    let health = number.map(|row| &row.health);
    let available_ms = health.and_then(|health| health.available_ms);
    let reinstated_ms = account.and_then(|row| row.ban_at_ms.filter(|_| row.ban == Ban::None));
    let connected = number.filter(|_| status == NumberStatus::Connected);
    let since = Since {
        available_ms,
        reinstated_ms,
        connected_ms: connected.and_then(|row| row.at_ms),
    };
    let restrictions: Vec<Restriction> = account.map_or_else(Vec::new, |row| {
        restrictions_of(id, row)
            .filter(|row| !row.is_over(&since))
            .map(|row| Restriction {
                kind: row.kind,
                until_ms: row.until_ms,
            })
            .collect()
    });
    let unclear = number.filter(|_| status == NumberStatus::Other);
    let unclear = unclear.map(|row| (status, row.at_ms.unwrap_or_default()));
    let mut evidence =
        health.map_or_else(Vec::new, |health| health.evidence(reinstated_ms, unclear));
    let locked = evidence.contains(&Cause::Locked);
    evidence.retain(|cause| *cause != Cause::Locked);
    NumberFacts {
        status,
        ban: account.map_or(Ban::None, |row| row.ban),
        locked,
        watched: !restrictions.is_empty(),
        health: evidence,
        restrictions,
        rating: number.and_then(NumberRow::rated),
        // What was read of the number after that day says more.
        spam_limited_ms: number
            .and_then(|row| row.spam_ms.filter(|said_ms| !is_over(*said_ms, row.at_ms))),
    }
}

/// What is read back of a number and its account.
pub(crate) fn number_known(
    id: &str,
    number: Option<NumberRow>,
    account: Option<AccountRow>,
) -> NumberKnown {
    let (number, account) = (number.unwrap_or_default(), account.unwrap_or_default());
    let restrictions = account.restrictions.into_iter();
    // What names another number of the account says nothing of this one.
    let restrictions = restrictions
        .filter(|row| RestrictionKind::number_of(&row.named).is_none_or(|named| named == id));
    NumberKnown {
        status: number.status,
        rating: number.rating,
        rating_at_ms: number.rating_at_ms,
        at_ms: number.at_ms,
        spam_ms: number.spam_ms,
        health: number
            .health
            .read
            .as_deref()
            .map(health_read)
            .zip(number.health.read_ms),
        available_ms: number.health.available_ms,
        locked_ms: number.health.locked_ms,
        policy_ms: number.health.policy_ms,
        ban: account.ban,
        ban_at_ms: account.ban_at_ms,
        restrictions: restrictions
            .map(|row| (row.named, row.until_ms, row.at_ms))
            .collect(),
    }
}

/// Takes restrictions that the platform named: the newest of a type wins, a type not named stays.
pub(crate) fn restrict(
    account: &mut AccountRow,
    named: &[(RestrictionKind, Box<str>, Option<i64>)],
    at_ms: i64,
) {
    for (kind, name, until_ms) in named {
        let new = RestrictionRow {
            kind: *kind,
            named: name.clone(),
            until_ms: *until_ms,
            at_ms,
        };
        match account
            .restrictions
            .iter_mut()
            .find(|row| row.named == *name)
        {
            Some(row) if row.at_ms <= at_ms => *row = new,
            Some(_) => {}
            None => account.restrictions.push(new),
        }
    }
    account.restrictions.sort_by(|a, b| a.named.cmp(&b.named));
}

/// A template's place within an account: name, then language.
type Languages = FxHashMap<Box<str>, TemplateRow>;

/// One business's numbers, accounts and templates.
#[derive(Debug, Default)]
pub(crate) struct Platform {
    names: FxHashMap<Box<str>, u32>,
    numbers: FxHashMap<Box<str>, NumberRow>,
    accounts: FxHashMap<Box<str>, AccountRow>,
    templates: FxHashMap<Box<str>, FxHashMap<Box<str>, Languages>>,
    facts: FxHashMap<Box<str>, (Box<str>, NumberFacts)>,
}

/// A row as it was before it changed.
#[derive(Debug)]
pub(crate) enum PlatformChange {
    /// A number.
    Number(Box<str>, Option<NumberRow>),
    /// An account.
    Account(Box<str>, Option<AccountRow>),
    /// A template: account, name, language.
    Template([Box<str>; 3], Option<TemplateRow>),
}

impl Platform {
    /// A number's place in this business's list; windows keep it instead of the name.
    pub(crate) fn place(&mut self, number: &str) -> u32 {
        if let Some(place) = self.names.get(number) {
            return *place;
        }
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.insert(number.into(), place);
        place
    }

    /// A number's place, if anybody ever wrote to it, or it to anybody.
    pub(crate) fn place_of(&self, number: &str) -> Option<u32> {
        self.names.get(number).copied()
    }

    /// The number at a place.
    pub(crate) fn name_of(&self, place: u32) -> Option<&str> {
        let mut names = self.names.iter();
        names
            .find(|(_, known)| **known == place)
            .map(|(name, _)| &**name)
    }

    /// A number's row.
    pub(crate) fn number(&self, number: &str) -> Option<&NumberRow> {
        self.numbers.get(number)
    }

    /// An account's row.
    pub(crate) fn account(&self, waba_id: &str) -> Option<&AccountRow> {
        self.accounts.get(waba_id)
    }

    /// A template's row.
    pub(crate) fn template(
        &self,
        waba_id: &str,
        name: &str,
        language: &str,
    ) -> Option<&TemplateRow> {
        self.templates.get(waba_id)?.get(name)?.get(language)
    }

    /// Replaces a number's row.
    #[must_use]
    pub(crate) fn set_number(&mut self, number: &str, row: NumberRow) -> PlatformChange {
        self.facts.clear();
        PlatformChange::Number(number.into(), self.numbers.insert(number.into(), row))
    }

    /// Replaces an account's row.
    #[must_use]
    pub(crate) fn set_account(&mut self, waba_id: &str, row: AccountRow) -> PlatformChange {
        self.facts.clear();
        PlatformChange::Account(waba_id.into(), self.accounts.insert(waba_id.into(), row))
    }

    /// Replaces a template's row.
    #[must_use]
    pub(crate) fn set_template(
        &mut self,
        waba_id: &str,
        name: &str,
        language: &str,
        row: TemplateRow,
    ) -> PlatformChange {
        let languages = self
            .templates
            .entry(waba_id.into())
            .or_default()
            .entry(name.into())
            .or_default();
        PlatformChange::Template(
            [waba_id.into(), name.into(), language.into()],
            languages.insert(language.into(), row),
        )
    }

    /// Takes a change back.
    pub(crate) fn undo(&mut self, change: PlatformChange) {
        self.facts.clear();
        match change {
            PlatformChange::Number(number, before) => put(&mut self.numbers, number, before),
            PlatformChange::Account(waba_id, before) => put(&mut self.accounts, waba_id, before),
            PlatformChange::Template([waba_id, name, language], before) => {
                let languages = self
                    .templates
                    .entry(waba_id)
                    .or_default()
                    .entry(name)
                    .or_default();
                put(languages, language, before);
            }
        }
    }

    /// Makes sure that [`Self::facts`] can answer for this number and account.
    pub(crate) fn prepare_facts(&mut self, number: &str, waba_id: &str) {
        if self
            .facts
            .get(number)
            .is_some_and(|(owner, _)| &**owner == waba_id)
        {
            return;
        }
        let facts = number_facts(number, self.number(number), self.account(waba_id));
        self.facts.insert(number.into(), (waba_id.into(), facts));
    }

    /// What a decision is told of a number, once prepared.
    pub(crate) fn facts(&self, number: &str) -> Option<&NumberFacts> {
        self.facts.get(number).map(|(_, facts)| facts)
    }
}

fn put<T>(map: &mut FxHashMap<Box<str>, T>, key: Box<str>, value: Option<T>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
