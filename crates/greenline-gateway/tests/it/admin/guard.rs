//! Who gets in, and how far.

use axum::body::Body;
use http::{StatusCode, header};

use greenline_gateway::admin::openapi;
use greenline_gateway::router;

use super::{ADMIN, AGENT, Desk, MANAGER, STRANGER, VIEWER, basic, granted, request, withdrawn};

/// Open on the private listener without a token.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// Every page, with the methods it takes.
const PAGES: [(&str, &str); 33] = [
    ("GET", "/"),
    ("GET", "/alerts"),
    ("GET", "/avenues"),
    ("GET", "/docs"),
    ("GET", "/guide"),
    ("GET", "/guide/dec_00000000000000000000"),
    ("GET", "/guide/rules/dec_00000000000000000000"),
    ("GET", "/numbers"),
    ("GET", "/numbers/dec_00000000000000000000"),
    ("POST", "/numbers/dec_00000000000000000000/probe"),
    ("GET", "/people"),
    ("POST", "/people"),
    ("POST", "/people/export"),
    ("GET", "/decisions/dec_00000000000000000000"),
    ("GET", "/decisions/dec_00000000000000000000/people/0"),
    ("POST", "/decisions/dec_00000000000000000000/people/0"),
    ("POST", "/relay/replay"),
    ("GET", "/screenings"),
    ("GET", "/screenings/dec_00000000000000000000/report"),
    ("GET", "/screenings/dec_00000000000000000000/delete"),
    ("POST", "/screenings/dec_00000000000000000000/delete"),
    ("GET", "/screenings/dec_00000000000000000000/report.html"),
    ("GET", "/held"),
    ("GET", "/held/dec_00000000000000000000/cancel"),
    ("POST", "/held/dec_00000000000000000000/cancel"),
    ("GET", "/subscriptions"),
    ("GET", "/subscriptions/dec_00000000000000000000"),
    ("POST", "/subscriptions/dec_00000000000000000000/ping"),
    ("POST", "/subscriptions/dec_00000000000000000000/state"),
    ("POST", "/subscriptions/dec_00000000000000000000/replay"),
    ("POST", "/subscriptions/dec_00000000000000000000/secret"),
    ("GET", "/subscriptions/dec_00000000000000000000/end"),
    ("POST", "/subscriptions/dec_00000000000000000000/end"),
];

/// Every route of `admin.rs`, read from its one page, with a method that it takes.
fn routes() -> Vec<(String, String)> {
    let source = include_str!("../../../src/admin.rs");
    let mut routes = Vec::new();
    for route in source.split(".route(").skip(1) {
        let (path, handlers) = route
            .trim_start()
            .strip_prefix('"')
            .and_then(|route| route.split_once('"'))
            .unwrap();
        for method in ["get", "post", "put", "delete", "patch"] {
            if handlers.contains(&format!("{method}(")) {
                routes.push((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    assert!(routes.len() > 25, "the list of routes reads: {routes:?}");
    routes
}

fn filled(path: &str) -> String {
    path.replace("{id}", "dec_00000000000000000000")
        .replace("{place}", "0")
        .replace("{part}", "report.html")
}

#[tokio::test]
async fn without_a_token_nothing_answers_but_what_is_listed_as_open() {
    let desk = Desk::new();
    let mut open: Vec<String> = OPEN.iter().map(|path| (*path).to_owned()).collect();
    open.push("/favicon.ico".to_owned());
    for (method, path) in routes() {
        let body = Body::from("business=acme&who=15551230001");
        let form = "application/x-www-form-urlencoded";
        let answer = desk
            .call(
                request(&method, &filled(&path))
                    .header(header::CONTENT_TYPE, form)
                    .body(body)
                    .unwrap(),
            )
            .await;
        if open.contains(&path) {
            assert!(
                answer.status.is_success(),
                "{method} {path} is open: {}",
                answer.status
            );
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            let challenge = if path.starts_with("/v1/") {
                "Bearer"
            } else {
                "Basic"
            };
            assert!(
                answer.header("www-authenticate").starts_with(challenge),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn every_route_is_documented_or_a_page() {
    let documented = openapi::operations();
    for (method, path) in routes() {
        let page =
            PAGES.contains(&(method.as_str(), filled(&path).as_str())) || path == "/favicon.ico";
        let itself = path == "/v1/openapi.json";
        assert!(
            page || itself || documented.contains(&(method.clone(), path.clone())),
            "{method} {path} is in no list"
        );
        // Otherwise the listener takes it for a Graph call of an app, and this router is never asked.
        assert!(path == "/" || router::is_own(&path), "{path} is not ours");
    }
}

#[tokio::test]
async fn a_wrong_token_is_as_good_as_none() {
    let desk = Desk::new();
    for token in ["", "admin", "ADMIN-TOKEN", "admin-token2"] {
        desk.get(token, "/v1/numbers?business=acme")
            .await
            .problem(401);
        assert_eq!(desk.page(token, "/").await.status, StatusCode::UNAUTHORIZED);
    }
    // The app's key opens the gateway, not this.
    desk.get("bot-key", "/v1/numbers?business=acme")
        .await
        .problem(401);
}

#[tokio::test]
async fn a_browser_can_read_but_not_be_made_to_write() {
    let desk = Desk::new();
    assert_eq!(
        desk.page(VIEWER, "/v1/numbers").await.status,
        StatusCode::OK
    );
    let write = request("POST", "/v1/consents").header(header::AUTHORIZATION, basic(ADMIN));
    desk.call(
        write
            .body(Body::from(withdrawn("15551230001", "all").to_string()))
            .unwrap(),
    )
    .await
    .problem(401);
    for (name, site) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let form = request("POST", "/relay/replay")
            .header(header::AUTHORIZATION, basic(ADMIN))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::HOST, "127.0.0.1:8081")
            .header(name, site);
        assert_eq!(
            desk.call(form.body(Body::from("business=acme")).unwrap())
                .await
                .status,
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn roles_are_steps() {
    let desk = Desk::new();
    let event = withdrawn("15551230001", "marketing").to_string();
    desk.post(VIEWER, "/v1/consents", event.clone())
        .await
        .problem(403);
    assert_eq!(
        desk.post(AGENT, "/v1/consents", event).await.status,
        StatusCode::CREATED
    );
    let file = "wa_id,scope\n15551230001,marketing\n";
    desk.post(AGENT, "/v1/imports", file).await.problem(403);
    assert_eq!(
        desk.post(MANAGER, "/v1/imports", file).await.status,
        StatusCode::ACCEPTED
    );
    desk.get(AGENT, "/v1/export/consents").await.problem(403);
    assert_eq!(
        desk.get(MANAGER, "/v1/export/consents").await.status,
        StatusCode::OK
    );
    desk.post(AGENT, "/v1/relay/replay", "").await.problem(403);
    assert_eq!(
        desk.post(MANAGER, "/v1/relay/replay", "").await.status,
        StatusCode::OK
    );
    desk.get(MANAGER, "/v1/verify").await.problem(403);
    assert_eq!(desk.get(ADMIN, "/v1/verify").await.status, StatusCode::OK);
    // An admin, but not of everything that the store holds.
    desk.get(STRANGER, "/v1/verify").await.problem(403);
}

#[tokio::test]
async fn data_of_another_is_as_if_it_did_not_exist() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    for path in [
        "/v1/people/15551230001?business=acme",
        "/v1/decisions?business=acme",
        "/v1/numbers?business=acme",
        "/v1/templates?business=acme",
        "/v1/timeline?business=acme",
        "/v1/timeline/7/proof?business=acme",
        "/v1/stops?business=acme",
        "/v1/relay?business=acme",
        "/v1/export/consents?business=acme",
        "/v1/people/15551230001?business=nobody",
    ] {
        let problem = desk.get(STRANGER, path).await.problem(404);
        assert_eq!(problem["field"], "business", "{path}");
    }
    desk.post(STRANGER, "/v1/consents", granted("15551230001").to_string())
        .await
        .problem(404);
    desk.post(
        STRANGER,
        "/v1/imports?business=acme",
        "wa_id,scope\n15551230001,marketing\n",
    )
    .await
    .problem(404);
    desk.post(STRANGER, "/v1/relay/replay?business=acme", "")
        .await
        .problem(404);
    // Of their own business they see nobody.
    desk.get(STRANGER, "/v1/people/15551230001")
        .await
        .problem(404);
    assert_eq!(
        desk.page(STRANGER, "/?business=acme").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn who_reaches_several_businesses_names_one() {
    let desk = Desk::new();
    let problem = desk.get(ADMIN, "/v1/numbers").await.problem(400);
    assert_eq!(
        (&problem["field"], &problem["allowed"]),
        (&"business".into(), &serde_json::json!(["acme", "globex"]))
    );
    assert_eq!(desk.get(VIEWER, "/v1/numbers").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_asked_wrongly_is_a_problem() {
    let desk = Desk::new();
    desk.get(ADMIN, "/v1/nothing").await.problem(404);
    desk.get(ADMIN, "/v1/consents").await.problem(405);
    desk.get(ADMIN, "/v1/decisions?business=acme&limit=many")
        .await
        .problem(400);
    assert_eq!(
        desk.get(ADMIN, "/v1/decisions?business=acme&limit=101")
            .await
            .problem(422)["field"],
        "limit"
    );
    assert_eq!(
        desk.get(ADMIN, "/v1/decisions?business=acme&before=x")
            .await
            .problem(422)["field"],
        "before"
    );
    desk.post(ADMIN, "/v1/consents", " ".repeat(65_537))
        .await
        .problem(413);
    desk.post(ADMIN, "/v1/consents", "{").await.problem(400);
    desk.post(ADMIN, "/v1/consents", "[]").await.problem(400);
}
