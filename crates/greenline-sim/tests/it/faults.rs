//! What goes wrong by script.

use std::time::Duration;

use greenline_sim::{Effect, Fault, Match, SAMPLE_NUMBER};
use http::Method;
use serde_json::{Value, json};

use crate::support::{
    DANA, Got, SOON, TOKEN, call, delete, get, post, quick, send, start, template,
};

async fn try_send(sim: &greenline_sim::Sim) -> Result<Got, hyper::Error> {
    let path = format!("/{SAMPLE_NUMBER}/messages");
    let body = template(DANA, "spring_offer", &[]).to_string();
    call(
        sim,
        Method::POST,
        &path,
        "application/json",
        Some(TOKEN),
        body,
    )
    .await
}

#[tokio::test]
async fn errors_come_as_scripted_and_end() {
    let sim = start(quick()).await;
    sim.fault(Fault::error(131_016).on_path("/messages").times(2));
    for _ in 0..2 {
        let got = try_send(&sim).await.unwrap();
        assert_eq!((got.status, got.error_code()), (500, 131_016));
    }
    try_send(&sim).await.unwrap().wamid();
    let codes: Vec<_> = sim.requests(0).iter().map(|request| request.code).collect();
    assert_eq!(codes, [Some(131_016), Some(131_016), None]);
}

#[tokio::test]
async fn a_status_alone_finds_its_code() {
    let sim = start(quick()).await;
    sim.fault(Fault::of(Effect {
        status: Some(429),
        retry_after_s: Some(7),
        ..Effect::default()
    }));
    let got = try_send(&sim).await.unwrap();
    assert_eq!((got.status, got.error_code()), (429, 130_429));
    assert_eq!(got.headers["retry-after"], "7");
}

#[tokio::test]
async fn faults_are_for_whom_they_name() {
    let sim = start(quick()).await;
    sim.fault(Fault {
        matches: Match {
            to: Some("15550100999".to_owned()),
            kind: Some("template".to_owned()),
            nth: Some(2),
            ..Match::default()
        },
        effect: Effect {
            code: Some(131_000),
            ..Effect::default()
        },
        count: None,
    });
    try_send(&sim).await.unwrap().wamid();
    let other = template("15550100999", "spring_offer", &[]);
    send(&sim, &other).await.wamid();
    assert_eq!(send(&sim, &other).await.error_code(), 131_000);
    assert_eq!(send(&sim, &other).await.error_code(), 131_000);
    sim.clear_faults();
    send(&sim, &other).await.wamid();
}

#[tokio::test]
async fn a_dropped_connection_gives_no_answer() {
    let sim = start(quick()).await;
    for process in [false, true] {
        sim.fault(Fault::of(Effect {
            drop_connection: true,
            process,
            ..Effect::default()
        }));
        assert!(try_send(&sim).await.is_err());
        let person = sim.person(SAMPLE_NUMBER, DANA).unwrap();
        assert_eq!(person.received, u64::from(process));
    }
    assert!(
        sim.requests(0)
            .iter()
            .all(|request| request.status.is_none())
    );
}

#[tokio::test]
async fn half_an_answer_breaks_off() {
    let sim = start(quick()).await;
    sim.fault(Fault::of(Effect {
        half_response: true,
        ..Effect::default()
    }));
    let broken = try_send(&sim).await;
    assert!(broken.is_err(), "{broken:?}");
    assert_eq!(sim.person(SAMPLE_NUMBER, DANA).unwrap().received, 1);
    try_send(&sim).await.unwrap().wamid();
}

#[tokio::test]
async fn an_upstream_may_lie() {
    let sim = start(quick()).await;
    sim.fault(Fault::of(Effect {
        status: Some(500),
        process: true,
        ..Effect::default()
    }));
    assert_eq!(try_send(&sim).await.unwrap().status, 500);
    assert_eq!(sim.person(SAMPLE_NUMBER, DANA).unwrap().received, 1);
    sim.fault(Fault::of(Effect {
        body: Some("<html>".to_owned()),
        ..Effect::default()
    }));
    let got = try_send(&sim).await.unwrap();
    assert_eq!((got.status, got.body.as_ref()), (200, b"<html>".as_slice()));
}

#[tokio::test]
async fn an_answer_may_never_come() {
    let sim = start(quick()).await;
    sim.fault(Fault::of(Effect {
        timeout: true,
        ..Effect::default()
    }));
    let mut send = Box::pin(try_send(&sim));
    let seen = tokio::select! {
        answered = &mut send => panic!("{answered:?}"),
        seen = sim.wait_request(SOON, |_| true) => seen.unwrap(),
    };
    let waited = tokio::time::timeout(Duration::from_millis(50), send).await;
    assert!(waited.is_err());
    assert_eq!((seen.seq, seen.status), (1, None));
    sim.stop().await;
}

#[tokio::test]
async fn an_answer_may_be_late() {
    let sim = start(quick()).await;
    sim.fault(Fault::of(Effect {
        delay_ms: 150,
        ..Effect::default()
    }));
    let before_ns = sim.elapsed_ns();
    try_send(&sim).await.unwrap().wamid();
    assert!(sim.elapsed_ns() - before_ns >= 150_000_000);
}

#[tokio::test]
async fn scripts_are_given_over_http() {
    let sim = start(quick()).await;
    let fault = json!({"match": {"path": "/messages", "to": DANA}, "effect": {"code": 131_056}, "count": 1});
    assert_eq!(post(&sim, "/_sim/faults", &fault).await.json()["id"], 1);
    let listed = get(&sim, "/_sim/faults").await.json();
    assert_eq!(listed["faults"][0]["fault"]["effect"]["code"], 131_056);
    assert_eq!(try_send(&sim).await.unwrap().error_code(), 131_056);
    try_send(&sim).await.unwrap().wamid();
    post(&sim, "/_sim/faults", &fault).await;
    delete(&sim, "/_sim/faults").await;
    try_send(&sim).await.unwrap().wamid();
    let misspelt = json!({"match": {"paths": "/messages"}});
    let refused: Value = post(&sim, "/_sim/faults", &misspelt).await.json();
    assert_eq!(refused["error"]["code"], 100);
}
