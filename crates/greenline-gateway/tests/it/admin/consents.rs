//! Recording what people said: the decisions of the consent rules that this door carries out.

use axum::body::Body;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::{ADMIN, AGENT, Desk, MANAGER, bearer, granted, request, withdrawn};

const ANNA: &str = "15551230001";

/// The event with some members set, or taken away by `null`.
fn with(mut event: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("changes are members")
    };
    for (path, value) in changes {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", &path));
        let parent = if parent.is_empty() {
            &mut event
        } else {
            &mut event[parent]
        };
        match value {
            Value::Null => {
                parent.as_object_mut().unwrap().remove(name);
            }
            value => parent[name] = value,
        }
    }
    event
}

async fn refused(desk: &Desk, event: Value, field: &str) -> Value {
    let problem = desk
        .post(ADMIN, "/v1/consents", event.to_string())
        .await
        .problem(422);
    assert_eq!(problem["field"], field, "{problem}");
    problem
}

#[tokio::test]
async fn an_evidenced_yes_covers() {
    let desk = Desk::new();
    let answer = desk.record(granted(ANNA)).await;
    assert!(answer["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(answer["head"]["marketing"]["standing"], "covered");
    assert_eq!(
        answer["head"]["marketing"]["at"],
        "2026-11-24T09:30:00.000Z"
    );
    assert_eq!(answer["head"]["utility"]["standing"], "unknown");
    assert_eq!(
        (&answer["claimed"], &answer["strength"]),
        (&false.into(), &"evidenced".into())
    );
}

#[tokio::test]
async fn a_yes_without_all_its_evidence_is_claimed() {
    let desk = Desk::new();
    for (place, change) in [
        json!({"evidence": null}),
        json!({"evidence.method": ""}),
        json!({"evidence.method": null}),
        json!({"evidence.wording": " "}),
        json!({"evidence.business_name": null}),
        json!({"evidence.business_name": "Another brand"}),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = desk
            .record(with(granted(&format!("1555123010{place}")), change.clone()))
            .await;
        assert_eq!(answer["claimed"], true, "{change}");
        assert_eq!(
            answer["head"]["marketing"]["standing"], "claimed",
            "{change}"
        );
    }
    // A former name, another spelling of it, and a version instead of the wording are evidence.
    for change in [
        json!({"evidence.business_name": "ACME  trading"}),
        json!({"evidence.wording": null, "evidence.wording_version": "v3"}),
    ] {
        assert_eq!(
            desk.record(with(granted(ANNA), change.clone())).await["claimed"],
            false,
            "{change}"
        );
    }
}

#[tokio::test]
async fn a_malformed_yes_is_refused_by_the_member_at_fault() {
    let desk = Desk::new();
    let problem = refused(
        &desk,
        with(granted(ANNA), json!({"evidence.method": "telepathy"})),
        "evidence.method",
    )
    .await;
    assert!(
        problem["allowed"]
            .as_array()
            .unwrap()
            .contains(&"website_form".into())
    );
    let problem = refused(
        &desk,
        with(granted(ANNA), json!({"scope": "marketing.cats"})),
        "scope",
    )
    .await;
    assert!(
        problem["allowed"]
            .as_array()
            .unwrap()
            .contains(&"marketing.offers".into())
    );
    refused(
        &desk,
        with(granted(ANNA), json!({"scope": "Marketing"})),
        "scope",
    )
    .await;
    refused(&desk, with(granted(ANNA), json!({"scope": null})), "scope").await;
    refused(
        &desk,
        with(granted(ANNA), json!({"occurred_at": "yesterday"})),
        "occurred_at",
    )
    .await;
    refused(
        &desk,
        with(granted(ANNA), json!({"occurred_at": "2026-11-24T09:30:00"})),
        "occurred_at",
    )
    .await;
    refused(
        &desk,
        with(
            granted(ANNA),
            json!({"occurred_at": "2026-11-25T14:08:08Z"}),
        ),
        "occurred_at",
    )
    .await;
    refused(
        &desk,
        with(granted(ANNA), json!({"occured_at": "2026-11-24T09:30:00Z"})),
        "occured_at",
    )
    .await;
    refused(&desk, with(granted(ANNA), json!({"person": {}})), "person").await;
    refused(
        &desk,
        with(granted(ANNA), json!({"person": {"wa_id": "anna"}})),
        "person.wa_id",
    )
    .await;
    refused(
        &desk,
        with(granted(ANNA), json!({"person": {"user_id": "anna"}})),
        "person.user_id",
    )
    .await;
    refused(
        &desk,
        with(granted(ANNA), json!({"person": {"phone": ANNA}})),
        "person.phone",
    )
    .await;
    refused(
        &desk,
        with(granted(ANNA), json!({"evidence.wording": 5})),
        "evidence.wording",
    )
    .await;
    let problem = refused(
        &desk,
        with(granted(ANNA), json!({"event": "agreed"})),
        "event",
    )
    .await;
    assert!(
        problem["allowed"]
            .as_array()
            .unwrap()
            .contains(&"granted".into())
    );
    // Nothing of all that left a trace.
    desk.get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .problem(404);
}

#[tokio::test]
async fn a_no_is_never_refused_for_its_form() {
    let desk = Desk::new();
    for (place, change) in [
        json!({"occurred_at": "yesterday"}),
        json!({"occurred_at": 17}),
        json!({"evidence": "he told me on the phone"}),
        json!({"evidence": {"method": "telepathy", "wording": ["stop"]}}),
        json!({"scope": "marketing.cats"}),
        json!({"scope": " Marketing "}),
        json!({"event": "WITHDRAWN"}),
        json!({"unknown": true}),
        json!({"person": {"wa_id": "+1 (555) 123-0299", "user_id": "not an id"}}),
        json!({"person": {"wa_id": 15_551_230_298_u64}}),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = desk
            .record(with(
                withdrawn(&format!("1555123020{place}"), "marketing"),
                change.clone(),
            ))
            .await;
        let scope = answer["scope"].as_str().unwrap();
        assert_eq!(answer["head"][scope]["standing"], "refused", "{change}");
    }
    let answer = desk
        .record(with(
            withdrawn(ANNA, "all"),
            json!({"occurred_at": "yesterday"}),
        ))
        .await;
    assert_eq!(
        (&answer["taken_at_arrival"], &answer["folded_at"]),
        (&true.into(), &"2026-11-25T14:03:07.500Z".into())
    );
    refused(
        &desk,
        with(withdrawn(ANNA, "all"), json!({"scope": "everything"})),
        "scope",
    )
    .await;
    refused(
        &desk,
        with(withdrawn(ANNA, "all"), json!({"person": {"wa_id": "?"}})),
        "person",
    )
    .await;
}

#[tokio::test]
async fn times_ahead() {
    let desk = Desk::new();
    // A little ahead: a yes counts at its arrival.
    let answer = desk
        .record(with(
            granted(ANNA),
            json!({"occurred_at": "2026-11-25T14:05:00Z"}),
        ))
        .await;
    assert_eq!(
        (&answer["taken_at_arrival"], &answer["folded_at"]),
        (&true.into(), &"2026-11-25T14:03:07.500Z".into())
    );
    // A no from next year is taken now; known to the second, at that second's end.
    let answer = desk
        .record(with(
            withdrawn(ANNA, "marketing"),
            json!({"occurred_at": "2027-11-25T14:05:00Z"}),
        ))
        .await;
    assert_eq!(
        (&answer["taken_at_arrival"], &answer["folded_at"]),
        (&true.into(), &"2026-11-25T14:03:07.999Z".into())
    );
    assert_eq!(answer["head"]["marketing"]["standing"], "refused");
}

#[tokio::test]
async fn in_the_same_second_the_no_wins() {
    let desk = Desk::new();
    desk.record(with(
        withdrawn(ANNA, "marketing"),
        json!({"occurred_at": "2026-11-24T09:30:00Z"}),
    ))
    .await;
    let answer = desk.record(granted(ANNA)).await;
    assert_eq!(answer["head"]["marketing"]["standing"], "refused");
    assert!(
        answer["notes"][0]
            .as_str()
            .unwrap()
            .contains("stays in force")
    );
    // Known finer than the second, the later act counts.
    let answer = desk
        .record(with(
            granted(ANNA),
            json!({"occurred_at": "2026-11-24T09:30:01.000Z"}),
        ))
        .await;
    assert_eq!(answer["head"]["marketing"]["standing"], "covered");
}

#[tokio::test]
async fn a_child_refused_by_name_stays_shut_and_is_listed() {
    let desk = Desk::new();
    desk.record(withdrawn(ANNA, "marketing.offers")).await;
    desk.app.clock.set(super::NOW_MS + 1_000);
    let answer = desk
        .record(with(granted(ANNA), json!({"occurred_at": null})))
        .await;
    assert_eq!(answer["head"]["marketing"]["standing"], "covered");
    assert_eq!(answer["head"]["marketing.offers"]["standing"], "refused");
    assert_eq!(answer["children_shut"][0]["scope"], "marketing.offers");
    assert!(
        answer["children_shut"][0]["how"]
            .as_str()
            .unwrap()
            .contains("marketing.offers")
    );
    let answer = desk
        .record(with(
            granted(ANNA),
            json!({"occurred_at": null, "scope": "marketing.offers"}),
        ))
        .await;
    assert_eq!(answer["head"]["marketing.offers"]["standing"], "covered");
    assert_eq!(answer["children_shut"], json!([]));
}

#[tokio::test]
async fn native_facts() {
    let desk = Desk::new();
    let stop = json!({"business": "acme", "person": {"wa_id": ANNA}, "event": "native_stopped"});
    let answer = desk.record(stop).await;
    assert_eq!(answer["head"]["native_stop"]["event"], answer["id"]);
    for event in ["native_resumed", "erased"] {
        let problem = refused(&desk, with(granted(ANNA), json!({"event": event})), "event").await;
        assert_eq!(problem["type"], "/docs#not-supported");
    }
    // A yes of ours does not lift it, and the answer says so.
    let answer = desk
        .record(with(granted(ANNA), json!({"occurred_at": null})))
        .await;
    assert!(answer["head"]["native_stop"].is_object());
    assert!(
        answer["notes"][0]
            .as_str()
            .unwrap()
            .contains("WhatsApp itself")
    );
}

#[tokio::test]
async fn expiry_and_renewal() {
    let desk = Desk::new();
    desk.record(granted(ANNA)).await;
    let without = with(
        granted(ANNA),
        json!({"event": "reconfirmed", "evidence": null, "occurred_at": null}),
    );
    refused(&desk, without, "evidence").await;
    let renewal = with(
        granted(ANNA),
        json!({"event": "reconfirmed", "occurred_at": null}),
    );
    let answer = desk.record(renewal).await;
    assert_eq!(
        answer["head"]["marketing"]["at"],
        "2026-11-25T14:03:07.500Z"
    );
    desk.app.clock.set(super::NOW_MS + 60_000);
    let expired = json!({"business": "acme", "person": {"wa_id": ANNA}, "scope": "marketing", "event": "expired"});
    assert_eq!(
        desk.record(expired).await["head"]["marketing"]["standing"],
        "expired"
    );
}

#[tokio::test]
async fn a_stop_said_in_the_thread_closes_the_thread_whoever_writes_it_down() {
    let desk = Desk::new();
    let elsewhere = desk.record(withdrawn(ANNA, "marketing")).await;
    assert!(elsewhere["head"]["freeform_closed"].is_null());
    let in_thread = with(
        withdrawn(ANNA, "marketing"),
        json!({"evidence": {"method": "whatsapp_thread", "wording": "STOP"}}),
    );
    assert!(desk.record(in_thread).await["head"]["freeform_closed"].is_object());
}

#[tokio::test]
async fn the_same_event_with_the_same_key_is_recorded_once() {
    let desk = Desk::new();
    let send = async |event: Value| {
        let request = request("POST", "/v1/consents").header(header::AUTHORIZATION, bearer(AGENT));
        let answer = desk
            .call(
                request
                    .header("idempotency-key", "k-1")
                    .body(Body::from(event.to_string()))
                    .unwrap(),
            )
            .await;
        assert_eq!(answer.status, StatusCode::CREATED);
        answer.json()
    };
    let first = send(granted(ANNA)).await;
    let again = send(granted(ANNA)).await;
    assert_eq!(
        (&again["id"], &again["repeated"]),
        (&first["id"], &true.into())
    );
    // The key used again for a no swallows nothing.
    let no = send(withdrawn(ANNA, "marketing")).await;
    assert_ne!(no["id"], first["id"]);
    assert_eq!(no["head"]["marketing"]["standing"], "refused");
    // `dedup` in the body says the same as the header.
    let keyed = with(granted("15551230077"), json!({"dedup": "k-2"}));
    let first = desk.record(keyed.clone()).await;
    assert_eq!(desk.record(keyed).await["id"], first["id"]);
}

#[tokio::test]
async fn two_identifiers_are_one_person() {
    let desk = Desk::new();
    desk.record(with(
        withdrawn(ANNA, "marketing"),
        json!({"person": {"wa_id": ANNA, "user_id": "US.1A2b3C"}}),
    ))
    .await;
    let person = desk
        .get(ADMIN, "/v1/people/US.1A2b3C?business=acme")
        .await
        .json();
    assert_eq!(person["head"]["marketing"]["standing"], "refused");
    assert_eq!(person["identifiers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn many_at_once_have_a_result_each_and_never_reopen_a_no() {
    let desk = Desk::new();
    desk.record(withdrawn(ANNA, "marketing")).await;
    let rows = json!({"consents": [
        granted("15551230301"),
        with(granted("15551230302"), json!({"scope": "nonsense"})),
        with(granted(ANNA), json!({"occurred_at": "2026-11-25T14:07:00Z"})),
        withdrawn("15551230303", "all"),
        "not an object",
    ]});
    let answer = desk
        .post(MANAGER, "/v1/consents", rows.to_string())
        .await
        .json();
    assert_eq!(
        (&answer["recorded"], &answer["failed"]),
        (&3.into(), &2.into())
    );
    let results = answer["results"].as_array().unwrap();
    let statuses: Vec<u64> = results
        .iter()
        .map(|row| row["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 422, 201, 201, 400]);
    assert_eq!(results[0]["consent"]["strength"], "imported");
    assert_eq!(results[1]["problem"]["field"], "scope");
    assert_eq!(
        results[2]["consent"]["head"]["marketing"]["standing"],
        "refused"
    );
    // An agent records noes in bulk, not grants.
    let answer = desk
        .post(
            AGENT,
            "/v1/consents",
            json!({"consents": [withdrawn(ANNA, "all"), granted(ANNA)]}).to_string(),
        )
        .await
        .json();
    assert_eq!(
        (
            &answer["results"][0]["status"],
            &answer["results"][1]["status"]
        ),
        (&201.into(), &403.into())
    );
    let rows: Vec<Value> = (0..1_001).map(|_| json!({})).collect();
    let problem = desk
        .post(
            MANAGER,
            "/v1/consents",
            json!({"consents": rows}).to_string(),
        )
        .await
        .problem(413);
    assert_eq!(problem["field"], "consents");
}

#[tokio::test]
async fn a_no_is_answered_once_what_was_allowed_before_it_is_out() {
    let desk = Desk::new();
    desk.record(granted(ANNA)).await;
    let flight = desk.admit(ANNA).await.flight.expect("it may go");
    let answer = desk.record(withdrawn(ANNA, "marketing"));
    tokio::pin!(answer);
    // It is on record while the send is still on its way, and not answered.
    let mut recorded = false;
    while !recorded {
        tokio::select! {
            biased;
            _ = &mut answer => panic!("answered while a send was on its way"),
            stops = desk.get(ADMIN, "/v1/stops?business=acme") => recorded = stops.json()["stops"] != json!([]),
        }
    }
    drop(flight);
    assert_eq!(answer.await["head"]["marketing"]["standing"], "refused");
}
