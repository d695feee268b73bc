//! The Graph-compatible gateway: every request of an app that is not ours to answer.
//!
//! Tells who is calling and what the call means, then hands it to the send path ([`crate::pipeline`]),
//! or passes it through ([`crate::pass`]). A shape that cannot be read with certainty goes nowhere.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use greenline_ledger::types::BusinessIx;
use greenline_wire::batch::{self, BatchAnswer, BatchItem};
use greenline_wire::form::{self, ContentType};
use greenline_wire::path::{self, Access, Edge, GraphPath, OVERRIDE_HEADERS};
use greenline_wire::send;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::Shared;
use crate::directory::{App, Number};
use crate::inbound::Inbound;
use crate::pipeline::{self, Outbound};
use crate::refusal::Refusal;
use crate::upstream::lines::Lines;
use crate::{media, pass, patience};

/// One Graph call, its body in memory.
pub(crate) struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The path as sent, version included.
    pub path: &'a str,
    /// The query as sent, without `?`.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body's kind and text, ready to be read.
    pub content: send::Body<'a>,
    /// The body as sent.
    pub body: Bytes,
}

/// An answer in memory, as batches need it.
pub(crate) struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: Lines,
    /// The body.
    pub body: Bytes,
}

impl Answered {
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.into_map();
        response
    }
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        let body = Bytes::from(refusal.json());
        let (parts, _) = refusal.into_response().into_parts();
        Self {
            status: parts.status,
            headers: Lines::Map(parts.headers),
            body,
        }
    }
}

/// Answers one request of an app.
pub async fn handle(app: Shared, request: Request<Inbound>) -> Response<Body> {
    match serve(&app, request).await {
        Ok(response) => response,
        Err(refusal) => {
            if refusal.code == 100 {
                app.metrics.sends_unreadable.add();
            }
            refusal.into_response()
        }
    }
}

async fn serve(app: &Shared, request: Request<Inbound>) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let client = identify(app, &parts.headers, query)?;
    if let (&Method::GET, Some(token)) =
        (&parts.method, parts.uri.path().strip_prefix(media::PREFIX))
    {
        return media::fetch(app, &client, token, &parts.headers).await;
    }
    let named =
        path::classify(parts.uri.path()).map_err(|error| Refusal::unreadable(error.to_string()))?;
    check_owner(app, client.business, &named.edge, query)?;
    let streams = matches!(
        named.edge,
        Edge::NodeEdge { .. } | Edge::Upload { .. } | Edge::Deeper { .. } | Edge::Node { .. }
    ) && !is_form_or_json(&parts.headers);
    if streams {
        return stream_through(app, &client, &named, &parts, body).await;
    }
    let body = read_body(body, app.config.limits.send_body_bytes_max).await?;
    let content = Content::of(&parts.headers, &body)?;
    let call = Call {
        method: parts.method.clone(),
        path: parts.uri.path(),
        query,
        headers: &parts.headers,
        content: content.body(&body),
        body: pass::without_token(
            content.body(&body),
            matches!(content, Content::Rewritten(_)),
            &body,
        )?,
    };
    match &named.edge {
        Edge::Batch if parts.method == Method::POST => batch(app, &client, &call)
            .await
            .map(Answered::into_response),
        _ => dispatch(app, &client, &named, &call).await,
    }
}

/// Who is calling: the key comes as a Bearer token, or as `access_token` in the query.
fn identify(app: &Shared, headers: &HeaderMap, query: &str) -> Result<Arc<App>, Refusal> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            let known =
                scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
            known.then(|| key.trim())
        });
    let found = match bearer {
        Some(key) => app.directory.app(key),
        None => form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "access_token")
            .and_then(|(_, key)| app.directory.app(&key)),
    };
    found.cloned().ok_or_else(Refusal::bad_key)
}

/// An app reaches only its own business: every id that the path or `ids` names is checked.
pub(crate) fn check_owner(
    app: &Shared,
    business: BusinessIx,
    edge: &Edge<'_>,
    query: &str,
) -> Result<(), Refusal> {
    let several = path::ids(query).map_err(|error| Refusal::unreadable(error.to_string()))?;
    let ids = several.iter().map(String::as_str).chain(edge.id());
    for id in ids {
        match app.directory.owner(id) {
            Some(owner) if owner != business => return Err(not_yours(id)),
            Some(_) => {}
            None if app.directory.business(business).shares_token
                && !pass::is_learned(app, business, id) =>
            {
                return Err(not_yours(id));
            }
            None => {}
        }
    }
    Ok(())
}

fn not_yours(id: &str) -> Refusal {
    Refusal::unreadable(format!(
        "the object `{id}` does not belong to this app's business"
    ))
}

/// Routes a call whose body is in memory.
async fn dispatch(
    app: &Shared,
    client: &Arc<App>,
    named: &GraphPath<'_>,
    call: &Call<'_>,
) -> Result<Response<Body>, Refusal> {
    let judgeable = Judgeable {
        method: &call.method,
        query: call.query,
        headers: call.headers,
        // A post to these edges is gated whatever its body says, and what reads a send refuses an override
        // in it. With any other method the body may be what makes it a send.
        content: match named.edge {
            Edge::Messages { .. } | Edge::MarketingMessages { .. }
                if call.method == Method::POST =>
            {
                send::Body::Empty
            }
            _ => call.content,
        },
    };
    match required(app, client, named, judgeable)? {
        Access::Gated => gated(app, client, named, call)
            .await
            .map(Answered::into_response),
        access => {
            check_access(client, named, access)?;
            pass::forward(app, client, named, call).await
        }
    }
}

/// What a call needs, by the strictest method it might be carried out with; whether the platform heeds an
/// override is not ours to guess.
fn required(
    app: &Shared,
    client: &App,
    named: &GraphPath<'_>,
    call: Judgeable<'_>,
) -> Result<Access, Refusal> {
    if path::asks_for_token(call.query) && !client.trusted {
        return Err(needs_trust());
    }
    let mut methods = vec![call.method.clone()];
    for header in overrides(call.headers) {
        let with = path::methods(call.method, call.query, header, call.content)
            .map_err(|error| Refusal::unreadable(error.to_string()))?;
        methods.extend(with);
    }
    Ok(path::strictest(&methods, |method| {
        access(app, client.business, method, &named.edge)
    }))
}

/// The parts of a call that say what it is.
#[derive(Clone, Copy)]
struct Judgeable<'a> {
    method: &'a Method,
    query: &'a str,
    headers: &'a HeaderMap,
    content: send::Body<'a>,
}

/// Every override that a header names, and once none, so that query and body are always judged.
fn overrides(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    let named = OVERRIDE_HEADERS
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .map(|value| Some(value.to_str().unwrap_or("unreadable")));
    std::iter::once(None).chain(named)
}

fn access(app: &Shared, business: BusinessIx, method: &Method, edge: &Edge<'_>) -> Access {
    match edge {
        Edge::Node { id } => path::node_access(method, pass::kind_of(app, business, id)),
        edge => path::access(method, edge),
    }
}

fn check_access(client: &App, named: &GraphPath<'_>, access: Access) -> Result<(), Refusal> {
    match access {
        Access::Read | Access::WriteSafe | Access::Gated => Ok(()),
        Access::WriteTrusted if client.trusted => Ok(()),
        Access::WriteTrusted => Err(needs_trust()),
        Access::WriteUnlisted => Err(Refusal::unreadable(format!(
            "Greenline does not let this write through, since it cannot tell whether it reaches a person{}",
            match &named.edge {
                Edge::NodeEdge { edge, .. } => format!(": `{edge}`"),
                _ => String::new(),
            }
        ))),
    }
}

fn needs_trust() -> Refusal {
    Refusal::unreadable(
        "this call can reroute webhooks, tokens or numbers; it needs an app marked `trusted = true` in Greenline",
    )
}

/// A call that can reach a person.
async fn gated(
    app: &Shared,
    client: &Arc<App>,
    named: &GraphPath<'_>,
    call: &Call<'_>,
) -> Result<Answered, Refusal> {
    let (number, outbound) = match &named.edge {
        Edge::Messages { number } | Edge::MarketingMessages { number } => {
            let send = send::parse_query(call.query, call.content)
                .map_err(|error| Refusal::unreadable(error.to_string()))?;
            (number, Outbound::Message(send))
        }
        Edge::Calls { number } => {
            let asked = greenline_wire::calls::parse_query(call.query, call.content)
                .map_err(|error| Refusal::unreadable(error.to_string()))?;
            (number, Outbound::Call(asked))
        }
        _ => return Err(Refusal::unreadable("this call cannot be read")),
    };
    let number = own_number(app, client, number)?;
    pipeline::send(app, client, number, &outbound, call).await
}

/// A number that this app may send from.
pub(crate) fn own_number<'a>(
    app: &'a Shared,
    client: &App,
    number: &str,
) -> Result<&'a Arc<Number>, Refusal> {
    app.directory
        .number(number)
        .filter(|number| number.business == client.business)
        .ok_or_else(|| {
            Refusal::unreadable(format!(
                "the number `{number}` is not configured for this app's business"
            ))
        })
}

/// Each item of a batch is judged as if it had come alone, in order.
async fn batch(app: &Shared, client: &Arc<App>, call: &Call<'_>) -> Result<Answered, Refusal> {
    let batch = batch::parse(call.query, call.content)
        .map_err(|error| Refusal::unreadable(error.to_string()))?;
    let mut answers = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        let answered = item_alone(app, client, item, call.headers)
            .await
            .unwrap_or_else(Answered::from);
        answers.push(answered);
    }
    let maps: Vec<HeaderMap> = answers
        .iter_mut()
        .map(|answered| std::mem::take(&mut answered.headers).into_map())
        .collect();
    let rows: Vec<Option<BatchAnswer<'_>>> = answers
        .iter()
        .zip(&maps)
        .map(|(answered, headers)| {
            Some(BatchAnswer {
                code: answered.status.as_u16(),
                headers: headers
                    .iter()
                    .filter_map(|(name, value)| {
                        Some((name.as_str().into(), value.to_str().ok()?.into()))
                    })
                    .collect(),
                body: String::from_utf8_lossy(&answered.body),
            })
        })
        .collect();
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    Ok(Answered {
        status: StatusCode::OK,
        headers: Lines::Map(headers),
        body: batch::answer(&rows, batch.include_headers).into(),
    })
}

async fn item_alone(
    app: &Shared,
    client: &Arc<App>,
    item: &BatchItem<'_>,
    outer: &HeaderMap,
) -> Result<Answered, Refusal> {
    if item.attached_files {
        return Err(Refusal::unreadable(
            "attached files in a batch cannot be judged; upload them on their own",
        ));
    }
    let path = item.path();
    let named = path::classify(&path).map_err(|error| Refusal::unreadable(error.to_string()))?;
    if matches!(named.edge, Edge::Batch) {
        return Err(Refusal::unreadable(
            "a batch within a batch cannot be judged",
        ));
    }
    check_owner(app, client.business, &named.edge, item.query())?;
    let mut headers = outer.clone();
    headers.remove(header::CONTENT_LENGTH);
    for name in OVERRIDE_HEADERS {
        headers.remove(name);
    }
    let content_type = if matches!(item.content(), send::Body::Json(_)) {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let body = item
        .body
        .as_deref()
        .map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.as_bytes()));
    let call = Call {
        method: item.method.clone(),
        path: &path,
        query: item.query(),
        headers: &headers,
        content: item.content(),
        body: pass::without_token(item.content(), false, &body)?,
    };
    let response = Box::pin(dispatch(app, client, &named, &call)).await?;
    let (parts, body) = response.into_parts();
    let body = read_body(body, app.config.limits.answer_bytes_max).await?;
    Ok(Answered {
        status: parts.status,
        headers: Lines::Map(parts.headers),
        body,
    })
}

/// Uploads and other bodies that are not judged, handed on as they come.
async fn stream_through(
    app: &Shared,
    client: &Arc<App>,
    named: &GraphPath<'_>,
    parts: &Parts,
    body: Inbound,
) -> Result<Response<Body>, Refusal> {
    let judgeable = Judgeable {
        method: &parts.method,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        content: send::Body::Empty,
    };
    let needed = required(app, client, named, judgeable)?;
    if needed == Access::Gated {
        return Err(Refusal::unreadable(
            "this call must be sent as JSON or as a form",
        ));
    }
    check_access(client, named, needed)?;
    pass::stream(app, client, named, parts, body).await
}

fn is_form_or_json(headers: &HeaderMap) -> bool {
    matches!(content_type(headers), ContentType::Json | ContentType::Form)
}

fn content_type(headers: &HeaderMap) -> ContentType {
    ContentType::of(
        headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok()),
    )
}

/// A body's kind; a multipart form without files is read as a form.
enum Content {
    Json,
    Form,
    Rewritten(Vec<u8>),
}

impl Content {
    fn of(headers: &HeaderMap, body: &Bytes) -> Result<Self, Refusal> {
        Ok(match content_type(headers) {
            ContentType::Form => Self::Form,
            ContentType::Multipart(boundary) => Self::Rewritten(
                form::from_multipart(&boundary, body)
                    .map_err(|error| Refusal::unreadable(error.to_string()))?,
            ),
            // No content type, or one we do not know: read as JSON, the strictest reading there is.
            ContentType::Json | ContentType::Other => Self::Json,
        })
    }

    fn body<'a>(&'a self, body: &'a Bytes) -> send::Body<'a> {
        match self {
            Self::Rewritten(form) => send::Body::Form(form),
            _ if body.is_empty() => send::Body::Empty,
            Self::Json => send::Body::Json(body),
            Self::Form => send::Body::Form(body),
        }
    }
}

/// Reads a whole body, up to a bound.
pub(crate) async fn read_body<B>(body: B, bytes_max: usize) -> Result<Bytes, Refusal>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<axum::BoxError>>,
{
    match Limited::new(body, bytes_max).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::too_long(bytes_max)),
        Err(error) if patience::is_too_slow(&*error) => Err(Refusal::too_slow()),
        Err(_) => Err(Refusal::unreadable("the body broke off")),
    }
}
