//! Ways to opt in, from the outside: what each makes of a person, and what it never does.

mod browser;
mod link;
mod page;
mod question;
mod span;

use greenline_sim::Sim;
use http::Method;
use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::http::{self as web, Answer};
use crate::support::place::Place;
use crate::support::settings::{BUSINESS, Settings};
use crate::support::store::{Site, Store, on_each_store};
use crate::support::{platform, soon, webhook};

on_each_store! {
    a_named_person_vouches_and_the_time_stays_that_of_the_act,
    vouching_reopens_no_no,
    a_command_vouches_under_the_name_of_its_token,
    a_sign_up_in_whatsapp_lifts_an_older_no_of_ours_and_not_its_own_switch,
}

const DANA: &str = "15551230001";
const OFFERS: &str = "spring_offer";

/// With three forms, one of them no longer offered.
fn with_forms(settings: Settings) -> Settings {
    let forms: toml::Table = r#"
        embed = ["https://shop.acme.example"]
        [[form]]
        id = "offers"
        scopes = ["marketing"]
        [form.wording]
        en = "Yes, send me offers from {business} on WhatsApp."
        es = "Sí, quiero recibir ofertas de {business} por WhatsApp."
        ar = "نعم، أرسلوا لي عروض {business} على واتساب."
        [[form]]
        id = "orders"
        scopes = ["utility"]
        [form.wording]
        en = "Tell me on WhatsApp about what I order from {business}."
        [[form]]
        id = "old"
        scopes = ["marketing"]
        retired = true
        [form.wording]
        en = "Send me the {business} newsletter."
    "#
    .parse()
    .expect("forms");
    settings.with(&["business", "0", "opt_in"], toml::Value::Table(forms))
}

async fn start(site: &(impl Site + ?Sized), sim: &Sim) -> Gateway {
    let [public, private] = crate::support::ports::free();
    Gateway::start_at(site, &sim.url(), public, private, |settings| {
        with_forms(settings).with(&["listen", "public_url"], format!("http://{public}"))
    })
    .await
}

async fn person(gateway: &Gateway, who: &str) -> Value {
    let answer = gateway
        .admin_get(&format!("/v1/people/{who}?business={BUSINESS}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn standing(gateway: &Gateway, who: &str, scope: &str) -> String {
    let person = person(gateway, who).await;
    let standing = person["head"][scope]["standing"].as_str();
    standing.unwrap_or_default().to_owned()
}

/// Records what someone is said to have agreed to, without evidence; its id.
async fn claim(gateway: &Gateway, who: &str, scope: &str, at: &str) -> String {
    let body = json!({
        "business": BUSINESS, "person": {"wa_id": who}, "scope": scope, "event": "granted", "occurred_at": at,
    });
    let answer = gateway.admin("/v1/consents", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["claimed"], true);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn vouch(gateway: &Gateway, who: &str, event: &str, reason: &str) -> Answer {
    let path = format!("/v1/people/{who}/vouch?business={BUSINESS}");
    gateway
        .admin(&path, &json!({ "event": event, "reason": reason }))
        .await
}

/// Whether an offer may go, and by which rules.
async fn offer(gateway: &Gateway, who: &str) -> (u16, Option<u64>) {
    let answer = gateway.send_template(who, OFFERS).await;
    (answer.status.as_u16(), answer.code())
}

async fn a_named_person_vouches_and_the_time_stays_that_of_the_act(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let act = "2026-02-03T04:05:06.789Z";
    let claimed = claim(&gateway, DANA, "marketing", act).await;
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));

    for (event, reason, status) in [
        (claimed.as_str(), " ", 422),
        ("evt_00", "seen", 422),
        ("evt_00000000000000ff", "seen", 404),
    ] {
        let answer = vouch(&gateway, DANA, event, reason).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let other = vouch(&gateway, "15551230999", &claimed, "seen").await;
    assert_eq!(other.status, 404, "{other:?}");

    let vouched = vouch(&gateway, DANA, &claimed, "signed form 4711").await;
    assert_eq!(vouched.status, 201, "{vouched:?}");
    let recorded = vouched.json();
    assert_eq!(recorded["strength"], "vouched");
    assert_eq!(recorded["folded_at"], act);
    let again = vouch(&gateway, DANA, &claimed, "signed form 4711")
        .await
        .json();
    assert_eq!(
        (&again["id"], &again["repeated"]),
        (&recorded["id"], &json!(true))
    );
    let twice = vouch(&gateway, DANA, recorded["id"].as_str().unwrap(), "me too").await;
    assert_eq!(twice.status, 409, "{twice:?}");

    let shown = person(&gateway, DANA).await;
    let head = &shown["head"]["marketing"];
    assert_eq!(
        (&head["standing"], &head["strength"]),
        (&json!("covered"), &json!("vouched"))
    );
    assert_eq!(head["at"], act);
    let last = shown["history"].as_array().unwrap().last().unwrap();
    assert_eq!(last["actor"], "ada", "{last}");
    assert!(last.to_string().contains("signed form 4711"), "{last}");
    let sent = gateway.send_template(DANA, OFFERS).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let decision = sent.header("greenline-decision").to_owned();
    let why = gateway
        .admin_get(&format!("/v1/decisions/{decision}"))
        .await
        .json();
    assert!(
        why.to_string().contains("consent.covered_by_vouching"),
        "{why}"
    );
    gateway.stop().await;
}

async fn vouching_reopens_no_no(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let no = json!({
        "business": BUSINESS, "person": {"wa_id": DANA}, "scope": "marketing", "event": "withdrawn",
        "occurred_at": "2026-01-01T00:00:00Z",
    });
    assert_eq!(gateway.admin("/v1/consents", &no).await.status, 201);
    // The claim is younger than the no: still only the person's own act lifts it.
    let claimed = claim(&gateway, DANA, "marketing", "2026-02-01T00:00:00Z").await;
    let answer = vouch(&gateway, DANA, &claimed, "seen").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(
        answer.json()["notes"].to_string().contains("never reopens"),
        "{answer:?}"
    );
    assert_eq!(standing(&gateway, DANA, "marketing").await, "refused");
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    gateway.stop().await;
}

async fn a_command_vouches_under_the_name_of_its_token(store: Store) {
    let place = Place::new(store);
    let record = [
        "consent",
        "record",
        "--person",
        DANA,
        "--scope",
        "marketing",
        "--event",
        "granted",
        "--at",
        "2026-02-03T04:05:06Z",
        "--json",
    ];
    let claimed = place.run(&record).await.ended(0).json();
    let event = claimed["id"].as_str().expect("an id");
    let vouch = ["consent", "vouch", DANA, "--event", event, "--reason"];
    let unknown = [&vouch[..4], &["evt_00000000000000ff", "--reason", "seen"]].concat();
    place.run(&unknown).await.ended(1);
    let said = place
        .run(&[&vouch[..], &["signed form 4711"]].concat())
        .await;
    let said = said.ended(0);
    assert!(said.stdout.starts_with("Vouched: evt_"), "{said:?}");
    assert!(said.stdout.contains("now covered"), "{said:?}");
    let shown = place.run(&["consent", "show", DANA, "--json"]).await;
    let shown = shown.ended(0).json();
    let marketing = &shown["head"]["marketing"];
    assert_eq!(marketing["strength"], "vouched", "{shown}");
    assert_eq!(marketing["at"], "2026-02-03T04:05:06.000Z");
    let last = shown["history"].as_array().unwrap().last().unwrap();
    assert_eq!(last["actor"], "ada", "{last}");
}

async fn a_sign_up_in_whatsapp_lifts_an_older_no_of_ours_and_not_its_own_switch(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let signup = |who: &str, at_s: u64| {
        let preference = json!({
            "wa_id": who, "detail": "User signed up via signup link", "category": "marketing_messages",
            "value": "signup", "signup_id": "131500000000001", "timestamp": at_s,
        });
        let contacts = json!([{ "profile": { "name": "Dana Example" }, "wa_id": who }]);
        webhook::envelope(
            "user_preferences",
            json!({ "contacts": contacts, "user_preferences": [preference] }),
        )
    };
    let now_s = webhook::now_s();
    let no = json!({
        "business": BUSINESS, "person": {"wa_id": DANA}, "scope": "marketing", "event": "withdrawn",
        "occurred_at": "2026-01-01T00:00:00Z",
    });
    assert_eq!(gateway.admin("/v1/consents", &no).await.status, 201);
    assert_eq!(gateway.webhook(&signup(DANA, now_s - 10)).await.status, 200);
    let shown = person(&gateway, DANA).await;
    assert_eq!(shown["head"]["marketing"]["standing"], "covered", "{shown}");
    assert_eq!(shown["head"]["marketing"]["strength"], "evidenced");
    assert!(
        shown["history"]
            .to_string()
            .contains("whatsapp_signup_link")
    );
    assert_eq!(offer(&gateway, DANA).await.0, 200);
    // Told again, and told of what was before a later no: nothing changes.
    assert_eq!(gateway.webhook(&signup(DANA, now_s - 10)).await.status, 200);
    assert_eq!(
        person(&gateway, DANA).await["history"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    gateway.opt_out(DANA, "marketing").await;
    assert_eq!(gateway.webhook(&signup(DANA, now_s - 5)).await.status, 200);
    assert_eq!(standing(&gateway, DANA, "marketing").await, "refused");

    let lee = "15551230002";
    assert_eq!(
        gateway.webhook(&webhook::native(lee, "stop")).await.status,
        200
    );
    assert_eq!(gateway.webhook(&signup(lee, now_s + 1)).await.status, 200);
    assert_eq!(standing(&gateway, lee, "marketing").await, "covered");
    assert_eq!(
        offer(&gateway, lee).await,
        (400, Some(131_050)),
        "the switch stays off"
    );
    gateway.stop().await;
}

/// Posts a form to the public listener, as a browser does.
async fn post_form(
    gateway: &Gateway,
    path: &str,
    headers: &[(&str, &str)],
    fields: &[(&str, &str)],
) -> Answer {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    let mut body = String::new();
    for (name, value) in fields {
        let value: String = value
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect();
        body.push_str(&format!(
            "{}{name}={value}",
            if body.is_empty() { "" } else { "&" }
        ));
    }
    web::call(gateway.public, Method::POST, path, &all, body)
        .await
        .expect("an answer")
}

/// The interactive messages that reached the platform, once there are so many.
async fn questions(sim: &Sim, count: usize) -> Vec<Value> {
    let asked = || -> Vec<Value> {
        let sent = sim.requests(0);
        let asked = sent
            .iter()
            .filter(|request| request.is_send() && request.kind.as_deref() == Some("interactive"));
        asked
            .filter(|request| request.status == Some(200))
            .filter_map(|request| {
                let mut body: Value = serde_json::from_slice(request.body.as_ref()?).ok()?;
                body["wamid"] = json!(request.wamid);
                Some(body)
            })
            .collect()
    };
    let mut changes = sim.request_changes();
    let enough = async {
        loop {
            let asked = asked();
            if asked.len() >= count {
                return asked;
            }
            let _ = changes.changed().await;
        }
    };
    soon("the question reaches the platform", enough).await
}
