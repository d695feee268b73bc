//! What the page shows, to whom, and with which headers; looking changes nothing.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::json;

use super::{ANN, Door, MINUTE};

#[tokio::test]
async fn looking_changes_nothing_however_often_and_however_it_is_done() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let before = door.person(ANN).await;
    let form = door.open(&token).await.form();
    for place in [
        token.clone(),
        format!("{token}?off=all&form={form}"),
        format!("{token}?List-Unsubscribe=One-Click"),
        format!("{token}?undo=x&done=y&lang=zz"),
    ] {
        assert_eq!(door.open(&place).await.status, StatusCode::OK, "{place}");
    }
    for method in ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = Request::builder().method(method).uri(format!("/p/{token}"));
        let answer = door.ask(request.body(Body::from("off=all")).unwrap()).await;
        let fine = if method == "HEAD" { 200 } else { 405 };
        assert_eq!(answer.status.as_u16(), fine, "{method}");
    }
    assert_eq!(door.person(ANN).await, before);
}

#[tokio::test]
async fn the_page_is_private_and_self_contained() {
    let door = Door::new();
    let token = door.link(ANN).await;
    for place in [token.as_str(), "none"] {
        let page = door.open(place).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex, nofollow"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("content-language", "en"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page.header(name), value, "{place}: {name}");
        }
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("script-src"),
            "{policy}"
        );
        assert!(
            page.text
                .contains("<meta name=\"robots\" content=\"noindex, nofollow\">")
        );
        assert!(
            !page.text.contains("<script") && !page.text.contains(" style="),
            "{place}"
        );
        assert_eq!(page.headers.get("set-cookie"), None);
    }
    let page = door.open(&token).await;
    assert!(page.text.contains("+155•••01") && !page.text.contains(ANN));
    assert!(page.text.contains("Weekly offers") && page.text.contains("Delivery"));
    assert!(page.text.contains("href=\"https://acme.example/privacy\""));
    assert!(page.text.contains("#c2255c"), "the business's colour");
}

#[tokio::test]
async fn it_speaks_the_persons_language() {
    let door = Door::new();
    let token = door.link(ANN).await;
    let page = door.open_in(&token, "ar-EG,en;q=0.5").await;
    assert!(page.text.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert_eq!(page.header("content-language"), "ar");
    let page = door.open_in(&format!("{token}?lang=he"), "ar").await;
    assert!(
        page.text.contains("<html lang=\"he\" dir=\"rtl\">"),
        "what was chosen goes first"
    );
    let page = door.open_in(&format!("{token}?lang=tlh"), "tlh").await;
    assert!(page.text.contains("<html lang=\"en\""));
    let german = door.link_of("globex", ANN).await;
    let page = door.open_in(&german, "tlh").await;
    assert!(
        page.text.contains("<html lang=\"de\""),
        "the business's own"
    );
    // The choice stays when something is pressed.
    let page = door.open_in(&format!("{token}?lang=ur"), "en").await;
    let form = page.form();
    assert_eq!(page.field("lang").as_deref(), Some("ur"));
    let done = door
        .press(
            &token,
            &[("form", &form), ("off", "marketing"), ("lang", "ur")],
        )
        .await;
    assert!(done.header("location").contains("&lang=ur"));
    assert!(door.follow(&done).await.text.contains("dir=\"rtl\""));
}

#[tokio::test]
async fn it_says_how_each_kind_stands() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let stop = json!({"business": "acme", "person": {"wa_id": ANN}, "scope": "utility", "event": "withdrawn"});
    door.admin("POST", "/v1/consents", stop).await;
    let token = door.link(ANN).await;
    let page = door.open(&token).await;
    assert_eq!(
        page.pressable(),
        [
            "marketing",
            "marketing.offers",
            "authentication",
            "calls",
            "all"
        ]
    );
    let state = |scope: &str| {
        let (_, rest) = page.text.split_once(&format!("id=\"s-{scope}\">")).unwrap();
        rest.split('<')
            .next()
            .unwrap()
            .replace(['\u{2060}', '\u{2068}', '\u{2069}'], "")
    };
    assert_eq!(state("marketing"), "On since 2026-11-24");
    assert_eq!(state("utility"), "Off since 2026-11-25");
    assert_eq!(state("utility.delivery"), "Off since 2026-11-25");
    assert_eq!(state("calls"), "You have not signed up");
    let native = json!({"business": "acme", "person": {"wa_id": ANN}, "scope": "marketing", "event": "native_stopped"});
    door.admin("POST", "/v1/consents", native).await;
    assert!(door.open(&token).await.text.contains("in WhatsApp itself"));
}

#[tokio::test]
async fn it_can_be_asked_for_only_so_often() {
    let door = Door::new();
    let token = door.link(ANN).await;
    let form = door.open(&token).await.form();
    for _ in 1..40 {
        assert_eq!(door.open(&token).await.status, StatusCode::OK);
    }
    let page = door.open(&token).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!page.header("retry-after").is_empty());
    // A stop is never too much.
    let done = door.press(&token, &[("form", &form), ("off", "all")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(door.standing(ANN, "all").await, "refused");
    door.later(MINUTE);
    assert_eq!(door.open(&token).await.status, StatusCode::OK);
    // Guessing is told apart from knowing, though both come from one address.
    for _ in 0..60 {
        assert_eq!(door.open("guess").await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        door.open("guess").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(door.open(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_a_proxy_that_is_there_says_who_asks() {
    let ip = async |door: &Door| {
        let token = door.link(ANN).await;
        let form = door.open(&token).await.form();
        let request = Request::post(format!("/p/{token}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-forwarded-for", "198.51.100.1, 203.0.113.9")
            .extension(greenline_gateway::preferences::Peer(
                "192.0.2.7".parse().unwrap(),
            ))
            .body(Body::from(format!("form={form}&off=marketing")));
        door.ask(request.unwrap()).await;
        door.events(ANN).await[0]["evidence"]["ip"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(ip(&Door::new()).await.as_deref(), Some("192.0.2.7"));
    let door = Door::configured(|config| config.listen.public_proxies = 1);
    assert_eq!(ip(&door).await.as_deref(), Some("203.0.113.9"));
}
