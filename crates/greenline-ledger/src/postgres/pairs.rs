//! What went from each number to each person in the last moments, on Postgres: it stands with the person, written by
//! the very statement that moves their version on with each send. So several nodes can never let more go together
//! than one may.
//!
//! A person's column is a list of messages, each after a space: the decision's number, `@`, when the message was let go,
//! `/`, the sending number. Where the message took nothing there is a `-` in the place of the `@`; where the platform
//! said that the pair is too fast, a `!`, when it said so (0: at once), and a colon.

use std::fmt::Write as _;

use tokio_postgres::types::ToSql;

use super::connect::Link;
use super::pipeline::{Step, change};
use super::rows::seq;
use super::sql;
use crate::state::pairs::Message;

/// Decisions that one statement looks for.
const SEQS_MAX: usize = 256;
/// How long a message stays in the column at least: what the platform says later is noted at it.
pub(super) const KEPT_MS: i64 = 60_000;
/// Finds nothing: no decision has this number.
const NONE: &str = " (0)@";

/// One message of a person's column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PairRow {
    /// The sending number.
    pub(super) number: Box<str>,
    seq: u64,
    at_ms: i64,
    refused_ms: Option<i64>,
}

impl PairRow {
    /// With the number's place.
    pub(super) fn message(&self, number: u32) -> Message {
        Message {
            seq: self.seq,
            at_ms: self.at_ms,
            refused_ms: self.refused_ms,
            number,
        }
    }

    /// When it went, or when the platform said that it was too fast.
    pub(super) fn last_ms(&self) -> i64 {
        self.at_ms.max(self.refused_ms.unwrap_or(self.at_ms))
    }

    fn read(word: &str) -> Option<Option<Self>> {
        let (rest, number) = word.split_once('/')?;
        let at = rest.find(['@', '!', '-'])?;
        let (id, rest) = rest.split_at(at);
        let id: i64 = id.parse().ok()?;
        let (sign, rest) = rest.split_at(1);
        let (told, at_ms) = rest.split_once(':').unwrap_or(("0", rest));
        let (told_ms, at_ms): (i64, i64) = (told.parse().ok()?, at_ms.parse().ok()?);
        let row = Self {
            number: number.into(),
            seq: seq(id),
            at_ms,
            refused_ms: (sign == "!").then_some(told_ms.max(at_ms)),
        };
        Some((sign != "-").then_some(row))
    }
}

/// Reads a person's column; `None` for what does not read.
pub(super) fn read(text: &str) -> Option<Vec<PairRow>> {
    let words = text.split_ascii_whitespace();
    let rows: Vec<Option<PairRow>> = words.map(PairRow::read).collect::<Option<_>>()?;
    Some(rows.into_iter().flatten().collect())
}

/// The column of these messages.
pub(super) fn column<'n>(messages: &[Message], name: impl Fn(u32) -> Option<&'n str>) -> String {
    let mut text = String::with_capacity(messages.len() * 56);
    for one in messages {
        let Some(number) = name(one.number) else {
            continue;
        };
        let _ = match one.refused_ms {
            None => write!(text, " {}@{}/{number}", one.seq, one.at_ms),
            Some(told_ms) => write!(text, " {}!{told_ms}:{}/{number}", one.seq, one.at_ms),
        };
    }
    text
}

/// Messages that took nothing.
#[derive(Debug, Default)]
pub(super) struct TookNothing {
    shards: Vec<i64>,
    seqs: Vec<i64>,
    /// What finds them in a column, and what to put there.
    back: String,
    refused: String,
    told: String,
}

impl TookNothing {
    /// Of these decisions, by their shards and numbers; and with which of them the platform said that the pair is too
    /// fast, the last of them then.
    pub(super) fn of(all: &[(i64, i64, bool)], told_ms: i64) -> Vec<Self> {
        let some = |of: &[(i64, i64, bool)]| {
            let pattern = |is_refused: bool| {
                let seqs = of.iter().filter(|(.., refused)| *refused == is_refused);
                let seqs: Vec<String> = seqs.map(|(_, seq, _)| seq.to_string()).collect();
                match seqs.as_slice() {
                    [] => NONE.to_owned(),
                    some => format!(" ({})@", some.join("|")),
                }
            };
            Self {
                shards: of.iter().map(|(shard, ..)| *shard).collect(),
                seqs: of.iter().map(|(_, seq, _)| *seq).collect(),
                back: pattern(false),
                refused: pattern(true),
                told: format!(" \\1!{told_ms}:"),
            }
        };
        all.chunks(SEQS_MAX).map(some).collect()
    }

    /// The statement that notes it.
    pub(super) fn step<'s>(&'s self, link: &'s Link) -> Step<'s> {
        let columns: Vec<&(dyn ToSql + Sync)> = vec![
            &self.shards,
            &self.seqs,
            &self.back,
            &self.refused,
            &self.told,
        ];
        change(link, sql::TAKE_NOTHING, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_reads_as_it_was_written() {
        let message = |seq, refused_ms| Message {
            seq,
            at_ms: 1_796_000_000_000,
            refused_ms,
            number: 1,
        };
        let messages = [message(7, None), message(9, Some(1_796_000_000_400))];
        let text = column(&messages, |place| (place == 1).then_some("3015"));
        let rows = read(&text).unwrap();
        let again: Vec<Message> = rows.iter().map(|row| row.message(1)).collect();
        assert_eq!(again, messages);
        assert!(rows.iter().all(|row| *row.number == *"3015"));
        // What took nothing is passed over; a refusal that came at once counts from the message.
        let rows = read(" 7-1796000000000/3015 9!0:1796000000000/3015").unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].message(1), message(9, Some(1_796_000_000_000)));
        assert_eq!(read(""), Some(Vec::new()));
        for wrong in [" x", " 7@8", " 7@x/1", " x@8/1", " 7?8/1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
