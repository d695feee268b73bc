//! What is held about one person, all of it, as a file: for the person who asks to see it.
//!
//! It is written out as it is read, a page at a time, as JSON for systems or as a page that a person can read and
//! keep. A record that speaks of others too is cut down to what concerns this person. Who had it made is on
//! record before the first byte goes out; if that cannot be written, nothing goes out.

mod page;
mod theirs;

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use greenline_ledger::LedgerError;
use greenline_ledger::erasure::is_pseudonym;
use greenline_ledger::held::{CallAnswer, Held, HeldAt, HeldKind, Holding};
use greenline_ledger::types::{DecisionRecord, Effect, PersonView, TimelineEntry};
use greenline_policy::identity::Identifier;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::config::May;
use crate::directory::Business;
use crate::ids;
use crate::retention;

use super::auth::{PageWho, Who};
use super::extract::{Params, Posted, Segments, identifier, named};
use super::pages;
use super::problem::{Problem, ProblemBody};
use super::shape::{DecisionShape, IdentifierShape, PersonShape, time};

/// Pieces that may wait for a slow reader.
const PIECES_MAX: usize = 4;
/// Earlier exports that are told of.
const EXPORTS_SHOWN: usize = 1_000;
/// What the timeline calls a person; its `subject_id` is the ledger's own number of them.
const SUBJECT: &str = "person";
/// Where an export comes from, on the timeline.
const ORIGIN: &str = "access";
/// What it is called there.
const EVENT: &str = "exported";

/// Whose, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// `json` or `html`; without it, `html` for whoever asks for `text/html`.
    format: Option<String>,
}

/// The form it is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Html,
}

impl Format {
    fn of(asked: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let accepts = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
        match asked {
            Some("json") => Ok(Self::Json),
            Some("html") => Ok(Self::Html),
            Some(_) => Err(Problem::invalid("format", "no such form")
                .allowed(["json".to_owned(), "html".to_owned()])),
            None if accepts.is_some_and(|it| it.contains("text/html")) => Ok(Self::Html),
            None => Ok(Self::Json),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
        }
    }

    fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// An answer about calls.
#[derive(Serialize, ToSchema)]
#[schema(as = CallAnswer)]
struct CallShape {
    /// The number that asked.
    number: String,
    /// When they answered.
    at: String,
    /// Until when calls are allowed; absent when declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<&CallAnswer> for CallShape {
    fn from(answer: &CallAnswer) -> Self {
        Self {
            number: answer.number.to_string(),
            at: time(answer.at_ms),
            until: answer.until_ms.map(time),
        }
    }
}

/// How long something is kept.
#[derive(Serialize, ToSchema)]
struct KeptShape {
    /// What.
    what: &'static str,
    /// Days; absent when it is kept for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
}

/// Everything held about a person.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldAboutPerson)]
pub(crate) struct HeldShape {
    /// `greenline-held/1`.
    format: &'static str,
    business: String,
    /// The name people know it by.
    business_name: String,
    /// What was asked by.
    asked: IdentifierShape,
    made_at: String,
    /// Who had it made.
    made_by: String,
    /// Everyone who is this person, each with every consent event and its evidence; nobody where only single
    /// records name them.
    people: Vec<PersonShape>,
    /// Answers about calls.
    calls: Vec<CallShape>,
    /// How often preference links were revoked. Links themselves are not kept.
    links_revoked: u64,
    /// When that was last.
    #[serde(skip_serializing_if = "Option::is_none")]
    links_revoked_at: Option<String>,
    /// How long what is kept.
    kept: Vec<KeptShape>,
    /// Decisions about messages to them, oldest first, with reasons in words and what became of each.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Value>,
    /// Webhooks whose bodies are still kept, without what concerns others.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deliveries: Vec<Value>,
    /// Replies that Greenline owed them itself.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replies: Vec<Value>,
    /// Messages to them that were held until they might go, and what became of each.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held_messages: Vec<Value>,
    /// Entries of the timeline that speak of them.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Value>,
    /// Who had such a file made before.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exports: Vec<Value>,
    /// How many records that is; whoever finds it has the whole file. The last member.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
}

/// Everything that is needed to write one export.
struct Export {
    app: Shared,
    business: Arc<Business>,
    asked: Identifier,
    by: String,
    now_ms: i64,
    holding: Holding,
    views: Vec<PersonView>,
    exports: Vec<TimelineEntry>,
}

/// Everything held about a person, as JSON or as a page to read, print and hand over.
///
/// Identifiers, consent events with their evidence, how each scope stands, decisions with their reasons in words,
/// what became of sends, answers about calls, webhooks and replies still kept, and who asked before. What concerns
/// others is left out. That it was asked for, and by whom, is on the timeline before the answer begins.
///
/// A number of which nothing is on record is answered too: that nothing is held is an answer.
#[utoipa::path(
    get, path = "/v1/people/{id}/export", operation_id = "exportPerson", tag = "consent",
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), ExportParams),
    responses(
        (status = 200, description = "Everything held; with `format=html` a page", body = HeldShape),
        (status = 403, description = "Needs may = \"manager\"", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a phone number nor a user id", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<ExportParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, params.business.as_deref())?;
    let format = Format::of(params.format.as_deref(), &headers)?;
    let asked = named(&id)?;
    let export = Export::gather(app, business, asked, who.name()).await?;
    export.note(format).await?;
    Ok(streamed(export, format))
}

/// The form on the page of people. The number travels in the body, so that no address bar, history or log keeps it.
#[derive(Deserialize)]
pub(crate) struct Download {
    business: Option<String>,
    who: String,
}

/// `POST /people/export`: the page, as a file to be saved.
pub(crate) async fn download(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Posted(form): Posted<Download>,
) -> Response {
    let made = async {
        who.must(May::Manager)?;
        let business = who.business(&app.directory, form.business.as_deref())?;
        let asked = identifier(&form.who).map_err(|problem| problem.at("who"))?;
        let export = Export::gather(app.clone(), business, asked, who.name()).await?;
        export.note(Format::Html).await?;
        Ok::<_, Problem>(export)
    };
    match made.await {
        Ok(export) => {
            let mut response = streamed(export, Format::Html);
            response.headers_mut().insert(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=\"held-about-a-person.html\""),
            );
            response
        }
        Err(problem) => pages::failed(&app, &who, problem),
    }
}

/// An answer that is written out as it is read.
fn streamed(export: Export, format: Format) -> Response {
    let (pieces, read) = mpsc::channel::<io::Result<Bytes>>(PIECES_MAX);
    let writing = tokio::spawn(async move {
        let written = match format {
            Format::Json => export.write_json(&pieces).await,
            Format::Html => page::write(&export, &pieces).await,
        };
        end(written, &pieces).await;
    });
    let read = futures_util::stream::unfold(Some((read, writing)), async |going| {
        let (mut read, writing) = going?;
        match read.recv().await {
            Some(piece) => Some((piece, Some((read, writing)))),
            // Whoever wrote it may have died over it.
            None => {
                let died = writing.await.err()?;
                Some((Err(io::Error::other(died)), None))
            }
        }
    });
    let mut response = (StatusCode::OK, Body::from_stream(read)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.media()),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(greenline_console::CONTENT_SECURITY_POLICY),
    );
    response
}

/// Ends what was written. Where it was not written to its end the answer breaks off: half of it must not pass for all
/// of it.
async fn end(written: Result<(), Stopped>, pieces: &Pieces) {
    let error = match written {
        Ok(()) | Err(Stopped::Unread) => return,
        Err(Stopped::Ledger(error)) => {
            tracing::error!(%error, "what is held about a person could not be read to its end");
            io::Error::other(error)
        }
        Err(Stopped::Undrawn) => {
            tracing::error!("what is held about a person could not be written to its end");
            io::Error::other("a piece could not be written")
        }
    };
    let _ = pieces.send(Err(error)).await;
}

/// Why writing stopped early.
enum Stopped {
    /// The store's.
    Ledger(LedgerError),
    /// A piece could not be drawn.
    Undrawn,
    /// Nobody reads any more.
    Unread,
}

impl From<LedgerError> for Stopped {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

type Pieces = mpsc::Sender<io::Result<Bytes>>;

async fn put(pieces: &Pieces, piece: impl Into<Bytes>) -> Result<(), Stopped> {
    let sent = pieces.send(Ok(piece.into())).await;
    sent.map_err(|_| Stopped::Unread)
}

fn json_of(value: &impl Serialize) -> Result<String, Stopped> {
    serde_json::to_string(value).map_err(|_| Stopped::Undrawn)
}

impl Export {
    async fn gather(
        app: Shared,
        business: Arc<Business>,
        asked: Identifier,
        by: &str,
    ) -> Result<Self, Problem> {
        let now_ms = app.clock.now_ms();
        let holding = app.ledger.holding(business.ix, &asked).await?;
        let holding = holding.unwrap_or_else(|| Holding::of_nobody(&asked));
        let mut views: Vec<PersonView> = Vec::new();
        for identifier in std::iter::once(&asked).chain(&holding.identifiers) {
            let seen = |view: &PersonView| {
                let mut known = view.identifiers.iter();
                known.any(|(known, _)| *known == identifier.canonical().0)
            };
            if views.iter().any(seen) {
                continue;
            }
            let view = app.ledger.person(business.ix, identifier).await?;
            if let Some(mut view) = view
                && views.iter().all(|other| other.id != view.id)
            {
                view.head = business.aged(&view.head, now_ms);
                views.push(view);
            }
        }
        let mut exports = Vec::new();
        for person in &holding.people {
            let subject = subject_id(person.0);
            let about = Some((SUBJECT, subject.as_str()));
            let earlier = app
                .ledger
                .timeline(business.ix, about, None, EXPORTS_SHOWN)
                .await?;
            exports.extend(earlier.into_iter().filter(|entry| *entry.origin == *ORIGIN));
        }
        exports.sort_by_key(|entry| entry.at_ms);
        Ok(Self {
            by: by.to_owned(),
            app,
            business,
            asked,
            now_ms,
            holding,
            views,
            exports,
        })
    }

    /// Puts on record who asked, without naming the person by anything but the ledger's own number.
    async fn note(&self, format: Format) -> Result<(), Problem> {
        let first = self.holding.people.first();
        let entry = Effect::Timeline {
            subject: SUBJECT,
            subject_id: first
                .map_or_else(|| "nobody".to_owned(), |person| subject_id(person.0))
                .into(),
            origin: ORIGIN.into(),
            event: EVENT.into(),
            at_ms: self.now_ms,
            body: json!({ "actor": self.by, "format": format.as_str() })
                .to_string()
                .into(),
        };
        self.app.ledger.learn(self.business.ix, vec![entry]).await?;
        tracing::info!(
            business.id = %self.business.config.id,
            actor = self.by,
            "everything held about a person was asked for"
        );
        Ok(())
    }

    fn is_erased(&self) -> bool {
        self.holding.identifiers.iter().any(is_pseudonym)
    }

    /// Addressees of a decision that are this person.
    fn theirs<'r>(&self, record: &'r DecisionRecord) -> Vec<&'r Identifier> {
        let people = record.people.iter();
        let theirs = people.filter(|one| {
            one.person
                .is_some_and(|id| self.holding.people.contains(&id))
                || self.holding.texts.contains(&one.identifier.reveal())
        });
        theirs.map(|one| &one.identifier).collect()
    }

    fn head(&self) -> HeldShape {
        let config = &self.business.config;
        HeldShape {
            format: "greenline-held/1",
            business: config.id.clone(),
            business_name: config.name.clone(),
            asked: (&self.asked).into(),
            made_at: time(self.now_ms),
            made_by: self.by.clone(),
            people: self
                .views
                .iter()
                .map(|view| PersonShape::new(&config.id, view, self.now_ms))
                .collect(),
            calls: self.holding.calls.iter().map(CallShape::from).collect(),
            links_revoked: self.holding.links_revoked,
            links_revoked_at: self.holding.links_revoked_ms.map(time),
            kept: retention::kept(&self.app.config.retention)
                .into_iter()
                .map(|(what, days)| KeptShape { what, days })
                .collect(),
            decisions: Vec::new(),
            deliveries: Vec::new(),
            replies: Vec::new(),
            held_messages: Vec::new(),
            timeline: Vec::new(),
            exports: Vec::new(),
            records: None,
        }
    }

    /// The next page of a kind, and where to go on.
    async fn page(
        &self,
        kind: HeldKind,
        after: HeldAt,
    ) -> Result<(Vec<Held>, Option<HeldAt>), Stopped> {
        let ledger = &self.app.ledger;
        let mut page = ledger
            .held(self.business.ix, &self.holding, kind, after)
            .await?;
        // Entries of the timeline are handed on whole, or not at all.
        page.records.retain(|held| match held {
            Held::Timeline(entry) => !self.holding.is_named_elsewhere_in(entry.body.as_bytes()),
            _ => true,
        });
        Ok((page.records, page.next))
    }

    async fn write_json(&self, pieces: &Pieces) -> Result<(), Stopped> {
        let head = json_of(&self.head())?;
        let mut records: u64 = self
            .views
            .iter()
            .map(|view| view.history.len() as u64)
            .sum();
        // Without the brace that closes it: the lists follow.
        put(pieces, head[..head.len() - 1].to_owned()).await?;
        for (kind, name) in HeldKind::ALL.into_iter().zip([
            "decisions",
            "deliveries",
            "replies",
            "held_messages",
            "timeline",
        ]) {
            put(pieces, format!(",\"{name}\":[")).await?;
            let (mut comma, mut next) = ("", Some(HeldAt::START));
            while let Some(after) = next {
                let (page, more) = self.page(kind, after).await?;
                for held in &page {
                    put(pieces, format!("{comma}{}", self.shape(held)?)).await?;
                    (comma, records) = (",", records + 1);
                }
                next = more;
            }
            put(pieces, "]").await?;
        }
        let exports: Vec<Value> = self.exports.iter().map(export_shape).collect();
        let exports = json_of(&exports)?;
        put(
            pieces,
            format!(",\"exports\":{exports},\"records\":{records}}}"),
        )
        .await
    }

    fn shape(&self, held: &Held) -> Result<Value, Stopped> {
        Ok(match held {
            Held::Decision(record) => {
                let mut shape = serde_json::to_value(DecisionShape::from(&**record))
                    .map_err(|_| Stopped::Undrawn)?;
                let theirs = self.theirs(record);
                let others = record.people.len() - theirs.len();
                shape["to"] = theirs.iter().map(|to| to.reveal()).collect();
                shape["others"] = others.into();
                shape
            }
            Held::Delivery {
                received_ms,
                lane,
                body,
            } => json!({
                "received_at": time(*received_ms),
                "what": page::lane(*lane),
                "body": theirs::cut(body, &self.holding),
            }),
            Held::Reply {
                number,
                reply,
                at_ms,
                is_over,
                decision,
            } => json!({
                "number": number,
                "what": page::reply(reply),
                "owed_since": time(*at_ms),
                "over": is_over,
                "decision": decision,
            }),
            Held::Message { message, body } => json!({
                "number": message.number,
                "what": page::held_state(message),
                "template": message.template.0,
                "held_at": time(message.held_ms),
                "decision": ids::decision(message.decision),
                "message_id": message.given_id,
                "body": body.as_ref().map(|body| {
                    serde_json::from_slice::<Value>(body)
                        .unwrap_or_else(|_| String::from_utf8_lossy(body).into())
                }),
            }),
            Held::Timeline(entry) => json!({
                "subject": entry.subject,
                "subject_id": entry.subject_id,
                "origin": entry.origin,
                "event": entry.event,
                "at": time(entry.at_ms),
                "body": serde_json::from_str::<Value>(&entry.body).unwrap_or_default(),
            }),
        })
    }
}

fn subject_id(person: u64) -> String {
    format!("{person:016x}")
}

/// Who had a file made, and in which form.
fn export_shape(entry: &TimelineEntry) -> Value {
    let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
    json!({ "at": time(entry.at_ms), "by": body["actor"], "format": body["format"] })
}

/// A decision's name, for the page.
fn decision_id(record: &DecisionRecord) -> String {
    ids::decision(record.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_written_to_its_end_breaks_off() {
        let broken = [
            Stopped::Ledger(LedgerError::Bug("a store that does not read")),
            Stopped::Undrawn,
        ];
        for stopped in broken {
            let (pieces, mut read) = mpsc::channel(PIECES_MAX);
            end(Err(stopped), &pieces).await;
            drop(pieces);
            assert!(read.recv().await.is_some_and(|piece| piece.is_err()));
        }
        let (pieces, mut read) = mpsc::channel(PIECES_MAX);
        end(Ok(()), &pieces).await;
        drop(pieces);
        assert!(read.recv().await.is_none());
    }
}
