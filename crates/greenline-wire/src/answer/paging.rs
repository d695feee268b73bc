//! Links to the next page lead back to the gateway.
//!
//! The body is walked once, byte by byte, and only the text of a link is replaced:
//! an answer that passes through must stay what the platform sent. The walk needs
//! no valid JSON; where it loses its way nothing is replaced.

use crate::json::Text;

/// Objects and arrays may stand in each other at most this deep.
const DEPTH_MAX: usize = 128;

/// Replaces the origin of `paging.next` and `paging.previous` and drops the
/// access token from them; every other byte stays. `None` where nothing changes.
///
/// A link to another origin keeps it, but loses its access token all the same.
#[must_use]
pub fn rewrite_paging(body: &[u8], upstream_base: &str, public_base: &str) -> Option<Vec<u8>> {
    let text = str::from_utf8(body).ok()?;
    if !text.contains("\"paging\"") {
        return None;
    }
    let mut out = String::new();
    let mut copied = 0;
    for link in links(text)? {
        let literal = text.get(link.start..link.end)?;
        let Some(new) = rewrite(literal, upstream_base, public_base) else {
            continue;
        };
        out.push_str(text.get(copied..link.start)?);
        out.push_str(&new);
        copied = link.end;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..)?);
    Some(out.into_bytes())
}

/// Where a string literal stands, quotes included.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

/// What the walk is inside of.
struct Level {
    object: bool,
    /// Whether this is the value of a member `paging`.
    paging: bool,
    /// The name of the member whose value is next.
    key: Key,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    /// A name is expected, or the level is an array.
    None,
    Paging,
    Link,
    Other,
}

/// The links of all `paging` objects.
fn links(text: &str) -> Option<Vec<Span>> {
    let bytes = text.as_bytes();
    let mut levels: Vec<Level> = Vec::new();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => {
                if levels.len() == DEPTH_MAX {
                    return None;
                }
                let object = *byte == b'{';
                let paging = object && levels.last().is_some_and(|l| l.key == Key::Paging);
                levels.push(Level {
                    object,
                    paging,
                    key: Key::None,
                });
            }
            b'}' | b']' => {
                levels.pop();
            }
            b',' => {
                if let Some(level) = levels.last_mut() {
                    level.key = Key::None;
                }
            }
            b'"' => {
                at = end_of_text(bytes, at)?;
                let Some(level) = levels.last_mut() else {
                    continue;
                };
                if level.object && level.key == Key::None {
                    level.key = key_of(text.get(start..at)?, level.paging);
                } else if level.key == Key::Link {
                    found.push(Span { start, end: at });
                }
            }
            _ => {}
        }
    }
    Some(found)
}

fn key_of(literal: &str, in_paging: bool) -> Key {
    match literal {
        "\"paging\"" => Key::Paging,
        "\"next\"" | "\"previous\"" if in_paging => Key::Link,
        _ => Key::Other,
    }
}

/// The position behind the closing quote.
fn end_of_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The new literal of a link; `None` where it stays as it is.
fn rewrite(literal: &str, upstream_base: &str, public_base: &str) -> Option<String> {
    let link = serde_json::from_str::<Text<'_>>(literal).ok()?.0;
    let base = upstream_base.trim_end_matches('/');
    let moved = link
        .strip_prefix(base)
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        .map(|rest| format!("{}{rest}", public_base.trim_end_matches('/')));
    let cleaned = without_token(moved.as_deref().unwrap_or(&link));
    if moved.is_none() && cleaned == *link {
        return None;
    }
    let json = crate::ascii::string(&cleaned);
    Some(if literal.contains("\\/") {
        json.replace('/', "\\/")
    } else {
        json
    })
}

/// A link without its access token; the other parameters keep their spelling.
fn without_token(link: &str) -> String {
    let Some((head, query)) = link.split_once('?') else {
        return link.to_owned();
    };
    let (query, fragment) = match query.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (query, None),
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            !form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| {
                name == "access_token" || name == "appsecret_proof" || name == "appsecret_time"
            })
        })
        .collect();
    let mut out = String::with_capacity(link.len());
    out.push_str(head);
    if !kept.is_empty() {
        out.push('?');
        out.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}
