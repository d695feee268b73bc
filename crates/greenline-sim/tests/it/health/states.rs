//! Each state by script, and what then goes through.

use greenline_sim::HealthState as S;
use greenline_sim::config::Health;
use greenline_sim::{
    CallPermission, HealthState, Inbound, RestrictionCode, SAMPLE_ACCOUNT, SAMPLE_NUMBER, Script,
    Sim, SimConfig, Unclear,
};
use serde_json::json;

use super::{DAY, HOUR, MINUTE, NEW_ERA_MS, read};
use crate::support::{DANA, Receiver, SOON, get, post, quick, send, template, text, with_receiver};

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// It goes.
    Yes,
    /// It is refused at once.
    No(u64),
    /// It is taken and fails.
    Later(u64),
    /// It does not get through, and nobody is told.
    Lost,
}

use Cell::{Later, Lost, No, Yes};

/// In this order: marketing, utility, authentication, an answer in the window, a call out, inbound, a call in.
type Cells = [Cell; 7];

/// A state, the fact behind its cells, and the cells.
struct Row(HealthState, &'static str, Cells);

const ALL: Cells = [Yes; 7];

fn sends(templates: Cell, answer: Cell) -> Cells {
    [templates, templates, templates, answer, Yes, Yes, Yes]
}

fn nothing(code: u64) -> Cells {
    [No(code), No(code), No(code), No(code), No(code), Lost, Lost]
}

/// Not registered: sends are 133010, and so are calls.
const OFFLINE: u64 = 133_010;

fn rows() -> Vec<Row> {
    let deleted = [No(33), No(33), No(33), No(33), No(OFFLINE), Lost, Lost];
    let calls = |out: Cell, into: Cell| [Yes, Yes, Yes, Yes, out, Yes, into];
    vec![
        Row(S::Connected, "QL-33", ALL),
        Row(S::Pending, "QL-33", nothing(OFFLINE)),
        Row(S::Unverified, "QL-33", nothing(OFFLINE)),
        Row(S::Flagged, "QL-34", ALL),
        Row(S::LimitReached, "QL-35", sends(No(131_048), Yes)),
        Row(S::RateLimited, "QL-33", sends(No(131_048), Yes)),
        Row(S::SpamLimited, "QL-09", sends(No(131_048), Yes)),
        Row(S::Banned, "QL-36", nothing(131_031)),
        Row(S::Disconnected, "QL-33", nothing(OFFLINE)),
        Row(S::Migrated, "QL-33", nothing(OFFLINE)),
        Row(S::Deleted, "QL-33", deleted),
        Row(S::Unknown, "QL-33", nothing(OFFLINE)),
        Row(S::StoodBy, "ENF-16", ALL),
        Row(S::ThroughputRaised, "SND-44", ALL),
        Row(S::RatedYellow, "QL-02", ALL),
        Row(S::RatedRed, "QL-02", ALL),
        Row(S::Unrated, "QL-01", ALL),
        Row(S::Warned, "ENF-00", ALL),
        Row(S::TemplatesRestricted, "ENF-07", sends(No(368), Yes)),
        Row(S::MessagesRestricted, "ENF-08", sends(No(368), No(368))),
        Row(S::AnswersRestricted, "ENF-08", sends(No(368), No(368))),
        Row(S::Locked, "ENF-09", nothing(131_031)),
        Row(S::ScheduledForDisable, "ENF-00", ALL),
        Row(S::Disabled, "ENF-13", nothing(131_031)),
        Row(S::UtilityWarned, "ENF-20", ALL),
        Row(S::UtilityRateLimited, "ENF-20", ALL),
        Row(
            S::UtilityUsedUp,
            "ENF-24",
            [Yes, No(131_064), Yes, Yes, Yes, Yes, Yes],
        ),
        Row(S::UtilityRestricted, "ENF-20", ALL),
        Row(S::UtilityRestrictedPortfolio, "ENF-11", ALL),
        Row(S::AddingNumbersRestricted, "ENF-12", ALL),
        Row(
            S::OutgoingCallsRestricted,
            "ENF-10",
            calls(No(138_000), Yes),
        ),
        Row(S::IncomingCallsRestricted, "ENF-10", calls(Yes, Lost)),
        Row(S::CallsRestricted, "ENF-10", calls(No(138_000), Lost)),
        Row(S::CallButtonHidden, "ENF-10", calls(Yes, Lost)),
        Row(S::PaymentProblem, "QL-40", sends(No(131_042), Yes)),
        Row(S::Offboarded, "ENF-13", nothing(OFFLINE)),
        Row(S::PhoneDisconnected, "ENF-28", nothing(OFFLINE)),
        Row(
            S::Unsubscribed,
            "ENF-17",
            [Yes, Yes, Yes, Yes, Yes, Lost, Lost],
        ),
        Row(S::AccountDeleted, "ENF-13", deleted),
    ]
}

/// Dana has written and may be called; others have not.
async fn scene(config: SimConfig) -> (Sim, Receiver) {
    let (sim, receiver) = with_receiver(config).await;
    let mut allows = Inbound::text(SAMPLE_NUMBER, DANA, "Hello");
    sim.inbound(&allows).unwrap();
    allows.text = None;
    allows.call_permission = Some(CallPermission {
        accept: true,
        expires_s: None,
    });
    sim.inbound(&allows).unwrap();
    (sim, receiver)
}

/// Tries everything.
async fn tried(sim: &Sim, receiver: &Receiver) -> Cells {
    let stranger = "15550100777";
    let mut cells = ALL;
    let messages = [
        template(stranger, "spring_offer", &[]),
        template(stranger, "order_update", &["1"]),
        template(stranger, "login_code", &["123456"]),
        text(DANA, "Here you are"),
    ];
    for (cell, message) in cells.iter_mut().zip(messages) {
        let got = send(sim, &message).await;
        *cell = if got.status == 200 {
            assert!(sim.settle(SOON).await);
            let failure = receiver.failure(&got.wamid());
            failure.map_or(Yes, Later)
        } else {
            No(got.error_code())
        };
    }
    let call = json!({"messaging_product": "whatsapp", "to": DANA, "action": "connect"});
    let got = post(sim, &format!("/{SAMPLE_NUMBER}/calls"), &call).await;
    cells[4] = if got.status == 200 {
        Yes
    } else {
        No(got.error_code())
    };
    let told = |told: bool| if told { Yes } else { Lost };
    let hello = Inbound::text(SAMPLE_NUMBER, DANA, "Are you there?");
    cells[5] = told(sim.inbound(&hello).unwrap().told);
    cells[6] = told(sim.person_calls(SAMPLE_NUMBER, DANA).unwrap().told);
    cells
}

#[tokio::test]
async fn each_state_lets_through_what_the_documents_say() {
    for Row(state, fact, expected) in rows() {
        let (sim, receiver) = scene(quick()).await;
        sim.script(&Script::number(SAMPLE_NUMBER, state)).unwrap();
        let cells = tried(&sim, &receiver).await;
        assert_eq!(cells, expected, "{state:?} ({fact})");
    }
}

/// Where nobody knows, the seed decides, and the platform keeps to it.
#[tokio::test]
async fn what_is_unclear_falls_as_the_world_says() {
    let plain = Unclear::default();
    let templates = |cell: Cell| [cell, cell, cell, Yes, Yes, Yes, Yes];
    let open = |code: u64| {
        let mut cells = nothing(code);
        cells[5] = Yes;
        cells[6] = Yes;
        cells
    };
    let later = |code: u64| {
        let l = Later(code);
        [l, l, l, l, No(code), Lost, Lost]
    };
    let rows = [
        (
            S::Locked,
            Unclear {
                locked_account_receives: true,
                ..plain
            },
            open(131_031),
        ),
        (
            S::Locked,
            Unclear {
                lock_refused_at_once: false,
                ..plain
            },
            later(131_031),
        ),
        (
            S::LimitReached,
            Unclear {
                limit_refused_at_once: false,
                ..plain
            },
            templates(Later(131_048)),
        ),
        (
            S::SpamLimited,
            Unclear {
                spam_limit_refused_at_once: false,
                ..plain
            },
            templates(Later(131_048)),
        ),
        (
            S::RateLimited,
            Unclear {
                rate_limited_number_sends: true,
                ..plain
            },
            ALL,
        ),
        (
            S::RateLimited,
            Unclear {
                rate_limited_number_answers: false,
                ..plain
            },
            sends(No(131_048), No(131_048)),
        ),
        (
            S::Unknown,
            Unclear {
                odd_status_works: true,
                ..plain
            },
            ALL,
        ),
        (
            S::AnswersRestricted,
            Unclear {
                answer_restriction_stops_templates: false,
                ..plain
            },
            sends(Yes, No(368)),
        ),
        (
            S::TemplatesRestricted,
            Unclear {
                restriction_code: RestrictionCode::Spam,
                ..plain
            },
            sends(No(131_048), Yes),
        ),
        (
            S::MessagesRestricted,
            Unclear {
                restriction_code: RestrictionCode::Locked,
                ..plain
            },
            sends(No(131_031), No(131_031)),
        ),
        (
            S::TemplatesRestricted,
            Unclear {
                restricted_account_calls: false,
                ..plain
            },
            [No(368), No(368), No(368), Yes, No(368), Yes, Yes],
        ),
    ];
    for (state, unclear, expected) in rows {
        let config = SimConfig {
            unclear: Some(unclear),
            ..quick()
        };
        let (sim, receiver) = scene(config).await;
        sim.script(&Script::number(SAMPLE_NUMBER, state)).unwrap();
        let cells = tried(&sim, &receiver).await;
        assert_eq!(cells, expected, "{state:?}, {unclear:?}");
    }
}

/// Restrictions with different ends are kept apart, and their ends are told by nobody (ENF-15).
#[tokio::test]
async fn each_restriction_ends_at_its_own_time() {
    let (sim, receiver) = scene(quick()).await;
    let now_ms = sim.now_ms();
    let days = |days: i64| now_ms + days * 86_400_000;
    let script = |state: HealthState, until: i64| {
        let script = Script::account(SAMPLE_ACCOUNT, state).until(until);
        sim.script(&script).unwrap();
    };
    script(S::TemplatesRestricted, days(3));
    script(S::CallsRestricted, days(5));
    script(S::AnswersRestricted, days(1));
    let answer = |cells: Cells| (cells[0], cells[3], cells[4]);
    let cells = tried(&sim, &receiver).await;
    assert_eq!(answer(cells), (No(368), No(368), No(138_000)));
    sim.advance(DAY + HOUR);
    // The window of the day before is over; Dana wrote again while it was tried.
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hello?"))
        .unwrap();
    let cells = tried(&sim, &receiver).await;
    assert_eq!(answer(cells), (No(368), Yes, No(138_000)));
    sim.advance(2 * DAY);
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hello?"))
        .unwrap();
    let cells = tried(&sim, &receiver).await;
    assert_eq!(answer(cells), (Yes, Yes, No(138_000)));
    sim.advance(2 * DAY);
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hello?"))
        .unwrap();
    assert_eq!(tried(&sim, &receiver).await, ALL);
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.values("account_update").len(), 3);
    // The truth knows when each began and ended.
    let timeline = sim.timeline(0);
    let ends = timeline.iter().filter(|change| change.to == "none").count();
    assert_eq!((timeline.len(), ends), (8, 4));
}

/// Another app has the chats: messages come in `standby`, until a service message takes the chat over (ENF-34).
#[tokio::test]
async fn another_app_has_the_chats_until_the_business_writes() {
    let (sim, receiver) = scene(quick()).await;
    let writes = |id: &str| {
        let mut hello = Inbound::text(SAMPLE_NUMBER, DANA, "Hello?");
        hello.id = Some(id.to_owned());
        assert!(sim.inbound(&hello).unwrap().told);
    };
    let came = |field: &str, place: &str, id: &str| {
        let values = receiver.values(field);
        let mut came = values.iter().filter_map(|value| value.pointer(place));
        came.any(|known| known == id)
    };
    let script = |state| sim.script(&Script::number(SAMPLE_NUMBER, state)).unwrap();
    script(S::StoodBy);
    writes("wamid.ONE");
    assert_eq!(send(&sim, &text(DANA, "Here I am")).await.status, 200);
    writes("wamid.TWO");
    script(S::StoodBy);
    script(S::Connected);
    writes("wamid.THREE");
    assert!(sim.settle(SOON).await);
    assert!(came("standby", "/standby/messages/0/id", "wamid.ONE"));
    for own in ["wamid.TWO", "wamid.THREE"] {
        assert!(came("messages", "/messages/0/id", own), "{own}");
    }
    let words: Vec<_> = sim.timeline(0).into_iter().map(|one| one.to).collect();
    assert_eq!(words, ["other", "own"]);
    // Told of each chat that changed hands: the one that was taken, twice, and handed over at last. Taking one over by
    // writing is told to the app that had it, and not to this one (ENF-36).
    let handovers = receiver.values("messaging_handovers");
    let types: Vec<_> = handovers.iter().map(|value| &value["type"]).collect();
    assert_eq!(types, ["control_taken", "control_taken", "control_passed"]);
    assert_eq!(handovers[0]["sender"]["phone_number"], DANA);
    assert_eq!(handovers[0]["recipient"]["phone_number_id"], SAMPLE_NUMBER);
    assert_eq!(handovers[0]["control_taken"]["new_owner_role"], "ai_agent");
    assert_eq!(
        handovers[2]["control_passed"]["previous_owner_role"],
        "ai_agent"
    );
}

/// A lost subscription is seen by a read alone, and what was missed is not told later (WH-07).
#[tokio::test]
async fn who_is_not_subscribed_is_told_nothing() {
    let (sim, receiver) = scene(quick()).await;
    let apps = format!("/{SAMPLE_ACCOUNT}/subscribed_apps");
    let script = |state| sim.script(&Script::account(SAMPLE_ACCOUNT, state)).unwrap();
    assert!(sim.settle(SOON).await);
    let before = receiver.taken().len();
    script(S::Unsubscribed);
    assert_eq!(read(&sim, &apps).await["data"], json!([]));
    script(S::Warned);
    assert!(
        !sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hello?"))
            .unwrap()
            .told
    );
    script(S::Subscribed);
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.taken().len(), before);
    assert_ne!(read(&sim, &apps).await["data"], json!([]));
}

/// What the phone app's end looks like, and a raised throughput: both are announced.
#[tokio::test]
async fn a_phone_that_left_and_a_higher_throughput_are_told() {
    let (sim, receiver) = scene(quick()).await;
    let script = |state| sim.script(&Script::number(SAMPLE_NUMBER, state)).unwrap();
    script(S::ThroughputRaised);
    script(S::ThroughputRaised);
    script(S::PhoneDisconnected);
    assert!(sim.settle(SOON).await);
    let raised = receiver.values("phone_number_quality_update");
    let events: Vec<_> = raised.iter().map(|value| &value["event"]).collect();
    assert_eq!(events, ["THROUGHPUT_UPGRADE"]);
    let left = receiver.values("account_update");
    assert_eq!(left[0]["event"], "PARTNER_REMOVED");
    assert_eq!(
        left[0]["disconnection_info"]["reason"],
        "PRIMARY_INACTIVITY"
    );
    let number = read(&sim, &format!("/{SAMPLE_NUMBER}?fields=status,throughput")).await;
    assert_eq!(number["status"], "DISCONNECTED");
    assert_eq!(number["throughput"]["level"], "HIGH");
}

/// A number more: not during a restriction or a lock, and not past the portfolio's cap (ENF-12, QL-30).
#[tokio::test]
async fn numbers_are_added_where_nothing_forbids_it() {
    let (sim, _receiver) = scene(quick()).await;
    let target = format!("/{SAMPLE_ACCOUNT}/phone_numbers");
    let wish = json!({"cc": "1", "phone_number": "5550100900", "verified_name": "Acme"});
    let script = |state| sim.script(&Script::account(SAMPLE_ACCOUNT, state)).unwrap();
    for state in [
        S::AddingNumbersRestricted,
        S::TemplatesRestricted,
        S::Locked,
    ] {
        script(state);
        assert_ne!(post(&sim, &target, &wish).await.status, 200, "{state:?}");
        script(S::Clear);
    }
    let added = post(&sim, &target, &wish).await.json();
    let id = added["id"].as_str().unwrap();
    let number = read(&sim, &format!("/{id}?fields=status")).await;
    assert_eq!(number["status"], "UNVERIFIED");
    for _ in 2..20 {
        assert_eq!(post(&sim, &target, &wish).await.status, 200);
    }
    assert_ne!(post(&sim, &target, &wish).await.status, 200);
}

/// What people wrote during a lock is lost or comes after it: nobody knows, the world says.
#[tokio::test]
async fn inbound_of_a_lock_comes_later_or_never() {
    for comes in [false, true] {
        let config = SimConfig {
            unclear: Some(Unclear {
                locked_inbound_comes_later: comes,
                ..Unclear::default()
            }),
            ..quick()
        };
        let (sim, receiver) = scene(config).await;
        sim.script(&Script::account(SAMPLE_ACCOUNT, S::Locked))
            .unwrap();
        let lost = Inbound::text(SAMPLE_NUMBER, DANA, "STOP");
        let written = sim.inbound(&lost).unwrap();
        assert!(!written.told);
        sim.script(&Script::account(SAMPLE_ACCOUNT, S::Clear))
            .unwrap();
        assert!(sim.settle(SOON).await);
        let arrived = receiver
            .values("messages")
            .iter()
            .any(|value| value["messages"][0]["id"] == written.id.as_str());
        assert_eq!(arrived, comes);
    }
}

/// Scheduled, disabled, reinstated: announced, with the date to come, and undone as it was (ENF-04).
#[tokio::test]
async fn an_account_is_disabled_on_its_day_unless_it_is_reinstated() {
    for reinstated in [false, true] {
        let (sim, receiver) = scene(quick()).await;
        let script = |state| sim.script(&Script::account(SAMPLE_ACCOUNT, state)).unwrap();
        script(S::ScheduledForDisable);
        sim.advance(6 * DAY);
        if reinstated {
            script(S::Reinstated);
        }
        sim.advance(2 * DAY);
        assert!(sim.settle(SOON).await);
        let states: Vec<_> = receiver
            .values("account_update")
            .iter()
            .map(|value| value["ban_info"]["waba_ban_state"].clone())
            .collect();
        let last = if reinstated { "REINSTATE" } else { "DISABLE" };
        assert_eq!(states, ["SCHEDULE_FOR_DISABLE", last]);
        let offer = send(&sim, &template("15550100777", "spring_offer", &[])).await;
        assert_eq!(offer.status == 200, reinstated);
    }
}

/// What a read of the health says in each state (QL-40).
#[tokio::test]
async fn health_can_be_read_in_each_state() {
    for (state, health, code) in [
        (S::Connected, "AVAILABLE", None),
        (S::TemplatesRestricted, "LIMITED", None),
        (S::MessagesRestricted, "LIMITED", None),
        (S::LimitReached, "LIMITED", None),
        (S::Locked, "BLOCKED", Some(141_008)),
        (S::Disabled, "BLOCKED", Some(141_014)),
        (S::PaymentProblem, "BLOCKED", Some(141_006)),
        (S::Banned, "BLOCKED", Some(141_010)),
    ] {
        let (sim, _receiver) = scene(quick()).await;
        sim.script(&Script::number(SAMPLE_NUMBER, state)).unwrap();
        let number = read(&sim, &format!("/{SAMPLE_NUMBER}?fields=health_status")).await;
        let shown = &number["health_status"];
        assert_eq!(shown["can_send_message"], health, "{state:?}");
        let codes: Vec<u64> = shown["entities"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entity| entity["errors"][0]["error_code"].as_u64())
            .collect();
        assert_eq!(codes, Vec::from_iter(code), "{state:?}");
    }
}

/// Scripts, truth, timeline and what is unclear, over HTTP.
#[tokio::test]
async fn operators_script_and_read_over_http() {
    let (sim, receiver) = scene(quick()).await;
    let truth = get(&sim, "/_sim/health").await.json();
    assert_eq!(truth["on"], false);
    let script = json!({"scripts": [
        {"number": SAMPLE_NUMBER, "state": "rated_red"},
        {"account": SAMPLE_ACCOUNT, "state": "templates_restricted", "for_s": 3_600},
        {"number": SAMPLE_NUMBER, "state": "limit", "value": "TIER_10K"},
        {"template": 901_500_000_000_002_u64, "state": "template_paused", "at_ms": sim.now_ms() + 3_600_000},
    ]});
    assert_eq!(post(&sim, "/_sim/script", &script).await.status, 200);
    let offer = template("15550100777", "spring_offer", &[]);
    assert_eq!(send(&sim, &offer).await.error_code(), 368);
    let truth = get(&sim, "/_sim/health").await.json();
    assert_eq!(truth["numbers"][0]["rating"], "RED");
    assert_eq!(truth["portfolios"][0]["limit"], "TIER_10K");
    assert_eq!(
        truth["accounts"][0]["restrictions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let moved = json!({"advance_ms": 3_600_000, "advance_days": 0});
    assert_eq!(post(&sim, "/_sim/clock", &moved).await.status, 200);
    assert_eq!(send(&sim, &offer).await.error_code(), 132_015);
    let timeline = get(&sim, "/_sim/health/timeline?since=1").await.json();
    let timeline = timeline["transitions"].as_array().unwrap().clone();
    assert_eq!(timeline[0]["seq"], 2);
    assert!(
        timeline
            .iter()
            .any(|t| t["object"] == "template" && t["to"] == "PAUSED")
    );
    let unclear = get(&sim, "/_sim/unclear").await.json();
    assert_eq!(unclear["unclear"][2]["name"], "locked_account_receives");
    assert_eq!(unclear["unclear"][2]["facts"], json!(["ENF-09"]));
    for (refused, word) in [
        (json!({"state": "locked"}), "name the"),
        (json!({"number": "1", "state": "locked"}), "no such number"),
        (
            json!({"number": SAMPLE_NUMBER, "state": "limit", "value": "TIER_3K"}),
            "TIER_2K",
        ),
        (
            json!({"number": SAMPLE_NUMBER, "state": "limit_deferred", "value": "LATER"}),
            "_FAILED",
        ),
        (
            json!({"number": SAMPLE_NUMBER, "state": "no_such_state"}),
            "no_such_state",
        ),
    ] {
        let got = post(&sim, "/_sim/script", &refused).await;
        assert_eq!(got.status, 400);
        assert!(
            got.body
                .windows(word.len())
                .any(|part| part == word.as_bytes()),
            "{got:?}"
        );
    }
    let red = get(&sim, &format!("/_sim/people/{DANA}/nature"))
        .await
        .json();
    assert!(red["agreed"].is_boolean());
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.values("business_capability_update").len(), 1);
}

/// A disabled account is read or not: the world says.
#[tokio::test]
async fn a_disabled_account_is_read_or_not() {
    for reads in [false, true] {
        let config = SimConfig {
            unclear: Some(Unclear {
                disabled_account_reads: reads,
                ..Unclear::default()
            }),
            ..quick()
        };
        let (sim, _receiver) = scene(config).await;
        sim.script(&Script::account(SAMPLE_ACCOUNT, S::Disabled))
            .unwrap();
        for path in [SAMPLE_NUMBER, SAMPLE_ACCOUNT] {
            let got = get(&sim, &format!("/{path}")).await;
            assert_eq!(got.status == 200, reads);
        }
    }
}

/// While the clock runs, statuses come by themselves, as without a world of health.
#[tokio::test]
async fn with_a_running_clock_statuses_come_by_themselves() {
    let config = SimConfig {
        health: Some(Health {
            people_react: false,
            ..Health::default()
        }),
        ..quick()
    };
    let (sim, receiver) = scene(config).await;
    let update = send(&sim, &template("15550100777", "order_update", &["1"])).await;
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&update.wamid()), ["sent", "delivered"]);
    // The clock can be stopped, moved, and let go again.
    sim.hold_clock(true);
    let stood_ms = sim.now_ms();
    sim.advance(HOUR);
    assert_eq!(sim.now_ms(), stood_ms + 3_600_000);
    assert!(sim.set_clock(stood_ms).is_err(), "somebody was written to");
    sim.hold_clock(false);
    assert!(sim.now_ms() >= stood_ms + 3_600_000);
    let update = send(&sim, &template("15550100777", "order_update", &["1"])).await;
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&update.wamid()), ["sent", "delivered"]);
}

/// Without a world of health, and without a script, nothing of it is there.
#[tokio::test]
async fn without_being_asked_for_there_is_no_world_of_health() {
    let (sim, _receiver) = scene(quick()).await;
    for _ in 0..100 {
        let update = template("15550100777", "order_update", &["1"]);
        assert_eq!(send(&sim, &update).await.status, 200);
    }
    sim.advance(30 * DAY);
    let truth = sim.truth();
    assert!(!truth.on && truth.due == 0);
    assert_eq!(truth.numbers[0].mood.delivered, 0);
    assert!(sim.timeline(0).is_empty());
}

/// A script in the configuration, and one for later.
#[tokio::test]
async fn a_world_file_can_hold_scripts() {
    let health: Health = serde_json::from_value(json!({
        "people_react": false, "ratings": false,
        "script": [
            {"number": SAMPLE_NUMBER, "state": "rated_yellow"},
            {"account": SAMPLE_ACCOUNT, "state": "locked", "at_ms": NEW_ERA_MS + 3_600_000, "for_s": 60},
        ],
        "hidden": super::round(),
        "crowds": [{"prefix": "1555", "agreed_share": 0.5}],
    }))
    .unwrap();
    assert!(serde_json::from_value::<Health>(json!({"raitings": true})).is_err());
    let (sim, _receiver) = scene(super::with(NEW_ERA_MS, health, Unclear::default())).await;
    let offer = template("15550100777", "spring_offer", &[]);
    assert_eq!(super::send(&sim, &offer).await.code, None);
    assert_eq!(sim.truth().numbers[0].rating, "YELLOW");
    sim.advance(HOUR);
    assert_eq!(super::send(&sim, &offer).await.code, Some(131_031));
    sim.advance(MINUTE);
    assert_eq!(super::send(&sim, &offer).await.code, None);
    let wrong = Health {
        script: vec![Script::number("1", S::Locked)],
        ..Health::scripted()
    };
    let config = SimConfig {
        health: Some(wrong),
        ..quick()
    };
    assert!(Sim::start(config).await.is_err());
}
