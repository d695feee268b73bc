//! What Greenline answers of its own accord, and what a stop waits for.

use std::time::Duration;

use greenline_gateway::pipeline::{DISPATCH_WITHIN, OwnSendResult, SendOwn, send_own};
use greenline_gateway::replies;
use greenline_ledger::types::{Ask, BusinessIx, Mode};
use greenline_policy::consent::Standing;
use greenline_policy::decide::{Intent, Rules};
use greenline_policy::identity::Identifier;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::receive::Desk;
use super::{config, sample, text};
use crate::relay::{Arrival, receiver};

const PERSON: &str = "15550100123";
const SECOND: i64 = 1_788_264_000;

/// A desk whose platform is a receiver on this machine, with replies at work.
struct Talk {
    desk: Desk,
    sent: mpsc::UnboundedReceiver<Arrival>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Talk {
    async fn new(extra: &str) -> Self {
        let (port, _receiver, sent) = receiver(&[]).await;
        let mut config = config(extra);
        config.upstream.url = format!("http://127.0.0.1:{port}");
        let desk = Desk::with_config(config);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(replies::run(desk.app.clone(), stopped));
        Self {
            desk,
            sent,
            stop,
            task,
        }
    }

    async fn hears(&self, id: &str, seconds: i64, words: &str) {
        assert_eq!(
            self.desk.post(text(id, seconds, words)).await,
            StatusCode::OK
        );
    }

    async fn said(&mut self) -> (String, Value) {
        let arrival = self.sent.recv().await.unwrap();
        (arrival.path, serde_json::from_slice(&arrival.body).unwrap())
    }

    /// Ends the work; everything that was sent has been seen then.
    async fn end(mut self) -> usize {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        let mut more = 0;
        while self.sent.try_recv().is_ok() {
            more += 1;
        }
        more
    }
}

#[tokio::test]
async fn a_stop_is_confirmed_once_after_it_is_on_record() {
    let mut talk = Talk::new("").await;
    talk.hears("wamid.1", SECOND, "STOP").await;
    let (path, body) = talk.said().await;
    assert!(path.ends_with("/301500000000001/messages"), "{path}");
    assert_eq!(
        (&body["to"], &body["context"]["message_id"]),
        (&PERSON.into(), &"wamid.1".into())
    );
    assert!(body["text"]["body"].as_str().unwrap().contains("Acme"));
    assert!(matches!(
        talk.desk.standing(PERSON).await,
        Some(Standing::Refused { .. })
    ));
    // The same message told again in other bytes is answered no more.
    assert_eq!(
        talk.desk
            .post(format!("{} ", text("wamid.1", SECOND, "STOP")))
            .await,
        StatusCode::OK
    );
    assert_eq!(talk.end().await, 0);
}

#[tokio::test]
async fn a_confirmation_that_did_not_go_out_is_left_to_the_next_start() {
    // Nobody listens where the platform should be.
    let desk = Desk::new();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(replies::run(desk.app.clone(), stopped));
    assert_eq!(
        desk.post(text("wamid.1", SECOND, "STOP")).await,
        StatusCode::OK
    );
    let ledger = &desk.app.ledger;
    let tried = async || {
        let decisions = ledger.decisions(Some(BusinessIx(0)), None, 10).await;
        let decisions = decisions.unwrap();
        decisions.iter().any(|record| record.confirms.is_some())
    };
    while !tried().await {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    task.await.unwrap();
    let desk = desk.restarted().await;
    let due = desk.app.ledger.replies_due(10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert!(due[0].confirms.is_some());
}

#[tokio::test]
async fn what_we_say_ourselves_can_be_explained() {
    let mut talk = Talk::new("").await;
    talk.hears("wamid.1", SECOND, "hello").await;
    let own = |to: &str| SendOwn {
        business: BusinessIx(0),
        number: "301500000000001".into(),
        to: Identifier::parse(to).unwrap(),
        body: "{\"text\":{\"body\":\"hello\"}}".into(),
        confirms: None,
        reply: None,
    };
    for (to, result) in [
        (PERSON, OwnSendResult::Sent),
        ("15550100124", OwnSendResult::Refused),
    ] {
        let (sent, decision) = send_own(&talk.desk.app, own(to)).await;
        assert_eq!(sent, result);
        let record = talk.desk.app.ledger.decision(decision.unwrap()).await;
        assert_eq!(&*record.unwrap().unwrap().app, "greenline");
    }
    talk.said().await;
    assert_eq!(talk.end().await, 0);
}

#[tokio::test]
async fn an_unclear_word_counts_where_the_business_says_so() {
    let talk = Talk::new("ambiguous_stop_words = [\"cancel\"]").await;
    talk.hears("wamid.1", SECOND, "Cancel!").await;
    assert!(matches!(
        talk.desk.standing(PERSON).await,
        Some(Standing::Refused { .. })
    ));
    talk.end().await;
}

#[tokio::test]
async fn a_stop_long_ago_is_recorded_and_not_confirmed() {
    let talk = Talk::new("").await;
    talk.hears("wamid.1", SECOND - 90_000, "STOP").await;
    assert!(matches!(
        talk.desk.standing(PERSON).await,
        Some(Standing::Refused { .. })
    ));
    assert_eq!(talk.end().await, 0);
}

#[tokio::test]
async fn an_unclear_word_is_asked_about_with_two_buttons() {
    let mut talk = Talk::new("").await;
    talk.hears("wamid.1", SECOND, "cancel").await;
    let (_, body) = talk.said().await;
    let buttons = body["interactive"]["action"]["buttons"].as_array().unwrap();
    assert_eq!(buttons[0]["reply"]["id"], "greenline.stop.yes");
    assert_eq!(buttons[1]["reply"]["id"], "greenline.stop.no");
    assert_eq!(talk.desk.standing(PERSON).await, Some(Standing::Unknown));
    assert_eq!(talk.end().await, 0);
}

/// Waits until the confirmation's decision is noted as accepted.
async fn accepted(talk: &Talk) {
    loop {
        let decisions = talk
            .desk
            .app
            .ledger
            .decisions(Some(BusinessIx(0)), None, 10)
            .await
            .unwrap();
        if decisions.iter().any(|record| {
            record.confirms.is_some() && record.outcome.as_deref() == Some("accepted")
        }) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn start_reopens_what_the_confirmed_stop_closed() {
    let mut talk = Talk::new("").await;
    talk.hears("wamid.1", SECOND, "STOP").await;
    talk.said().await;
    accepted(&talk).await;
    talk.hears("wamid.2", SECOND + 5, "START").await;
    assert!(matches!(
        talk.desk.standing(PERSON).await,
        Some(Standing::Covered { .. })
    ));
    let person = Identifier::parse(PERSON).unwrap();
    let person = talk
        .desk
        .app
        .ledger
        .person(BusinessIx(0), &person)
        .await
        .unwrap()
        .unwrap();
    let grant = &person.history.last().unwrap().event;
    assert!(grant.evidence.wording.contains("START") && grant.evidence.wording.contains("Acme"));
    assert_eq!(&*grant.evidence.message_id, "wamid.2");
    // The stop told again, late, undoes nothing and is not undone.
    talk.hears("wamid.3", SECOND + 8, "STOP").await;
    talk.said().await;
    assert!(matches!(
        talk.desk.standing(PERSON).await,
        Some(Standing::Refused { .. })
    ));
    talk.hears("wamid.2", SECOND + 5, "START ").await;
    assert!(matches!(
        talk.desk.standing(PERSON).await,
        Some(Standing::Refused { .. })
    ));
    talk.end().await;
}

#[tokio::test]
async fn start_without_a_confirmation_that_offered_it_is_an_ordinary_message() {
    for extra in [
        "confirm_stops = false",
        "texts = { stop_bare = { en = \"Goodbye.\" } }",
    ] {
        let talk = Talk::new(extra).await;
        talk.hears("wamid.1", SECOND, "STOP").await;
        if extra.starts_with("texts") {
            accepted(&talk).await;
        }
        talk.hears("wamid.2", SECOND + 5, "START").await;
        assert!(
            matches!(
                talk.desk.standing(PERSON).await,
                Some(Standing::Refused { .. })
            ),
            "{extra}"
        );
        talk.end().await;
    }
}

#[tokio::test]
async fn a_stop_is_answered_only_once_earlier_sends_are_over() {
    let desk = Desk::new();
    assert_eq!(
        desk.post(text("wamid.1", SECOND, "hello")).await,
        StatusCode::OK
    );
    let ask = Ask {
        business: BusinessIx(0),
        number: "301500000000001".into(),
        waba_id: "201500000000001".into(),
        app: "bot".into(),
        to: [Identifier::parse(PERSON).unwrap()].into_iter().collect(),
        intent: Intent::FreeForm,
        template: None,
        body_hash: [7; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms: desk.app.clock.now_ms(),
        dispatch_by: desk.app.clock.instant() + DISPATCH_WITHIN,
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    };
    let flight = desk.app.ledger.admit(ask).await.unwrap().flight.unwrap();
    let body = text("wamid.2", SECOND + 1, "stop");
    for body in [body.clone(), body] {
        // Also told again: the first answer may never have arrived.
        let mut answer = Box::pin(desk.post(body));
        assert!(
            tokio::time::timeout(Duration::from_millis(100), &mut answer)
                .await
                .is_err()
        );
    }
    let mut answer = Box::pin(desk.post(text("wamid.2", SECOND + 1, "stop")));
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut answer)
            .await
            .is_err()
    );
    drop(flight);
    assert_eq!(answer.await, StatusCode::OK);
    assert_eq!(desk.post(sample("account_alerts")).await, StatusCode::OK);
}
