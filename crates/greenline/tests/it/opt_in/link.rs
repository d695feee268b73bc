//! `wa.me` links: what is made, and what arrives.

use serde_json::{Value, json};

use super::{DANA, offer, person, questions, standing, start};
use crate::support::gateway::Gateway;
use crate::support::http::Answer;
use crate::support::settings::BUSINESS;
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, webhook};

on_each_store! {
    the_prefilled_text_that_arrives_is_a_proved_yes_once,
    an_old_text_lifts_no_newer_no,
    a_changed_text_is_only_claimed_and_asked_about,
    links_are_made_and_drawn,
}

pub(super) async fn link(gateway: &Gateway, form: &str, language: &str) -> Value {
    let path = format!("/v1/businesses/{BUSINESS}/opt-in-links");
    let answer = gateway
        .admin(&path, &json!({ "form": form, "language": language }))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

pub(super) fn text_of(link: &Value) -> String {
    link["text"].as_str().expect("a text").to_owned()
}

async fn the_prefilled_text_that_arrives_is_a_proved_yes_once(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let link = link(&gateway, "offers", "es").await;
    let text = text_of(&link);
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    let body = webhook::text(DANA, &text);
    for _ in 0..2 {
        assert_eq!(gateway.webhook(&body).await.status, 200);
    }
    let shown = person(&gateway, DANA).await;
    let marketing = &shown["head"]["marketing"];
    assert_eq!(marketing["standing"], "covered", "{shown}");
    assert_eq!(marketing["strength"], "evidenced");
    assert_eq!(
        shown["head"]["utility"]["standing"], "unknown",
        "what it names and no more"
    );
    let history = shown["history"].as_array().expect("a history");
    assert_eq!(history.len(), 1, "once: {shown}");
    let evidence = &history[0]["evidence"];
    assert_eq!(evidence["method"], "whatsapp_thread");
    assert_eq!(
        evidence["wording"],
        "Sí, quiero recibir ofertas de Acme por WhatsApp."
    );
    assert_eq!(evidence["business_name"], "Acme");
    assert!(
        evidence["message_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("wamid.")),
        "{evidence}"
    );
    let evidence = evidence.to_string();
    assert!(
        evidence.contains(link["code"].as_str().unwrap()),
        "{evidence}"
    );
    assert_eq!(offer(&gateway, DANA).await.0, 200);

    // The code alone, in small letters, does too; so does what was printed before a form was retired.
    let code = link["code"].as_str().unwrap().to_lowercase();
    gateway.person_writes("15551230002", &code).await;
    assert_eq!(
        standing(&gateway, "15551230002", "marketing").await,
        "covered"
    );
    let all = gateway
        .admin_get(&format!("/v1/businesses/{BUSINESS}/opt-in-links"))
        .await
        .json();
    let old = all["links"]
        .as_array()
        .unwrap()
        .iter()
        .find(|link| link["form"] == "old");
    let old = old.expect("the retired form's link");
    assert_eq!(old["retired"], true);
    gateway.person_writes("15551230003", &text_of(old)).await;
    assert_eq!(
        standing(&gateway, "15551230003", "marketing").await,
        "covered"
    );
    gateway.stop().await;
}

async fn an_old_text_lifts_no_newer_no(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let text = text_of(&link(&gateway, "offers", "en").await);
    let now_s = webhook::now_s();
    gateway
        .webhook(&webhook::text_at(DANA, "STOP", now_s - 60))
        .await;
    // Written before the stop, told after it.
    let answer = gateway
        .webhook(&webhook::text_at(DANA, &text, now_s - 3_600))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(standing(&gateway, DANA, "marketing").await, "refused");
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    // Within the same second the stop wins.
    gateway
        .webhook(&webhook::text_at(DANA, &text, now_s - 60))
        .await;
    assert_eq!(standing(&gateway, DANA, "marketing").await, "refused");
    // The person's own newer act lifts what it names.
    gateway
        .webhook(&webhook::text_at(DANA, &text, now_s - 30))
        .await;
    assert_eq!(standing(&gateway, DANA, "marketing").await, "covered");
    assert_eq!(standing(&gateway, DANA, "utility").await, "refused");
    assert_eq!(offer(&gateway, DANA).await.0, 200);
    // WhatsApp's own switch is not ours to lift.
    gateway.webhook(&webhook::native(DANA, "stop")).await;
    gateway.person_writes(DANA, &text).await;
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    gateway.stop().await;
}

async fn a_changed_text_is_only_claimed_and_asked_about(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let text = text_of(&link(&gateway, "offers", "en").await);
    platform_person_writes(&gateway, &sim, DANA, &format!("I do not want this: {text}")).await;
    assert_eq!(standing(&gateway, DANA, "marketing").await, "claimed");
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    let asked = questions(&sim, 1).await;
    let buttons = asked[0]["interactive"]["action"]["buttons"]
        .as_array()
        .unwrap();
    assert_eq!(buttons.len(), 2);
    let press = |at: usize| {
        let reply = &buttons[at]["reply"];
        let content = json!({
            "type": "interactive", "context": {"id": asked[0]["wamid"]},
            "interactive": {"type": "button_reply", "button_reply": {"id": reply["id"], "title": reply["title"]}},
        });
        webhook::message(DANA, webhook::now_s(), &content)
    };
    assert_eq!(gateway.webhook(&press(1)).await.status, 200);
    let shown = person(&gateway, DANA).await;
    assert_eq!(shown["head"]["marketing"]["standing"], "refused", "{shown}");
    assert_eq!(
        shown["head"]["freeform_closed"],
        Value::Null,
        "the bot may go on talking"
    );
    // A stop is a stop, whatever code stands beside it.
    let code = text
        .rsplit_once('(')
        .unwrap()
        .1
        .trim_end_matches(')')
        .to_owned();
    gateway
        .person_writes("15551230002", &format!("STOP {code}"))
        .await;
    assert_eq!(
        standing(&gateway, "15551230002", "marketing").await,
        "refused"
    );
    gateway.stop().await;
}

/// Writes on the simulated platform as well, so that it lets the answer through.
pub(super) async fn platform_person_writes(
    gateway: &Gateway,
    sim: &greenline_sim::Sim,
    who: &str,
    text: &str,
) {
    let written = greenline_sim::Inbound::text(crate::support::settings::NUMBER, who, text);
    sim.inbound(&written).expect("the sample number");
    assert_eq!(gateway.person_writes(who, text).await.status, 200);
}

async fn links_are_made_and_drawn(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let made = link(&gateway, "offers", "en").await;
    assert_eq!(
        made,
        link(&gateway, "offers", "en-GB").await,
        "the same link again"
    );
    assert_ne!(made["code"], link(&gateway, "offers", "ar").await["code"]);
    let url = made["url"].as_str().expect("an address");
    assert!(
        url.starts_with("https://wa.me/15550100001?text=Yes%2C%20send%20me"),
        "{url}"
    );
    assert!(url.contains(made["code"].as_str().unwrap()));
    let get = async |path: &str| -> Answer { gateway.admin_get(path).await };
    let svg = get(made["qr_svg"].as_str().unwrap()).await;
    assert_eq!(
        (svg.status.as_u16(), svg.header("content-type")),
        (200, "image/svg+xml")
    );
    assert!(svg.body.starts_with(b"<svg "));
    let png = get(made["qr_png"].as_str().unwrap()).await;
    assert_eq!(
        (png.status.as_u16(), png.header("content-type")),
        (200, "image/png")
    );
    assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    let path = format!("/v1/businesses/{BUSINESS}/opt-in-links");
    for (target, status) in [
        (format!("{path}/GL-000000000/qr.svg"), 404),
        (
            format!("{path}/{}/qr.gif", made["code"].as_str().unwrap()),
            404,
        ),
        ("/v1/businesses/other/opt-in-links".to_owned(), 404),
    ] {
        assert_eq!(get(&target).await.status, status, "{target}");
    }
    for (body, status) in [
        (json!({"form": "none"}), 422),
        (json!({"form": "old"}), 422),
        (json!({}), 400),
    ] {
        let answer = gateway.admin(&path, &body).await;
        assert!(
            answer.status == status || (status == 400 && answer.status == 422),
            "{answer:?}"
        );
    }
    let all = get(&path).await.json();
    assert_eq!(all["links"].as_array().unwrap().len(), 5, "{all}");
    assert!(all["page"].as_str().unwrap().ends_with("/o/acme"));
    gateway.stop().await;
}
