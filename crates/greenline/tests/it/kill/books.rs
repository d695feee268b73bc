//! What is on disk at the end, as the admin API tells it.

use std::collections::HashMap;

use serde_json::Value;

use crate::support::gateway::Gateway;

/// Rows of one page.
const PAGE: usize = 1_000;
/// Pages at most.
const PAGES_MAX: usize = 1_000;

/// Every decision and every consent event, by id.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) decisions: HashMap<String, Value>,
    pub(super) events: HashMap<String, Value>,
}

/// Reads all of them.
pub(super) async fn read(gateway: &Gateway) -> Books {
    let mut books = Books::default();
    let mut before = String::new();
    for _ in 0..PAGES_MAX {
        let target = format!("/v1/decisions?limit={PAGE}{before}");
        let page = gateway.admin_get(&target).await.json();
        let decisions = page["decisions"].as_array().expect("a list");
        books.decisions.extend(decisions.iter().map(by_id));
        match page["before"].as_str() {
            Some(id) => before = format!("&before={id}"),
            None => break,
        }
    }
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let target = format!("/v1/export/consents?limit={PAGE}{after}");
        let page = gateway.admin_get(&target).await;
        for line in page
            .body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let event: Value = serde_json::from_slice(line).expect("a JSON line");
            books.events.extend([by_id(&event)]);
        }
        match page.header("greenline-next") {
            "" => break,
            id => after = format!("&after={id}"),
        }
    }
    books
}

fn by_id(row: &Value) -> (String, Value) {
    (row["id"].as_str().expect("an id").to_owned(), row.clone())
}
