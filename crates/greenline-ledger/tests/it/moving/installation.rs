//! An installation in which everything has happened, and how two of them are compared.

use std::sync::Arc;

use greenline_ledger::Ledger;
use greenline_ledger::later::{HeldFilter, HeldStep, Keep, KeptRequest};
use greenline_ledger::subscription::{Subscription, Takes};
use greenline_ledger::types::{
    BusinessIx, Delivery, Effect, HealthNews, Lane, NewEvent, Outcome, OwnReply, RelayDone,
    RelayResult, ReplyEnd,
};
use greenline_policy::consent::EventKind;
use greenline_policy::country::Place as Here;
use greenline_policy::health::state::{Health, Sending};
use greenline_policy::hold::{Hold, HoldGroup};
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::quiet::Quiet;
use greenline_policy::reach::MessagingLimit;
use smallvec::smallvec;

use crate::contract::seal::{assert_whole, seal};
use crate::support::*;

/// Everyone who is known, and one who is not.
const PEOPLE: &[&str] = &[
    "15551230001",
    "15551230002",
    "15551230003",
    "15551230004",
    "15551230005",
    "15551230006",
    "US.1001",
    "US.1002",
    "5511912345678",
    "551112345678",
    "15551239998",
];

/// Lets everything happen.
pub(super) async fn fill(ledger: &Ledger) {
    cover(ledger).await;
    consent(ledger).await;
    platform(ledger).await;
    deliveries(ledger).await;
    sends(ledger).await;
    for business in [ACME, BOND] {
        assert!(!seal(ledger, business).await.is_empty());
    }
    // Some that the log does not hold yet.
    let yes = yes(&["15551240001"], "utility", NOON + 96 * SECOND);
    ledger.append(yes).await.unwrap();
    let refused = template("15551239998", "offer", NOON + 97 * SECOND);
    ledger.admit(refused).await.unwrap();
    for app in ["bot", "crm"] {
        let due = ledger
            .relay_due(NOON + SECOND, Lane::Inbound, 10)
            .await
            .unwrap();
        let of_app = due.iter().filter(|relay| &*relay.app == app);
        let results = [
            RelayResult::RetryAt(NOON + 50 * SECOND),
            RelayResult::Parked,
            RelayResult::Delivered,
        ];
        let done = of_app.zip(results).map(|(relay, result)| RelayDone {
            inbox_seq: relay.inbox_seq,
            app: relay.app.clone(),
            business: relay.business,
            result,
        });
        ledger.relay_done(done.collect()).await.unwrap();
    }
    held(ledger).await;
    // One is owed, one was attempted, one is done.
    let due = ledger.replies_due(2).await.unwrap();
    assert_eq!(due.len(), 2);
    let newest = ledger.decisions(Some(ACME), None, 1).await.unwrap();
    ledger
        .reply_done(due[0].claim, ReplyEnd::Over(Some(newest[0].id)))
        .await
        .unwrap();
    let mut attempted = text("15551230001", NOON + 98 * SECOND);
    attempted.reply = Some(due[1].claim);
    ledger.admit(attempted).await.unwrap();
    ledger
        .revoke_links(ACME, &id("15551230001"), NOON + 10)
        .await
        .unwrap();
    let subscribed = ledger.put_subscription(Subscription {
        business: ACME,
        id: "sub_crm".into(),
        version: 0,
        takes: Takes {
            active: false,
            consents: true,
            imports: false,
        },
        body: r#"{"url":"https://crm.example"}"#.into(),
    });
    assert!(subscribed.await.unwrap());
}

/// Held messages: one waits, one is over.
async fn held(ledger: &Ledger) {
    let now_ms = NOON + 97 * SECOND;
    ledger
        .append(yes(&["15551249990"], "marketing", now_ms - 1))
        .await
        .unwrap();
    for n in 0..2 {
        let mut early = template("15551249990", "held", now_ms + n);
        early.places = smallvec![Here {
            quiet: Quiet::from_ends_ms([now_ms + 10; 4]),
            ..Here::default()
        }];
        early.rules.hold = Hold::of([HoldGroup::QuietHours], now_ms + SECOND);
        early.keep = Some(Arc::new(Keep {
            given_id: format!("given {n}").into(),
            request: KeptRequest {
                target: "/messages".into(),
                content_type: "application/json".into(),
                body: Arc::from(&b"{}"[..]),
            },
        }));
        let admitted = ledger.admit(early).await.unwrap();
        assert_eq!(admitted.decision.held_until_ms(), Some(now_ms + 10));
        if n == 0 {
            ledger
                .cancel_held(ACME, admitted.id, now_ms + 5)
                .await
                .unwrap();
            let due = ledger.held_due(now_ms + 5, 10).await.unwrap();
            ledger
                .held_done(due[0].claim, HeldStep::Told, now_ms + 6)
                .await
                .unwrap();
        }
    }
}

async fn consent(ledger: &Ledger) {
    let keyed = |event: NewEvent, key: &str| NewEvent {
        dedup: Some(key.into()),
        ..event
    };
    let mut events = vec![
        keyed(
            yes(&["15551230002", "US.1002"], "marketing", NOON),
            "import-1:1",
        ),
        keyed(yes(&["15551230003"], "utility", NOON + 5), "import-1:2"),
        no(&["15551230003"], "marketing.offers", NOON + 6),
        event(
            &["15551230004"],
            EventKind::NativeStopped,
            "marketing",
            NOON + 7,
        ),
        yes(&["US.1001"], "all", NOON + 8),
        yes(&["5511912345678"], "marketing", NOON),
        no(&["551112345678"], "marketing", NOON + 9),
        NewEvent {
            business: BOND,
            ..yes(&["15551230001"], "marketing", NOON + 3)
        },
    ];
    for number in 0..30 {
        let person = format!("1555124{number:04}");
        events.push(yes(&[person.as_str()], "marketing", NOON + number));
    }
    for done in ledger.append_all(events).await.unwrap() {
        done.unwrap();
    }
    let effects = vec![
        known(&["15551230001", "US.1001"], NOON + 20),
        moved("15551230004", "15551230005", NOON + 21),
        wrote(&["15551230005"], "wamid.in.5", NOON + 22),
    ];
    ledger.learn(ACME, effects).await.unwrap();
}

async fn platform(ledger: &Ledger) {
    let health = |news, at_ms| Effect::Health {
        number: "n9".into(),
        news,
        at_ms,
    };
    let read = || {
        HealthNews::Read(Health {
            overall: Sending::Available,
            entities: Vec::new(),
        })
    };
    let effects = vec![
        Effect::Number {
            number: "n1".into(),
            status: Some("CONNECTED".into()),
            rating: Some("GREEN".into()),
            at_ms: NOON,
        },
        Effect::Number {
            number: "n2".into(),
            status: None,
            rating: Some("YELLOW".into()),
            at_ms: NOON + 1,
        },
        health(read(), NOON + 1),
        health(HealthNews::Locked, NOON + 2),
        health(HealthNews::Policy, NOON),
        Effect::Spam {
            number: "n2".into(),
            limits: true,
            at_ms: NOON,
        },
        // One of which nothing else is known.
        Effect::Spam {
            number: "n3".into(),
            limits: true,
            at_ms: NOON + 2,
        },
        Effect::Banned {
            waba_id: "w9".into(),
            ban: Ban::Disabled,
            at_ms: NOON,
        },
        Effect::Limit {
            limit: MessagingLimit::People(250),
            origin: "graph".into(),
            at_ms: NOON,
        },
        Effect::Restricted {
            waba_id: "w8".into(),
            restrictions: vec![(
                RestrictionKind::BusinessInitiated,
                "RESTRICTED_BIZ_INITIATED_MESSAGING".into(),
                Some(NOON + 99),
            )],
            at_ms: NOON,
        },
        Effect::Timeline {
            subject: "account",
            subject_id: "w1".into(),
            origin: "account_update".into(),
            event: "VERIFIED".into(),
            at_ms: NOON,
            body: "{\"a\":\"é\\u0041\"}".into(),
        },
        Effect::CallPermission {
            person: ids(&["15551230002"]),
            number: "n1".into(),
            at_ms: NOON,
            until_ms: Some(NOON + 7_000_000),
        },
    ];
    ledger.learn(ACME, effects).await.unwrap();
}

fn stop(person: &str, message: &str, at_ms: i64) -> Vec<Effect> {
    let mut event = no(&[person], "marketing", at_ms);
    event.in_thread = true;
    event.evidence.message_id = message.into();
    event.dedup = Some(message.into());
    let reply = OwnReply::StopConfirmed {
        language: "en".into(),
        reach: "bare".into(),
    };
    vec![
        wrote(&[person], message, at_ms - 999),
        Effect::Consent(event),
        Effect::Reply {
            to: id(person),
            number: "n1".into(),
            reply,
            message_id: message.into(),
            at_ms,
        },
    ]
}

async fn deliveries(ledger: &Ledger) {
    for (number, person) in ["15551230006", "15551230003", "15551230004"]
        .iter()
        .enumerate()
    {
        let body = format!("{{\"n\":{number},\"nul\":\"\\u0000\"}}");
        let effects = stop(person, &format!("wamid.stop.{number}"), NOON + 1_000);
        ledger.ingest(delivery(&body, effects)).await.unwrap();
    }
    let status = Delivery {
        lane: Lane::Status,
        ..delivery("{\"status\":1}", Vec::new())
    };
    ledger.ingest(status).await.unwrap();
    // Its days are over: the bytes are gone, that they came is not.
    let old = Delivery {
        received_ms: NOON - 1_000_000,
        relay_to: Vec::new(),
        ..delivery("old", Vec::new())
    };
    ledger.ingest(old).await.unwrap();
    ledger.inbox_prune(NOON - 500_000).await.unwrap();
}

async fn sends(ledger: &Ledger) {
    let outcomes = [
        Some(Outcome::Accepted {
            message_ids: smallvec!["wamid.out.1".into()],
        }),
        Some(Outcome::Accepted {
            message_ids: smallvec!["wamid.out.2".into(), "wamid.out.2b".into()],
        }),
        Some(Outcome::Rejected { code: 131_026 }),
        Some(Outcome::NotSent),
        Some(Outcome::Unknown),
        None,
    ];
    for (at, outcome) in (30..).zip(outcomes) {
        let mut ask = template("15551230001", "offer", NOON + at * 1_000_000);
        ask.body_hash = [u8::try_from(at).unwrap(); 16];
        let admitted = ledger.admit(ask).await.unwrap();
        assert!(allows(&admitted.decision), "{:?}", admitted.decision);
        if let Some(outcome) = outcome {
            ledger.settle(admitted.id, outcome);
        }
    }
    let mut both = template("15551230001", "offer", NOON + 90 * SECOND);
    both.to = ids(&["15551230001", "15551230002"]);
    let admitted = ledger.admit(both).await.unwrap();
    assert!(allows(&admitted.decision));
    ledger.settle(
        admitted.id,
        Outcome::Accepted {
            message_ids: smallvec!["wamid.out.both".into()],
        },
    );
    for to in ["15551230003", "15551239998"] {
        let refused = ledger
            .admit(template(to, "offer", NOON + 91 * SECOND))
            .await
            .unwrap();
        assert!(!allows(&refused.decision));
    }
    let status = |message_id: &str, status: &str| Effect::Status {
        message_id: message_id.into(),
        status: status.into(),
        at_ms: NOON + 95 * SECOND,
        code: (status == "failed").then_some(131_049),
    };
    let effects = vec![
        status("wamid.out.1", "read"),
        status("wamid.out.2", "failed"),
        status("wamid.nobodys", "delivered"),
    ];
    ledger.learn(ACME, effects).await.unwrap();
}

/// What a ledger says of one business, read in every way there is.
async fn said(ledger: &Ledger, business: BusinessIx) -> Vec<String> {
    let mut said = Vec::new();
    for person in PEOPLE {
        said.push(format!(
            "{person}: {:#?}",
            ledger.person(business, &id(person)).await.unwrap()
        ));
        if let Some(view) = ledger.person(business, &id(person)).await.unwrap() {
            let holder = ledger.link_holder(business, view.id).await.unwrap();
            said.push(format!("{person}: {holder:#?}"));
        }
        for (name, at) in [("offer", 92), ("receipt", 92), ("offer", 40_000)] {
            let ask = greenline_ledger::types::Ask {
                business,
                ..template(person, name, NOON + at * SECOND)
            };
            let mut record = ledger.preview(ask).await.unwrap();
            // Of people who are one, each store names the one it finds first.
            for addressee in &mut record.people {
                addressee.person = None;
            }
            let (decision, people) = (&record.decision, &record.people);
            said.push(format!("{person}: {decision:#?} {people:#?}"));
            said.push(format!("{:#?}", record.portfolio));
        }
    }
    let portfolio = ledger.portfolio(business, NOON + 92 * SECOND);
    said.push(format!("{:#?}", portfolio.await.unwrap()));
    let mut after = None;
    loop {
        let page = ledger.export(business, after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        said.extend(page.iter().map(|event| format!("{event:#?}")));
    }
    let decisions = ledger.decisions(Some(business), None, 100).await.unwrap();
    for decision in &decisions {
        said.push(format!(
            "{:#?}",
            ledger.decision(decision.id).await.unwrap()
        ));
    }
    said.extend(decisions.iter().map(|decision| format!("{decision:#?}")));
    let leaves = ledger.log_leaves(business, 0, 1_000).await.unwrap();
    said.push(format!("{leaves:#?}"));
    said.push(format!(
        "{:#?}",
        ledger.log_records(business, &leaves).await.unwrap()
    ));
    said.push(format!(
        "{:#?}",
        ledger.log_heads(business, 0, 100).await.unwrap()
    ));
    let mut open = ledger.unsealed(business, 100).await.unwrap();
    open.sort_by_key(|record| record.id.seq);
    said.push(format!("{open:#?}"));
    said.push(format!("{:#?}", ledger.stops(business, 100).await.unwrap()));
    said.push(format!("{:#?}", ledger.numbers(business).await.unwrap()));
    let known = ledger.number_known(business, "n9", "w8").await.unwrap();
    said.push(format!("{known:#?}"));
    said.push(format!(
        "{:#?}",
        ledger.templates(business, None).await.unwrap()
    ));
    said.push(format!(
        "{:#?}",
        ledger.timeline(business, None, None, 100).await.unwrap()
    ));
    said.push(format!(
        "{:#?}",
        ledger.counts(business, NOON + 92 * SECOND).await.unwrap()
    ));
    said
}

/// Compares what two ledgers say, and then what they do.
pub(super) async fn assert_same(old: &Ledger, new: &Ledger) {
    assert_clean(new).await;
    for business in [ACME, BOND] {
        let (was, is) = (said(old, business).await, said(new, business).await);
        assert_eq!(was.len(), is.len());
        for (was, is) in was.iter().zip(&is) {
            assert_eq!(was, is);
        }
        assert_whole(new, business).await;
    }
    for ledger in [old, new] {
        // What happened once does not happen again.
        let mut again = yes(&["15551230002"], "marketing", NOON + 7);
        again.dedup = Some("import-1:1".into());
        assert!(ledger.append(again).await.unwrap().repeated);
        let body = "{\"n\":0,\"nul\":\"\\u0000\"}";
        let stopped = stop("15551230006", "wamid.stop.0", NOON + 1_000);
        assert!(
            ledger
                .ingest(delivery(body, stopped))
                .await
                .unwrap()
                .duplicate
        );
        assert!(
            ledger
                .ingest(delivery("old", Vec::new()))
                .await
                .unwrap()
                .duplicate
        );
        let stopped = stop("15551230006", "wamid.stop.0", NOON + 1_000);
        assert!(
            !ledger
                .ingest(delivery("others", stopped))
                .await
                .unwrap()
                .replies_due
        );
        // A status finds its message, and a send comes after all that came before it.
        let read = Effect::Status {
            message_id: "wamid.out.both".into(),
            status: "read".into(),
            at_ms: NOON + 999 * SECOND,
            code: None,
        };
        ledger.learn(ACME, vec![read]).await.unwrap();
        let before = ledger.decisions(None, None, 1).await.unwrap()[0].id;
        let admitted = ledger
            .admit(template("15551230002", "offer", NOON))
            .await
            .unwrap();
        assert!(admitted.id.seq > before.seq);
        let event = ledger
            .append(no(&["15551230002"], "all", NOON + 9_000))
            .await
            .unwrap();
        let last = ledger.export(ACME, Some(event.id), 10).await.unwrap();
        assert!(last.is_empty(), "the newest event is the last");
    }
    let decided = old.decisions(Some(ACME), None, 100).await.unwrap();
    for was in decided.iter().skip(1) {
        assert_eq!(new.decision(was.id).await.unwrap().as_ref(), Some(was));
    }
    let subscribed = old.subscriptions(ACME).await.unwrap();
    assert_eq!(new.subscriptions(ACME).await.unwrap(), subscribed);
    for lane in Lane::ALL {
        let due = |ledger: Ledger| async move {
            let due = ledger
                .relay_due(NOON + 3_600 * SECOND, lane, 100)
                .await
                .unwrap();
            let moved = due
                .into_iter()
                .filter(|relay| !relay.body.starts_with(b"others"));
            moved.collect::<Vec<_>>()
        };
        assert_eq!(due(old.clone()).await, due(new.clone()).await);
    }
    let held = async |ledger: &Ledger| {
        let held = ledger
            .held_messages(ACME, &HeldFilter::default(), None, 10)
            .await;
        let mut due = ledger.held_due(NOON + 200 * SECOND, 10).await.unwrap();
        for one in &mut due {
            one.claim.hand = 0;
        }
        (held.unwrap(), due)
    };
    let (all, due) = held(old).await;
    assert_eq!((all.len(), due.len()), (2, 1));
    assert_eq!(held(new).await, (all, due));
    // Hands are each store's own.
    let owed = async |ledger: &Ledger| {
        let mut due = ledger.replies_due(10).await.unwrap();
        for reply in &mut due {
            reply.claim.hand = 0;
        }
        due
    };
    assert_eq!(owed(old).await, owed(new).await);
    assert_clean(new).await;
    // The log goes on where it was.
    assert!(!seal(new, ACME).await.is_empty());
    assert_whole(new, ACME).await;
}
