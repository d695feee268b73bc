//! Bodies of type `multipart/form-data`, held in memory: uploads.

use bytes::Bytes;
use serde_json::{Map, Value};

/// One part.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

/// How many parts are read.
const PARTS_MAX: usize = 100;

/// The parts; none if the body is of another type or cannot be read.
pub(super) fn read(content_type: &str, body: &Bytes) -> Vec<Part> {
    let Some(boundary) = boundary(content_type) else {
        return Vec::new();
    };
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line before it.
    let Some(mut at) = find(body, &delimiter.as_bytes()[2..], 0).map(|at| at + delimiter.len() - 2)
    else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    while parts.len() < PARTS_MAX && body.get(at..at + 2) == Some(b"\r\n") {
        let start = at + 2;
        let Some(end) = find(body, delimiter.as_bytes(), start) else {
            break;
        };
        if let Some(part) = read_part(&body.slice(start..end)) {
            parts.push(part);
        }
        at = end + delimiter.len();
    }
    parts
}

/// The parts that are no files, as parameters.
pub(super) fn fields(parts: &[Part]) -> Map<String, Value> {
    parts
        .iter()
        .filter(|part| part.filename.is_none())
        .map(|part| {
            let text = String::from_utf8_lossy(&part.body);
            (part.name.clone(), super::loose(&text))
        })
        .collect()
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.eq_ignore_ascii_case("boundary") && !value.is_empty()).then_some(value)
    })
}

fn read_part(part: &Bytes) -> Option<Part> {
    // A part without headers begins with the empty line itself.
    let (head_end, body_start) = if part.starts_with(b"\r\n") {
        (0, 2)
    } else {
        let end = find(part, b"\r\n\r\n", 0)?;
        (end, end + 4)
    };
    let head = String::from_utf8_lossy(&part[..head_end]).into_owned();
    let (mut name, mut filename, mut content_type) = (None, None, None);
    for line in head.split("\r\n") {
        let Some((header, value)) = line.split_once(':') else {
            continue;
        };
        if header.eq_ignore_ascii_case("content-disposition") {
            name = quoted(value, "name");
            filename = quoted(value, "filename");
        } else if header.eq_ignore_ascii_case("content-type") {
            content_type = Some(value.trim().to_owned());
        }
    }
    Some(Part {
        name: name?,
        filename,
        content_type,
        body: part.slice(body_start..),
    })
}

/// `name="value"` among parameters; `filename` does not count as `name`.
fn quoted(value: &str, wanted: &str) -> Option<String> {
    value.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case(wanted)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let body = body.get(from..)?;
    let first = *wanted.first()?;
    let mut at = 0;
    while let Some(skip) = body.get(at..)?.iter().position(|byte| *byte == first) {
        at += skip;
        if body.get(at..at + wanted.len())? == wanted {
            return Some(from + at);
        }
        at += 1;
    }
    None
}
