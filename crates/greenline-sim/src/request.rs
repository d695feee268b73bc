//! A lenient reader of requests: whatever real clients send is understood, in any
//! of the shapes that the Graph API takes.
//!
//! It is written apart from the gateway's reader on purpose, and does the opposite:
//! that one refuses what could be read in two ways, this one reads it the way the
//! platform would.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value};

mod multipart;

pub(crate) use multipart::Part;

/// A request, taken apart.
pub(crate) struct Call {
    /// The method, after any override.
    pub(crate) method: Method,
    /// The parts of the path, without the version.
    pub(crate) path: Vec<String>,
    /// The version, as written or the newest.
    pub(crate) version: String,
    /// The parameters in the address.
    pub(crate) query: Vec<(String, String)>,
    /// The parameters in the body, and those of the address that the body lacks.
    pub(crate) fields: Map<String, Value>,
    /// The parts of a multipart body.
    pub(crate) parts: Vec<Part>,
    /// Who is asked: for links that lead back.
    pub(crate) host: String,
    /// The access token, wherever it was given.
    pub(crate) token: Option<String>,
    /// The outer request, if this one came in a batch.
    pub(crate) batch: Option<u64>,
}

pub(crate) const VERSION: &str = "v23.0";

impl Call {
    pub(crate) fn read(method: Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Self {
        let content_type = header(headers, header::CONTENT_TYPE).unwrap_or_default();
        let parts = multipart::read(content_type, body);
        let mut call = Self::of(method, uri.path(), uri.query().unwrap_or_default());
        call.fields = if parts.is_empty() {
            fields_of(content_type, body)
        } else {
            multipart::fields(&parts)
        };
        call.parts = parts;
        call.host = header(headers, header::HOST)
            .unwrap_or("localhost")
            .to_owned();
        call.complete(header(headers, header::AUTHORIZATION));
        call
    }

    /// A call of a batch: `relative_url` and a form or JSON body.
    pub(crate) fn in_batch(outer: &Call, seq: u64, method: &str, url: &str, body: &str) -> Self {
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes());
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let mut call = Self::of(method.unwrap_or(Method::GET), path, query);
        call.fields = fields_of("", body.as_bytes());
        call.host.clone_from(&outer.host);
        call.batch = Some(seq);
        let token = outer
            .token
            .as_deref()
            .map(|token| format!("Bearer {token}"));
        call.complete(token.as_deref());
        call
    }

    fn of(method: Method, path: &str, query: &str) -> Self {
        let mut path: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decoded)
            .collect();
        let version = match path.first() {
            Some(first) if is_version(first) => path.remove(0),
            _ => VERSION.to_owned(),
        };
        Self {
            method,
            path,
            version,
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            fields: Map::new(),
            parts: Vec::new(),
            host: String::new(),
            token: None,
            batch: None,
        }
    }

    /// Joins the parameters of the address, the method override and the token.
    fn complete(&mut self, authorization: Option<&str>) {
        for (name, value) in &self.query {
            if !self.fields.contains_key(name) {
                self.fields.insert(name.clone(), loose(value));
            }
        }
        if self.method == Method::POST
            && let Some(method) = self.text("method")
            && let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
        {
            self.method = method;
        }
        let bearer = authorization.and_then(|value| {
            let (scheme, token) = value.trim().split_once(' ')?;
            let known = ["bearer", "oauth"].contains(&scheme.to_ascii_lowercase().as_str());
            known.then(|| token.trim().to_owned())
        });
        self.token = self.text("access_token").or(bearer);
        self.fields.remove("access_token");
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name).and_then(text)
    }

    /// A parameter that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.fields.get(name)?.as_object()
    }

    /// The path without version, with a slash in front.
    pub(crate) fn bare_path(&self) -> String {
        let mut path = String::new();
        for part in &self.path {
            path.push('/');
            path.push_str(part);
        }
        if path.is_empty() {
            path.push('/');
        }
        path
    }

    /// An address that leads back here.
    pub(crate) fn link(&self, path_and_query: &str) -> String {
        format!("http://{}{path_and_query}", self.host)
    }
}

/// A text, number or truth value as text, if it says anything.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The text of a member.
pub(crate) fn member(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name).and_then(text)
}

fn header(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// `v23.0`, `v23`
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|number| {
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    })
}

fn decoded(part: &str) -> String {
    // A path is a form's value but for the plus sign.
    let form = format!("p={}", part.replace('+', "%2B"));
    form_urlencoded::parse(form.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

/// JSON where the body looks like it, whatever the header says; otherwise a form.
fn fields_of(content_type: &str, body: &[u8]) -> Map<String, Value> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') || content_type.contains("json") {
        return match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
    }
    form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), loose(&value)))
        .collect()
}

/// A form's value: JSON if it is an object or array, else text.
fn loose(value: &str) -> Value {
    if value.starts_with(['{', '[']) {
        serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))
    } else {
        Value::from(value)
    }
}
