//! The hosted page: what is recorded, what is not, and what it never tells.

use super::link::text_of;
use super::{DANA, offer, person, post_form, standing, start};
use crate::support::gateway::Gateway;
use crate::support::http::{self as web, Answer};
use crate::support::platform;
use crate::support::settings::BUSINESS;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_typed_number_stays_claimed_until_its_owner_sends_the_message,
    nothing_is_recorded_but_from_its_own_form,
    it_tells_nothing_about_a_number,
}

async fn show(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
    web::call(gateway.public, http::Method::GET, path, headers, "")
        .await
        .expect("an answer")
}

fn html(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("text")
}

/// The seal of the form on a page.
fn seal(page: &str) -> String {
    let (_, after) = page.split_once("name=\"form\" value=\"").expect("a form");
    after.split('"').next().expect("a seal").to_owned()
}

async fn fresh_seal(gateway: &Gateway) -> String {
    seal(&html(&show(gateway, "/o/acme", &[]).await))
}

async fn a_typed_number_stays_claimed_until_its_owner_sends_the_message(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let answer = show(&gateway, "/o/acme", &[]).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("x-robots-tag", "noindex, nofollow"),
        ("cache-control", "no-store"),
        ("content-language", "en"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("frame-ancestors https://shop.acme.example")
            && policy.contains("default-src 'none'"),
        "{policy}"
    );
    assert_eq!(answer.header("x-frame-options"), "");
    let page = html(&answer);
    assert!(
        page.contains("Yes, send me offers from Acme on WhatsApp.")
            && page.contains("Tell me on WhatsApp")
    );
    assert!(
        !page.contains("newsletter"),
        "what is retired is not offered"
    );
    assert!(!page.contains(" checked>") && !page.contains("<script"));

    let seal = seal(&page);
    let fields = [
        ("form", seal.as_str()),
        ("agree", "offers"),
        ("agree", "old"),
        ("phone", "+1 (555) 123-0001"),
    ];
    let went = post_form(
        &gateway,
        "/o/acme",
        &[("sec-fetch-site", "same-origin")],
        &fields,
    )
    .await;
    assert_eq!(went.status, 303, "{went:?}");
    let place = went.header("location").to_owned();
    assert!(
        !place.contains("555"),
        "the address holds no number: {place}"
    );
    let again = post_form(&gateway, "/o/acme", &[], &fields).await;
    assert_eq!(
        again.header("location"),
        place,
        "a second press changes nothing"
    );
    let shown = person(&gateway, DANA).await;
    assert_eq!(shown["head"]["marketing"]["standing"], "claimed", "{shown}");
    let history = shown["history"].as_array().unwrap();
    assert_eq!(history.len(), 1, "{shown}");
    let evidence = &history[0]["evidence"];
    assert_eq!(
        evidence["wording"],
        "Yes, send me offers from Acme on WhatsApp."
    );
    assert_eq!(evidence["method"], "website_form");
    assert!(
        evidence["source"].as_str().unwrap().ends_with("/o/acme"),
        "{evidence}"
    );
    assert!(
        evidence["ip"].as_str().is_none_or(str::is_empty),
        "not unless the settings say so: {evidence}"
    );
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));

    let next = show(&gateway, &format!("/o/{place}"), &[]).await;
    assert_eq!(next.status, 200);
    let next = html(&next);
    let link = super::link::link(&gateway, "offers", "en").await;
    assert!(
        next.contains("https://wa.me/15550100001?text=") && next.contains("<svg"),
        "{next}"
    );
    assert!(next.contains(link["code"].as_str().unwrap()));
    gateway.person_writes(DANA, &text_of(&link)).await;
    assert_eq!(standing(&gateway, DANA, "marketing").await, "covered");
    assert_eq!(offer(&gateway, DANA).await.0, 200);

    // Two boxes make one message with two codes.
    let two = show(&gateway, "/o/acme?next=offers+orders", &[]).await;
    let two = html(&two);
    assert!(
        two.contains("offers from Acme") && two.contains("order from Acme"),
        "{two}"
    );
    assert!(
        !gateway.log_text().contains("5551230001"),
        "numbers are not logged"
    );
    gateway.stop().await;
}

/// Names and values, of headers or of a form.
type Fields<'a> = &'a [(&'a str, &'a str)];

async fn nothing_is_recorded_but_from_its_own_form(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let good = fresh_seal(&gateway).await;
    let own = [("sec-fetch-site", "same-origin")];
    let cases: [(Fields<'_>, Fields<'_>, u16); 7] = [
        // Another site's form brings a number and ticks nothing.
        (
            &[("sec-fetch-site", "cross-site")],
            &[("phone", "+15551230001"), ("agree", "offers")],
            200,
        ),
        (
            &[("sec-fetch-site", "cross-site")],
            &[
                ("form", &good),
                ("phone", "+15551230001"),
                ("agree", "offers"),
            ],
            403,
        ),
        (
            &own,
            &[
                ("form", "AAAA"),
                ("phone", "+15551230001"),
                ("agree", "offers"),
            ],
            403,
        ),
        (
            &own,
            &[
                ("form", &good),
                ("phone", "+15551230001"),
                ("agree", "offers"),
                ("lang", "es"),
            ],
            403,
        ),
        (&own, &[("form", &good), ("phone", "+15551230001")], 422),
        (
            &own,
            &[
                ("form", &good),
                ("phone", "+15551230001"),
                ("agree", "none"),
            ],
            422,
        ),
        (
            &own,
            &[("form", &good), ("phone", "hello"), ("agree", "offers")],
            422,
        ),
    ];
    for (headers, fields, status) in cases {
        let answer = post_form(&gateway, "/o/acme", headers, fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        let page = html(&answer);
        if status == 200 {
            assert!(
                page.contains("value=\"+15551230001\"") && !page.contains(" checked>"),
                "{page}"
            );
        } else {
            assert!(page.contains("role=\"alert\""), "{page}");
        }
    }
    let unknown = gateway
        .admin_get(&format!("/v1/people/{DANA}?business={BUSINESS}"))
        .await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    // What was ticked stays ticked when something else is wrong.
    let fields = [
        ("form", good.as_str()),
        ("phone", "hello"),
        ("agree", "offers"),
    ];
    let page = html(&post_form(&gateway, "/o/acme", &own, &fields).await);
    assert!(
        page.contains("value=\"offers\" checked") && page.contains("aria-invalid=\"true\""),
        "{page}"
    );
    gateway.stop().await;
}

async fn it_tells_nothing_about_a_number(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let limit = ["limits", "opt_in_forms_per_hour_max"];
    let [public, private] = crate::support::ports::free();
    let mut gateway = Gateway::start_at(&home, &sim.url(), public, private, |settings| {
        super::with_forms(settings).with(&limit, 4)
    })
    .await;
    gateway.opt_in("15551230002", "all").await;
    gateway.opt_out("15551230003", "all").await;
    let seal = fresh_seal(&gateway).await;
    let mut answers = Vec::new();
    for who in ["15551230001", "15551230002", "15551230003"] {
        let fields = [("form", seal.as_str()), ("agree", "offers"), ("phone", who)];
        let answer = post_form(&gateway, "/o/acme", &[], &fields).await;
        answers.push((
            answer.status,
            answer.header("location").to_owned(),
            answer.body.clone(),
        ));
    }
    assert!(
        answers.windows(2).all(|two| two[0] == two[1]),
        "{answers:?}"
    );
    assert_eq!(answers[0].0, 303);
    assert_eq!(
        standing(&gateway, "15551230002", "marketing").await,
        "covered"
    );
    assert_eq!(
        standing(&gateway, "15551230003", "marketing").await,
        "refused"
    );
    // A business without a page is like none at all; and there is an end to trying.
    let (other, none) = (
        show(&gateway, "/o/other", &[]).await,
        show(&gateway, "/o/", &[]).await,
    );
    assert_eq!((other.status.as_u16(), none.status.as_u16()), (404, 404));
    let fields = [
        ("form", seal.as_str()),
        ("agree", "offers"),
        ("phone", DANA),
    ];
    assert_eq!(
        post_form(&gateway, "/o/acme", &[], &fields).await.status,
        303
    );
    let busy = post_form(&gateway, "/o/acme", &[], &fields).await;
    assert_eq!(
        (busy.status.as_u16(), busy.header("retry-after")),
        (429, "60")
    );
    gateway.stop().await;
}
