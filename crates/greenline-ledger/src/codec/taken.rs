//! Of a decision record only what counts of messages look at.

use std::borrow::Cow;

use greenline_policy::consent::Standing;
use greenline_policy::decide::Intent;
use greenline_policy::scope::{Category, Scope};
use serde::Deserialize;

use super::{HeadCode, head, intent_of};
use crate::error::LedgerError;
use crate::types::DecisionRecord;

/// A message as a count of messages sees it.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    /// The number it went from.
    pub(crate) number: Cow<'a, str>,
    /// What it was.
    pub(crate) intent: Intent,
    /// Name and language of its template.
    pub(crate) template: Option<(Cow<'a, str>, Cow<'a, str>)>,
    /// The template's category.
    pub(crate) category: Category,
    /// How the scope stood that it needs, with its first addressee.
    pub(crate) standing: Standing,
    /// When that addressee had last written to the number.
    pub(crate) wrote_at_ms: Option<i64>,
}

#[derive(Deserialize)]
struct TakenCode<'a> {
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    intent: Cow<'a, str>,
    #[serde(default, borrow)]
    template: Option<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, borrow)]
    template_facts: Option<ScopeCode<'a>>,
    #[serde(default, borrow)]
    people: Vec<HeadedCode<'a>>,
}

#[derive(Deserialize)]
struct ScopeCode<'a> {
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(default, borrow)]
    topic: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct HeadedCode<'a> {
    #[serde(default, borrow)]
    head: Option<HeadCode<'a>>,
    #[serde(default)]
    wrote_at_ms: Option<i64>,
}

/// Reads what a count of messages looks at.
pub(crate) fn decode_taken(text: &str) -> Result<Taken<'_>, LedgerError> {
    let code: TakenCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a decision record"))?;
    let intent = intent_of(&code.intent).map_err(LedgerError::unreadable)?;
    let (category, scope) = match &code.template_facts {
        None => (Category::Marketing, Scope::Category(Category::Marketing)),
        Some(facts) => {
            let category = Category::parse(&facts.category)
                .ok_or_else(|| LedgerError::unreadable("a category of no known name"))?;
            let topic = facts.topic.as_deref().map(|topic| {
                Scope::parse(topic)
                    .ok_or_else(|| LedgerError::unreadable("a topic of no known form"))
            });
            let scope = topic.transpose()?;
            (category, scope.unwrap_or(Scope::Category(category)))
        }
    };
    let first = code.people.first();
    let known = first
        .and_then(|first| first.head.as_ref())
        .map(head)
        .transpose()
        .map_err(LedgerError::unreadable)?;
    Ok(Taken {
        number: code.number,
        intent,
        template: code.template,
        category,
        standing: known.unwrap_or_default().standing(&scope),
        wrote_at_ms: first.and_then(|first| first.wrote_at_ms),
    })
}

impl<'a> Taken<'a> {
    /// The same of a record that was read whole.
    pub(crate) fn of(record: &'a DecisionRecord) -> Self {
        let facts = record.template_facts.as_ref();
        let category = facts.map_or(Category::Marketing, |facts| facts.category);
        let topic = facts.and_then(|facts| facts.topic.clone());
        let scope = topic.unwrap_or(Scope::Category(category));
        let first = record.people.first();
        let template = record.template.as_ref();
        Self {
            number: Cow::Borrowed(&record.number),
            intent: record.intent,
            template: template
                .map(|(name, language)| (Cow::Borrowed(&**name), Cow::Borrowed(&**language))),
            category,
            standing: first.map_or(Standing::Unknown, |first| first.head.standing(&scope)),
            wrote_at_ms: first.and_then(|first| first.wrote_at_ms),
        }
    }
}
