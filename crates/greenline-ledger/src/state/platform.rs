//! What the platform said of a business's numbers, accounts and templates, as far as decisions look.
//!
//! Newer news wins; older news only fills in what was never said.

use greenline_policy::decide::{NumberFacts, TemplateFacts, TemplateStatus};
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use greenline_policy::quality::{Rated, Score};
use greenline_policy::scope::Category;
use rustc_hash::FxHashMap;

use crate::types::TemplateRef;

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
}

impl NumberRow {
    /// The rating with its age; without one it is as good as unknown.
    fn rated(&self) -> Option<Rated> {
        let score = Score::parse(self.rating.as_deref()?);
        let read_ms = self.rating_at_ms?;
        Some(Rated { score, read_ms })
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

/// What a decision is told of a number.
pub(crate) fn number_facts(
    number: Option<&NumberRow>,
    account: Option<&AccountRow>,
) -> NumberFacts {
    let status = number
        .and_then(|row| row.status.as_deref())
        .map_or(NumberStatus::Unknown, NumberStatus::parse);
    let restrictions = account.map(|row| {
        row.restrictions
            .iter()
            .map(|row| Restriction {
                kind: row.kind,
                until_ms: row.until_ms,
            })
            .collect()
    });
    NumberFacts {
        status,
        ban: account.map_or(Ban::None, |row| row.ban),
        locked: false,
        restrictions: restrictions.unwrap_or_default(),
        rating: number.and_then(NumberRow::rated),
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

    /// A number's place, if anybody ever wrote to it.
    pub(crate) fn place_of(&self, number: &str) -> Option<u32> {
        self.names.get(number).copied()
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
        let facts = number_facts(self.number(number), self.account(waba_id));
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
