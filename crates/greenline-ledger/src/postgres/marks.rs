//! What went to people of late, on Postgres: kept with the send, in its person's shard.
//!
//! A send's row says what it counts as; that it did not reach its person is noted there. Whom the platform limits
//! stands with the person. Neither moves a person's version on: they only ever make a send wait less, or are a hint.

use std::sync::Mutex;

use greenline_policy::pace::Limited;
use greenline_policy::scope::{Categories, Scope};
use tokio_postgres::types::ToSql;

use super::connect::Link;
use super::pairs::TookNothing;
use super::pipeline::{Step, change};
use super::rows::{person, shard};
use super::sql;
use super::trouble::Trouble;
use crate::codec::rows::decode_list;
use crate::state::facts::Addressee;
use crate::state::limited::USER_LIMIT;
use crate::state::marks::{BACK, Begun, mark_text, of_mark_text};
use crate::state::pairs::PAIR_LIMIT;
use crate::types::PersonId;

/// What one send counts as with one person.
#[derive(Clone, Debug)]
pub(super) struct MarkRow {
    pub(super) seq: u64,
    pub(super) at_ms: i64,
    pub(super) categories: Categories,
    pub(super) topic: Option<Scope>,
    pub(super) taken_back: bool,
}

impl MarkRow {
    /// From the columns.
    pub(super) fn read(seq: u64, at_ms: i64, text: &str) -> Option<Self> {
        let (taken_back, text) = match text.strip_prefix(BACK) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (categories, topic) = of_mark_text(text)?;
        Some(Self {
            seq,
            at_ms,
            categories,
            topic,
            taken_back,
        })
    }
}

/// With whom a send begins something, each with the column of it.
pub(super) fn marked(
    found: &[Addressee],
    begun: &Begun,
    is_marketing: bool,
) -> Vec<(PersonId, String)> {
    let people = found.iter().zip(&begun.with);
    let people = people.filter(|(_, begins)| **begins);
    let text = mark_text(is_marketing, begun);
    people
        .filter_map(|(to, _)| Some((to.person?, text.clone())))
        .collect()
}

/// Reads a person's columns.
pub(super) fn limited_of((at_ms, times): (Option<i64>, Option<i64>)) -> Option<Limited> {
    Some(Limited {
        at_ms: at_ms?,
        times: u16::try_from(times.unwrap_or(0)).unwrap_or(u16::MAX),
    })
}

/// A message, as far as it is known: its decision's shard and number, and its latest status's time and rank.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageRow {
    pub(super) decision: Option<(i64, i64)>,
    pub(super) latest: Option<(i64, i64)>,
}

/// Whether a status may change what counts.
pub(super) fn counts(status: &str) -> bool {
    matches!(status, "failed" | "delivered" | "read" | "played")
}

/// Sends by which the platform told that a person gets too much marketing, and when it told so.
#[derive(Debug, Default)]
pub(super) struct Limits {
    shards: Vec<i64>,
    seqs: Vec<i64>,
    told_ms: Vec<Option<i64>>,
}

impl Limits {
    pub(super) fn push(&mut self, (shard, seq): (i64, i64), told_ms: Option<i64>) {
        self.shards.push(shard);
        self.seqs.push(seq);
        self.told_ms.push(told_ms);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    pub(super) fn columns(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![&self.shards, &self.seqs, &self.told_ms]
    }
}

/// Other addressees of a send that did not reach them: its number, and their list.
pub(super) type Others = Vec<(i64, String)>;

/// What statuses told that changes what counts.
#[derive(Debug, Default)]
pub(super) struct Told {
    failed: (Vec<i64>, Vec<i64>),
    limited: Limits,
    reached: (Vec<i64>, Vec<i64>),
    /// For which the platform said that the pair is too fast, and when it last did.
    too_fast: (Vec<(i64, i64, bool)>, i64),
}

impl Told {
    /// A status that is a message's latest.
    pub(super) fn status(
        &mut self,
        decision: (i64, i64),
        status: &str,
        (at_ms, code): (i64, Option<u32>),
    ) {
        match status {
            "failed" => {
                self.failed.0.push(decision.0);
                self.failed.1.push(decision.1);
                if code == Some(USER_LIMIT) {
                    self.limited.push(decision, Some(at_ms));
                }
                if code == Some(PAIR_LIMIT) {
                    self.was_too_fast(decision, at_ms);
                }
            }
            "delivered" | "read" | "played" => {
                self.reached.0.push(decision.0);
                self.reached.1.push(decision.1);
            }
            _ => {}
        }
    }

    fn was_too_fast(&mut self, (shard, seq): (i64, i64), at_ms: i64) {
        self.too_fast.0.push((shard, seq, true));
        self.too_fast.1 = self.too_fast.1.max(at_ms);
    }

    /// The statements that write it; whom else the failed ones went to is gathered in `others`.
    pub(super) fn steps<'s>(&'s self, link: &'s Link, others: &'s Mutex<Others>) -> Vec<Step<'s>> {
        let mut steps: Vec<Step<'s>> = Vec::new();
        if !self.failed.0.is_empty() {
            steps.push(Box::pin(async move {
                let (shards, seqs) = &self.failed;
                for row in &link.ask(sql::TAKE_BACK, &[shards, seqs]).await? {
                    if let Some(people) = row.try_get::<_, Option<String>>(1)?
                        && let Ok(mut others) = others.lock()
                    {
                        others.push((row.try_get(0)?, people));
                    }
                }
                Ok(())
            }));
        }
        if !self.limited.is_empty() {
            steps.push(change(link, sql::LIMIT_PEOPLE, self.limited.columns()));
        }
        if !self.reached.0.is_empty() {
            let (shards, seqs) = &self.reached;
            steps.push(change(link, sql::EASE_LIMITS, vec![shards, seqs]));
        }
        let too_fast = TookNothing::of(&self.too_fast.0, self.too_fast.1);
        for some in too_fast {
            steps.push(Box::pin(async move { some.step(link).await }));
        }
        steps
    }

    /// The same for the other addressees of what failed. Should that not be written, they are held back longer than
    /// they need be, and nothing else.
    pub(super) async fn of_others(&self, link: &Link, others: &Others) {
        let mut more = Self::default();
        for (seq, people) in others {
            let limited = self.limited.seqs.iter().position(|known| known == seq);
            let told_ms = limited.and_then(|at| self.limited.told_ms.get(at).copied());
            for other in decode_list(people).unwrap_or_default() {
                let Ok(other) = other.parse::<u64>() else {
                    continue;
                };
                let of = shard(person(other as i64));
                more.failed.0.push(of);
                more.failed.1.push(*seq);
                if let Some(told_ms) = told_ms {
                    more.limited.push((of, *seq), told_ms);
                }
                if self.too_fast.0.iter().any(|(_, known, _)| known == seq) {
                    more.was_too_fast((of, *seq), self.too_fast.1);
                }
            }
        }
        if !more.failed.0.is_empty() {
            more.once(link, &Mutex::default()).await;
        }
    }

    /// Writes it all at once, beside any transaction.
    pub(super) async fn all(&self, link: &Link) {
        let others = Mutex::default();
        self.once(link, &others).await;
        let others = others.into_inner().unwrap_or_default();
        self.of_others(link, &others).await;
    }

    async fn once(&self, link: &Link, others: &Mutex<Others>) {
        let done: Result<(), Trouble> = super::pipeline::in_order(self.steps(link, others)).await;
        if let Err(trouble) = done {
            tracing::warn!(
                ?trouble,
                "what did not reach people still counts as if it had"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_policy::scope::Category;

    #[test]
    fn what_a_send_counts_as_reads_as_it_was_written() {
        let topic = Scope::parse("marketing.offers");
        for (is_marketing, topic) in [(true, topic), (false, None)] {
            let begun = Begun {
                categories: Categories::of([Category::Marketing]),
                topic: topic.clone(),
                with: Default::default(),
            };
            let text = mark_text(is_marketing, &begun);
            let read = MarkRow::read(7, 9, &text).unwrap();
            let expected = (begun.categories, topic.clone(), false);
            assert_eq!((read.categories, read.topic, read.taken_back), expected);
            let back = MarkRow::read(7, 9, &format!("-{text}")).unwrap();
            assert!(back.taken_back && back.topic == topic);
        }
        assert!(MarkRow::read(7, 9, "").is_none());
    }
}
