//! The platform's error object: written for refusals, read from upstream answers.
//!
//! Which error a refusal becomes is decided elsewhere; here are only its form and
//! what is known of each code.

use std::borrow::Cow;

use crate::ascii;
use crate::json::Tape;

mod table;

use table::ROWS;

/// A Graph error to be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError<'a> {
    /// The code.
    pub code: u32,
    /// The HTTP status.
    pub http: u16,
    /// The title, without the `(#code)` it is written behind.
    pub title: Cow<'a, str>,
    /// `error_data.details`: the reasons in words.
    pub details: Cow<'a, str>,
    /// `fbtrace_id`: carries the decision's id.
    pub fbtrace_id: Cow<'a, str>,
    /// `error_subcode`
    pub subcode: Option<u32>,
}

/// An error read from an upstream answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// The code.
    pub code: i64,
    /// `error_subcode`
    pub subcode: Option<i64>,
    /// `message`
    pub message: String,
    /// `error_data.details`
    pub details: Option<String>,
    /// `type`
    pub kind: Option<String>,
    /// `is_transient`
    pub transient: Option<bool>,
    /// `fbtrace_id`
    pub fbtrace_id: Option<String>,
}

/// What is known of an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownError {
    /// The code.
    pub code: u32,
    /// The last code of the range this row is for; mostly the same.
    pub code_to: u32,
    /// The subcode this row is for.
    pub subcode: Option<u32>,
    /// The HTTP status it comes with.
    pub http: Option<u16>,
    /// A short title.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether to try again.
    pub retry: Retry,
    /// What it is about: `number`, `message`, `recipient`, …
    pub scope: &'static str,
    /// Whether it is the platform's word on a stop.
    pub opt_out: bool,
    /// Whether it says something about a number's health.
    pub health_sign: bool,
    /// How sure the row is: `high`, `medium`, `low`.
    pub confidence: &'static str,
    /// Keys of the sources.
    pub sources: &'static [&'static str],
}

/// Whether to try again after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No.
    Never,
    /// After a while, with growing gaps.
    Later,
    /// Yes.
    Yes,
}

impl<'a> GraphError<'a> {
    /// An error with the title of its code.
    pub fn new(
        code: u32,
        http: u16,
        details: impl Into<Cow<'a, str>>,
        fbtrace_id: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            code,
            http,
            title: Cow::Borrowed(known(code).map_or("Error", |known| known.title)),
            details: details.into(),
            fbtrace_id: fbtrace_id.into(),
            subcode: None,
        }
    }

    /// The JSON the platform would send, in pure ASCII.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = String::with_capacity(192 + self.title.len() + self.details.len());
        out.push_str("{\"error\":{\"message\":");
        ascii::push(&mut out, &format!("(#{}) {}", self.code, self.title));
        out.push_str(",\"type\":\"OAuthException\",\"code\":");
        out.push_str(&self.code.to_string());
        out.push_str(",\"error_data\":{\"messaging_product\":\"whatsapp\",\"details\":");
        ascii::push(&mut out, &self.details);
        out.push('}');
        if let Some(subcode) = self.subcode {
            out.push_str(",\"error_subcode\":");
            out.push_str(&subcode.to_string());
        }
        out.push_str(",\"fbtrace_id\":");
        ascii::push(&mut out, &self.fbtrace_id);
        out.push_str("}}");
        out.into_bytes()
    }
}

/// Reads an error from an upstream answer; `None` where the body holds none.
#[must_use]
pub fn read(body: &[u8]) -> Option<UpstreamError> {
    let tape = Tape::of(body)?;
    let error = tape.object()?.object("error")?;
    let own = |text: Cow<'_, str>| text.into_owned();
    Some(UpstreamError {
        code: error.integer("code")?,
        subcode: error.integer("error_subcode"),
        message: error.text("message").map(own).unwrap_or_default(),
        details: error
            .object("error_data")
            .and_then(|data| data.text("details"))
            .map(own),
        kind: error.text("type").map(own),
        transient: error.truth("is_transient"),
        fbtrace_id: error.text("fbtrace_id").map(own),
    })
}

/// What is known of a code, whatever its subcode.
#[must_use]
pub fn known(code: u32) -> Option<&'static KnownError> {
    let end = ROWS.partition_point(|row| row.code <= code);
    // The rows are sorted; of several for one code the general one comes first.
    let last = ROWS.get(..end)?.last()?;
    let start = ROWS.partition_point(|row| row.code < last.code);
    ROWS.get(start).filter(|row| code <= row.code_to)
}

/// What is known of a code with a subcode; the code's own row where the subcode has none.
#[must_use]
pub fn known_with(code: u32, subcode: u32) -> Option<&'static KnownError> {
    ROWS.iter()
        .find(|row| row.code == code && row.subcode == Some(subcode))
        .or_else(|| known(code))
}

/// Every row, sorted by code.
#[must_use]
pub fn all() -> &'static [KnownError] {
    ROWS
}
