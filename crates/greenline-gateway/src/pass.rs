//! Graph calls that reach nobody, passed through; what they read teaches us on the way.
//!
//! Bodies stream. JSON answers of a known, bounded size are read so that `paging` links can lead back
//! here and templates and numbers can be learned. The app's key is replaced by the business's token.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use bytes::Bytes;
use greenline_ledger::types::BusinessIx;
use greenline_wire::answer;
use greenline_wire::path::{Edge, GraphPath, NodeKind};
use greenline_wire::send;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::Limited;
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::app::Shared;
use crate::directory::App;
use crate::graph::{Answered, Call};
use crate::inbound::Inbound;
use crate::refusal::Refusal;
use crate::upstream::lines::Lines;
use crate::upstream::{Answer, CallError, Outgoing};
use crate::{learn, media};

/// Headers that belong to one connection, or that are set anew.
const NOT_FORWARDED: [header::HeaderName; 11] = [
    header::HOST,
    header::CONNECTION,
    header::AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    // Answers are read as they pass, so they must come plain.
    header::ACCEPT_ENCODING,
    header::COOKIE,
];

/// Whether an id that the configuration does not name was learned as the business's own.
pub(crate) fn is_learned(app: &Shared, business: BusinessIx, id: &str) -> bool {
    app.templates.owns_id(business, id)
}

/// What a bare id stands for, as far as is known.
pub(crate) fn kind_of(app: &Shared, business: BusinessIx, id: &str) -> NodeKind {
    if app.directory.number(id).is_some() {
        NodeKind::Number
    } else if app.directory.account(id).is_some() {
        NodeKind::Account
    } else {
        app.templates.kind_of(business, id)
    }
}

/// Path and query for the platform: as sent, without a token in the query.
pub(crate) fn target(path: &str, query: &str) -> Result<Uri, Refusal> {
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let kept = kept.join("&");
    let target = if kept.is_empty() {
        path.parse()
    } else {
        format!("{path}?{kept}").parse()
    };
    target.map_err(|_| Refusal::unreadable("the path and query are not an address"))
}

fn is_token(pair: &str) -> bool {
    form_urlencoded::parse(pair.as_bytes())
        .next()
        .is_some_and(|(name, _)| name == "access_token")
}

/// A body for the platform: as sent, without a token of its own, which would speak louder than the header.
///
/// `multipart` when `content` was rewritten from parts; such a body is not put together again.
pub(crate) fn without_token(
    content: send::Body<'_>,
    multipart: bool,
    body: &Bytes,
) -> Result<Bytes, Refusal> {
    match content {
        send::Body::Form(form) => {
            let mut pairs = form.split(|byte| *byte == b'&');
            if !pairs.any(|pair| str::from_utf8(pair).is_ok_and(is_token)) {
                return Ok(body.clone());
            }
            if multipart {
                return Err(Refusal::unreadable(
                    "`access_token` must come as a Bearer token, not as a part of the body",
                ));
            }
            let kept: Vec<&[u8]> = form
                .split(|byte| *byte == b'&')
                .filter(|pair| !str::from_utf8(pair).is_ok_and(is_token))
                .collect();
            Ok(kept.join(&b'&').into())
        }
        send::Body::Json(json) if may_hold_token(json) => {
            Ok(without_member(json).map_or_else(|| body.clone(), Bytes::from))
        }
        send::Body::Json(_) | send::Body::Empty => Ok(body.clone()),
    }
}

/// Whether a JSON body is to be looked at more closely for a token of its own. Its name may be written with
/// escapes; nobody escapes plain letters without a reason.
pub(crate) fn may_hold_token(json: &[u8]) -> bool {
    static NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("access_token"));
    let escapes_letters = |part: &[u8]| matches!(part, [b'\\', b'u', b'0', b'0', b'2'..=b'7']);
    NAME.find(json).is_some()
        || memchr::memchr(b'\\', json).is_some() && json.windows(5).any(escapes_letters)
}

/// A JSON object without `access_token`, its other members as they are; `None` where it has none.
fn without_member(json: &[u8]) -> Option<Vec<u8>> {
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
    members.remove("access_token")?;
    serde_json::to_vec(&members).ok()
}

/// Headers for the platform: the client's, with the token that counts.
pub(crate) fn headers(app: &Shared, client: &App, sent: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(sent.len() + 1);
    for (name, value) in sent {
        let own = name.as_str().starts_with("greenline-") || name.as_str() == "keep-alive";
        if !own && !NOT_FORWARDED.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    let token = if client.keeps_token {
        sent.get(header::AUTHORIZATION).cloned()
    } else {
        app.directory
            .business(client.business)
            .authorization
            .clone()
    };
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, token);
    }
    headers
}

/// Headers of the platform's answer that belong to the message, not to the connection.
pub(crate) fn answer_headers(mut headers: HeaderMap) -> HeaderMap {
    drop_connection_headers(&mut headers);
    headers.remove(header::CONTENT_LENGTH);
    headers
}

/// Removes what belongs to one connection.
pub(crate) fn drop_connection_headers(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

/// Passes a call whose body is in memory.
pub(crate) async fn forward(
    app: &Shared,
    client: &Arc<App>,
    named: &GraphPath<'_>,
    call: &Call<'_>,
) -> Result<Response<Body>, Refusal> {
    let request = request(
        app,
        client,
        &call.method,
        call.path,
        call.query,
        call.headers,
        Outgoing::full(call.body.clone()),
    )?;
    let response = ask_platform(app, request).await?;
    let gateway = gateway_base(app, call.headers);
    hand_back(app, client, named, response, &gateway).await
}

/// Passes a call and keeps its answer in memory; for calls within a thread that reach nobody new.
pub(crate) async fn buffered(
    app: &Shared,
    client: &Arc<App>,
    call: &Call<'_>,
) -> Result<Answered, Refusal> {
    let request = request(
        app,
        client,
        &call.method,
        call.path,
        call.query,
        call.headers,
        Outgoing::full(call.body.clone()),
    )?;
    let (parts, body) = ask_platform(app, request).await?.into_parts();
    let body = read(app, body).await?;
    Ok(Answered {
        status: parts.status,
        headers: Lines::Map(answer_headers(parts.headers)),
        body,
    })
}

/// Passes a call whose body is streamed.
pub(crate) async fn stream(
    app: &Shared,
    client: &Arc<App>,
    named: &GraphPath<'_>,
    parts: &Parts,
    body: Inbound,
) -> Result<Response<Body>, Refusal> {
    let bytes_max = app.config.limits.pass_body_bytes_max;
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > bytes_max) {
        return Err(Refusal::too_long(bytes_max));
    }
    let empty = length.is_none_or(|length| length == 0)
        && !parts.headers.contains_key(header::TRANSFER_ENCODING);
    let body = if empty {
        Outgoing::empty()
    } else {
        Outgoing::Stream(Body::new(Limited::new(body, bytes_max)))
    };
    let query = parts.uri.query().unwrap_or_default();
    let mut request = request(
        app,
        client,
        &parts.method,
        parts.uri.path(),
        query,
        &parts.headers,
        body,
    )?;
    if let Some(length) = length.filter(|length| *length > 0) {
        request
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let response = ask_platform(app, request).await?;
    let gateway = gateway_base(app, &parts.headers);
    hand_back(app, client, named, response, &gateway).await
}

fn request(
    app: &Shared,
    client: &App,
    method: &Method,
    path: &str,
    query: &str,
    sent: &HeaderMap,
    body: Outgoing,
) -> Result<Request<Outgoing>, Refusal> {
    let mut request = Request::new(body);
    *request.method_mut() = method.clone();
    *request.uri_mut() = target(path, query)?;
    *request.headers_mut() = headers(app, client, sent);
    Ok(request)
}

async fn ask_platform(
    app: &Shared,
    request: Request<Outgoing>,
) -> Result<Response<Answer>, Refusal> {
    app.metrics.passed.add();
    app.upstream
        .call(request, None)
        .await
        .map_err(|error| unreachable(app, &error))
}

/// A call that reaches nobody did not get through.
pub(crate) fn unreachable(app: &Shared, error: &CallError) -> Refusal {
    app.metrics.upstream_failures.add();
    tracing::warn!(%error, "a call could not be passed to the platform");
    match error {
        CallError::Unknown(_) => Refusal::unavailable("the platform did not answer", None),
        CallError::NotSent(_) | CallError::Late => {
            Refusal::unavailable("the platform cannot be reached", None)
        }
    }
}

/// Hands the answer on; a JSON answer of bounded size is read on the way.
async fn hand_back(
    app: &Shared,
    client: &App,
    named: &GraphPath<'_>,
    response: Response<Answer>,
    gateway: &str,
) -> Result<Response<Body>, Refusal> {
    let (mut parts, body) = response.into_parts();
    let json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.contains("json") || kind.contains("javascript"));
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let bounded = length.is_none_or(|length| length <= app.config.limits.answer_bytes_max);
    if !(json && bounded) {
        drop_connection_headers(&mut parts.headers);
        return Ok(Response::from_parts(parts, Body::new(body)));
    }
    let body = read(app, body).await?;
    if parts.status.is_success() {
        teach(app, client.business, &named.edge, &body).await;
    }
    let business = app.directory.business(client.business);
    let led_back = match &named.edge {
        Edge::Node { .. } if !client.keeps_token => media::lead_back(business, &body, gateway),
        _ => None,
    };
    let body = led_back
        .or_else(|| answer::rewrite_paging(&body, app.upstream.base(), gateway).map(Bytes::from))
        .unwrap_or(body);
    parts.headers = answer_headers(parts.headers);
    Ok(Response::from_parts(parts, Body::from(body)))
}

async fn read(app: &Shared, body: Answer) -> Result<Bytes, Refusal> {
    body.read(app.config.limits.answer_bytes_max)
        .await
        .map_err(|error| {
            Refusal::unavailable(
                format!("the platform's answer could not be read: {error}"),
                None,
            )
        })
}

/// Templates, numbers and media are learned as they pass.
async fn teach(app: &Shared, business: BusinessIx, edge: &Edge<'_>, body: &[u8]) {
    let now_ms = app.clock.now_ms();
    let learned = match edge {
        Edge::NodeEdge { id, edge } if edge == "message_templates" => {
            match answer::read_templates(body) {
                Some(templates) => {
                    for template in &templates.rows {
                        if let Some(template_id) = &template.id {
                            app.templates
                                .own_id(business, template_id, NodeKind::Template);
                        }
                    }
                    learn::keep_templates(app, business, id, &templates).await
                }
                None => Ok(()),
            }
        }
        Edge::NodeEdge { edge, .. } if edge == "media" => {
            if let Some(media) = answer::read_media(body) {
                app.templates.own_id(business, &media.id, NodeKind::Media);
            }
            Ok(())
        }
        Edge::NodeEdge { edge, .. } if edge == "phone_numbers" => {
            let mut result = Ok(());
            for fields in answer::read_numbers(body) {
                if let Some(id) = fields
                    .id
                    .as_deref()
                    .filter(|id| app.directory.owner(id) == Some(business))
                {
                    result =
                        result.and(learn::keep_number(app, business, id, &fields, now_ms).await);
                }
            }
            result
        }
        Edge::Node { id } if app.directory.number(id).is_some() => {
            match answer::read_number(body) {
                Some(fields) => learn::keep_number(app, business, id, &fields, now_ms).await,
                None => Ok(()),
            }
        }
        // An account, or the portfolio itself: both tell the portfolio's limit (QL-11).
        Edge::Node { id } if app.directory.owner(id) == Some(business) => {
            match answer::read_account(body) {
                Some(fields) => learn::keep_account(app, business, id, &fields, now_ms).await,
                None => Ok(()),
            }
        }
        _ => Ok(()),
    };
    if let Err(why) = learned {
        tracing::warn!(%why, "what an answer taught could not be kept");
    }
}

/// How the app reaches this gateway, for links that lead back.
fn gateway_base(app: &Shared, sent: &HeaderMap) -> String {
    let configured = app.config.listen.private_url.trim_end_matches('/');
    if !configured.is_empty() {
        return configured.to_owned();
    }
    match sent.get(header::HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => format!("http://{host}"),
        None => format!("http://{}", app.config.listen.private),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(content: send::Body<'_>, body: &'static str) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let kept = without_token(content, false, &body).unwrap();
        String::from_utf8(kept.to_vec()).unwrap()
    }

    #[test]
    fn a_bodys_own_token_does_not_go_on() {
        for (sent, kept) in [
            ("to=1&access_token=secret&type=text", "to=1&type=text"),
            ("access%5Ftoken=secret&to=1", "to=1"),
            ("to=1&text=access_token", "to=1&text=access_token"),
        ] {
            assert_eq!(cleaned(send::Body::Form(sent.as_bytes()), sent), kept);
        }
        for (sent, kept) in [
            (r#"{"to": "1","access_token":"secret"}"#, r#"{"to":"1"}"#),
            (
                r#"{"text":{"body":"access_token"} }"#,
                r#"{"text":{"body":"access_token"} }"#,
            ),
            (r#"["access_token"]"#, r#"["access_token"]"#),
            (
                r#"{"\u0061ccess\u005Ftoken":"secret","to":"1"}"#,
                r#"{"to":"1"}"#,
            ),
            (r#"{"to":"\u0031"}"#, r#"{"to":"\u0031"}"#),
        ] {
            assert_eq!(cleaned(send::Body::Json(sent.as_bytes()), sent), kept);
        }
        let form = send::Body::Form(b"access_token=secret");
        let refused = without_token(form, true, &Bytes::from_static(b"--x"));
        assert_eq!(refused.unwrap_err().code, 100);
    }
}
