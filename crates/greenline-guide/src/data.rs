//! What is compiled in, and how it is read.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::capability::Causes;
use crate::{Article, Fact, Guide, Source};

/// Slug and text of each article, in the order in which they are listed.
macro_rules! articles {
    ($($slug:literal),* $(,)?) => {
        &[$(($slug, include_str!(concat!("../data/articles/", $slug, ".toml")))),*]
    };
}

pub(crate) const ARTICLES: &[(&str, &str)] = articles![
    "without-opt-in",
    "valid-methods",
    "ask-by-notification",
    "only-way-out",
    "proof-of-consent",
    "imported-list",
    "brand-or-number",
    "consent-end",
    "law-by-country",
    "stop-word",
    "whatsapp-switch",
    "come-back",
    "person-changed-number",
    "who-blocked-us",
    "erasure",
    "service-window",
    "template-category",
    "template-paused",
    "quiet-hours",
    "how-often",
    "not-delivered",
    "us-and-countries",
    "calls",
    "low-rating-causes",
    "low-rating-bot",
    "flagged-number",
    "blocked-number",
    "penalties",
    "limit-lowered",
    "messaging-limit",
    "another-number",
    "bot-silent",
    "token-ends",
];
const FACTS: &str = include_str!("../data/facts.toml");
const CAPABILITIES: &str = include_str!("../data/capabilities.toml");
const SOURCES: &str = include_str!("../data/sources.toml");

/// A piece of the guide's data that does not read.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` cannot be read")]
pub(crate) struct DataError {
    name: String,
    #[source]
    source: toml::de::Error,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    fact: Vec<Fact>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    source: Vec<Source>,
}

pub(crate) fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, DataError> {
    toml::from_str(text).map_err(|source| DataError {
        name: name.to_owned(),
        source,
    })
}

/// Reads everything.
pub(crate) fn read() -> Result<Guide, DataError> {
    let mut articles = Vec::with_capacity(ARTICLES.len());
    for (slug, text) in ARTICLES {
        let article: Article = parse(slug, text)?;
        articles.push(Article {
            slug: (*slug).to_owned(),
            ..article
        });
    }
    let facts: Facts = parse("facts.toml", FACTS)?;
    let causes: Causes = parse("capabilities.toml", CAPABILITIES)?;
    let sources: Sources = parse("sources.toml", SOURCES)?;
    Ok(Guide {
        articles,
        causes: by(causes.cause, |cause| cause.id.clone()),
        facts: by(facts.fact, |fact| fact.id.clone()),
        sources: by(sources.source, |source| source.key.clone()),
        index: OnceLock::new(),
    })
}

fn by<T>(rows: Vec<T>, name: impl Fn(&T) -> String) -> BTreeMap<String, T> {
    rows.into_iter().map(|row| (name(&row), row)).collect()
}
