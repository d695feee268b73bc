//! Ways out that close and open are told once, however many nodes look, and once for each time.

mod told;

use std::path::Path;

use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::{avenues, config, serve};
use greenline_ledger::Ledger;
use greenline_ledger::notice::Notice;
use greenline_ledger::subscription::{Subscription, Takes};
use greenline_ledger::types::{BusinessIx, Effect, Lane, Relay, RelayDone, RelayResult};
use greenline_policy::identity::Identifier;
use tempfile::TempDir;

/// 25 November 2026, 14:03:07.500 UTC.
const NOW_MS: i64 = 1_795_615_387_500;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const ACME: BusinessIx = BusinessIx(0);
const NUMBER: &str = "106540352242922";

const CONFIG: &str = r#"
[upstream]
url = "http://127.0.0.1:9"
[[business]]
id = "acme"
name = "Acme"
app_secret = "app-secret"
access_token = "platform-token"
[[business.number]]
phone_number_id = "106540352242922"
waba_id = "102290129340398"
"#;

/// A node on a ledger.
fn node(folder: &Path, ledger: &Ledger, clock: &Clock) -> Shared {
    let text = format!(
        "[store]\nurl = \"sqlite:{}\"\n{CONFIG}",
        folder.join("a.db").display()
    );
    let config = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
    serve::build(config, ledger.clone(), clock.clone()).unwrap()
}

/// Both nodes look at once.
async fn look(nodes: &[Shared; 2]) {
    let one = |app: &Shared| {
        let app = app.clone();
        async move {
            let business = app.directory.business(ACME);
            avenues::watch_one(&app, business, &mut None).await
        }
    };
    let (first, second) = tokio::join!(one(&nodes[0]), one(&nodes[1]));
    first.unwrap();
    second.unwrap();
}

/// What a subscriber is to be told since it was last asked.
async fn told(ledger: &Ledger, clock: &Clock) -> Vec<(String, bool)> {
    let due = ledger.relay_due(clock.now_ms(), Lane::Event, 100).await;
    let notice = |relay: &Relay| match Notice::decode(&relay.body).unwrap() {
        Notice::Avenue { avenue, open, .. } => (avenue.to_string(), open),
        other => panic!("{other:?}"),
    };
    let due = due.unwrap();
    let done = due.iter().map(|relay| RelayDone {
        inbox_seq: relay.inbox_seq,
        app: relay.app.clone(),
        business: relay.business,
        result: RelayResult::Delivered,
    });
    ledger.relay_done(done.collect()).await.unwrap();
    due.iter().map(notice).collect()
}

fn wrote(at_ms: i64) -> Effect {
    Effect::Wrote {
        person: std::iter::once(Identifier::parse("15551230001").unwrap()).collect(),
        number: NUMBER.into(),
        at_ms,
        message_id: format!("wamid.{at_ms}").into(),
        free_until_ms: None,
    }
}

#[tokio::test]
async fn a_way_out_that_closes_is_told_once_by_many_nodes_and_again_the_next_time() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::fixed(NOW_MS);
    let text = format!(
        "[store]\nurl = \"sqlite:{}\"\n{CONFIG}",
        folder.path().join("a.db").display()
    );
    let config = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
    let ledger = Ledger::open_sqlite(&folder.path().join("a.db"), serve::setup(&config)).unwrap();
    let nodes = [
        node(folder.path(), &ledger, &clock),
        node(folder.path(), &ledger, &clock),
    ];
    let record = serde_json::json!({
        "wish": { "url": "https://crm.example/", "types": [], "imports": true, "made": "api", "state": "active" },
        "made_ms": 0, "made_by": "ada",
    });
    let subscribed = ledger.put_subscription(Subscription {
        business: ACME,
        id: "sub_crm".into(),
        version: 0,
        takes: Takes {
            active: true,
            consents: false,
            imports: false,
        },
        body: record.to_string().into(),
    });
    assert!(subscribed.await.unwrap());

    ledger.learn(ACME, vec![wrote(NOW_MS)]).await.unwrap();
    look(&nodes).await;
    assert_eq!(told(&ledger, &clock).await, [], "the first look is no news");
    look(&nodes).await;
    assert_eq!(told(&ledger, &clock).await, [], "nothing changed");

    // Nobody writes for eight days.
    clock.set(NOW_MS + 8 * DAY_MS);
    look(&nodes).await;
    let closed = told(&ledger, &clock).await;
    assert_eq!(closed, [("reply_word".to_owned(), false)]);
    look(&nodes).await;
    assert_eq!(told(&ledger, &clock).await, []);

    // A node that starts anew knows what was told.
    let nodes = [
        node(folder.path(), &ledger, &clock),
        node(folder.path(), &ledger, &clock),
    ];
    ledger
        .learn(ACME, vec![wrote(NOW_MS + 8 * DAY_MS)])
        .await
        .unwrap();
    look(&nodes).await;
    assert_eq!(
        told(&ledger, &clock).await,
        [("reply_word".to_owned(), true)]
    );
    clock.set(NOW_MS + 16 * DAY_MS);
    look(&nodes).await;
    assert_eq!(
        told(&ledger, &clock).await,
        [("reply_word".to_owned(), false)]
    );
}
