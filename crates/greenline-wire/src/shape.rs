//! What cannot be read, and why.

use std::borrow::Cow;
use std::fmt;

/// A shape that cannot be read with certainty.
///
/// The text is one lower-case sentence that names the field; it goes into the
/// `details` of a refusal with code 100. It holds no values a person sent, so it
/// may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    text: Cow<'static, str>,
}

impl ShapeError {
    /// An error with this sentence.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into() }
    }

    /// The sentence, lower case, without a final period.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ShapeError {}
