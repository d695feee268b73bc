//! Where a webhook names a message, byte by byte, so that an id can be put in the place of another and nothing else is
//! touched.
//!
//! Looked at are the places where the platform names a message that the business sent: the message of a status, and what
//! a person's message answers or reacts to. Whatever cannot be read has none.

use std::ops::Range;

/// How deep a webhook may be nested to be looked at.
const DEPTH_MAX: usize = 64;

/// A message named in a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Where its id stands, with its quotes.
    pub place: Range<usize>,
    /// The id.
    pub id: String,
}

/// What a webhook names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Messages that the business sent, in order.
    pub messages: Vec<Named>,
    /// Whom its statuses are about: numbers and user ids.
    pub recipients: Vec<String>,
}

/// Finds what a webhook names.
#[must_use]
pub fn names(body: &[u8]) -> Names {
    let mut scan = Scan {
        body,
        at: 0,
        path: Vec::new(),
        names: Names::default(),
    };
    match scan.value(0) {
        Some(()) => scan.names,
        None => Names::default(),
    }
}

/// A webhook with other ids: `replace` says which, where it has one. Nothing else changes.
#[must_use]
pub fn replaced(
    body: &[u8],
    named: &[Named],
    replace: impl Fn(&str) -> Option<String>,
) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut from = 0;
    for one in named {
        let Some(id) = replace(&one.id) else { continue };
        let out = out.get_or_insert_with(|| Vec::with_capacity(body.len() + 128));
        out.extend_from_slice(body.get(from..one.place.start)?);
        out.extend_from_slice(crate::ascii::string(&id).as_bytes());
        from = one.place.end;
    }
    let mut out = out?;
    out.extend_from_slice(body.get(from..)?);
    Some(out)
}

struct Scan<'b> {
    body: &'b [u8],
    at: usize,
    /// Names of the members that lead here.
    path: Vec<String>,
    names: Names,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A text, and where it stands.
    fn text(&mut self) -> Option<(Range<usize>, Option<String>)> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let place = start..self.at;
        let read = serde_json::from_slice(self.body.get(place.clone())?).ok();
        Some((place, read))
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => {
                let (place, read) = self.text()?;
                if let Some(read) = read {
                    self.found(place, read);
                }
                Some(())
            }
            _ => {
                let plain =
                    |byte: u8| !matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
                let start = self.at;
                while self.peek().is_some_and(plain) {
                    self.at += 1;
                }
                (self.at > start).then_some(())
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.take(b'{')?;
        self.space();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.space();
            let (_, name) = self.text()?;
            self.space();
            self.take(b':')?;
            self.path.push(name.unwrap_or_default());
            let read = self.value(depth + 1);
            self.path.pop();
            read?;
            self.space();
            if self.take(b'}').is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        self.space();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            if self.take(b']').is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn found(&mut self, place: Range<usize>, id: String) {
        let mut path = self.path.iter().rev().map(String::as_str);
        let last = (path.next(), path.next(), path.next());
        match last {
            (Some("id"), Some("statuses"), _)
            | (Some("id"), Some("context"), Some("messages"))
            | (Some("message_id"), Some("reaction"), Some("messages")) => {
                self.names.messages.push(Named { place, id });
            }
            (Some("recipient_id" | "recipient_user_id"), Some("statuses"), _) => {
                self.names.recipients.push(id);
            }
            _ => {}
        }
    }
}
