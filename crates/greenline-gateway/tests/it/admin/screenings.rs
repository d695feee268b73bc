//! Lists that are sent to be screened, the plans that come of them, and how live decisions agreed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use greenline_gateway::screen::plan;
use greenline_gateway::{retention, sealer};
use greenline_proof::{Plan, SigningKey};
use http::{StatusCode, header};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::{
    ADMIN, AGENT, Answer, Desk, MANAGER, NOW_MS, STRANGER, VIEWER, bearer, granted, request,
    withdrawn,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const PARTS: [&str; 6] = [
    "allowed",
    "held",
    "refused",
    "duplicates",
    "unreadable",
    "plan",
];
const LIST: &str = "phone\n15551230001\n15551230002\n15551230003\n+1 555 123 0001\nnobody\n";
const USUAL: &str = "business=acme&template=spring_offer&language=en";

fn path_of(screening: &Value) -> String {
    format!("/v1/screenings/{}", screening["id"].as_str().unwrap())
}

/// Sends a list; what it was answered.
async fn sent(desk: &Desk, query: &str, key: Option<&str>, list: impl Into<Body>) -> Answer {
    let mut asked = request("POST", &format!("/v1/screenings?{query}"))
        .header(header::AUTHORIZATION, bearer(MANAGER));
    if let Some(key) = key {
        asked = asked.header("idempotency-key", key);
    }
    desk.call(asked.body(list.into()).unwrap()).await
}

/// Waits until a screening is over.
async fn over(desk: &Desk, begun: &Value) -> Value {
    let path = path_of(begun);
    let waiting = async {
        loop {
            let screening = desk.get(MANAGER, &path).await.json();
            if !screening["ended_at"].is_null() && screening["running"] == false {
                return screening;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("a screening ends")
}

async fn screened(desk: &Desk, query: &str, list: &'static str) -> Value {
    let begun = sent(desk, query, None, list).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    over(desk, &begun.json()).await
}

/// Waits until the list is thrown away: it goes once it is written down that the screening is over.
async fn without_list(place: &Path) {
    let waiting = async {
        while place.join("list").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("nothing needs the list any more");
}

async fn part(desk: &Desk, screening: &Value, name: &str) -> Answer {
    desk.get(MANAGER, &format!("{}/{name}", path_of(screening)))
        .await
}

fn folder(desk: &Desk) -> PathBuf {
    PathBuf::from(&desk.app.config.screenings.folder)
}

fn kept(desk: &Desk) -> Vec<String> {
    let entries = fs::read_dir(folder(desk)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn results(desk: &Desk, screening: &Value) -> PathBuf {
    folder(desk)
        .join(screening["id"].as_str().unwrap())
        .join("results")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_screened_and_what_came_of_it_can_be_had_until_it_is_thrown_away() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    desk.record(withdrawn("15551230002", "marketing")).await;
    let begun = sent(&desk, &format!("{USUAL}&name=may.csv"), None, LIST).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    assert_eq!(begun.header("location"), path_of(&begun.json()));
    let done = over(&desk, &begun.json()).await;
    assert_eq!(
        (&done["state"], &done["actor"], &done["name"]),
        (&"done".into(), &"max".into(), &"may.csv".into()),
        "{done}"
    );
    let counts = serde_json::json!({
        "rows": 5, "allowed": 1, "held": 0, "refused": 2, "duplicates": 1, "unreadable": 1,
    });
    assert_eq!(
        (&done["counts"], &done["report"]["counts"]),
        (&counts, &counts)
    );
    let report = &done["report"];
    assert_eq!(
        (&report["list"], &report["id"]),
        (&"may.csv".into(), &done["id"])
    );
    assert!(report["folder"].is_null(), "{report}");
    for (name, rows) in PARTS.into_iter().zip([1, 0, 2, 1, 1, 1]) {
        let file = part(&desk, &done, name).await;
        assert_eq!(file.status, StatusCode::OK, "{}", file.text);
        assert_eq!(file.text.lines().count(), rows + 1, "{name}: {}", file.text);
        assert!(
            file.header("content-disposition")
                .starts_with("attachment; filename=")
        );
    }
    assert!(
        part(&desk, &done, "allowed")
            .await
            .text
            .contains(",15551230001,consent.covered")
    );
    let page = part(&desk, &done, "report").await;
    assert!(
        page.text.contains("What may be sent to may.csv"),
        "{}",
        page.text
    );
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    part(&desk, &done, "everything").await.problem(404);
    // The list lies there no longer.
    let place = folder(&desk).join(done["id"].as_str().unwrap());
    without_list(&place).await;
    assert!(place.join("results").exists());
    let metrics = desk.get(ADMIN, "/metrics").await.text;
    assert!(
        metrics.contains("greenline_screenings_done_total 1\n"),
        "{metrics}"
    );

    let list = desk.get(MANAGER, "/v1/screenings").await.json();
    assert_eq!(list["screenings"][0]["id"], done["id"]);
    let of = |token| desk.get(token, "/v1/screenings");
    assert_eq!(
        of(STRANGER).await.json()["screenings"],
        serde_json::json!([])
    );
    for token in [VIEWER, AGENT] {
        of(token).await.problem(403);
        desk.get(token, &path_of(&done)).await.problem(403);
        let path = format!("{}/allowed", path_of(&done));
        desk.get(token, &path).await.problem(403);
        let path = format!("/v1/screenings?{USUAL}");
        desk.post(token, &path, LIST).await.problem(403);
    }
    for path in ["", "/allowed", "/report", "/agreement"] {
        let path = format!("{}{path}", path_of(&done));
        desk.get(STRANGER, &path).await.problem(404);
    }
    let thrown = async |token| {
        let asked = request("DELETE", &path_of(&done));
        let asked = asked.header(header::AUTHORIZATION, bearer(token));
        desk.call(asked.body(Body::empty()).unwrap()).await
    };
    thrown(STRANGER).await.problem(404);
    thrown(AGENT).await.problem(403);
    assert_eq!(thrown(MANAGER).await.status, StatusCode::NO_CONTENT);
    thrown(MANAGER).await.problem(404);
    assert_eq!(kept(&desk), Vec::<String>::new());
    for path in ["", "/allowed", "/report", "/agreement"] {
        let path = format!("{}{path}", path_of(&done));
        desk.get(MANAGER, &path).await.problem(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_list_with_the_same_key_is_screened_once() {
    let desk = Desk::new();
    let first = sent(&desk, USUAL, Some("may"), LIST).await.json();
    over(&desk, &first).await;
    let again = sent(&desk, USUAL, Some("may"), LIST).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(
        (&again.json()["id"], &again.json()["state"]),
        (&first["id"], &"done".into())
    );
    for (query, key, list) in [
        (USUAL.to_owned(), Some("may"), "phone\n15551230009\n"),
        (format!("{USUAL}&column=phone"), Some("may"), LIST),
        (USUAL.to_owned(), Some("june"), LIST),
        (USUAL.to_owned(), None, LIST),
    ] {
        let other = sent(&desk, &query, key, list).await.json();
        assert_ne!(other["id"], first["id"], "{query} {key:?}");
        over(&desk, &other).await;
    }
    assert_eq!(kept(&desk).len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_screened_is_said() {
    let desk = Desk::with(&|config| {
        config.screenings.bytes_max = 100;
        config.screenings.rows_max = 5;
    });
    for (query, field) in [
        ("business=acme&template=", "template"),
        ("business=acme&template=t&number=5", "number"),
        ("business=acme&template=t&delimiter=ab", "delimiter"),
        ("business=acme&template=t&at=tomorrow", "at"),
        ("business=acme&template=t&country=Spain", "country"),
        (
            "business=acme&template=t&at=2026-12-02T00:00:00Z&until=2026-12-01T00:00:00Z",
            "until",
        ),
    ] {
        let problem = sent(&desk, query, None, LIST).await.problem(422);
        assert_eq!(problem["field"], field, "{problem}");
    }
    sent(&desk, "business=acme", None, LIST).await.problem(400);
    sent(&desk, "business=globex&template=t", None, LIST)
        .await
        .problem(404);
    let large = "1".repeat(101);
    let problem = sent(&desk, USUAL, None, large).await.problem(413);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("screenings.bytes_max")
    );
    assert_eq!(kept(&desk), Vec::<String>::new());

    let unknown = "business=acme&template=spring_offer";
    for (query, list, why) in [
        (unknown, LIST, "does not name a template `spring_offer`"),
        (USUAL, "", "is empty"),
        (USUAL, "name,note\nA,B\n", "`--column`"),
        (USUAL, "phone\n1\n2\n3\n4\n5\n6\n", "screenings.rows_max"),
    ] {
        let failed = screened(&desk, query, list).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        let problem = failed["problem"].as_str().unwrap();
        assert!(problem.contains(why), "{problem}");
        for name in PARTS.into_iter().chain(["report", "agreement"]) {
            part(&desk, &failed, name).await.problem(409);
        }
        let place = folder(&desk).join(failed["id"].as_str().unwrap());
        without_list(&place).await;
        let left = fs::read_dir(place).unwrap().count();
        assert_eq!(left, 3, "what is known of it and its two locks");
    }
    let metrics = desk.get(ADMIN, "/metrics").await.text;
    assert!(
        metrics.contains("greenline_screenings_failed_total 4\n"),
        "{metrics}"
    );
    desk.app.clock.set(NOW_MS + 7 * DAY_MS + 1);
    let (_stop, going) = watch::channel(false);
    let pruned = retention::prune_screenings(&desk.app, &going).await;
    assert_eq!((pruned.unwrap(), kept(&desk)), (4, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_wait_than_may() {
    let desk = std::sync::Arc::new(Desk::with(&|config| config.screenings.waiting_max = 1));
    let (to, from) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let slow = Body::from_stream(futures_util::stream::unfold(from, async |mut from| {
        from.recv().await.map(|part| (part, from))
    }));
    let first = {
        let desk = std::sync::Arc::clone(&desk);
        tokio::spawn(async move { sent(&desk, USUAL, None, slow).await })
    };
    let waiting = async {
        while kept(&desk).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let begun = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    begun.expect("the first is being received");
    let refused = sent(&desk, USUAL, None, LIST).await;
    assert!(!refused.header("retry-after").is_empty());
    let problem = refused.problem(503);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("screenings.waiting_max")
    );
    to.send(Ok(LIST.into())).await.unwrap();
    drop(to);
    let done = over(&desk, &first.await.unwrap().json()).await;
    assert_eq!(done["state"], "done", "{done}");
}

/// Everything that can be done to one file of a folder.
fn changed(path: &Path, change: usize) {
    let mut bytes = fs::read(path).unwrap();
    match change {
        0 => *bytes.last_mut().unwrap() ^= 1,
        1 => bytes.push(b'\n'),
        2 => {
            bytes.pop();
        }
        _ => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_checked_and_whatever_is_changed_is_found() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    desk.record(withdrawn("15551230002", "marketing")).await;
    let done = screened(&desk, USUAL, LIST).await;
    let folder = results(&desk, &done);
    let list = folder.with_file_name("again");
    fs::write(&list, LIST).unwrap();
    let path = plan::in_folder(&folder);
    let checked = plan::check(&path, Some(&list)).unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
    let told = checked.signed.plan;
    assert_eq!(
        (told.id.as_str(), told.business.as_str()),
        (done["id"].as_str().unwrap(), "acme")
    );
    assert_eq!((told.counts.rows, told.counts.allowed), (5, 1));
    assert_eq!((told.files.len(), told.list.bytes), (7, LIST.len() as u64));
    assert_eq!(
        (&*told.made, &*told.until),
        ("2026-11-25T14:03:07.5Z", "2026-12-02T14:03:07.5Z")
    );
    assert_eq!(told.reasons[0].rule, "consent.opted_out");
    let (_, known) = sealer::keys(&desk.app).unwrap();
    assert!(known.contains(&checked.signed.key));
    let whole: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    assert_eq!(whole.len(), 8);
    for (file, bytes) in &whole {
        for change in 0..4 {
            changed(file, change);
            let found = plan::check(&path, None);
            let is_found = found
                .as_ref()
                .map_or(true, |checked| !checked.problems.is_empty());
            assert!(is_found, "{file:?} {change}: {found:?}");
            fs::write(file, bytes).unwrap();
        }
    }
    fs::write(&list, "phone\n15551230002\n").unwrap();
    let found = plan::check(&path, Some(&list)).unwrap().problems;
    assert!(found.len() == 1 && found[0].contains("again"), "{found:?}");
    // Whoever signs it anew with a key of their own is not whom it was of, and names no files that are not of it.
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    for name in ["../allowed.csv", "/etc/hostname"] {
        let mut files = told.files.clone();
        files[0].name = name.to_owned();
        let other = Plan {
            files,
            ..told.clone()
        };
        fs::write(&path, other.signed(&key).unwrap()).unwrap();
        let checked = plan::check(&path, None).unwrap();
        assert!(!known.contains(&checked.signed.key));
        assert_eq!(checked.problems.len(), 2, "{:?}", checked.problems);
    }
    fs::write(&path, "{}").unwrap();
    assert!(plan::check(&path, None).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_decisions_are_held_against_the_plan() {
    let desk = Desk::new();
    let (sends, stops, never, stranger, joins) = (
        "15551230001",
        "15551230002",
        "15551230003",
        "15551230004",
        "15551230005",
    );
    for yes in [sends, stops, never] {
        desk.record(granted(yes)).await;
    }
    // Not of the plan: it was before.
    desk.admit(never).await;
    desk.app.clock.set(NOW_MS + 1_000);
    let list =
        "phone\n15551230001\n15551230002\n15551230003\n15551230004\n15551230005\n15551230005\n-\n";
    let query = format!(
        "{USUAL}&number={}&until=2026-11-25T15:03:00Z",
        super::NUMBER
    );
    let done = screened(&desk, &query, list).await;
    let agreement = async || {
        let path = format!("{}/agreement", path_of(&done));
        let answer = desk.get(MANAGER, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    };
    let counts = |agreed: u64, differed: u64, not_sent: u64| {
        serde_json::json!({
            "rows": 7, "agreed": agreed, "differed": differed, "not_sent": not_sent,
            "duplicates": 1, "unreadable": 1, "erased": 0,
        })
    };
    assert_eq!(agreement().await["counts"], counts(0, 0, 5));
    desk.app.clock.set(NOW_MS + 2_000);
    desk.admit(sends).await;
    desk.admit(stranger).await;
    desk.record(withdrawn(stops, "marketing")).await;
    let stopped = desk.admitted(stops).await;
    desk.record(granted(joins)).await;
    desk.admit(joins).await;
    // The first counts.
    desk.app.clock.set(NOW_MS + 3_000);
    desk.record(withdrawn(sends, "marketing")).await;
    desk.admit(sends).await;
    // Not of the plan: it is over.
    desk.app.clock.set(NOW_MS + HOUR_MS);
    desk.admit(never).await;
    let told = agreement().await;
    assert_eq!(told["counts"], counts(2, 2, 1), "{told}");
    assert_eq!(
        (&told["plan"], &told["signed_by_this_installation"]),
        (&done["id"], &true.into())
    );
    assert_eq!(told["by"]["refused"]["agreed"], 1, "{told}");
    assert_eq!(
        (&told["for_other_reasons"], &told["passes"]),
        (&0.into(), &1.into())
    );
    let differences = told["differences"].as_array().unwrap();
    let causes: Vec<&str> = differences
        .iter()
        .map(|one| one["cause"].as_str().unwrap())
        .collect();
    assert_eq!(causes, ["stopped_since", "agreed_since"]);
    let stop = &differences[0];
    assert_eq!(stop["then"]["decision"], "allow");
    assert_eq!(stop["now"]["rules"][0], "consent.opted_out");
    let example = &stop["examples"][0];
    assert_eq!(
        (&example["row"], &example["decision"]),
        (&2.into(), &stopped.into())
    );
    assert!(!told.to_string().contains(stops), "{told}");
    let report = part(&desk, &done, "report?agreement=true").await.text;
    assert!(report.contains("How live decisions agreed") && !report.contains(stops));
    assert!(
        !part(&desk, &done, "report")
            .await
            .text
            .contains("How live decisions agreed")
    );
    // What is not what was signed is not compared.
    changed(&results(&desk, &done).join("allowed.csv"), 1);
    let problem = part(&desk, &done, "agreement").await.problem(409);
    assert!(
        problem["detail"].as_str().unwrap().contains("allowed.csv"),
        "{problem}"
    );
}
