//! A row as it is kept between reading and writing: every part with its length before it.

use greenline_ledger::import::ImportRow;
use greenline_ledger::types::{Actor, BusinessIx, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;

/// Length of a row's number at the end of its key.
const NUMBER_BYTES: usize = 8;

/// What holds for all rows of an import.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// Whose.
    pub(crate) business: BusinessIx,
    /// Who imports.
    pub(crate) actor: Box<str>,
    /// When it began.
    pub(crate) arrival_ms: i64,
}

/// What a row is sorted by: who, what closes first, what it says, its number in the file.
#[must_use]
pub(crate) fn key(row: &ImportRow, number: u64) -> Vec<u8> {
    let event = &row.event;
    let mut key = Vec::with_capacity(96);
    if let Some(first) = event.person.first() {
        let canonical = first.canonical().0;
        key.push(match canonical {
            Identifier::Phone(_) => 1,
            Identifier::User(_) => 2,
        });
        key.extend_from_slice(canonical.reveal().as_bytes());
    }
    key.push(0);
    key.push(u8::from(!event.kind.closes()));
    // As unsigned numbers sort.
    key.extend_from_slice(&(event.at_ms ^ i64::MIN).to_be_bytes());
    key.extend_from_slice(event.dedup.as_deref().unwrap_or_default().as_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Splits a key: what two rows have in common that say the same, and the number in the file.
#[must_use]
pub(crate) fn split_key(key: &[u8]) -> (&[u8], u64) {
    let (same, number) = key.split_at(key.len().saturating_sub(NUMBER_BYTES));
    let number = number.try_into().map(u64::from_be_bytes).unwrap_or(0);
    (same, number)
}

/// The part of a key that says who.
#[must_use]
pub(crate) fn who(key: &[u8]) -> &[u8] {
    key.split(|byte| *byte == 0).next().unwrap_or_default()
}

struct Packer<'a>(&'a mut Vec<u8>);

impl Packer<'_> {
    fn text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}

/// Writes a row down.
pub(crate) fn pack(row: &ImportRow, into: &mut Vec<u8>) {
    into.clear();
    let event = &row.event;
    let mut packer = Packer(into);
    packer.number(event.at_ms);
    packer.number(event.stated_ms);
    let flags = i64::from(event.in_thread) | i64::from(row.dated) << 1;
    packer.number(flags | i64::try_from(event.person.len()).unwrap_or(0) << 2);
    for identifier in &event.person {
        packer.text(&identifier.reveal());
    }
    packer.text(event.kind.as_str());
    packer.text(&event.scope.to_string());
    packer.text(event.strength.as_str());
    packer.text(event.dedup.as_deref().unwrap_or_default());
    let evidence = &event.evidence;
    for text in [
        &evidence.method,
        &evidence.wording,
        &evidence.wording_version,
        &evidence.business_name,
        &evidence.source,
        &evidence.ip,
        &evidence.message_id,
        &evidence.file,
        &evidence.extra_json,
    ] {
        packer.text(text);
    }
}

struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    fn number(&mut self) -> Option<i64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_le_bytes(*number))
    }

    fn text(&mut self) -> Option<&'a str> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Reads what [`pack`] wrote.
#[must_use]
pub(crate) fn unpack(bytes: &[u8], common: &Common) -> Option<ImportRow> {
    let mut unpacker = Unpacker(bytes);
    let (at_ms, stated_ms, flags) = (unpacker.number()?, unpacker.number()?, unpacker.number()?);
    let person = (0..flags >> 2)
        .map(|_| Identifier::parse(unpacker.text()?))
        .collect::<Option<_>>()?;
    let kind = EventKind::parse(unpacker.text()?)?;
    let scope = Scope::parse(unpacker.text()?)?;
    let strength = Strength::parse(unpacker.text()?)?;
    let dedup = unpacker.text()?;
    let mut text = || unpacker.text().map(Box::<str>::from);
    let evidence = Evidence {
        method: text()?,
        wording: text()?,
        wording_version: text()?,
        business_name: text()?,
        source: text()?,
        ip: text()?,
        message_id: text()?,
        file: text()?,
        extra_json: text()?,
    };
    Some(ImportRow {
        event: NewEvent {
            business: common.business,
            person,
            kind,
            scope,
            at_ms,
            stated_ms,
            arrival_ms: common.arrival_ms,
            strength,
            in_thread: flags & 1 == 1,
            evidence,
            actor: Actor(common.actor.clone()),
            dedup: Some(dedup.into()),
        },
        dated: flags & 2 == 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(who: &str, kind: EventKind, at_ms: i64) -> ImportRow {
        ImportRow {
            event: NewEvent {
                business: BusinessIx(0),
                person: [Identifier::parse(who).unwrap()].into_iter().collect(),
                kind,
                scope: Scope::parse("marketing.offers").unwrap(),
                at_ms,
                stated_ms: at_ms + 1,
                arrival_ms: 9,
                strength: Strength::Imported,
                in_thread: true,
                evidence: Evidence {
                    wording: "Ja, gern".into(),
                    extra_json: "{\"import\":\"imp_1\"}".into(),
                    ..Evidence::default()
                },
                actor: Actor("ada".into()),
                dedup: Some("import:00ff".into()),
            },
            dated: false,
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        let common = Common {
            business: BusinessIx(0),
            actor: "ada".into(),
            arrival_ms: 9,
        };
        let mut bytes = Vec::new();
        for who in ["15551230001", "US.aaa111"] {
            let row = row(who, EventKind::Granted, -5);
            pack(&row, &mut bytes);
            let back = unpack(&bytes, &common).unwrap();
            assert_eq!((back.event, back.dated), (row.event, false));
            assert!(unpack(&bytes[..bytes.len() - 1], &common).is_none());
        }
    }

    #[test]
    fn a_no_comes_before_a_yes_and_earlier_before_later() {
        let key = |kind, at_ms| key(&row("15551230001", kind, at_ms), 7);
        let keys = [
            key(EventKind::Withdrawn, -1),
            key(EventKind::Withdrawn, 1),
            key(EventKind::Granted, -1),
            key(EventKind::Granted, 1),
        ];
        assert!(keys.is_sorted());
        assert_eq!(split_key(&keys[0]).1, 7);
        assert_eq!(who(&keys[0]), b"\x0115551230001");
    }
}
