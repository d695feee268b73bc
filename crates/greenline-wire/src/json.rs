//! Lenient reading of JSON.
//!
//! A text is walked once and its parts are noted on a [`Tape`]; a part is
//! understood only when it is asked for. So one bad part cannot spoil the rest, a
//! name given twice cannot fail the whole, and text that is no valid Unicode (half
//! of an emoji, cut off by a length limit) still arrives, marked. The walk keeps
//! its own stack, so nesting costs memory and never the thread's stack.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

mod walk;

/// The parts of a JSON text, in the order they begin.
pub(crate) struct Tape<'a> {
    text: &'a str,
    parts: Vec<Part>,
}

/// One value, or the name of a member, which stands right before its value.
#[derive(Clone, Copy)]
struct Part {
    start: u32,
    end: u32,
    /// The part after this one and everything in it.
    next: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    /// A text without escapes.
    Plain,
    /// A text with escapes.
    Escaped,
    Null,
    /// A number or a truth value.
    Scalar,
}

impl<'a> Tape<'a> {
    /// Walks the bytes of a JSON text; `None` where they are none.
    pub(crate) fn of(json: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(json).ok()?;
        u32::try_from(text.len()).ok()?;
        Some(Self {
            text,
            parts: walk::parts(json)?,
        })
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Json<'_, 'a> {
        Json { tape: self, at: 0 }
    }

    /// The outermost value, where it is an object.
    pub(crate) fn object(&self) -> Option<Json<'_, 'a>> {
        Some(self.root()).filter(Json::is_object)
    }

    fn part(&self, at: u32) -> Option<&Part> {
        self.parts.get(usize::try_from(at).ok()?)
    }

    fn slice(&self, part: &Part) -> &'a str {
        let start = usize::try_from(part.start).unwrap_or(usize::MAX);
        let end = usize::try_from(part.end).unwrap_or(usize::MAX);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// One value on a tape.
#[derive(Clone, Copy)]
pub(crate) struct Json<'t, 'a> {
    tape: &'t Tape<'a>,
    at: u32,
}

impl<'t, 'a> Json<'t, 'a> {
    /// The value, byte for byte.
    pub(crate) fn raw(&self) -> &'a str {
        self.part().map_or("", |part| self.tape.slice(part))
    }

    pub(crate) fn is_object(&self) -> bool {
        self.kind() == Some(Kind::Object)
    }

    fn part(&self) -> Option<&'t Part> {
        self.tape.part(self.at)
    }

    fn kind(&self) -> Option<Kind> {
        self.part().map(|part| part.kind)
    }

    /// The values that lie directly in this one: members' names and values in turn, or elements.
    fn inner(&self) -> impl Iterator<Item = Json<'t, 'a>> + use<'t, 'a> {
        let tape = self.tape;
        let (mut at, end) = match self.part() {
            Some(part) if matches!(part.kind, Kind::Object | Kind::Array) => {
                (self.at + 1, part.next)
            }
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            let inner = Json { tape, at };
            at = (at < end).then(|| inner.part()).flatten()?.next;
            Some(inner)
        })
    }

    /// Names and values; none for a value that is no object.
    fn members(&self) -> impl Iterator<Item = (Json<'t, 'a>, Json<'t, 'a>)> + use<'t, 'a> {
        let mut inner = self.is_object().then(|| self.inner()).into_iter().flatten();
        std::iter::from_fn(move || Some((inner.next()?, inner.next()?)))
    }

    /// The values of all members of this name.
    fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = Json<'t, 'a>> + use<'t, 'a, 'n> {
        self.members()
            .filter(move |(key, _)| key.is_text(name))
            .map(|(_, value)| value)
    }

    fn is_text(&self, text: &str) -> bool {
        match self.kind() {
            Some(Kind::Plain) => unquoted(self.raw()) == text,
            Some(Kind::Escaped) => self.as_text().is_some_and(|own| own == text),
            _ => false,
        }
    }

    /// The member of this name; the last one, as in nearly every reader. `null` counts as missing.
    pub(crate) fn get(&self, name: &str) -> Option<Json<'t, 'a>> {
        self.named(name)
            .last()
            .filter(|value| value.kind() != Some(Kind::Null))
    }

    /// How many members have this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.named(name).count()
    }

    /// The names of all members.
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'t, 'a> {
        self.members().filter_map(|(key, _)| key.as_text())
    }

    /// Whether there is a member of this name that is not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// This value as text, where it is a text, a number or a truth value.
    pub(crate) fn as_text(&self) -> Option<Cow<'a, str>> {
        match self.kind()? {
            Kind::Plain => Some(Cow::Borrowed(unquoted(self.raw()))),
            Kind::Escaped => serde_json::from_str::<Text<'_>>(self.raw())
                .ok()
                .map(|text| text.0),
            Kind::Scalar => Some(Cow::Borrowed(self.raw())),
            Kind::Object | Kind::Array | Kind::Null => None,
        }
    }

    /// A member that is a text, a number or a truth value, as text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.as_text()
    }

    /// The same, not empty.
    pub(crate) fn word(&self, name: &str) -> Option<Cow<'a, str>> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// An integer, written as a number or as text.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        let text = text.trim();
        text.parse().ok().or_else(|| whole(text))
    }

    /// A truth value, written as such, as text or as a number.
    pub(crate) fn truth(&self, name: &str) -> Option<bool> {
        match self.text(name)?.trim() {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }

    /// A time in Unix seconds, in any of the platform's forms (WH-08).
    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        crate::time::seconds(&self.text(name)?)
    }

    /// A member that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Json<'t, 'a>> {
        self.get(name).filter(Json::is_object)
    }

    /// Every element of every member of this name: an array's elements, a lone value as one
    /// element. Members given twice are joined, so that none of their elements is lost.
    pub(crate) fn elements<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = Json<'t, 'a>> + use<'t, 'a, 'n> {
        self.named(name).flat_map(|value| {
            let array = value.kind() == Some(Kind::Array);
            let lone = !array && value.kind() != Some(Kind::Null);
            let elements = array.then(|| value.inner()).into_iter().flatten();
            elements.chain(lone.then_some(value))
        })
    }

    /// [`Self::elements`] that are objects.
    pub(crate) fn objects<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = Json<'t, 'a>> + use<'t, 'a, 'n> {
        self.elements(name).filter(Json::is_object)
    }
}

/// A text's literal without its quotes.
fn unquoted(literal: &str) -> &str {
    literal
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default()
}

/// An integer written with a fraction or an exponent.
pub(crate) fn whole(text: &str) -> Option<i64> {
    // Up to here every integer has an exact floating-point form.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = text.parse().ok()?;
    (number.abs() <= EXACT).then_some(number as i64)
}

/// A JSON string whose invalid parts become U+FFFD.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes, lone surrogates pass; as text they would be an error.
        deserializer.deserialize_bytes(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
    }
}
