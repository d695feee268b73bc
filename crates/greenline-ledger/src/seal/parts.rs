//! A decision in the parts in which it is sealed: whom it was about with the hash of what they were to get, which
//! can be erased, and all the rest.
//!
//! Both are cut out of the record as it is stored, byte for byte, so that nothing of it can change unseen and
//! nothing has to be read to seal it. In the rest, `null` stands where the first part was cut out: so the two
//! together are one record and no other.

use std::ops::Range;

use greenline_proof::{Field, Salts};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{NewLeaf, SealKind};
use crate::codec::names_erased;
use crate::error::LedgerError;
use crate::types::DecisionId;

/// The name of the part that can be erased.
const PEOPLE: &str = "people";
/// The name of the other.
const DECISION: &str = "decision";

/// In what form a record was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// Field by field.
    Fields,
    /// In parts.
    Parts,
}

impl Form {
    /// The form that these salts open. Of one that was pruned there is nothing to open.
    pub(crate) fn of(salts: &Salts) -> Self {
        match salts {
            Salts::Seed(_) | Salts::Pruned(_) => Self::Fields,
            Salts::Parts(_) => Self::Parts,
            Salts::Each(each) if each.iter().any(|(name, _)| **name == *DECISION) => Self::Parts,
            Salts::Each(_) => Self::Fields,
        }
    }
}

impl NewLeaf {
    /// The salts to be stored.
    pub(crate) fn salts(&self) -> Salts {
        match self.id.kind {
            SealKind::Event | SealKind::Timeline => Salts::Seed(self.seed),
            SealKind::Decision => Salts::Parts(self.seed),
        }
    }
}

/// Where the part that can be erased stands in a record.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    pub(crate) people: Range<usize>,
    pub(crate) body_hash: Range<usize>,
    /// Somebody was erased from it: there is nothing to commit to.
    pub(crate) is_erased: bool,
}

#[derive(Deserialize)]
struct Cut<'a> {
    #[serde(borrow)]
    people: &'a RawValue,
    #[serde(borrow)]
    body_hash: &'a RawValue,
}

fn within(text: &str, part: &RawValue) -> Range<usize> {
    // Invariant: `part` was borrowed from `text`.
    let from = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    from..from + part.get().len()
}

impl Cuts {
    /// Finds them in a record as it is stored.
    pub(crate) fn find(text: &str) -> Result<Self, LedgerError> {
        let unreadable = |_| LedgerError::unreadable("a decision record");
        let cut: Cut<'_> = serde_json::from_str(text).map_err(unreadable)?;
        Ok(Self {
            people: within(text, cut.people),
            body_hash: within(text, cut.body_hash),
            is_erased: names_erased(cut.people.get())?,
        })
    }

    /// Both ranges, the one that comes first in the record first.
    fn in_order(&self) -> [Range<usize>; 2] {
        let (people, body_hash) = (self.people.clone(), self.body_hash.clone());
        if people.start < body_hash.start {
            [people, body_hash]
        } else {
            [body_hash, people]
        }
    }
}

/// The parts of a decision.
pub(crate) fn decision_parts(
    id: DecisionId,
    business: &str,
    at_ms: i64,
    text: &str,
    cuts: &Cuts,
) -> Result<Vec<Field>, LedgerError> {
    let [first, second] = cuts.in_order();
    let rest = [
        text.get(..first.start),
        text.get(first.end..second.start),
        text.get(second.end..),
    ];
    let ([Some(a), Some(b), Some(c)], Some(people), Some(hash)) = (
        rest,
        text.get(cuts.people.clone()),
        text.get(cuts.body_hash.clone()),
    ) else {
        return Err(LedgerError::Bug("a record that cannot be cut"));
    };
    let (mut seq, mut shard, mut time) = Default::default();
    let quoted = quoted(business)?;
    // Room is made once, for just what it takes: one is made for each send.
    let decision = [
        "{\"id\":",
        itoa::Buffer::format(&mut seq, id.seq),
        ",\"shard\":",
        itoa::Buffer::format(&mut shard, id.shard.0),
        ",\"business\":",
        &quoted,
        ",\"at_ms\":",
        itoa::Buffer::format(&mut time, at_ms),
        ",\"record\":",
        a,
        "null",
        b,
        "null",
        c,
        "}",
    ]
    .concat();
    let field = |name: &str, value: String| Field {
        name: name.into(),
        value: value.into(),
    };
    let mut parts = Vec::with_capacity(2);
    parts.push(field(DECISION, decision));
    if !cuts.is_erased {
        let about = ["{\"people\":", people, ",\"body_hash\":", hash, "}"].concat();
        parts.push(field(PEOPLE, about));
    }
    Ok(parts)
}

fn quoted(text: &str) -> Result<String, LedgerError> {
    serde_json::to_string(text).map_err(|_| LedgerError::Bug("a text that does not serialise"))
}

/// The parts of a decision as it is stored.
pub(crate) fn stored_parts(
    id: DecisionId,
    business: &str,
    at_ms: i64,
    text: &str,
) -> Result<Vec<Field>, LedgerError> {
    decision_parts(id, business, at_ms, text, &Cuts::find(text)?)
}

/// The people in a record.
pub(crate) fn record_people(text: &str) -> Result<&str, LedgerError> {
    let cut: Cut<'_> = serde_json::from_str(text)
        .map_err(|_| LedgerError::unreadable("a decision that is to be erased"))?;
    Ok(cut.people.get())
}

/// A record with another value for the people in it and for the hash of the body; all else stays to the byte, as
/// what was sealed of it demands.
pub(crate) fn with_people(
    text: &str,
    people: &str,
    body_hash: &str,
) -> Result<String, LedgerError> {
    let cuts = Cuts::find(text)?;
    let value = |range: &Range<usize>| {
        if *range == cuts.people {
            people
        } else {
            body_hash
        }
    };
    let mut with = String::with_capacity(text.len() + people.len());
    let mut from = 0;
    for range in cuts.in_order() {
        with.push_str(text.get(from..range.start).unwrap_or_default());
        with.push_str(value(&range));
        from = range.end;
    }
    with.push_str(text.get(from..).unwrap_or_default());
    Ok(with)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PersonShard;

    const RECORD: &str = r#"{"v":1,"number":"1","people":[{"person":7,"identifier":15551230001}],"body_hash":"00","verdict":"allow"}"#;

    fn parts(text: &str) -> Vec<(String, String)> {
        let id = DecisionId {
            shard: PersonShard(3),
            seq: 9,
        };
        let parts = stored_parts(id, "acme", 5, text).unwrap();
        let told = |field: Field| (field.name.into(), field.value.into());
        parts.into_iter().map(told).collect()
    }

    fn named(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_parts_hold_the_whole_record() {
        let decision = r#"{"id":9,"shard":3,"business":"acme","at_ms":5,"record":{"v":1,"number":"1","people":null,"body_hash":null,"verdict":"allow"}}"#;
        let people = r#"{"people":[{"person":7,"identifier":15551230001}],"body_hash":"00"}"#;
        let expected = [named("decision", decision), named("people", people)];
        assert_eq!(parts(RECORD), expected);
    }

    #[test]
    fn what_is_left_after_an_erasure_has_the_same_rest() {
        let people = r#"[{"person":7,"identifier":"ZZ.erased0a1b"}]"#;
        let left = with_people(RECORD, people, "\"0000\"").unwrap();
        assert_eq!(parts(&left)[0], parts(RECORD)[0]);
        assert!(left.contains(people) && left.contains("\"0000\""), "{left}");
    }

    #[test]
    fn a_member_that_comes_twice_does_not_read() {
        let twice = RECORD.replace("\"v\":1", "\"people\":[]");
        assert!(Cuts::find(&twice).is_err());
    }
}
