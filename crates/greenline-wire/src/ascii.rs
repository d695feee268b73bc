//! JSON texts in pure ASCII, with lower-case `\uXXXX`.
//!
//! The platform writes its webhooks this way, and one client in wide use checks
//! signatures over a re-encoding that only then agrees with the raw bytes. So
//! everything that is made here, and not handed on, is written the same way.

use std::fmt::Write;

/// Appends a text as a JSON string, quotes included.
pub fn push(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// A text as a JSON string, quotes included.
#[must_use]
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push(&mut out, text);
    out
}
