//! The one pass over a text that notes its parts.
//!
//! The grammar is JSON's but for numbers, which are taken as they come: whoever
//! wants a number reads it, and one that is none spoils nothing else.

use super::{Kind, Part};

/// The parts of a JSON text; `None` where it is none.
pub(super) fn parts(json: &[u8]) -> Option<Vec<Part>> {
    let mut walk = Walk {
        bytes: json,
        at: 0,
        parts: Vec::with_capacity(json.len() / 16 + 4),
        open: Vec::with_capacity(16),
    };
    walk.run()?;
    Some(walk.parts)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    parts: Vec<Part>,
    /// Containers that are still open.
    open: Vec<usize>,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of an array that has none.
    FirstValue,
    /// A name, or the end of an object that has none.
    FirstName,
    Name,
    /// A comma or the end of what is open.
    After,
}

impl Walk<'_> {
    fn run(&mut self) -> Option<()> {
        let mut next = Next::Value;
        loop {
            let Some(byte) = self.skip_space() else {
                let done = next == Next::After && self.open.is_empty();
                return done.then_some(());
            };
            next = match (next, byte) {
                (Next::FirstValue, b']') | (Next::FirstName, b'}') => self.close(byte)?,
                (Next::Value | Next::FirstValue, _) => self.value(byte)?,
                (Next::Name | Next::FirstName, b'"') => {
                    self.text()?;
                    (self.skip_space()? == b':').then(|| self.at += 1)?;
                    Next::Value
                }
                (Next::After, b',') => {
                    self.at += 1;
                    self.after_comma()?
                }
                (Next::After, b']' | b'}') => self.close(byte)?,
                _ => return None,
            };
        }
    }

    fn skip_space(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn push(&mut self, start: usize, kind: Kind) -> Option<()> {
        let next = u32::try_from(self.parts.len() + 1).ok()?;
        self.parts.push(Part {
            start: u32::try_from(start).ok()?,
            end: u32::try_from(self.at).ok()?,
            next,
            kind,
        });
        Some(())
    }

    fn value(&mut self, byte: u8) -> Option<Next> {
        match byte {
            b'{' | b'[' => {
                let (kind, next) = if byte == b'{' {
                    (Kind::Object, Next::FirstName)
                } else {
                    (Kind::Array, Next::FirstValue)
                };
                self.open.push(self.parts.len());
                self.push(self.at, kind)?;
                self.at += 1;
                return Some(next);
            }
            b'"' => self.text()?,
            b't' => self.word(b"true", Kind::Scalar)?,
            b'f' => self.word(b"false", Kind::Scalar)?,
            b'n' => self.word(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return None,
        }
        Some(Next::After)
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Option<()> {
        let start = self.at;
        self.at += word.len();
        (self.bytes.get(start..self.at)? == word).then_some(())?;
        self.push(start, kind)
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let part = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
        self.at += self
            .bytes
            .get(start..)?
            .iter()
            .take_while(|b| part(b))
            .count();
        self.push(start, Kind::Scalar)
    }

    fn text(&mut self) -> Option<()> {
        let start = self.at;
        let mut kind = Kind::Plain;
        let mut at = start + 1;
        loop {
            match *self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    at += 2;
                }
                0..=0x1f => return None,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        self.push(start, kind)
    }

    fn after_comma(&self) -> Option<Next> {
        let open = self.parts.get(*self.open.last()?)?;
        Some(if open.kind == Kind::Object {
            Next::Name
        } else {
            Next::Value
        })
    }

    fn close(&mut self, byte: u8) -> Option<Next> {
        let next = u32::try_from(self.parts.len()).ok()?;
        self.at += 1;
        let end = u32::try_from(self.at).ok()?;
        let part = self.parts.get_mut(self.open.pop()?)?;
        let kind = if byte == b'}' {
            Kind::Object
        } else {
            Kind::Array
        };
        (part.kind == kind).then_some(())?;
        part.end = end;
        part.next = next;
        Some(Next::After)
    }
}
