//! Statuses find their sends by message id, wherever the id stands by then: in the log, in a run that is
//! being written, in a run long written.

use std::cell::Cell;

use greenline_ledger::Ledger;
use greenline_ledger::fault::Faults;
use greenline_ledger::types::{DecisionId, Effect, Outcome};
use smallvec::smallvec;

use super::File;
use crate::support::*;

const P1: &str = "15551230001";
/// A run is so short, and written so slowly, that a test sees it begin and end.
const RUN: usize = 32;
/// Commits that are more than enough to write one run.
const COMMITS: usize = RUN * 2;
/// So many commits that an outage lasts until it is ended.
const FOREVER: u64 = 1 << 40;

/// A store with short runs, and the decisions whose messages are numbered.
struct Sends {
    place: File,
    ledger: Ledger,
    decisions: Vec<DecisionId>,
    /// When the last status came; each one is later.
    at_ms: Cell<i64>,
}

fn seq(id: DecisionId) -> i64 {
    id.seq.try_into().unwrap()
}

fn message(n: usize) -> String {
    format!("wamid.{n}")
}

impl Sends {
    async fn new(count: usize) -> Self {
        let mut place = File::new();
        place.faults = Faults::planned().with_runs(RUN, 1);
        let ledger = place.open();
        cover(&ledger).await;
        let mut decisions = Vec::new();
        for n in 0..count {
            let at_ms = NOON + i64::try_from(n).unwrap();
            let admitted = ledger.admit(template(P1, "offer", at_ms)).await.unwrap();
            decisions.push(admitted.id);
        }
        Self {
            place,
            ledger,
            decisions,
            at_ms: Cell::new(NOON),
        }
    }

    /// These sends are over, one commit each.
    async fn accepted(&self, sends: impl Iterator<Item = usize>) {
        for n in sends {
            self.settle(n);
            self.one_commit().await;
        }
    }

    fn settle(&self, n: usize) {
        let message_ids = smallvec![message(n).into()];
        self.ledger
            .settle(self.decisions[n], Outcome::Accepted { message_ids });
    }

    /// What is queued is written, and the next piece of a run.
    async fn one_commit(&self) {
        self.ledger.learn(ACME, vec![]).await.unwrap();
    }

    /// Until no run is being written.
    async fn rested(&self) {
        for _ in 0..COMMITS {
            self.one_commit().await;
        }
    }

    fn reopened(self) -> Self {
        drop(self.ledger);
        let ledger = self.place.open();
        Self { ledger, ..self }
    }

    async fn status(&self, n: usize, said: &str) {
        self.at_ms.set(self.at_ms.get() + SECOND);
        let status = Effect::Status {
            message_id: message(n).into(),
            status: said.into(),
            at_ms: self.at_ms.get(),
            code: None,
        };
        self.ledger.learn(ACME, vec![status]).await.unwrap();
    }

    /// Statuses of these messages reach their sends, and no others.
    async fn finds(&self, sends: &[usize], said: &str) {
        for n in sends {
            self.status(*n, said).await;
        }
        let raw = self.place.raw();
        let mut found = raw
            .prepare("SELECT decision_seq, message_id FROM sends WHERE status = ?1 ORDER BY 1")
            .unwrap();
        let found: Vec<(i64, String)> = found
            .query_map([said], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let wanted: Vec<_> = sends
            .iter()
            .map(|n| (seq(self.decisions[*n]), message(*n)))
            .collect();
        assert_eq!(found, wanted, "{said}");
    }

    fn number(&self, sql: &str) -> usize {
        let raw = self.place.raw();
        let number: i64 = raw.query_row(sql, [], |row| row.get(0)).unwrap();
        number.try_into().unwrap()
    }

    /// Ids that stand in runs.
    fn in_runs(&self) -> usize {
        self.number("SELECT count(*) FROM (SELECT DISTINCT hash, decision_seq FROM message_runs)")
    }

    fn runs(&self) -> usize {
        self.number("SELECT count(DISTINCT run) FROM message_runs")
    }

    /// Ids that the log holds.
    fn logged(&self) -> usize {
        self.number("SELECT coalesce(sum(length(entries)), 0) / 16 FROM message_log")
    }

    fn strays(&self) -> usize {
        self.number("SELECT count(*) FROM stray_statuses")
    }

    /// A run is being written: it has begun, and is not done.
    fn is_closing(&self) -> bool {
        (1..RUN).contains(&(self.in_runs() % RUN)) && self.logged() >= RUN
    }
}

#[tokio::test]
async fn a_status_finds_its_send_wherever_its_message_stands() {
    let sends = Sends::new(RUN + 12).await;
    sends.accepted(0..RUN - 1).await;
    assert_eq!((sends.in_runs(), sends.logged()), (0, RUN - 1));
    sends.finds(&[0, 20, RUN - 2], "in the open run").await;
    sends.accepted(RUN - 1..RUN + 4).await;
    assert!(sends.is_closing());
    let some = [0, 1, 20, RUN - 1, RUN, RUN + 3];
    sends.finds(&some, "in both").await;
    sends.rested().await;
    assert_eq!((sends.in_runs(), sends.logged()), (RUN, 4));
    sends.finds(&some, "in an old run").await;
    assert_eq!(sends.strays(), 0);
    assert_clean(&sends.ledger).await;
    let sends = sends.reopened();
    sends.finds(&some, "opened again").await;
    sends.accepted(RUN + 4..RUN + 12).await;
    sends.finds(&[0, RUN + 11], "later").await;
    assert_eq!((sends.in_runs(), sends.logged()), (RUN, 12));
    assert_eq!(sends.strays(), 0);
    assert_clean(&sends.ledger).await;
}

#[tokio::test]
async fn statuses_find_their_sends_in_many_runs() {
    let count = RUN * 3;
    let sends = Sends::new(count).await;
    for run in 0..3 {
        sends.accepted(run * RUN..(run + 1) * RUN).await;
        sends.rested().await;
    }
    assert_eq!((sends.in_runs(), sends.logged()), (count, 0));
    assert_eq!(sends.runs(), 3);
    let all: Vec<_> = (0..count).step_by(3).collect();
    sends.finds(&all, "delivered").await;
    let sends = sends.reopened();
    sends.finds(&all, "read").await;
    assert_eq!(sends.strays(), 0);
    assert_clean(&sends.ledger).await;
}

#[tokio::test]
async fn a_run_whose_writing_was_broken_off_is_gathered_anew() {
    let count = RUN + 9;
    let mut sends = Sends::new(count).await;
    sends.accepted(0..count).await;
    let some = [0, 20, RUN - 1, RUN + 8];
    for said in ["broken off", "once more", "and again"] {
        assert!(sends.is_closing());
        assert_eq!(sends.logged(), count);
        sends = sends.reopened();
        sends.finds(&some, said).await;
    }
    assert_clean(&sends.ledger).await;
    sends.rested().await;
    assert_eq!((sends.in_runs(), sends.logged()), (count, 0));
    sends.finds(&some, "written").await;
    let sends = sends.reopened();
    sends.finds(&some, "opened again").await;
    assert_eq!(sends.strays(), 0);
    assert_clean(&sends.ledger).await;
}

#[tokio::test]
async fn a_commit_that_fails_while_a_run_is_written_leaves_no_gap() {
    // The commit that fills the run, one in the middle, and about where it ends.
    for failing in [RUN - 1, RUN, RUN + 3, RUN * 2 - 2, RUN * 2 - 1, RUN * 2] {
        let count = RUN * 2 + 6;
        let sends = Sends::new(count).await;
        sends.accepted(0..failing).await;
        let before = (sends.in_runs(), sends.logged());
        sends.place.faults.fail(1, FOREVER);
        sends.settle(failing);
        for _ in 0..2 {
            assert!(sends.ledger.learn(ACME, vec![]).await.is_err());
        }
        sends.place.faults.fail(FOREVER, 0);
        assert_eq!((sends.in_runs(), sends.logged()), before);
        sends.accepted(failing + 1..count).await;
        sends.rested().await;
        let all: Vec<_> = (0..count).step_by(3).collect();
        sends.finds(&all, "delivered").await;
        assert_eq!(sends.in_runs() + sends.logged(), count, "{failing}");
        let sends = sends.reopened();
        sends.finds(&[0, failing, count - 1], "read").await;
        assert_eq!(sends.strays(), 0);
        assert_clean(&sends.ledger).await;
    }
}

#[tokio::test]
async fn whoever_only_asks_writes_no_run_and_needs_no_store() {
    let sends = Sends::new(RUN + 3).await;
    sends.accepted(0..RUN + 3).await;
    assert!(sends.is_closing());
    // What nobody waits for is written first.
    sends.one_commit().await;
    let before = (sends.in_runs(), sends.place.faults.commits());
    offer(&sends.ledger, P1, NOON + SECOND).await;
    let after = (sends.in_runs(), sends.place.faults.commits());
    assert_eq!(after, before);
    sends.place.faults.fail(1, FOREVER);
    assert!(sends.ledger.learn(ACME, vec![]).await.is_err());
    offer(&sends.ledger, P1, NOON + SECOND).await;
}

#[tokio::test]
async fn a_message_of_nobodys_is_a_stray_until_its_send_is_known() {
    let sends = Sends::new(RUN + 3).await;
    sends.status(RUN + 2, "early").await;
    for n in [0, RUN - 1, RUN, RUN + 1] {
        sends.accepted(n..n + 1).await;
    }
    sends.accepted(1..RUN - 1).await;
    assert!(sends.logged() >= RUN);
    sends.status(9_999, "never").await;
    sends.rested().await;
    sends.status(9_999, "never again").await;
    assert_eq!(sends.strays(), 2);
    let sends = sends.reopened();
    sends.accepted(RUN + 2..RUN + 3).await;
    assert_eq!(sends.strays(), 1);
    sends.finds(&[RUN + 2], "early").await;
    assert_clean(&sends.ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_once_all_it_leads_to_is_old_and_others_are_still_found() {
    let sends = Sends::new(RUN * 3).await;
    sends.accepted(0..RUN * 3).await;
    sends.rested().await;
    let runs = || -> i64 {
        let raw = sends.place.raw();
        let count = "SELECT count(DISTINCT run) FROM message_runs";
        raw.query_row(count, [], |row| row.get(0)).unwrap()
    };
    let before = runs();
    assert!(before >= 2, "{before}");
    let day = 24 * 60 * 60 * SECOND;
    let prune = async |before_ms| {
        let kind = greenline_ledger::prune::PruneKind::Messages;
        let mut rows = 0;
        loop {
            let batch = sends.ledger.prune(ACME, kind, before_ms, NOON + 9 * day);
            match batch.await.unwrap() {
                0 => return rows,
                batch => rows += batch,
            }
        }
    };
    assert_eq!(prune(NOON).await, 0, "nothing is so old");
    // The first run leads to the first sends, a millisecond each.
    let first = i64::try_from(RUN).unwrap();
    assert_eq!(prune(NOON + first).await, RUN as u64);
    assert_eq!(runs(), before - 1);
    let sends = sends.reopened();
    sends.finds(&[RUN, RUN * 2, RUN * 3 - 1], "delivered").await;
    assert_clean(&sends.ledger).await;
}
