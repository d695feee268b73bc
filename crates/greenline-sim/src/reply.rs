//! Answers, and refusals in the platform's error object.

use std::borrow::Cow;

use bytes::Bytes;
use greenline_wire::build;
use serde::Serialize;
use serde_json::Value;

pub(crate) mod codes;

/// An answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) body: Bytes,
    /// The id of the message that was taken.
    pub(crate) wamid: Option<String>,
    /// The error code.
    pub(crate) code: Option<u32>,
    pub(crate) retry_after_s: Option<u64>,
}

pub(crate) const JSON: &str = "application/json; charset=UTF-8";

impl Reply {
    pub(crate) fn bytes(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            content_type: Cow::Borrowed(JSON),
            body: body.into(),
            wamid: None,
            code: None,
            retry_after_s: None,
        }
    }

    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::bytes(build::ascii(value))
    }

    pub(crate) fn success() -> Self {
        Self::bytes(Bytes::from_static(build::answer::success()))
    }

    pub(crate) fn message(body: Vec<u8>, wamid: String) -> Self {
        Self {
            wamid: Some(wamid),
            ..Self::bytes(body)
        }
    }
}

/// What a handler gives back.
pub(crate) type Answer = Result<Reply, Refusal>;

/// An error object of the Graph API.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) http: u16,
    pub(crate) code: u32,
    pub(crate) subcode: Option<u32>,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<String>,
    pub(crate) retry_after_s: Option<u64>,
}

impl Refusal {
    /// An error with the title and status of its code.
    pub(crate) fn new(code: u32, details: impl Into<String>) -> Self {
        let known = codes::known(code);
        Self {
            http: known.http,
            code,
            subcode: None,
            kind: "OAuthException",
            message: format!("(#{code}) {}", known.title),
            details: Some(details.into()),
            retry_after_s: None,
        }
    }

    /// Code 100 with words of its own.
    pub(crate) fn parameter(message: &str) -> Self {
        Self {
            message: format!("(#100) {message}"),
            details: None,
            ..Self::new(100, "")
        }
    }

    /// Code 100 for a field that is missing.
    pub(crate) fn missing(name: &str) -> Self {
        Self::parameter(&format!("The parameter {name} is required."))
    }

    /// An object that does not exist, or not for this token.
    pub(crate) fn unknown_object(method: &str, id: &str) -> Self {
        Self {
            subcode: Some(33),
            kind: "GraphMethodException",
            message: format!(
                "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation.",
                method.to_ascii_lowercase()
            ),
            details: None,
            ..Self::new(100, "")
        }
    }

    pub(crate) fn bad_token() -> Self {
        Self {
            message: "Invalid OAuth access token - Cannot parse access token".to_owned(),
            details: None,
            ..Self::new(190, "")
        }
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        Self {
            http: 400,
            message: format!("Unknown path components: {path}"),
            details: None,
            ..Self::new(2500, "")
        }
    }

    /// The answer that says so. The trace is what `fbtrace_id` shows.
    pub(crate) fn reply(&self, trace: &str) -> Reply {
        let body = Error {
            error: Body {
                message: &self.message,
                kind: self.kind,
                code: self.code,
                error_subcode: self.subcode,
                error_data: self.details.as_deref().map(|details| Data {
                    messaging_product: "whatsapp",
                    details,
                }),
                fbtrace_id: trace,
            },
        };
        Reply {
            status: self.http,
            code: Some(self.code),
            retry_after_s: self.retry_after_s,
            ..Reply::json(&body)
        }
    }
}

#[derive(Serialize)]
struct Error<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    code: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_subcode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_data: Option<Data<'a>>,
    fbtrace_id: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    messaging_product: &'a str,
    details: &'a str,
}

/// Keeps of an object what `fields` asks for; all that is usual without it.
/// A field may name its own parts: `health_status{can_send_message}`.
pub(crate) fn select(object: &Value, fields: Option<&str>, usual: &[&str]) -> Value {
    let Some(members) = object.as_object() else {
        return object.clone();
    };
    let mut kept = serde_json::Map::new();
    let names = match fields {
        Some(fields) => split_fields(fields),
        None => usual.iter().map(|name| (*name, None)).collect(),
    };
    for (name, parts) in names {
        let Some(value) = members.get(name) else {
            continue;
        };
        let value = match parts {
            Some(parts) => select(value, Some(parts), &[]),
            None => value.clone(),
        };
        kept.insert(name.to_owned(), value);
    }
    if let Some(id) = members.get("id") {
        kept.insert("id".to_owned(), id.clone());
    }
    Value::Object(kept)
}

/// Splits at commas outside braces, and each name from what it asks for inside.
fn split_fields(fields: &str) -> Vec<(&str, Option<&str>)> {
    let mut names = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, c) in fields.char_indices().chain([(fields.len(), ',')]) {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let field = fields[start..at].trim();
                let name_end = field.find(['{', '.', '(']).unwrap_or(field.len());
                let parts = field
                    .find('{')
                    .and_then(|open| field.get(open + 1..field.rfind('}')?));
                if name_end > 0 {
                    names.push((&field[..name_end], parts));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}
