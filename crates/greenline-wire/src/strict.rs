//! What every strict reader of requests checks.
//!
//! Requests are judged by some of their members. A member that another reader
//! might find where we see none, or might read differently, makes the request
//! unreadable; so do a member given twice and nesting without end.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::ShapeError;
use crate::json::{Json, Tape};

/// Which judged member a name could be taken for by a reader that ignores case,
/// trims, or takes brackets and dots for nesting.
pub(crate) fn disguised<'n>(name: &str, judged: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if name.bytes().all(plain) {
        return None;
    }
    let mut canonical = String::with_capacity(name.len());
    for c in name.trim_start().chars() {
        match c {
            '[' | '\0' => break,
            '.' | ' ' => canonical.push('_'),
            c => canonical.push(c.to_ascii_lowercase()),
        }
    }
    let canonical = canonical.trim_end_matches(['_', '\t', '\r', '\n']);
    let mut judged = judged;
    judged.find(|judged| *judged == canonical)
}

/// Objects and arrays may stand in each other at most this deep.
const NESTING_MAX: usize = 48;

/// Refuses deep nesting. A body with few brackets cannot be deep, and counting
/// them is nearly free; only then is the real depth looked at.
pub(crate) fn check_nesting(json: &[u8]) -> Result<(), ShapeError> {
    // `[` and `{` differ in one bit.
    let opening = json.iter().filter(|b| **b | 0x20 == b'{').count();
    if opening <= NESTING_MAX {
        return Ok(());
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for b in json {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > NESTING_MAX {
                    return Err(ShapeError::new(format!(
                        "the body is nested deeper than {NESTING_MAX} levels"
                    )));
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// A sentence for what the JSON reader found; syntax errors name no content.
pub(crate) fn json_error(error: &serde_json::Error) -> ShapeError {
    match error.classify() {
        serde_json::error::Category::Data => {
            let text = error.to_string();
            let end = text.rfind(" at line ").unwrap_or(text.len());
            ShapeError::new(text.get(..end).unwrap_or_default().to_owned())
        }
        _ => ShapeError::new(format!(
            "the body is not valid JSON (line {}, column {})",
            error.line(),
            error.column()
        )),
    }
}

/// The parts of a JSON object; anything that is not strictly JSON is an error.
pub(crate) fn tape(json: &[u8]) -> Result<Tape<'_>, ShapeError> {
    check_nesting(json)?;
    serde_json::from_slice::<IgnoredAny>(json).map_err(|error| json_error(&error))?;
    Tape::of(json)
        .filter(|tape| tape.object().is_some())
        .ok_or_else(|| ShapeError::new("the body must be a JSON object"))
}

/// The only member of this name, and not `null`; an error where there are two.
pub(crate) fn only<'t, 'a>(
    object: &Json<'t, 'a>,
    name: &'static str,
) -> Result<Option<Json<'t, 'a>>, ShapeError> {
    if object.count(name) > 1 {
        return Err(ShapeError::new(format!("`{name}` is given twice")));
    }
    Ok(object.get(name))
}

/// The only member of this name, which must be a text or a whole number.
pub(crate) fn only_text<'a>(
    object: &Json<'_, 'a>,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, ShapeError> {
    let Some(value) = only(object, name)? else {
        return Ok(None);
    };
    let raw = value.raw();
    if !(raw.starts_with('"') || raw.bytes().all(|b| b.is_ascii_digit())) {
        return Err(ShapeError::new(format!("`{name}` must be a text")));
    }
    match value.as_text() {
        Some(text) if !text.contains(char::REPLACEMENT_CHARACTER) => Ok(Some(text)),
        _ => Err(ShapeError::new(format!("`{name}` is not valid text"))),
    }
}

/// Refuses names that only look like one of these.
pub(crate) fn exact_names(
    object: &Json<'_, '_>,
    judged: &[&'static str],
) -> Result<(), ShapeError> {
    object
        .names()
        .try_for_each(|name| exact_name(&name, judged))
}

/// Refuses a name that only looks like one of these.
pub(crate) fn exact_name(name: &str, judged: &[&'static str]) -> Result<(), ShapeError> {
    if judged.contains(&name) {
        return Ok(());
    }
    match disguised(name, judged.iter().copied()) {
        Some(judged) => Err(ShapeError::new(format!(
            "a parameter could be taken for `{judged}`; write exactly `{judged}`"
        ))),
        None => Ok(()),
    }
}
