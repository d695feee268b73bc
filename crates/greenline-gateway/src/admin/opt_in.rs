//! Links by which people opt in, and the question in the thread.
//!
//! Links and their pictures are worked out from the settings and stored nowhere, so the same request gives the
//! same link. The question is owed by the ledger and sent like any reply, once what it would be decided is seen
//! to let it go.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greenline_ledger::types::{Effect, OwnReply, PersonView};
use greenline_policy::consent::Standing;
use greenline_policy::decide::Verdict;
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::keyring::{Key, Keyring, Purpose};
use crate::opt_in::question::{ABOUT, Question, SCOPES_MAX};
use crate::opt_in::{Code, Form, Worded, keyed_name, page, png, svg, wa_me};
use crate::pipeline;

use super::auth::Who;
use super::extract::{Params, Raw, Segments, json_or_default, named, typed_json};
use super::people::{OfBusiness, known};
use super::problem::{Kind, Problem, ProblemBody};

/// Which link is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OptInLinkWish, example = json!({"form": "offers", "language": "es"}))]
pub(crate) struct LinkBody {
    /// The form of the configuration.
    form: String,
    /// The language of its wording. Left out, or one it has no wording in: the business's own, else the first there is.
    #[serde(default)]
    language: Option<String>,
}

/// An opt-in link.
#[derive(Serialize, ToSchema)]
#[schema(as = OptInLink)]
pub(crate) struct LinkShape {
    /// The form it is of.
    form: String,
    /// The language of its wording.
    language: String,
    /// What a yes by it covers.
    scopes: Vec<String>,
    /// What the person agrees to. Show it beside the link or the QR code, word for word.
    wording: String,
    /// What the link prefills, code included. A yes is taken from it or from the code alone; a text that was
    /// changed otherwise leads to a question with two buttons.
    text: String,
    /// Stands for business, form, language, wording, text and scopes: it changes when one of them does.
    code: String,
    /// The address. Absent while no number of the business has a `display_number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The QR code of the address as SVG, under this API.
    qr_svg: String,
    /// The QR code of the address as PNG, under this API.
    qr_png: String,
    /// No longer offered; it still counts when it arrives.
    retired: bool,
}

impl LinkShape {
    fn new(business: &Business, form: &Form, worded: &Worded) -> Self {
        let picture = |kind: &str| {
            let (id, code) = (&business.config.id, worded.code.as_str());
            format!("/v1/businesses/{id}/opt-in-links/{code}/qr.{kind}")
        };
        Self {
            form: form.id.to_string(),
            language: worded.language.to_string(),
            scopes: form.scopes.iter().map(Scope::to_string).collect(),
            wording: worded.wording.to_string(),
            text: worded.prefilled(),
            code: worded.code.as_str().to_owned(),
            url: address(form, worded),
            qr_svg: picture("svg"),
            qr_png: picture("png"),
            retired: form.retired,
        }
    }
}

fn address(form: &Form, worded: &Worded) -> Option<String> {
    Some(wa_me(form.number.as_deref()?, &worded.prefilled()))
}

/// Every way to opt in by oneself.
#[derive(Serialize, ToSchema)]
#[schema(as = OptInLinks)]
pub(crate) struct LinksShape {
    /// The hosted page, if anything is offered and `listen.public_url` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    /// One for each form and language.
    links: Vec<LinkShape>,
}

/// Every opt-in link of a business.
///
/// They come of the forms in its settings; `page` is the hosted page that offers them all.
#[utoipa::path(
    get, path = "/v1/businesses/{id}/opt-in-links", operation_id = "listOptInLinks", tag = "consent",
    params(("id" = String, Path, description = "The business")),
    responses(
        (status = 200, description = "The links", body = LinksShape),
        (status = 404, description = "No such business", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<LinksShape>, Problem> {
    let business = who.business(&app.directory, Some(&id))?;
    let links = business.opt_in.all();
    let links = links.map(|(form, worded)| LinkShape::new(&business, form, worded));
    let has_page =
        business.opt_in.offered().next().is_some() && !app.config.listen.public_url.is_empty();
    Ok(Json(LinksShape {
        page: has_page.then(|| page::address_of(&app, &business)),
        links: links.collect(),
    }))
}

/// Make an opt-in link.
///
/// A `wa.me` link whose prefilled text carries a short code. When that text arrives from a person, a yes with
/// its evidence is recorded for the form's scopes: the wording, the exact text, the message's id and time. The same
/// request gives the same link. Like every yes it lifts only what is older than the person's own act, and
/// never WhatsApp's own switch.
#[utoipa::path(
    post, path = "/v1/businesses/{id}/opt-in-links", operation_id = "makeOptInLink", tag = "consent", request_body = LinkBody,
    params(("id" = String, Path, description = "The business")),
    responses(
        (status = 201, description = "The link", body = LinkShape),
        (status = 404, description = "No such business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "No number of the business has a display_number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No such form", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn make(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    who.must(May::Agent)?;
    let business = who.business(&app.directory, Some(&id))?;
    let body: LinkBody = typed_json(&body)?;
    let usual = &business.config.language;
    let form = business
        .opt_in
        .form(&body.form)
        .filter(|form| !form.retired);
    let found = form.and_then(|form| {
        let language = body.language.as_deref().unwrap_or(usual);
        Some((form, form.in_language(language, usual)?))
    });
    let (form, worded) = found.ok_or_else(|| {
        Problem::invalid("form", "not a form that the business offers")
            .allowed(business.opt_in.offered().map(|form| &*form.id))
    })?;
    let link = LinkShape::new(&business, form, worded);
    if link.url.is_none() {
        return Err(Problem::new(
            Kind::NotReady,
            "no number of the business that the form could lead to has a display_number",
        ));
    }
    Ok((StatusCode::CREATED, Json(link)).into_response())
}

/// The QR code of an opt-in link.
///
/// As `qr.svg` or `qr.png`, with its quiet zone, to be printed or shown.
#[utoipa::path(
    get, path = "/v1/businesses/{id}/opt-in-links/{code}/{picture}", operation_id = "showOptInQr", tag = "consent",
    params(
        ("id" = String, Path, description = "The business"),
        ("code" = String, Path, description = "The link's code"),
        ("picture" = String, Path, description = "`qr.svg` or `qr.png`"),
    ),
    responses(
        (status = 200, description = "The picture", content((Vec<u8> = "image/png"), (String = "image/svg+xml"))),
        (status = 404, description = "No such business, link or picture", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn picture(
    State(app): State<Shared>,
    who: Who,
    Segments((id, code, picture)): Segments<(String, String, String)>,
) -> Result<Response, Problem> {
    let business = who.business(&app.directory, Some(&id))?;
    let missing =
        || Problem::not_found("the business has no such opt-in link, or it leads nowhere");
    let code = Code::parse(&code).ok_or_else(missing)?;
    let (form, worded) = business.opt_in.of_code(&code).ok_or_else(missing)?;
    let address = address(form, worded).ok_or_else(missing)?;
    let (kind, bytes) = match picture.as_str() {
        "qr.svg" => ("image/svg+xml", svg(&address).map(String::into_bytes)),
        "qr.png" => ("image/png", png(&address)),
        _ => return Err(Problem::not_found("the picture is qr.svg or qr.png")),
    };
    let bytes =
        bytes.ok_or_else(|| Problem::new(Kind::TooLarge, "the text is too long for a QR code"))?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'"),
    );
    Ok(response)
}

/// What to ask a person.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OptInQuestionWish, example = json!({"scopes": ["marketing"]}))]
pub(crate) struct QuestionBody {
    /// What is asked about, up to four. Left out: everything that stands as claimed, unconfirmed or expired.
    #[serde(default)]
    scopes: Vec<String>,
    /// The number to ask from. Left out: the one they wrote to last.
    #[serde(default)]
    number: Option<String>,
    /// The language of the question; the business's own where left out.
    #[serde(default)]
    language: Option<String>,
}

/// A question that is owed.
#[derive(Serialize, ToSchema)]
#[schema(as = OptInQuestion)]
pub(crate) struct QuestionShape {
    /// What is asked about.
    scopes: Vec<String>,
    /// The number it is asked from.
    number: String,
}

/// Ask a person in the thread whether they want what they are said to have agreed to.
///
/// A free-form message with two buttons, decided like any other: only inside a window that the person opened,
/// never as a template. Their yes is recorded with the question, the button and the message as its evidence, and
/// covers; their no is recorded as refused. Nothing is asked about what they said no to. Asking again before
/// anything has changed sends nothing twice.
#[utoipa::path(
    post, path = "/v1/people/{id}/opt-in-question", operation_id = "askOptIn", tag = "consent", request_body = Option<QuestionBody>,
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 202, description = "Owed, and on disk; it goes out at once", body = QuestionShape),
        (status = 404, description = "Nobody of that business is known by this identifier", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to ask about, they said no, or it may not go now; `detail` says which", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ask(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    who.must(May::Agent)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: QuestionBody = json_or_default(&body)?;
    let identifier = named(&id)?;
    let person = known(&app, &business, &identifier).await?;
    let scopes = asked_about(&app, &business, &person, &body.scopes)?;
    let number = number(&business, &person, body.number.as_deref())?;
    let language = body
        .language
        .as_deref()
        .unwrap_or(&business.config.language);
    let named = names(&scopes).join(" ");
    let ring = keys(&app)?;
    let key = ring
        .newest(Purpose::Link)
        .ok_or_else(|| Problem::new(Kind::NotReady, "there is no key for links"))?;
    let asked = Question::new(&business, language, &named).and_then(|question| {
        let message = question.message(&ring, &business, &identifier, "")?;
        Some((message, question.language()))
    });
    let (message, language) = asked.ok_or_else(|| {
        Problem::invalid("scopes", "more than the buttons of one question can carry")
    })?;
    may_go(&app, &business, &number, &message).await?;
    let effect = Effect::Reply {
        to: identifier.clone(),
        number: number.as_str().into(),
        reply: OwnReply::OptInQuestion {
            language: language.into(),
            scopes: named.as_str().into(),
        },
        message_id: about(key, &identifier, &named, &person),
        at_ms: app.clock.now_ms(),
    };
    app.ledger.learn(business.ix, vec![effect]).await?;
    app.replies_due.notify_one();
    tracing::info!(business.id = %business.config.id, actor = who.name(), "a person is asked in the thread whether they want messages");
    let shape = QuestionShape {
        scopes: names(&scopes),
        number,
    };
    Ok((StatusCode::ACCEPTED, Json(shape)).into_response())
}

fn names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(Scope::to_string).collect()
}

/// The scopes to ask about.
fn asked_about(
    app: &App,
    business: &Business,
    person: &PersonView,
    named: &[String],
) -> Result<Vec<Scope>, Problem> {
    let head = business.aged(&person.head, app.clock.now_ms());
    if named.is_empty() {
        let all = std::iter::once(Scope::All).chain(Category::ALL.map(Scope::Category));
        let topics = head.topics.iter().map(|(topic, _)| topic.clone());
        let mut open: Vec<Scope> = Vec::new();
        for scope in all.chain(topics) {
            let is_open = matches!(
                head.standing(&scope),
                Standing::Claimed { .. } | Standing::Unconfirmed { .. } | Standing::Expired { .. }
            );
            if is_open && !open.iter().any(|above| above.covers(&scope)) {
                open.push(scope);
            }
        }
        open.truncate(SCOPES_MAX);
        if open.is_empty() {
            return Err(Problem::new(
                Kind::Conflict,
                "nothing of this person stands as claimed, unconfirmed or expired; name scopes to ask about something else",
            ));
        }
        return Ok(open);
    }
    if named.len() > SCOPES_MAX {
        return Err(Problem::invalid(
            "scopes",
            format!("more than {SCOPES_MAX}"),
        ));
    }
    let mut scopes: Vec<Scope> = Vec::new();
    for text in named {
        let declared = |scope: &Scope| {
            !matches!(scope, Scope::Topic(..)) || business.config.topics.contains(text)
        };
        let scope = Scope::parse(text).filter(declared).ok_or_else(|| {
            Problem::invalid(
                "scopes",
                format!("`{text}` is neither a scope nor a topic that the business declares"),
            )
        })?;
        match head.standing(&scope) {
            Standing::Refused { .. } => {
                return Err(Problem::new(
                    Kind::Conflict,
                    format!(
                        "they said no to `{text}`; only of their own accord can they say yes again"
                    ),
                ));
            }
            Standing::Covered { .. } => {
                return Err(Problem::new(
                    Kind::Conflict,
                    format!("a yes to `{text}` is in force; there is nothing to ask"),
                ));
            }
            _ if scopes.contains(&scope) => {}
            _ => scopes.push(scope),
        }
    }
    Ok(scopes)
}

/// The number named, or the one they wrote to last.
fn number(
    business: &Business,
    person: &PersonView,
    named: Option<&str>,
) -> Result<String, Problem> {
    let own: BTreeSet<&str> = business
        .config
        .number
        .iter()
        .map(|number| number.phone_number_id.as_str())
        .collect();
    if let Some(named) = named {
        return match own.contains(named) {
            true => Ok(named.to_owned()),
            false => Err(Problem::invalid("number", "not a number of the business").allowed(own)),
        };
    }
    let written = person
        .windows
        .iter()
        .filter(|(number, ..)| own.contains(&**number));
    let last = written.max_by_key(|(_, wrote_ms, _)| *wrote_ms);
    last.map(|(number, ..)| number.to_string()).ok_or_else(|| {
        Problem::new(
            Kind::Conflict,
            "they have not written to a number of the business, so there is no window to ask in",
        )
    })
}

fn keys(app: &App) -> Result<Arc<Keyring>, Problem> {
    app.keys.open(app.clock.now_ms()).map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "no keys to sign a question with"
        );
        Problem::new(
            Kind::NotReady,
            "the file of keys cannot be used; the log says why, and so does `greenline doctor`",
        )
    })
}

/// Whether it would be let go now, by the function that decides it when it goes.
async fn may_go(
    app: &Shared,
    business: &Business,
    number: &str,
    message: &[u8],
) -> Result<(), Problem> {
    let record = pipeline::preview(app, business.ix, number, message)
        .await
        .map_err(|refusal| match refusal.http {
            503 => Problem::new(Kind::Unavailable, "the store is not available"),
            _ => Problem::new(Kind::Bug, "the question cannot be read by the gateway"),
        })?;
    if record.decision.verdict == Verdict::Allow {
        return Ok(());
    }
    let reasons: Vec<&str> = record
        .decision
        .reasons
        .iter()
        .map(|reason| reason.rule.id())
        .collect();
    Err(Problem::new(
        Kind::Conflict,
        format!("it may not go now: {}", reasons.join(", ")),
    ))
}

/// Names the question, so that it is asked once while nothing changes.
fn about(key: &Key, to: &Identifier, scopes: &str, person: &PersonView) -> Box<str> {
    let newest = person.history.iter().map(|stored| stored.version).max();
    let newest = newest.unwrap_or_default().to_string();
    let to = to.canonical().0.reveal();
    let parts = [to.as_str(), scopes, &newest];
    let name = keyed_name(key.reveal(), b"greenline opt-in question", &parts);
    format!("{ABOUT}{name}").into()
}
