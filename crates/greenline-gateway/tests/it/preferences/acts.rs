//! Turning off, undoing, and everything that must not happen on the way.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::{ANN, BOB, Door, MINUTE};

#[tokio::test]
async fn one_press_turns_off_and_says_so_with_a_receipt() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let form = door.open(&token).await.form();
    let done = door
        .press(&token, &[("form", &form), ("off", "marketing.offers")])
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert_eq!(done.header("cache-control"), "no-store");
    let page = door.follow(&done).await;
    let events = door.events(ANN).await;
    let no = events.last().unwrap();
    assert_eq!(
        (&no["event"], &no["scope"]),
        (&json!("withdrawn"), &json!("marketing.offers"))
    );
    assert!(
        page.text.contains(no["id"].as_str().unwrap()),
        "the receipt"
    );
    assert!(
        page.text
            .contains("Turned off: \u{2068}Weekly offers\u{2069}")
    );
    let evidence = &no["evidence"];
    assert_eq!(evidence["method"], "preference_page");
    assert_eq!(evidence["wording"], "Weekly offers");
    assert_eq!(evidence["business_name"], "Acme");
    assert_eq!(evidence["ip"], "192.0.2.7");
    assert!(evidence["link"].as_str().unwrap().starts_with("lnk_"));
    assert!(
        !no.to_string().contains(&token),
        "the link itself is not kept"
    );
    assert_eq!(no["actor"], "person");
    assert_eq!(door.standing(ANN, "marketing").await, "covered");
    assert_eq!(door.standing(ANN, "marketing.offers").await, "refused");
    // Loading the result again, or elsewhere, does nothing again.
    door.follow(&done).await;
    assert_eq!(door.events(ANN).await.len(), events.len());
}

#[tokio::test]
async fn a_double_click_and_a_replay_are_one_act() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let form = door.open(&token).await.form();
    let fields = [("form", form.as_str()), ("off", "all")];
    let both = tokio::join!(door.press(&token, &fields), door.press(&token, &fields));
    let replayed = door.press(&token, &fields).await;
    let notes: Vec<&str> = [&both.0, &both.1, &replayed]
        .map(|answer| answer.header("location"))
        .to_vec();
    assert!(
        notes
            .iter()
            .all(|note| *note == notes[0] && !note.is_empty()),
        "{notes:?}"
    );
    assert_eq!(door.events(ANN).await.len(), 2);
    assert!(
        door.follow(&replayed).await.field("undo").is_some(),
        "whoever clicked twice may undo"
    );
}

#[tokio::test]
async fn pressing_again_after_an_undo_is_a_new_stop() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let form = door.open(&token).await.form();
    let stop = [("form", form.as_str()), ("off", "marketing")];
    let page = door.follow(&door.press(&token, &stop).await).await;
    let (again, undo) = (page.form(), page.field("undo").unwrap());
    let undo = [("form", again.as_str()), ("undo", undo.as_str())];
    door.press(&token, &undo).await;
    assert_eq!(door.standing(ANN, "marketing").await, "covered");
    // The same form, as the browser's Back button brings it up: a stop is taken as one.
    door.later(1_000);
    door.press(&token, &stop).await;
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
    // And the old undo, replayed, opens nothing.
    let answer = door.press(&token, &undo).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
}

#[tokio::test]
async fn an_undo_restores_what_was_covered_and_nothing_else() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let page = door.turn_off(&token, "all").await;
    for scope in ["all", "marketing", "utility", "calls", "authentication"] {
        assert_eq!(door.standing(ANN, scope).await, "refused", "{scope}");
    }
    let undo = page.field("undo").unwrap();
    let done = door
        .press(&token, &[("form", &page.form()), ("undo", &undo)])
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let page = door.follow(&done).await;
    let events = door.events(ANN).await;
    let yes = events.last().unwrap();
    assert!(
        page.text.contains(yes["id"].as_str().unwrap()),
        "a receipt for this too"
    );
    assert_eq!(
        (&yes["event"], &yes["strength"]),
        (&json!("granted"), &json!("evidenced"))
    );
    assert_eq!(yes["evidence"]["undoes"], events[1]["id"]);
    assert_eq!(door.standing(ANN, "marketing").await, "covered");
    for scope in ["all", "utility", "calls", "authentication"] {
        assert_eq!(
            door.standing(ANN, scope).await,
            "refused",
            "{scope}: it never was on"
        );
    }
    // Twice is once.
    door.press(&token, &[("form", &page.form()), ("undo", &undo)])
        .await;
    assert_eq!(door.events(ANN).await.len(), events.len());
}

#[tokio::test]
async fn only_who_turned_it_off_can_undo_and_not_for_ever() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    door.grant(BOB, "marketing").await;
    let (token, other) = (door.link(ANN).await, door.link(BOB).await);
    let page = door.turn_off(&token, "marketing").await;
    let undo = page.field("undo").unwrap();
    // A bare link offers nothing that opens.
    let bare = door.open(&token).await;
    assert_eq!(bare.field("undo"), None);
    assert!(!bare.pressable().contains(&"marketing"));
    // Another device with the same link learns that it was off, and may not undo.
    let elsewhere = door.turn_off(&token, "marketing").await;
    assert!(elsewhere.text.contains("Already off") && elsewhere.field("undo").is_none());
    // Nobody else's page takes it, nor does a made-up one pass.
    let form = door.open(&other).await.form();
    let answer = door
        .press(&other, &[("form", &form), ("undo", &undo)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let form = bare.form();
    for made_up in ["", "x", &undo[1..], &undo.replace('A', "B"), &form] {
        let answer = door
            .press(&token, &[("form", &form), ("undo", made_up)])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{made_up}");
        assert!(answer.text.contains("Nothing was changed"));
    }
    door.later(31 * MINUTE);
    let answer = door
        .press(&token, &[("form", &form), ("undo", &undo)])
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("can no longer be undone"));
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
    assert_eq!(door.events(ANN).await.len(), 2);
}

#[tokio::test]
async fn whatever_was_said_since_stands_against_an_undo() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let page = door.turn_off(&token, "marketing").await;
    let undo = page.field("undo").unwrap();
    let stop = json!({"business": "acme", "person": {"wa_id": ANN}, "scope": "marketing", "event": "withdrawn",
        "evidence": {"method": "whatsapp_thread", "wording": "STOP"}});
    door.later(5_000);
    door.admin("POST", "/v1/consents", stop).await;
    door.later(5_000);
    let answer = door
        .press(&token, &[("form", &page.form()), ("undo", &undo)])
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
}

#[tokio::test]
async fn a_no_that_comes_in_late_is_not_lifted_by_an_undo() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let page = door.turn_off(&token, "marketing").await;
    door.later(5_000);
    door.press(
        &token,
        &[
            ("form", &page.form()),
            ("undo", &page.field("undo").unwrap()),
        ],
    )
    .await;
    assert_eq!(door.standing(ANN, "marketing").await, "covered");
    // Said between the two presses, heard only now: the yes of an undo is as old as the no it undoes.
    let stop = json!({"business": "acme", "person": {"wa_id": ANN}, "scope": "marketing", "event": "withdrawn",
        "occurred_at": "2026-11-25T14:03:10.000Z"});
    door.admin("POST", "/v1/consents", stop).await;
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
}

#[tokio::test]
async fn undoing_has_a_limit_and_stopping_none() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    for round in 0..5 {
        door.later(1_000);
        let page = door.turn_off(&token, "marketing").await;
        let undo = page.field("undo").unwrap();
        let answer = door
            .press(&token, &[("form", &page.form()), ("undo", &undo)])
            .await;
        let expected = if round < 3 { 303 } else { 429 };
        assert_eq!(answer.status.as_u16(), expected, "{round}");
        if round >= 3 {
            break;
        }
    }
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
}

#[tokio::test]
async fn nothing_is_done_without_the_pages_own_form() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let (token, other) = (door.link(ANN).await, door.link(BOB).await);
    let (form, others) = (
        door.open(&token).await.form(),
        door.open(&other).await.form(),
    );
    let twisted = form.replace(&form[3..4], if &form[3..4] == "A" { "B" } else { "A" });
    for fields in [
        vec![],
        vec![("off", "all")],
        vec![("form", ""), ("off", "all")],
        vec![("form", "guess"), ("off", "all")],
        vec![("form", &twisted), ("off", "all")],
        vec![("form", &others), ("off", "all")],
        vec![("form", &form)],
        vec![("form", &form), ("off", "nonsense")],
        vec![("form", &form), ("off", "all"), ("undo", "x")],
        vec![("form", &form), ("on", "all")],
    ] {
        let answer = door.press(&token, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{fields:?}");
        assert!(
            answer.text.contains("Nothing was changed") && answer.text.contains("role=\"alert\"")
        );
        assert!(answer.field("form").is_some(), "and a form that works");
    }
    // A good form, brought in by another site.
    for site in ["cross-site", "same-site"] {
        for body in [
            format!("form={form}&off=all"),
            "List-Unsubscribe=One-Click".to_owned(),
        ] {
            let request = Request::post(format!("/p/{token}"))
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", site)
                .body(Body::from(body));
            assert_eq!(
                door.ask(request.unwrap()).await.status,
                StatusCode::FORBIDDEN
            );
        }
    }
    let huge = "x".repeat(20_000);
    let answer = door
        .press(&token, &[("form", &form), ("off", "all"), ("pad", &huge)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(door.events(ANN).await.len(), 1, "only the yes");
}

#[tokio::test]
async fn an_old_page_still_stops() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let form = door.open(&token).await.form();
    door.later(90 * 24 * 60 * MINUTE);
    door.grant(ANN, "utility").await;
    let done = door.press(&token, &[("form", &form), ("off", "all")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(door.standing(ANN, "utility").await, "refused");
    let no = door.events(ANN).await.pop().unwrap();
    assert_eq!(
        no["evidence"]["shown"], 1,
        "what the page had shown is on record"
    );
}

#[tokio::test]
async fn machines_unsubscribe_by_one_post() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    for (kind, body) in [
        (
            "application/x-www-form-urlencoded",
            "List-Unsubscribe=One-Click",
        ),
        ("multipart/form-data; boundary=b", multipart),
    ] {
        let door = Door::new();
        door.grant(ANN, "marketing").await;
        door.grant(ANN, "authentication").await;
        let token = door.link(ANN).await;
        let post = |token: &str| {
            let request = Request::post(format!("/p/{token}")).header(header::CONTENT_TYPE, kind);
            request.body(Body::from(body)).unwrap()
        };
        for _ in 0..2 {
            let answer = door.ask(post(&token)).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (StatusCode::OK, "unsubscribed\n")
            );
        }
        for (scope, standing) in [
            ("marketing", "refused"),
            ("utility", "refused"),
            ("calls", "refused"),
            ("authentication", "covered"),
        ] {
            assert_eq!(door.standing(ANN, scope).await, standing, "{scope}");
        }
        assert_eq!(door.events(ANN).await.len(), 5, "once each");
        // Where a bare stop word closes everything, so does this.
        let all = door.link_of("globex", BOB).await;
        assert_eq!(door.ask(post(&all)).await.status, StatusCode::OK);
        let path = format!("/v1/people/{BOB}?business=globex");
        let person = door.admin("GET", &path, Value::Null).await.json();
        assert_eq!(person["head"]["all"]["standing"], "refused");
    }
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_owned_up_to() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let form = door.open(&token).await.form();
    door.faults.fail(1, 1 << 40);
    let answer = door.press(&token, &[("form", &form), ("off", "all")]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.text.contains("Nothing was changed")
            && answer.text.contains("+1\u{a0}555\u{a0}010\u{a0}0001")
    );
    assert!(!answer.header("retry-after").is_empty());
    let machine = Request::post(format!("/p/{token}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("List-Unsubscribe=One-Click"));
    let answer = door.ask(machine.unwrap()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    door.faults.fail(1 << 40, 0);
    assert_eq!(door.standing(ANN, "marketing").await, "covered");
    let done = door.press(&token, &[("form", &form), ("off", "all")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(door.standing(ANN, "marketing").await, "refused");
}
