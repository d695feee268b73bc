//! The guide: pages that say what may be sent and why not, and what answers a question in words of every day.
//!
//! It is the same for everybody and knows of nobody: no business, no person, no number is looked at.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use greenline_console::guide::{ArticlePage, GuidePage, RulePage};
use greenline_guide::{Confidence, Entry, Fact, Guide, QUESTION_CHARS_MAX};
use greenline_policy::rule::{Rule, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::refusal;

use super::auth::{PageWho, Who};
use super::extract::{Params, Segments};
use super::pages;
use super::problem::{Kind, Problem, ProblemBody};

/// What is asked.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// A question in words of every day, the code of an error, or the name of a rule, an article or a fact; at most 400
    /// characters. Without one every page is listed.
    q: Option<String>,
}

/// Where a fact comes from.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideSource)]
struct SourceShape {
    key: &'static str,
    title: &'static str,
    /// Absent for what has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'static str>,
    /// Which copy was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<&'static str>,
    /// How much weight it has: `high`, `medium` or `low`.
    weight: &'static str,
}

/// What a page rests on.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideFact)]
struct FactShape {
    id: &'static str,
    text: &'static str,
    /// `high`: the platform's own page or the text of a law. `medium`: second-hand, partial, or our reading. `low`: weak.
    confidence: &'static str,
    /// From when it holds, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'static str>,
    /// Until when it held, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'static str>,
    sources: Vec<SourceShape>,
}

/// What held at a time.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideEra)]
struct EraShape {
    /// The time, in words.
    when: &'static str,
    text: &'static str,
}

/// Cases side by side.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideTable)]
struct TableShape {
    caption: &'static str,
    head: &'static [String],
    /// Each as long as the head.
    rows: &'static [Vec<String>],
}

/// A page, by its name.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideLink)]
struct LinkShape {
    id: &'static str,
    title: &'static str,
    /// Where it is on this listener.
    page: String,
}

impl From<Entry<'static>> for LinkShape {
    fn from(entry: Entry<'static>) -> Self {
        Self {
            id: entry.id(),
            title: entry.title(),
            page: entry.path(),
        }
    }
}

/// All that a page says.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideContents)]
struct ContentsShape {
    /// More of the answer, in paragraphs.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    text: &'static [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<TableShape>,
    /// What held when, where it changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    eras: Vec<EraShape>,
    /// What Greenline does about it, in paragraphs.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    greenline: &'static [String],
    /// What is not known.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unknown: &'static [String],
    /// The error code by which a rule answers an app, where it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u32>,
    /// The first day on which a rule holds, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// The day on which a rule no longer holds, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// How sure all of it is, in words.
    confidence: String,
    facts: Vec<FactShape>,
    rules: Vec<LinkShape>,
    articles: Vec<LinkShape>,
}

/// A page of the guide.
#[derive(Serialize, ToSchema)]
#[schema(as = GuidePage)]
struct PageShape {
    /// `article` or `rule`.
    kind: &'static str,
    /// An article's or a rule's name.
    id: &'static str,
    /// Where it is on this listener.
    page: String,
    /// The question, or the rule's sentence.
    title: &'static str,
    /// The short answer, or what to do about the rule.
    #[serde(skip_serializing_if = "str::is_empty")]
    answer: &'static str,
    /// All that it says; absent in the list of every page.
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<ContentsShape>,
}

/// What the guide has.
#[derive(Serialize, ToSchema)]
#[schema(as = GuideAnswer)]
pub(crate) struct AnswerShape {
    /// What was asked; absent when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    /// What answers it, best first, at most ten; or every page.
    pages: Vec<PageShape>,
}

/// The code by which a rule answers an app, where it refuses.
fn error_code(rule: Rule) -> Option<u32> {
    (rule.card().severity != Severity::Note).then(|| refusal::code(rule).0)
}

fn present(text: &'static str) -> Option<&'static str> {
    (!text.is_empty()).then_some(text)
}

fn fact(guide: &'static Guide, fact: &'static Fact) -> FactShape {
    let word = Confidence::as_str;
    FactShape {
        id: &fact.id,
        text: &fact.text,
        confidence: word(fact.confidence),
        since: fact.since.as_deref(),
        until: fact.until.as_deref(),
        sources: guide
            .sources_of(fact)
            .map(|source| SourceShape {
                key: &source.key,
                title: &source.title,
                address: present(&source.address),
                read: present(&source.read),
                weight: word(source.weight),
            })
            .collect(),
    }
}

fn contents(guide: &'static Guide, entry: Entry<'static>) -> ContentsShape {
    let bare = ContentsShape {
        text: &[],
        table: None,
        eras: Vec::new(),
        greenline: &[],
        unknown: &[],
        error_code: None,
        since: None,
        until: None,
        confidence: guide.confidence(entry),
        facts: guide
            .facts_of(entry)
            .into_iter()
            .map(|known| fact(guide, known))
            .collect(),
        rules: Vec::new(),
        articles: Vec::new(),
    };
    match entry {
        Entry::Rule(rule) => ContentsShape {
            error_code: error_code(rule),
            since: rule.card().since.map(|since| since.day.to_string()),
            until: rule.card().until.map(|until| until.day.to_string()),
            articles: guide
                .about(rule)
                .map(|article| Entry::Article(article).into())
                .collect(),
            ..bare
        },
        Entry::Article(article) => ContentsShape {
            text: &article.text,
            table: article.table.as_ref().map(|table| TableShape {
                caption: &table.caption,
                head: &table.head,
                rows: &table.rows,
            }),
            eras: article
                .eras
                .iter()
                .map(|era| EraShape {
                    when: &era.when,
                    text: &era.text,
                })
                .collect(),
            greenline: &article.greenline,
            unknown: &article.unknown,
            rules: article
                .rules
                .iter()
                .filter_map(|id| Rule::parse(id))
                .map(|rule| Entry::Rule(rule).into())
                .collect(),
            articles: guide
                .beside(article)
                .map(|other| Entry::Article(other).into())
                .collect(),
            ..bare
        },
    }
}

fn shape(question: Option<&str>, entries: Vec<Entry<'static>>) -> AnswerShape {
    let guide = Guide::this();
    let pages = entries
        .into_iter()
        .map(|entry| PageShape {
            kind: match entry {
                Entry::Article(_) => "article",
                Entry::Rule(_) => "rule",
            },
            id: entry.id(),
            page: entry.path(),
            title: entry.title(),
            answer: entry.short(),
            contents: question.map(|_| contents(guide, entry)),
        })
        .collect();
    AnswerShape {
        question: question.map(str::to_owned),
        pages,
    }
}

/// What answers a question, within the limit of what is looked at.
fn found(question: &str) -> Result<Vec<Entry<'static>>, Problem> {
    if question.chars().count() > QUESTION_CHARS_MAX {
        return Err(Problem::invalid(
            "q",
            format!("a question has at most {QUESTION_CHARS_MAX} characters"),
        ));
    }
    Guide::this().find(question).map_err(|error| {
        tracing::error!(%error, "the guide could not be searched");
        Problem::new(Kind::Bug, "the guide could not be searched")
    })
}

/// As [`found`], beside the tasks that wait for sockets: the first question builds the index.
async fn looked_up(question: String) -> Result<Vec<Entry<'static>>, Problem> {
    tokio::task::spawn_blocking(move || found(&question))
        .await
        .unwrap_or_else(|_| Err(Problem::new(Kind::Bug, "the guide could not be searched")))
}

fn said(asked: Asked) -> Option<String> {
    let question = asked.q?.trim().to_owned();
    (!question.is_empty()).then_some(question)
}

/// The answer to a question, or every page, as `GET /v1/guide` gives it; needs no store and no settings.
///
/// # Errors
/// A problem when the question is too long or the index cannot be used.
pub fn answer(question: Option<&str>) -> Result<Value, Problem> {
    let entries = match question {
        Some(question) => found(question)?,
        None => Guide::this().entries().collect(),
    };
    serde_json::to_value(shape(question, entries))
        .map_err(|_| Problem::new(Kind::Bug, "the guide's answer could not be written"))
}

/// What does the guide say?
///
/// Finds the pages that answer a question, best first, each whole: the answer, what Greenline does about it, what held when,
/// what is not known, and the facts it rests on with their sources and confidence. Offline, in English.
#[utoipa::path(
    get, path = "/v1/guide", operation_id = "askGuide", tag = "decisions", params(Asked),
    responses(
        (status = 200, description = "What answers it, or every page", body = AnswerShape),
        (status = 422, description = "The question is too long", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ask(
    _: Who,
    Params(asked): Params<Asked>,
) -> Result<Json<AnswerShape>, Problem> {
    let question = said(asked);
    let entries = match question.clone() {
        Some(question) => looked_up(question).await?,
        None => Guide::this().entries().collect(),
    };
    Ok(Json(shape(question.as_deref(), entries)))
}

/// `GET /guide`.
pub(crate) async fn list(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Params(asked): Params<Asked>,
) -> Response {
    pages::page(&app, &who, async {
        let question = said(asked).unwrap_or_default();
        let found = if question.is_empty() {
            Vec::new()
        } else {
            looked_up(question.clone()).await?
        };
        pages::answer(&GuidePage {
            frame: pages::frame(&app, &who, None),
            guide: Guide::this(),
            question,
            found,
        })
    })
    .await
}

/// `GET /guide/{id}`: an article.
pub(crate) async fn article(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
) -> Response {
    pages::page(&app, &who, async {
        let guide = Guide::this();
        let article = guide.article(&id).ok_or_else(|| {
            Problem::not_found("the guide has no such page; /guide lists what there is")
        })?;
        pages::answer(&ArticlePage {
            frame: pages::frame(&app, &who, None),
            guide,
            article,
        })
    })
    .await
}

/// `GET /guide/rules/{id}`: a rule.
pub(crate) async fn rule(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
) -> Response {
    pages::page(&app, &who, async {
        let rule = Rule::parse(&id).ok_or_else(|| {
            Problem::not_found("this release has no such rule; /guide lists what there is")
        })?;
        pages::answer(&RulePage {
            frame: pages::frame(&app, &who, None),
            guide: Guide::this(),
            rule,
            code: error_code(rule),
        })
    })
    .await
}
