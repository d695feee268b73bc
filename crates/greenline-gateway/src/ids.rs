//! Ids as text: `dec_…` names a decision, `evt_…` a consent event.
//!
//! Lower-case hexadecimal of fixed length, so that one id has one spelling. Reading is strict: what is
//! not exactly such a text names nothing.

use greenline_ledger::types::{DecisionId, PersonShard};
use greenline_policy::consent::EventId;

const DECISION: &str = "dec_";
const EVENT: &str = "evt_";
/// Hexadecimal digits of a shard.
const SHARD_DIGITS: usize = 4;
/// Hexadecimal digits of a number of 64 bits.
const WIDE_DIGITS: usize = 16;

/// `dec_`, four digits of shard, sixteen of sequence.
#[must_use]
pub fn decision(id: DecisionId) -> String {
    let mut text = String::with_capacity(DECISION.len() + SHARD_DIGITS + WIDE_DIGITS);
    text.push_str(DECISION);
    push_hex(&mut text, u64::from(id.shard.0), SHARD_DIGITS);
    push_hex(&mut text, id.seq, WIDE_DIGITS);
    text
}

fn push_hex(text: &mut String, number: u64, digits: usize) {
    text.extend((0..digits).rev().map(|place| {
        char::from_digit((number >> (4 * place)) as u32 & 0xf, 16).unwrap_or_default()
    }));
}

/// Reads what [`decision`] writes.
#[must_use]
pub fn parse_decision(text: &str) -> Option<DecisionId> {
    let (shard, seq) = text
        .strip_prefix(DECISION)?
        .split_at_checked(SHARD_DIGITS)?;
    let shard = u16::try_from(hex(shard, SHARD_DIGITS)?).ok()?;
    Some(DecisionId {
        shard: PersonShard(shard),
        seq: hex(seq, WIDE_DIGITS)?,
    })
}

/// `evt_` and sixteen digits.
#[must_use]
pub fn event(id: EventId) -> String {
    format!("{EVENT}{:016x}", id.0)
}

/// Reads what [`event`] writes.
#[must_use]
pub fn parse_event(text: &str) -> Option<EventId> {
    hex(text.strip_prefix(EVENT)?, WIDE_DIGITS).map(EventId)
}

fn hex(digits: &str, length: usize) -> Option<u64> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == length && digits.bytes().all(plain))
        .then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        for (shard, seq) in [
            (0, 0),
            (1, 2),
            (u16::MAX, u64::MAX),
            (0x0a0b, 0x0123_4567_89ab_cdef),
        ] {
            let id = DecisionId {
                shard: PersonShard(shard),
                seq,
            };
            assert_eq!(parse_decision(&decision(id)), Some(id));
            assert_eq!(parse_event(&event(EventId(seq))), Some(EventId(seq)));
        }
        assert_eq!(
            decision(DecisionId {
                shard: PersonShard(0x1f),
                seq: 10
            }),
            "dec_001f000000000000000a"
        );
    }

    #[test]
    fn one_id_has_one_spelling() {
        for text in [
            "",
            "dec_",
            "dec_001F000000000000000a",
            "dec_1f000000000000000a",
            "evt_+00000000000000a",
            "dec_001é00000000000000a",
        ] {
            assert_eq!(
                (parse_decision(text), parse_event(text)),
                (None, None),
                "{text}"
            );
        }
    }
}
