//! Erasing a person from the outside: nothing held tells of them any more, and their no holds.

use serde_json::{Value, json};

use crate::support::command::{Ran, run_with};
use crate::support::gateway::{Gateway, yes};
use crate::support::store::{Home, Store, on_each_store};
use crate::support::{platform, webhook};

on_each_store! {
    someone_erased_leaves_no_trace_and_stays_refused_until_they_act_anew,
    an_erasure_is_meant_and_needs_someone_to_erase,
}

const DANA: &str = "15551230001";
const LEE: &str = "15551230002";

/// Everything of the store that holds one of these texts.
fn traces(store: Store, home: &Home, gateway: &Gateway, texts: &[&str]) -> Vec<String> {
    if store == Store::Sqlite {
        let connection = rusqlite::Connection::open(gateway.store()).expect("the store");
        connection.execute_batch("VACUUM").expect("room");
        drop(connection);
        let bytes = std::fs::read(gateway.store()).expect("the store");
        let holds = |text: &&&str| bytes.windows(text.len()).any(|at| at == text.as_bytes());
        return texts
            .iter()
            .filter(holds)
            .map(|text| (*text).to_owned())
            .collect();
    }
    let database = home.database();
    let tables = database
        .sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'");
    let mut found = Vec::new();
    for table in tables.lines().filter(|table| !table.is_empty()) {
        for text in texts {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let count = database.sql(&format!(
                "SELECT count(*) FROM {table} t WHERE t::text LIKE '%{text}%' OR t::text LIKE '%{hex}%'"
            ));
            if count.trim() != "0" {
                found.push(format!("{table}: {text}"));
            }
        }
    }
    found
}

async fn command(gateway: &Gateway, args: &[&str]) -> Ran {
    run_with(&gateway.config(), args).await
}

async fn is_clean(gateway: &Gateway) {
    let found = command(gateway, &["verify", "--json"]).await;
    assert_eq!(found.code, Some(0), "{found:?}");
}

async fn someone_erased_leaves_no_trace_and_stays_refused_until_they_act_anew(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    for who in [DANA, LEE] {
        gateway.opt_in(who, "marketing").await;
    }
    let sent = gateway.send_template(DANA, "spring_offer").await;
    let message_id = sent.message_id().expect("it went");
    let wrote = webhook::text(DANA, "good morning");
    assert_eq!(gateway.webhook(&wrote).await.status.as_u16(), 200);
    gateway.opt_out(DANA, "marketing").await;
    let refused = gateway.send_template(DANA, "spring_offer").await;
    assert_eq!(refused.code(), Some(131_050));
    is_clean(&gateway).await;
    let before_s = webhook::now_s() - 3_600;

    let erase = [
        "consent",
        "erase",
        DANA,
        "--yes",
        "--json",
        "--reason",
        "ticket 17",
    ];
    let erased = command(&gateway, &erase).await.ended(0).json();
    assert_eq!(erased["identifiers"], 1, "{erased}");
    assert_eq!(erased["decisions"], 2, "{erased}");
    assert_eq!(erased["deliveries"], 1, "{erased}");
    is_clean(&gateway).await;
    gateway.stop().await;
    let left = traces(store, &home, &gateway, &[DANA, &message_id, "good morning"]);
    assert_eq!(left, Vec::<String>::new());
    assert!(!gateway.log_text().contains(DANA));

    gateway.run_again().await;
    let still_refused = async |why: &str| {
        let answer = gateway.send_template(DANA, "spring_offer").await;
        assert_eq!(answer.code(), Some(131_050), "{why}: {}", answer.json());
    };
    still_refused("after the erasure").await;
    let mut old = yes(DANA, "marketing");
    old["occurred_at"] = Value::from(rfc3339(before_s));
    assert_eq!(
        gateway.admin("/v1/consents", &old).await.status.as_u16(),
        201
    );
    still_refused("an old yes again").await;
    let bulk = json!({ "consents": [yes(DANA, "marketing")] });
    assert_eq!(
        gateway.admin("/v1/consents", &bulk).await.status.as_u16(),
        200
    );
    still_refused("a list").await;
    assert_eq!(gateway.webhook(&wrote).await.status.as_u16(), 200);
    still_refused("an old delivery again").await;
    assert!(
        gateway
            .send_template(LEE, "spring_offer")
            .await
            .message_id()
            .is_some()
    );

    gateway.opt_in(DANA, "marketing").await;
    let answer = gateway.send_template(DANA, "spring_offer").await;
    assert!(answer.message_id().is_some(), "{}", answer.json());
    is_clean(&gateway).await;
    sim.stop().await;
}

fn rfc3339(at_s: u64) -> String {
    let at = jiff::Timestamp::from_second(i64::try_from(at_s).expect("a time"));
    at.expect("a time").to_string()
}

async fn an_erasure_is_meant_and_needs_someone_to_erase(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    command(&gateway, &["consent", "erase", DANA])
        .await
        .ended(2);
    command(&gateway, &["consent", "erase", LEE, "--yes"])
        .await
        .ended(1);
    let named = [
        "consent",
        "erase",
        DANA,
        "--yes",
        "--reason",
        "+1 555 123 0001 asked",
    ];
    command(&gateway, &named).await.ended(2);
    assert!(
        gateway
            .send_template(DANA, "spring_offer")
            .await
            .message_id()
            .is_some()
    );
    let said = command(&gateway, &["consent", "erase", DANA, "--yes"])
        .await
        .ended(0);
    assert!(said.stdout.contains("Every no stays in force"), "{said:?}");
    let answer = gateway.send_template(DANA, "spring_offer").await;
    assert_eq!(answer.code(), Some(131_050), "{}", answer.json());
    sim.stop().await;
}
