//! Portfolio pacing: a large burst of templates goes in batches, and bad reactions drop the rest (SND-25).
//!
//! The documents name the code of what is dropped (132015) and no other; what is sent during the review that follows gets
//! the same here. How large a burst is they do not say: ten times what template pacing lets go first.

use std::sync::Arc;

use super::agenda::Deed;
use super::book::Book;
use super::life;
use super::tally::HOUR_MS;
use crate::behaviour::Sent;
use crate::platform::Platform;

/// Since December 2025.
const SINCE_MS: i64 = 1_764_547_200_000;
/// The code of what is dropped.
const DROPPED: u32 = 132_015;

/// Whether a template of a portfolio waits for its batch; the first ones of an hour do not.
pub(super) fn waits(book: &mut Book, portfolio: &str, now_ms: i64) -> bool {
    if !book.config.portfolio_pacing || now_ms < SINCE_MS {
        return false;
    }
    let first = book.hidden.paced_first as usize * 10;
    let portfolio = book.portfolio(portfolio);
    let burst = &mut portfolio.burst;
    while burst
        .front()
        .is_some_and(|at_ms| *at_ms <= now_ms - HOUR_MS)
    {
        burst.pop_front();
    }
    burst.push_back(now_ms);
    burst.len() > first || !portfolio.batch.is_empty()
}

/// Whether a portfolio is looked at, and neither sends nor makes templates.
pub(crate) fn is_in_review(book: &mut Book, portfolio: &str, now_ms: i64) -> bool {
    let until_ms = book.portfolio(portfolio).review_until_ms;
    until_ms.is_some_and(|until_ms| now_ms < until_ms)
}

/// Keeps a message until its batch is decided.
pub(super) fn keep(sim: &Platform, sent: &Arc<Sent>, now_ms: i64) {
    let id = &sent.line.portfolio;
    let mut book = sim.health.book();
    let decided_ms = now_ms + book.hidden.paced_for_s * 1_000;
    let batch = &mut book.portfolio(id).batch;
    batch.push(Arc::clone(sent));
    if batch.len() == 1 {
        let deed = Deed::DecideBatch(id.clone());
        sim.health.agenda.put(decided_ms, deed);
    }
}

impl Platform {
    /// A batch goes, or it is dropped and the portfolio is looked at.
    pub(super) fn decide_batch(self: &Arc<Self>, id: &str) {
        let now_ms = self.clock.now_ms();
        let accounts = self.accounts_of(id);
        let (batch, review_until_ms) = {
            let mut book = self.health.book();
            let hidden = book.hidden.clone();
            let since_ms = now_ms - hidden.paced_for_s * 1_000 - HOUR_MS;
            let bad = accounts.iter().any(|account| {
                let weight = book.account(account).tally.weigh(now_ms, since_ms, &hidden);
                weight.bad_share() >= hidden.enforced_at
            });
            let portfolio = book.portfolio(id);
            portfolio.burst.clear();
            let until_ms = bad.then_some(now_ms + hidden.grace_h * HOUR_MS);
            portfolio.review_until_ms = until_ms.or(portfolio.review_until_ms);
            (std::mem::take(&mut portfolio.batch), until_ms)
        };
        if let Some(until_ms) = review_until_ms {
            self.note_plain("portfolio", id, "review", "no", "yes");
            let deed = Deed::ReviewEnds(id.to_owned(), until_ms);
            self.health.agenda.put(until_ms, deed);
        }
        for sent in batch {
            let released = Sent {
                held: false,
                in_batch: false,
                failure: review_until_ms.map(|_| DROPPED),
                ..(*sent).clone()
            };
            life::play(self, released);
        }
    }

    /// The review is over, if it ends now.
    pub(super) fn review_ends(&self, id: &str, until_ms: i64) {
        let ends = {
            let mut book = self.health.book();
            let known = &mut book.portfolio(id).review_until_ms;
            let ends = *known == Some(until_ms);
            if ends {
                *known = None;
            }
            ends
        };
        if ends {
            self.note_plain("portfolio", id, "review", "yes", "no");
        }
    }

    fn accounts_of(&self, portfolio: &str) -> Vec<String> {
        let state = self.world.read();
        let Some(index) = state.business_of_portfolio(portfolio) else {
            return Vec::new();
        };
        let accounts = state.accounts.values();
        accounts
            .filter(|account| account.business == index)
            .map(|account| account.id.clone())
            .collect()
    }
}
