//! The API's description, and the documents made from sources.

use greenline_gateway::admin::openapi;
use greenline_gateway::config;

use super::{ADMIN, Desk, VIEWER};

#[test]
fn the_openapi_document_is_as_reviewed() {
    insta::assert_snapshot!(
        "openapi",
        serde_json::to_string_pretty(&openapi::document()).unwrap()
    );
}

#[tokio::test]
async fn it_is_served_and_readable() {
    let desk = Desk::new();
    assert_eq!(
        desk.get(VIEWER, "/v1/openapi.json").await.json(),
        openapi::document()
    );
    let docs = desk.page(ADMIN, "/docs").await;
    assert_eq!(docs.status, 200);
    for (method, path) in openapi::operations() {
        assert!(
            docs.text.contains(&format!("{method} {path}")),
            "{method} {path}"
        );
    }
    // What a problem's `type` links to is there.
    let problem = desk.get(ADMIN, "/v1/nothing").await.problem(404);
    let anchor = problem["type"]
        .as_str()
        .unwrap()
        .split('#')
        .nth(1)
        .unwrap()
        .to_owned();
    assert!(docs.text.contains(&format!("id=\"{anchor}\"")));
}

/// `docs/reference/config.md` is the defaults file, under a heading.
#[test]
fn the_configuration_reference_is_up_to_date() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/config.md"
    );
    let wanted = format!(
        "# Configuration\n\nThis is the embedded defaults file, word for word: your own file is laid over it, environment variables over both.\n\n```toml\n{}\n```\n",
        config::DEFAULTS.trim_end()
    );
    let found = std::fs::read_to_string(path).unwrap_or_default();
    if found != wanted {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/config.md");
        std::fs::write(fresh, wanted).unwrap();
        panic!("docs/reference/config.md is out of date: copy {fresh} over it");
    }
}
