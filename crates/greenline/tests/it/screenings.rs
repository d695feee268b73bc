//! A list that is sent to the server comes to what the command says, through a kill too; its plan can be checked, and
//! live decisions are held against it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::command::{run, run_with};
use crate::support::gateway::Gateway;
use crate::support::http::{self, Answer};
use crate::support::platform;
use crate::support::settings::{ADMIN_KEY, BUSINESS, NUMBER};
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_list_sent_to_the_server_comes_to_what_the_command_says,
}

/// They opted in; the first gets it, the second stops before, the third gets nothing.
const PEOPLE: [&str; 3] = ["15550300001", "15550300002", "15550300003"];
const SHEETS: [&str; 5] = ["allowed", "held", "refused", "duplicates", "unreadable"];
/// Longest wait for a list to be screened, on a machine that is busy.
const SCREENED_WITHIN: Duration = Duration::from_secs(120);

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(SCREENED_WITHIN, looking).await;
    found.unwrap_or_else(|_| panic!("{what}: not in time"))
}

fn list(rows: u64) -> String {
    let mut list = "Name;Mobile\n".to_owned();
    for person in PEOPLE {
        let _ = writeln!(list, "\"Yes; please\";+{person}");
    }
    for row in 0..rows {
        let _ = writeln!(list, "somebody;1555031{:04}", row % 9_000);
    }
    list.push_str("nobody;-\n");
    list
}

async fn sent(gateway: &Gateway, at: &str, list: &str) -> Value {
    let target = format!(
        "/v1/screenings?business={BUSINESS}&number={NUMBER}&template=spring_offer&at={at}&name=list.csv"
    );
    let bearer = format!("Bearer {ADMIN_KEY}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "spring"),
    ];
    let answer = http::call(
        gateway.private,
        Method::POST,
        &target,
        &headers,
        list.to_owned(),
    );
    let answer: Answer = answer.await.expect("an answer");
    assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
    answer.json()
}

fn counts(value: &Value, names: [&str; 3]) -> [u64; 3] {
    names.map(|name| value["counts"][name].as_u64().expect("a count"))
}

async fn a_list_sent_to_the_server_comes_to_what_the_command_says(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    for person in PEOPLE {
        gateway.opt_in(person, "marketing").await;
    }
    until("the template becomes known", async || {
        let path = format!("/v1/templates?business={BUSINESS}");
        let known = gateway.admin_get(&path).await.json().to_string();
        known.contains("spring_offer").then_some(())
    })
    .await;
    // Questions to a database take longer.
    let text = list(match store {
        Store::Sqlite => 30_000,
        Store::Postgres => 3_000,
    });
    let path = home.path().join("list.csv");
    std::fs::write(&path, &text).expect("a folder that can be written");
    let list = path.to_str().expect("a path in UTF-8");
    let at = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1)).to_string();

    let begun = sent(&gateway, &at, &text).await;
    gateway.kill().await;
    gateway.run_again().await;
    let path = format!("/v1/screenings/{}", begun["id"].as_str().expect("an id"));
    let done = until("the list is screened", async || {
        let screening = gateway.admin_get(&path).await.json();
        (!screening["ended_at"].is_null()).then_some(screening)
    })
    .await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(sent(&gateway, &at, &text).await["id"], begun["id"]);

    let folder = home.path().join("out");
    let out = folder.to_str().expect("a path in UTF-8");
    let usual = ["screen", list, "--template", "spring_offer", "--json"];
    let more = ["--at", &at, "--out", out, "--plan"];
    let ran = run_with(&gateway.config(), &[&usual[..], &more].concat()).await;
    let report = ran.ended(0).json();
    assert_eq!(report["counts"], done["counts"]);
    assert_eq!(report["counts"]["rows"], text.lines().count() as u64 - 1);
    for sheet in SHEETS {
        let here = std::fs::read(folder.join(format!("{sheet}.csv"))).expect("a file");
        let there = gateway.admin_get(&format!("{path}/{sheet}")).await;
        assert!(here == there.body, "{sheet}");
    }
    plan_holds(&gateway, &folder, list).await;

    let answer = gateway.send_template(PEOPLE[0], "spring_offer").await;
    assert!(answer.status.is_success(), "{answer:?}");
    gateway.opt_out(PEOPLE[1], "marketing").await;
    let answer = gateway.send_template(PEOPLE[1], "spring_offer").await;
    assert_eq!(answer.code(), Some(131_050), "{answer:?}");
    let page = home.path().join("agreed.html");
    let page = page.to_str().expect("a path in UTF-8");
    let agreed = ["screen", "agreed", out, "--json", "--report", page];
    let agreed = run_with(&gateway.config(), &agreed).await.ended(1).json();
    let there = gateway.admin_get(&format!("{path}/agreement")).await.json();
    let names = ["agreed", "differed", "not_sent"];
    for told in [&agreed, &there] {
        let [agreed, differed, not_sent] = counts(told, names);
        assert_eq!((agreed, differed), (1, 1), "{told}");
        let [rows, duplicates, unreadable] = counts(told, ["rows", "duplicates", "unreadable"]);
        assert_eq!(2 + not_sent + duplicates + unreadable, rows, "{told}");
        assert_eq!(told["differences"][0]["cause"], "stopped_since", "{told}");
    }
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains("The person has said no since.") && !page.contains(PEOPLE[1]));
}

/// A plan is checked without configuration or store, against a key that was kept, and a changed file is named.
async fn plan_holds(gateway: &Gateway, folder: &Path, list: &str) {
    let head = gateway.admin_get(&format!("/v1/log/{BUSINESS}/head")).await;
    let key = folder.with_file_name("head.json");
    std::fs::write(&key, &head.body).expect("a folder that can be written");
    let plan = folder.join("plan.jsonl");
    let [plan, key] = [&plan, &key].map(|path| path.to_str().expect("a path in UTF-8"));
    let verify = [
        "verify", "--json", "--plan", plan, "--list", list, "--key", key,
    ];
    let found = run(&verify).await.ended(0).json();
    assert_eq!(
        (&found["holds"], &found["not_shown"]),
        (&true.into(), &json!([]))
    );
    let said = run(&["verify", "--plan", plan]).await.ended(0).stdout;
    assert!(
        said.contains("whose key it is") && said.contains("hold"),
        "{said}"
    );
    let held = folder.join("held.csv");
    let whole = std::fs::read(&held).expect("a file");
    std::fs::write(&held, [&whole[..], b"\n"].concat()).expect("a file");
    let found = run(&verify).await.ended(1).json();
    assert!(
        found["problems"].to_string().contains("held.csv"),
        "{found}"
    );
    std::fs::write(&held, whole).expect("a file");
}
