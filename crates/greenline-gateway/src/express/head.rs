//! Reads the one shape of request that the express serves, or says that it is another.
//!
//! Whatever leaves any doubt is another: a second header of a kind that must be one, a body that comes in
//! chunks, an override of the method, a query. Nothing is refused here.

use std::borrow::Cow;

use greenline_wire::form::ContentType;
use greenline_wire::path::{self, Edge, GraphPath, OVERRIDE_HEADERS};
use http::header;

use crate::app::Shared;
use crate::directory::App;

/// Headers of a plain send at most.
const HEADERS_MAX: usize = 48;
/// Bytes of a plain send's head at most.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// Bytes of its body at most; a longer one is read by the general server, with more patience.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What has been read so far.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is returned, once for each request"
)]
pub(super) enum Read<'b> {
    /// A plain send.
    Whole(Request<'b>),
    /// The beginning of one, or nothing.
    Part,
    /// Something else.
    Other,
}

/// A plain send.
pub(super) struct Request<'b> {
    /// The path; there is no query.
    pub(super) path: &'b str,
    /// What it names.
    pub(super) named: GraphPath<'b>,
    /// The app's key.
    pub(super) key: &'b str,
    /// The body, JSON by its content type.
    pub(super) body: &'b [u8],
    /// Bytes of all of it.
    pub(super) length: usize,
    /// `Name: value` pairs that go on to the platform.
    kept: smallvec::SmallVec<[(&'b str, &'b [u8]); 12]>,
}

/// Headers that must not be there, because they change what a request is.
const DOUBTFUL: [&str; 5] = ["transfer-encoding", "expect", "upgrade", "te", "trailer"];

/// Headers that are not for the platform, or are set anew.
const NOT_KEPT: [&str; 4] = ["host", "accept-encoding", "cookie", "keep-alive"];

/// Reads what has come so far.
pub(super) fn read(bytes: &[u8], body_bytes_max: usize) -> Read<'_> {
    if bytes.is_empty() {
        return Read::Part;
    }
    let mut room = [const { std::mem::MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let head_length = match request.parse_with_uninit_headers(bytes, &mut room) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial)
            if bytes.len() <= HEAD_BYTES_MAX && request.method.is_none_or(|m| m == "POST") =>
        {
            return Read::Part;
        }
        _ => return Read::Other,
    };
    let Some((path, named, found)) = shape(&request) else {
        return Read::Other;
    };
    if found.body_length > body_bytes_max.min(BODY_BYTES_MAX) {
        return Read::Other;
    }
    let length = head_length + found.body_length;
    let Some(body) = bytes.get(head_length..length) else {
        return Read::Part;
    };
    Read::Whole(Request {
        path,
        named,
        key: found.key,
        body,
        length,
        kept: found.kept,
    })
}

struct Found<'b> {
    key: &'b str,
    body_length: usize,
    kept: smallvec::SmallVec<[(&'b str, &'b [u8]); 12]>,
}

fn shape<'b>(request: &httparse::Request<'_, 'b>) -> Option<(&'b str, GraphPath<'b>, Found<'b>)> {
    let path = request.path?;
    if request.method != Some("POST") || request.version != Some(1) {
        return None;
    }
    let named = messages(path)?;
    let (mut key, mut length, mut json) = (None, None, false);
    let mut kept = smallvec::SmallVec::new();
    for found in request.headers.iter() {
        let (name, value) = (found.name, found.value);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is(header::CONTENT_LENGTH.as_str()) {
            once(&mut length, digits(value)?)?;
        } else if is(header::AUTHORIZATION.as_str()) {
            once(&mut key, bearer(value)?)?;
        } else if is(header::CONTENT_TYPE.as_str()) {
            let text = std::str::from_utf8(value).ok()?;
            if json || !matches!(ContentType::of(Some(text)), ContentType::Json) {
                return None;
            }
            json = true;
            kept.push((name, value));
        } else if is(header::CONNECTION.as_str()) {
            value.eq_ignore_ascii_case(b"keep-alive").then_some(())?;
        } else if DOUBTFUL
            .iter()
            .chain(&OVERRIDE_HEADERS)
            .any(|other| is(other))
        {
            return None;
        } else if !NOT_KEPT.iter().any(|other| is(other)) && !is_ours(name) {
            kept.push((name, value));
        }
    }
    let found = Found {
        key: key?,
        body_length: length?,
        kept,
    };
    (json && found.body_length > 0).then_some((path, named, found))
}

fn messages(path: &str) -> Option<GraphPath<'_>> {
    if let Some(usual) = usual(path) {
        return Some(usual);
    }
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-'));
    let named = plain.then(|| path::classify(path).ok())??;
    let messages = matches!(
        named.edge,
        Edge::Messages { .. } | Edge::MarketingMessages { .. }
    );
    messages.then_some(named)
}

/// `/v23.0/{digits}/messages`, which needs no further look.
fn usual(path: &str) -> Option<GraphPath<'_>> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = path.strip_prefix('/')?.strip_suffix("/messages")?;
    let at = rest.find('/')?;
    let (version, number) = (rest.get(..at)?, rest.get(at + 1..)?);
    let known = version.len() <= 8
        && version
            .strip_prefix('v')
            .and_then(|version| version.split_once('.'))
            .is_some_and(|(major, minor)| digits(major) && digits(minor));
    (known && digits(number) && number.len() <= 32).then_some(GraphPath {
        version: Some(Cow::Borrowed(version)),
        edge: Edge::Messages {
            number: Cow::Borrowed(number),
        },
    })
}

fn is_ours(name: &str) -> bool {
    const OURS: &str = "greenline-";
    name.get(..OURS.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OURS))
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

fn digits(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn bearer(value: &[u8]) -> Option<&str> {
    let text = value
        .is_ascii()
        .then(|| std::str::from_utf8(value).ok())??;
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

impl Request<'_> {
    /// The head for the platform: the client's headers with the token that counts, and without the length.
    pub(super) fn head_for(&self, app: &Shared, client: &App) -> Vec<u8> {
        let mut head = Vec::with_capacity(512);
        for part in ["POST ", self.path, " HTTP/1.1\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        let mut line = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        for (name, value) in &self.kept {
            line(name, value);
        }
        let name = header::AUTHORIZATION;
        if client.keeps_token {
            line(name.as_str(), format!("Bearer {}", self.key).as_bytes());
        } else if let Some(token) = &app.directory.business(client.business).authorization {
            line(name.as_str(), token.as_bytes());
        }
        head
    }
}

#[cfg(test)]
mod tests;
