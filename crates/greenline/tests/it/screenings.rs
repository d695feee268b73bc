//! A list that is sent to the server comes to what the command says, through a kill too; its plan can be checked, and
//! live decisions are held against it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::later::{holding, quiet};
use crate::support::browser::browse;
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
    let _ = writeln!(list, "again;00{}", PEOPLE[2]);
    list.push_str("nobody;-\n");
    list
}

async fn sent(gateway: &Gateway, at: &str, list: &str) -> Value {
    let target = format!(
        "/v1/screenings?business={BUSINESS}&number={NUMBER}&template=spring_offer&at={at}&name=spring.csv"
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
    an_erasure_reaches_what_is_kept(&gateway, &path, &agreed).await;
}

/// Whoever is erased is in none of the files any more; counts and the plan hold as before.
async fn an_erasure_reaches_what_is_kept(gateway: &Gateway, path: &str, before: &Value) {
    let erased = PEOPLE[2];
    let folder = tempfile::tempdir().expect("a folder");
    let rows = async |sheet: &str| {
        let file = gateway.admin_get(&format!("{path}/{sheet}")).await;
        assert_eq!(file.status.as_u16(), 200, "{file:?}");
        std::fs::write(folder.path().join(format!("{sheet}.csv")), &file.body).expect("a file");
        String::from_utf8(file.body.to_vec()).expect("UTF-8")
    };
    let mut named = Vec::new();
    for sheet in SHEETS {
        named.push((
            rows(sheet).await.lines().count(),
            rows(sheet).await.contains(erased),
        ));
    }
    assert_eq!(
        named.iter().filter(|(_, named)| *named).count(),
        2,
        "{named:?}"
    );
    let target = format!("/v1/people/{erased}/erase?business={BUSINESS}");
    let answer = gateway.admin(&target, &json!({})).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    assert_eq!(answer.json()["screened_rows"], 2, "{answer:?}");
    for (sheet, (lines, _)) in SHEETS.iter().zip(&named) {
        let now = rows(sheet).await;
        assert_eq!(
            (now.lines().count(), now.contains(&erased[1..])),
            (*lines, false),
            "{sheet}"
        );
    }
    for (part, file) in [("plan", "plan.jsonl"), ("report", "report.html")] {
        let found = gateway.admin_get(&format!("{path}/{part}")).await;
        assert!(
            !found
                .body
                .windows(10)
                .any(|some| some == &erased.as_bytes()[1..])
        );
        std::fs::write(folder.path().join(file), &found.body).expect("a file");
    }
    let report = gateway.admin_get(path).await.json()["report"].clone();
    let report = format!("{report:#}\n");
    std::fs::write(folder.path().join("report.json"), report).expect("a file");
    let plan = folder.path().join("plan.jsonl");
    let plan = plan.to_str().expect("a path in UTF-8");
    let found = run(&["verify", "--json", "--plan", plan])
        .await
        .ended(0)
        .json();
    assert_eq!(found["holds"], true, "{found}");
    let agreed = gateway.admin_get(&format!("{path}/agreement")).await.json();
    let count = |told: &Value, name: &str| told["counts"][name].as_u64().expect("a count");
    assert_eq!(count(&agreed, "erased"), 1, "{agreed}");
    assert_eq!(
        count(&agreed, "not_sent") + 1,
        count(before, "not_sent"),
        "{agreed}"
    );
    assert_eq!(count(&agreed, "rows"), count(before, "rows"));
}

/// The pages of lists and of held messages, as people use them: in a browser, from the real program; and the commands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_held_messages_are_looked_after_in_a_browser() {
    let home = Store::Sqlite.home();
    let sim = platform::sample().await;
    let minutes = jiff::Timestamp::now().as_second() / 60;
    let gateway = Gateway::start(&home, &sim.url(), |settings| {
        quiet(holding(settings, "0", &["quiet_hours"]), minutes)
    })
    .await;
    for person in PEOPLE {
        gateway.opt_in(person, "marketing").await;
    }
    until("the template becomes known", async || {
        let path = format!("/v1/templates?business={BUSINESS}");
        let known = gateway.admin_get(&path).await.json().to_string();
        known.contains("spring_offer").then_some(())
    })
    .await;
    for person in &PEOPLE[..2] {
        let answer = gateway.send_template(person, "spring_offer").await;
        assert!(
            answer.header("greenline-reasons").contains("quiet_hours"),
            "{answer:?}"
        );
    }
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5)).to_string();
    let begun = sent(&gateway, &later, &list(40)).await;
    let path = format!("/v1/screenings/{}", begun["id"].as_str().expect("an id"));
    until("the list is screened", async || {
        let screening = gateway.admin_get(&path).await.json();
        (screening["state"] == "done").then_some(())
    })
    .await;
    // By the command first: the other one stays for the page.
    let config = gateway.config();
    let held = run_with(&config, &["held", "list", "--waiting", "--json"]).await;
    let held = held.ended(0).json();
    assert_eq!(held["held"].as_array().map(Vec::len), Some(2), "{held}");
    let id = held["held"][1]["id"].as_str().expect("an id").to_owned();
    for (command, state) in [
        ("show", "waiting"),
        ("cancel", "cancelled"),
        ("show", "cancelled"),
    ] {
        let said = run_with(&config, &["held", command, &id, "--json"]).await;
        assert_eq!(said.ended(0).json()["state"], state);
    }
    let said = run_with(&config, &["held", "list"]).await.ended(0).stdout;
    assert!(
        said.contains("waiting") && said.contains("cancelled"),
        "{said}"
    );
    assert!(!said.contains(PEOPLE[0]), "{said}");

    let base = format!("http://{}", gateway.private);
    let page = |name: &str| format!("{base}/{name}?business={BUSINESS}");
    let pages = json!({
        "home": page(""), "lists": page("screenings"), "held": page("held"), "token": ADMIN_KEY,
    });
    let said = browse("lists_page.mjs", &pages).await;
    assert_eq!(
        said["trouble"],
        json!([]),
        "nothing from elsewhere, nothing blocked"
    );
    for scheme in ["light", "dark"] {
        for page in ["lists", "delete", "held", "cancel"] {
            let phone = &said["phone"][scheme][page];
            assert_eq!(phone["sideways"], 0, "{scheme} {page}: it fits 320");
            assert_eq!(phone["small"], json!([]), "{scheme} {page}: it can be hit");
            assert_eq!(said["axe"][scheme][page], json!([]), "{scheme} {page}");
        }
    }
    let keyboard = &said["keyboard"];
    assert_eq!(keyboard["unseen"], json!([]), "each stop can be seen");
    let steps = keyboard["steps"].as_array().expect("steps");
    for (step, begin) in steps
        .iter()
        .zip(["", "The list was deleted", "The message was cancelled"])
    {
        assert!(
            step.as_str().is_some_and(|step| step.starts_with(begin)),
            "{keyboard}"
        );
    }
    let rest = json!([&keyboard["file"], &keyboard["lists"], &keyboard["state"]]);
    assert_eq!(rest, json!(["allowed.csv", 0, "cancelled"]), "{keyboard}");
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
