//! Parameters outside JSON: query strings, form bodies and multipart bodies.
//!
//! Multipart bodies with files are left alone: they belong to uploads, which
//! stream through and are never judged.

use std::borrow::Cow;

use crate::ShapeError;

/// Parts of a multipart body are at most this many.
pub const PARTS_MAX: usize = 256;
/// Parameters of a query or form are at most this many. Other readers stop counting at
/// some number, often 1,000, and would then miss what we have seen.
pub const PAIRS_MAX: usize = 256;

/// One parameter.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Which kind of body a `Content-Type` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `multipart/form-data` with its boundary
    Multipart(String),
    /// Something else, or nothing.
    Other,
}

impl ContentType {
    /// Reads the header's value.
    #[must_use]
    pub fn of(header: Option<&str>) -> Self {
        let Some(header) = header else {
            return Self::Other;
        };
        let (kind, parameters) = header.split_once(';').unwrap_or((header, ""));
        let kind = kind.trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Self::Form
        } else if kind.eq_ignore_ascii_case("multipart/form-data") {
            boundary(parameters).map_or(Self::Other, Self::Multipart)
        } else {
            Self::Other
        }
    }
}

fn boundary(parameters: &str) -> Option<String> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && (1..=70).contains(&value.len()))
            .then(|| value.to_owned())
    })
}

/// The parameters of a query or form, decoded.
pub fn pairs(text: &[u8]) -> Result<impl Iterator<Item = Pair<'_>>, ShapeError> {
    if text.iter().filter(|b| **b == b'&').count() >= PAIRS_MAX {
        return Err(ShapeError::new(format!(
            "more than {PAIRS_MAX} parameters are given"
        )));
    }
    Ok(form_urlencoded::parse(text))
}

/// Turns a multipart body without files into a form-encoded one, so that it is
/// read like any other form.
pub fn from_multipart(boundary: &str, body: &[u8]) -> Result<Vec<u8>, ShapeError> {
    let text = str::from_utf8(body)
        .map_err(|_| ShapeError::new("the multipart body holds something other than text"))?;
    let delimiter = format!("\r\n--{boundary}");
    let first = format!("--{boundary}");
    let mut rest = text
        .strip_prefix(&first)
        .or_else(|| text.split_once(&delimiter).map(|(_, rest)| rest))
        .ok_or_else(|| ShapeError::new("the multipart body lacks its boundary"))?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for _ in 0..PARTS_MAX {
        if rest.starts_with("--") {
            return Ok(form.finish().into_bytes());
        }
        let (part, after) = rest
            .split_once(&delimiter)
            .ok_or_else(|| ShapeError::new("the multipart body ends early"))?;
        let (name, value) = part_of(part)?;
        form.append_pair(&name, value);
        rest = after;
    }
    Err(ShapeError::new(format!(
        "the multipart body has more than {PARTS_MAX} parts"
    )))
}

/// Name and value of one part.
fn part_of(part: &str) -> Result<(String, &str), ShapeError> {
    let part = part.trim_start_matches([' ', '\t']);
    let (head, value) = part
        .strip_prefix("\r\n")
        .and_then(|part| part.split_once("\r\n\r\n"))
        .ok_or_else(|| ShapeError::new("a part of the multipart body lacks its headers"))?;
    let mut name = None;
    for line in head.split("\r\n") {
        let Some((header, text)) = line.split_once(':') else {
            return Err(ShapeError::new(
                "a part of the multipart body has a broken header",
            ));
        };
        let header = header.trim();
        if header.eq_ignore_ascii_case("content-disposition") {
            if name.is_some() {
                return Err(ShapeError::new(
                    "a part of the multipart body has two names",
                ));
            }
            name = Some(disposition_name(text)?);
        } else if header.eq_ignore_ascii_case("content-transfer-encoding") {
            return Err(ShapeError::new("a part of the multipart body is encoded"));
        }
    }
    let name = name.ok_or_else(|| ShapeError::new("a part of the multipart body has no name"))?;
    Ok((name, value))
}

/// The name of `form-data; name="to"`; a file, a second name or an escaped one is an error.
fn disposition_name(text: &str) -> Result<String, ShapeError> {
    let mut parts = text.split(';').map(str::trim);
    let form_data = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("form-data"));
    let mut name = None;
    for parameter in parts {
        match parameter.split_once('=') {
            Some((key, value)) if key.trim().eq_ignore_ascii_case("name") && name.is_none() => {
                name = Some(value.trim().trim_matches('"').to_owned());
            }
            _ => {
                return Err(ShapeError::new(
                    "a part of the multipart body is a file or has an unknown parameter",
                ));
            }
        }
    }
    let plain = |c: char| !matches!(c, '"' | '\\' | '%');
    name.filter(|name| form_data && !name.is_empty() && name.chars().all(plain))
        .ok_or_else(|| ShapeError::new("a part of the multipart body has no readable name"))
}
