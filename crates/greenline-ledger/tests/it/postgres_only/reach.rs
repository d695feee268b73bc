//! Whom a portfolio reaches, counted by many nodes.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use greenline_ledger::types::{DecisionId, Effect, Mode, Outcome};
use greenline_ledger::{Ledger, Setup};
use greenline_policy::decide::{Decision, Facts, Intent, Rules, decide};
use greenline_policy::reach::{MessagingLimit, REACH_MS};
use greenline_policy::rule::Rule;
use greenline_testdb::{Database, Proxy};
use proptest::prelude::*;
use proptest::sample::select;
use smallvec::smallvec;
use tokio::task::JoinSet;

use super::node;
use crate::contract::reach::{crowd, one_of, storm, use_up};
use crate::support::*;

const SENDS: usize = 10_000;
const LIMIT: u32 = 1_000;

async fn limited(ledger: &Ledger, limit: u32, people: usize) {
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let limit = Effect::Limit {
        limit: MessagingLimit::People(limit),
        origin: "graph".into(),
        at_ms: NOON,
    };
    ledger.learn(ACME, vec![limit]).await.unwrap();
    crowd(ledger, people).await;
}

async fn reached(ledger: &Ledger) -> u64 {
    ledger.portfolio(ACME, NOON + 2).await.unwrap().reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_use_a_limit_of_a_thousand_up_exactly() {
    use_up(&Place::of(Store::Postgres), SENDS, LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_on_three_nodes_never_exceed_a_limit_of_a_thousand() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    limited(&one, LIMIT, SENDS).await;
    let nodes = [one, two, three];
    let allowed = storm(&nodes, SENDS).await;
    assert_eq!(allowed, LIMIT as usize);
    for node in &nodes {
        assert_eq!(reached(node).await, u64::from(LIMIT));
    }
    let sends = database.sql("SELECT count(DISTINCT person_id) FROM sends");
    assert_eq!(sends.trim(), LIMIT.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_gives_back_another_may_use_and_what_a_dead_one_sent_counts() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    limited(&one, 1, 3).await;
    let to = |n: usize, now_ms: i64| template(&one_of(n), "offer", now_ms);
    let sent = one.admit(to(0, NOON)).await.unwrap();
    assert!(allows(&sent.decision));
    let refused = other.admit(to(1, NOON + 1)).await.unwrap();
    assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    assert_eq!(refused.decision.reasons[0].until_ms, Some(NOON + REACH_MS));
    one.settle(sent.id, Outcome::NotSent);
    one.learn(ACME, vec![]).await.unwrap();
    let sent = other.admit(to(1, NOON + 2)).await.unwrap();
    assert!(allows(&sent.decision));
    // Nobody says what became of it: it may have gone.
    drop(other);
    assert_eq!(reached(&one).await, 1);
    let third = node(&database.url()).await;
    for node in [&one, &third] {
        let refused = node.admit(to(2, NOON + 3)).await.unwrap();
        assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_at_another_node_gives_the_place_back_whoever_comes_first() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    limited(&one, 1, 9).await;
    for n in 0..6 {
        let sent = one
            .admit(template(&one_of(n), "offer", NOON + n as i64))
            .await
            .unwrap();
        assert!(allows(&sent.decision), "{n}: {:?}", sent.decision);
        let message = format!("wamid.{n}");
        let failed = Effect::Status {
            message_id: message.as_str().into(),
            status: "failed".into(),
            at_ms: NOON + SECOND,
            code: Some(131_026),
        };
        let message_ids = smallvec::smallvec![message.as_str().into()];
        let accepted = Outcome::Accepted { message_ids };
        if n % 2 == 0 {
            other.learn(ACME, vec![failed]).await.unwrap();
            one.settle(sent.id, accepted);
            one.learn(ACME, vec![]).await.unwrap();
        } else {
            one.settle(sent.id, accepted);
            let (told, learned) =
                tokio::join!(other.learn(ACME, vec![failed]), one.learn(ACME, vec![]));
            told.unwrap();
            learned.unwrap();
        }
        assert_eq!(reached(&other).await, 0, "{n}");
    }
}

/// A judgement that a test can hold up: the node stands still between what it read and what it writes.
struct Gate {
    state: Mutex<Passing>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passing {
    Free,
    /// The next one stops.
    Armed,
    /// It has.
    Stopped,
}

static GATE: Gate = Gate {
    state: Mutex::new(Passing::Free),
    changed: Condvar::new(),
};

impl Gate {
    fn set(&self, passing: Passing) {
        *self.state.lock().unwrap() = passing;
        self.changed.notify_all();
    }

    fn until(&self, is_so: impl Fn(Passing) -> bool) {
        let mut state = self.state.lock().unwrap();
        while !is_so(*state) {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn pass(&self) {
        if *self.state.lock().unwrap() == Passing::Armed {
            self.set(Passing::Stopped);
            self.until(|passing| passing == Passing::Free);
        }
    }
}

fn decide_at_the_gate(intent: Intent, facts: &Facts<'_>, rules: &Rules, now_ms: i64) -> Decision {
    GATE.pass();
    decide(intent, facts, rules, now_ms)
}

async fn goes(ledger: &Ledger, n: usize) -> bool {
    let admitted = ledger.admit(template(&one_of(n), "offer", NOON + 1)).await;
    let decision = admitted.unwrap().decision;
    if !allows(&decision) {
        assert_eq!(first_rule(&decision), Rule::LimitPortfolio);
    }
    allows(&decision)
}

/// Places that nodes hold, and how often any were taken of the portfolio.
fn places(database: &Database) -> (i64, i64) {
    let number = |sql: &str| database.sql(sql).trim().parse().unwrap();
    (
        number("SELECT coalesce(sum(places), 0) FROM reach_parts"),
        number("SELECT sum(sends) FROM portfolios"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_takes_places_for_many_sends_at_once_and_the_last_ones_one_by_one() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    limited(&one, 100, 101).await;
    for n in 0..17 {
        assert!(goes(&one, n).await);
        assert_eq!(places(&database), (16 - n as i64, 1), "{n}");
    }
    assert!(goes(&other, 17).await);
    assert_eq!(places(&database), (16, 2));
    for n in 18..100 {
        assert!(goes(&one, n).await, "{n}");
    }
    for node in [&one, &other] {
        assert!(!goes(node, 100).await);
        assert_eq!(reached(node).await, 100);
        // Who counts may be sent to again.
        assert!(goes(node, 0).await);
    }
    assert_eq!(places(&database).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_held_is_used_by_the_others() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    limited(&one, 40, 60).await;
    assert!(goes(&one, 0).await);
    assert_eq!(places(&database).0, 9);
    drop(one);
    let mut went = 0;
    for n in 1..60 {
        went += usize::from(goes(&other, n).await);
    }
    assert_eq!(went, 39);
    assert_eq!((reached(&other).await, places(&database).0), (40, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_frozen_with_places_finds_them_gone_when_it_wakes() {
    let database = ready_database();
    let gated = Setup {
        decide: decide_at_the_gate,
        ..setup()
    };
    let frozen = Ledger::open(&database.url(), gated).await.unwrap();
    let other = node(&database.url()).await;
    limited(&other, 40, 60).await;
    assert!(goes(&frozen, 0).await);
    assert_eq!(places(&database).0, 9);
    GATE.set(Passing::Armed);
    let sent = tokio::spawn({
        let frozen = frozen.clone();
        async move { goes(&frozen, 1).await }
    });
    let stands = || GATE.until(|passing| passing == Passing::Stopped);
    tokio::task::spawn_blocking(stands).await.unwrap();
    let mut went = 0;
    for n in 2..60 {
        went += usize::from(goes(&other, n).await);
    }
    GATE.set(Passing::Free);
    // It had judged that there was room, and held the places.
    assert!(!sent.await.unwrap());
    assert_eq!(went, 39);
    for node in [&frozen, &other] {
        assert_eq!(reached(node).await, 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_connections_break_never_exceed_a_limit() {
    const SENDS: usize = 400;
    const LIMIT: u32 = 100;
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let url = database.url();
    let (one, two) = tokio::join!(node(&url), node(&url));
    let cut_off = node(&database.url_through(&proxy)).await;
    limited(&one, LIMIT, SENDS).await;
    let mut under_way = JoinSet::new();
    for (n, node) in (0..SENDS).zip([one.clone(), two, cut_off].iter().cycle()) {
        let node = node.clone();
        under_way.spawn(async move {
            while node
                .admit(template(&one_of(n), "offer", NOON + 1))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let cutting = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            proxy.cut();
        }
    };
    tokio::join!(under_way.join_all(), cutting);
    let sends = database.sql("SELECT count(DISTINCT person_id) FROM sends");
    assert_eq!(sends.trim(), LIMIT.to_string());
    assert_eq!(reached(&one).await, u64::from(LIMIT));
}

/// What may happen to what several nodes send in turn.
#[derive(Clone, Debug)]
enum Step {
    /// At one node to somebody; whether it goes whatever the answer is.
    Send(usize, usize, bool),
    /// What became of one of them, as its node learns.
    Settle(usize, bool),
    /// What a node hears of one of them, so many milliseconds later.
    Hear(usize, usize, &'static str, i64),
    /// What the platform tells a node.
    Limit(usize, u32),
    /// A node hears that two are one.
    Known(usize, usize, usize),
    /// A node ends, and another takes its seat.
    Restart(usize),
    Later(i64),
}

const HOUR: i64 = 60 * 60 * SECOND;

fn step() -> impl Strategy<Value = Step> {
    let (node, who, which) = (0..3_usize, 0..7_usize, 0..4_usize);
    prop_oneof![
        10 => (node.clone(), who.clone(), prop::bool::weighted(0.1))
            .prop_map(|(node, who, anyway)| Step::Send(node, who, anyway)),
        5 => (which.clone(), prop::bool::weighted(0.7)).prop_map(|(which, taken)| Step::Settle(which, taken)),
        4 => (node.clone(), which, select(vec!["delivered", "failed"]), 0..4 * HOUR)
            .prop_map(|(node, which, status, after_ms)| Step::Hear(node, which, status, after_ms)),
        1 => (node.clone(), 1..5_u32).prop_map(|(node, people)| Step::Limit(node, people)),
        1 => (node.clone(), who.clone(), who).prop_map(|(node, one, other)| Step::Known(node, one, other)),
        1 => node.prop_map(Step::Restart),
        4 => select(vec![1, HOUR, 7 * HOUR, REACH_MS - 1]).prop_map(Step::Later),
    ]
}

/// A message that went, from a node; how it is known to each store.
struct Went {
    node: Option<usize>,
    ids: [DecisionId; 2],
    settled: bool,
    message: Box<str>,
    at_ms: i64,
}

/// One ledger on three nodes, beside one that looks at everything each time it is asked.
struct Both {
    database: Database,
    nodes: Vec<Ledger>,
    model: Ledger,
    went: Vec<Went>,
    sent: u128,
    now_ms: i64,
}

impl Both {
    async fn new() -> Self {
        let database = ready_database();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(node(&database.url()).await);
        }
        let model = Ledger::in_memory(setup());
        limited(&nodes[0], 3, 7).await;
        limited(&model, 3, 7).await;
        Self {
            database,
            nodes,
            model,
            went: vec![],
            sent: 0,
            now_ms: NOON + 1,
        }
    }

    async fn learn(&self, node: usize, effect: Effect) {
        for ledger in [&self.nodes[node], &self.model] {
            ledger.learn(ACME, vec![effect.clone()]).await.unwrap();
        }
    }

    async fn send(&mut self, at: usize, who: usize, anyway: bool) {
        let mut ask = template(&one_of(who), "offer", self.now_ms);
        self.sent += 1;
        ask.body_hash = self.sent.to_be_bytes();
        if anyway {
            ask.mode = Mode::Observe;
        }
        let mut said = Vec::new();
        for ledger in [&self.nodes[at], &self.model] {
            said.push(ledger.admit(ask.clone()).await.unwrap());
        }
        let [here, there] = [0, 1].map(|at| {
            let decision = &said[at].decision;
            let reasons = decision.reasons.iter();
            let reasons = reasons.map(|reason| (reason.rule, reason.until_ms));
            (decision.verdict, reasons.collect::<Vec<_>>())
        });
        assert_eq!(here, there);
        if said[0].flight.is_some() {
            self.went.push(Went {
                node: Some(at),
                ids: [said[0].id, said[1].id],
                settled: false,
                message: format!("wamid.{}", self.sent).into(),
                at_ms: self.now_ms,
            });
        }
    }

    /// One of the newest.
    fn of_late(&mut self, which: usize) -> Option<&mut Went> {
        let at = self.went.len().checked_sub(which + 1)?;
        self.went.get_mut(at)
    }

    async fn settle(&mut self, which: usize, taken: bool) {
        let Some(went) = self.of_late(which) else {
            return;
        };
        let (Some(node), false) = (went.node, went.settled) else {
            return;
        };
        went.settled = true;
        let outcome = match taken {
            true => Outcome::Accepted {
                message_ids: smallvec![went.message.clone()],
            },
            false => Outcome::Rejected { code: 131_026 },
        };
        let ids = went.ids;
        for (ledger, id) in [&self.nodes[node], &self.model].into_iter().zip(ids) {
            ledger.settle(id, outcome.clone());
            ledger.learn(ACME, vec![]).await.unwrap();
        }
    }

    async fn hear(&mut self, node: usize, which: usize, status: &str, after_ms: i64) {
        if let Some(went) = self.of_late(which) {
            let status = Effect::Status {
                message_id: went.message.clone(),
                status: status.into(),
                at_ms: went.at_ms + after_ms,
                code: (status == "failed").then_some(131_026),
            };
            self.learn(node, status).await;
        }
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(node, who, anyway) => self.send(node, who, anyway).await,
            Step::Settle(which, taken) => self.settle(which, taken).await,
            Step::Hear(node, which, status, after_ms) => {
                self.hear(node, which, status, after_ms).await;
            }
            Step::Limit(node, people) => {
                let limit = Effect::Limit {
                    limit: MessagingLimit::People(people),
                    origin: "graph".into(),
                    at_ms: self.now_ms,
                };
                self.learn(node, limit).await;
            }
            Step::Known(node, one, other) => {
                let same = known(&[&one_of(one), &one_of(other)], self.now_ms);
                self.learn(node, same).await;
            }
            Step::Restart(node) => {
                self.nodes[node] = super::node(&self.database.url()).await;
                // Nobody learns any more what became of what it sent.
                for went in self.went.iter_mut().filter(|went| went.node == Some(node)) {
                    went.node = None;
                }
            }
            Step::Later(by_ms) => self.now_ms += by_ms,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn nodes_that_send_in_turn_count_as_one_that_looks_at_everything(
        steps in prop::collection::vec(step(), 20..50),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut both = Both::new().await;
            for (n, step) in steps.iter().enumerate() {
                both.step(step).await;
                let expected = both.model.portfolio(ACME, both.now_ms).await.unwrap();
                let node = &both.nodes[n % both.nodes.len()];
                let counted = node.portfolio(ACME, both.now_ms).await.unwrap();
                assert_eq!(counted, expected, "after step {n}: {step:?}");
            }
        });
    }
}
