//! Imports of any size.

mod old;

use std::fmt::Write as _;
use std::time::Duration;

use greenline_gateway::imports;
use greenline_ledger::types::BusinessIx;
use http::StatusCode;
use serde_json::{Value, json};

use super::{ADMIN, AGENT, Desk, MANAGER, NOW_MS, STRANGER, granted, withdrawn};

/// Waits until an import is over.
async fn over(desk: &Desk, begun: &Value) -> Value {
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    let waiting = async {
        loop {
            let import = desk.get(MANAGER, &path).await.json();
            let is_open = import["ended_at"].is_null() || import["running"] == true;
            if !is_open {
                return import;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("an import ends")
}

async fn import(desk: &Desk, query: &str, file: impl Into<axum::body::Body>) -> Value {
    let path = format!("/v1/imports?business=acme{query}");
    let begun = desk.post(MANAGER, &path, file).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    over(desk, &begun.json()).await
}

async fn results(desk: &Desk, import: &Value, query: &str) -> String {
    let id = import["id"].as_str().unwrap();
    let answer = desk
        .get(MANAGER, &format!("/v1/imports/{id}/results{query}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.text
}

async fn undo(desk: &Desk, import: &Value, query: &str) -> Value {
    let id = import["id"].as_str().unwrap();
    let path = format!("/v1/imports/{id}/undo{query}");
    let begun = desk.post(MANAGER, &path, "").await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    over(desk, &begun.json()).await
}

async fn standing(desk: &Desk, who: &str, scope: &str) -> String {
    let person = desk
        .get(ADMIN, &format!("/v1/people/{who}?business=acme"))
        .await;
    match person.status {
        StatusCode::NOT_FOUND => "nobody".to_owned(),
        _ => person.json()["head"][scope]["standing"]
            .as_str()
            .unwrap_or("unknown")
            .to_owned(),
    }
}

async fn events(desk: &Desk) -> usize {
    let all = desk.app.ledger.export(BusinessIx(0), None, 10_000).await;
    all.unwrap().len()
}

#[track_caller]
fn counted(import: &Value, expect: &[(&str, u64)]) {
    let counts = import["counts"].as_object().unwrap();
    for (name, count) in counts {
        let expected = expect.iter().find(|(wanted, _)| wanted == name);
        let expected = expected.map_or(0, |(_, count)| *count);
        assert_eq!(count.as_u64(), Some(expected), "{name} in {import}");
    }
    let parts: u64 = counts
        .iter()
        .filter(|(name, _)| *name != "rows")
        .filter_map(|(_, count)| count.as_u64())
        .sum();
    assert_eq!(counts["rows"].as_u64(), Some(parts), "{import}");
}

/// What a shop system hands out, with everything that goes wrong in such lists.
const SHOP: &str = "\u{feff}Mobile Number;WhatsApp Opt-In;Opt-in Date;Opt-out date;Opt-in source;Consent Text;Brand;Method;Shoe size\r\n\
    +1 (555) 123-0001;Yes;2026-03-04 10:00:00;;https://acme.example;\"Yes, offers\r\nplease\";Acme;website_form;42\r\n\
    +1 (555) 123-0001;Yes;2026-03-04 10:00:00;;https://acme.example;\"Yes, offers\r\nplease\";Acme;website_form;43\r\n\
    15551230002.0;TRUE;2026-03-04;;;Yes;Acme;checkout;\r\n\
    \r\n\
    15551230003;unsubscribed;2026-01-01;2026-05-06;;;;;\r\n\
    15551230004;yes;2026-03-04;;;;;;\r\n\
    1.5551E+10;yes;2026-03-04;;;;;;\r\n\
    15551230005;perhaps;;;;;;;\r\n\
    15551230006;yes;03/04/2026;;;Yes;Acme;website_form;\r\n\
    15551230007;yes;2026-03-04;;;Yes;Acme;15551230077;\r\n\
    15551230008;yes\r\n\
    15551230009;yes;2026-03-04;;;Yes;Acme;website_form;\r\n\
    15551230009;no;;2026-03-05;;;;;\r\n";
const SHOP_COUNTS: [(&str, u64); 7] = [
    ("rows", 12),
    ("new_yes", 2),
    ("new_no", 2),
    ("claimed", 1),
    ("duplicate", 1),
    ("no_stays", 1),
    ("rejected", 5),
];
const SET: &str = "&set=%7B%22scope%22%3A%22marketing%22%7D";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_a_shop_is_read_and_every_row_is_accounted_for() {
    let desk = Desk::new();
    let dry = import(&desk, &format!("{SET}&dry_run=true"), SHOP).await;
    counted(&dry, &SHOP_COUNTS);
    assert_eq!(
        (events(&desk).await, dry["state"].as_str()),
        (0, Some("done"))
    );
    let real = import(&desk, SET, SHOP).await;
    counted(&real, &SHOP_COUNTS);
    assert_eq!(real["ignored_columns"], json!(["Shoe size"]));
    assert_eq!(real["columns"]["Mobile Number"], "phone");
    let rows = results(&desk, &real, "").await;
    assert_eq!(results(&desk, &dry, "").await, rows);
    let expect = [
        "2,new_yes,,",
        "4,duplicate,,",
        "6,new_yes,,",
        "8,new_no,,",
        "9,claimed,,",
        "10,rejected,",
        "11,rejected,",
        "12,rejected,",
        "13,rejected,",
        "14,rejected,",
        "15,no_stays,,",
        "16,new_no,,",
    ];
    for (row, expect) in rows.lines().skip(1).zip(expect) {
        assert!(row.starts_with(expect), "{row} should begin {expect}");
    }
    assert_eq!(rows.lines().count(), 13, "{rows}");
    assert!(!rows.contains("555123"), "a number in the results: {rows}");
    let rejected = results(&desk, &real, "?format=jsonl&only=rejected").await;
    assert_eq!(rejected.lines().count(), 5);
    assert!(rejected.contains("scientific") && rejected.contains("2 values under 9 columns"));
    for (who, expect) in [
        ("15551230001", "covered"),
        ("15551230002", "covered"),
        ("15551230003", "refused"),
        ("15551230004", "claimed"),
        ("15551230006", "nobody"),
        ("15551230009", "refused"),
    ] {
        assert_eq!(standing(&desk, who, "marketing").await, expect, "{who}");
    }
    let person = desk
        .get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .json();
    let event = &person["history"][0];
    assert_eq!(event["evidence"]["import"], real["id"]);
    assert_eq!(event["evidence"]["wording"], "Yes, offers\r\nplease");
    assert_eq!(
        (&event["strength"], &event["actor"]),
        (&"imported".into(), &"max".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_again_changes_nothing() {
    let desk = Desk::new();
    import(&desk, SET, SHOP).await;
    let before = events(&desk).await;
    desk.app.clock.set(NOW_MS + 60_000);
    let again = import(&desk, SET, SHOP).await;
    counted(
        &again,
        &[
            ("rows", 12),
            ("unchanged", 5),
            ("duplicate", 1),
            ("no_stays", 1),
            ("rejected", 5),
        ],
    );
    assert_eq!(events(&desk).await, before);
    // A number stands in each column, one after the other.
    let moved = "phone,scope,event,occurred_at,method,wording,business_name\n\
                 15551230021,15551230022,granted,,,,\n\
                 15551230021,marketing,15551230022,,,,\n\
                 15551230021,marketing,granted,15551230022,,,\n\
                 15551230021,marketing,granted,,15551230022,Yes,Acme\n\
                 15551230021,marketing.15551230022,withdrawn,,,,\n\
                 15551230021,marketing,withdrawn,15551230022,,,\n";
    let rejected = import(&desk, "", moved).await;
    counted(&rejected, &[("rows", 6), ("rejected", 4), ("new_no", 2)]);
    let said = results(&desk, &rejected, "").await;
    assert!(said.contains("evidence.method: "), "{said}");
    // The file lies there no longer, and what is left names nobody.
    for entry in walk(desk.app.imports.folder()) {
        let text = std::fs::read(&entry).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(
            !text.contains("5551230") && !entry.ends_with("upload"),
            "{entry:?}"
        );
    }
}

/// A few rows, each bad in its own way but three.
const SHORT: &str = "phone,scope,event,occurred_at,method,wording,business_name,source\n\
    +1 555 123 0001,marketing,granted,2026-01-02T03:04:05Z,import_attested,\"Yes, offers\nplease\",Acme,shop\n\
    \n\
    15551230002,marketing,,,website_form,Yes,Acme,\n\
    15551230003,marketing,withdrawn,last week,,,,\n\
    15551230004,nonsense,granted,,,,,\n\
    not a phone,marketing,granted,,,,,\n\
    15551230005,marketing\n\
    15551230006,marketing,granted,,telepathy,Yes,Acme,\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_is_told_by_what_is_at_fault_and_stops_nothing() {
    let desk = Desk::new();
    let done = import(&desk, "", SHORT).await;
    counted(
        &done,
        &[("rows", 7), ("new_yes", 2), ("new_no", 1), ("rejected", 4)],
    );
    let rows: Vec<Value> = results(&desk, &done, "?format=jsonl")
        .await
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    let expect = [
        (2, "new_yes", ""),
        (5, "new_yes", ""),
        (6, "new_no", ""),
        (7, "rejected", "scope: "),
        (8, "rejected", "person.wa_id: "),
        (9, "rejected", "2 values under 8 columns"),
        (10, "rejected", "evidence.method: "),
    ];
    assert_eq!(rows.len(), expect.len());
    for (row, (line, outcome, problem)) in rows.iter().zip(expect) {
        assert_eq!(
            (&row["line"], &row["outcome"]),
            (&line.into(), &outcome.into())
        );
        let said = row["problem"].as_str().unwrap_or_default();
        assert!(said.starts_with(problem), "{row}");
    }
    // A no counts although its time could not be read.
    assert_eq!(standing(&desk, "15551230003", "marketing").await, "refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undated_no_counts_again_after_the_person_said_yes() {
    let desk = Desk::new();
    let file = "wa_id,scope,event\n15551230001,marketing,withdrawn\n";
    import(&desk, "", file).await;
    desk.app.clock.set(NOW_MS + 60_000);
    let mut yes = granted("15551230001");
    yes.as_object_mut().unwrap().remove("occurred_at");
    assert_eq!(
        desk.record(yes).await["head"]["marketing"]["standing"],
        "covered"
    );
    desk.app.clock.set(NOW_MS + 120_000);
    let again = import(&desk, "", file).await;
    counted(&again, &[("rows", 1), ("new_no", 1)]);
    assert_eq!(standing(&desk, "15551230001", "marketing").await, "refused");
    desk.app.clock.set(NOW_MS + 180_000);
    let once_more = import(&desk, "", file).await;
    counted(&once_more, &[("rows", 1), ("unchanged", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_on_record_beats_a_newer_yes_of_a_file() {
    let desk = Desk::new();
    desk.record(withdrawn("15551230002", "marketing")).await;
    desk.app.clock.set(NOW_MS + 600_000);
    let file = "wa_id;scope;occurred_at;method;wording;business_name\n15551230002;marketing;2026-11-25T14:07:00Z;website_form;Yes;Acme\n";
    for query in ["&dry_run=true", ""] {
        let done = import(&desk, query, file).await;
        counted(&done, &[("rows", 1), ("no_stays", 1)]);
    }
    assert_eq!(standing(&desk, "15551230002", "marketing").await, "refused");
    assert_eq!(events(&desk).await, 1);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// People with two identifiers in the file and on record, noes and yeses in every order.
fn tangled() -> String {
    let mut file =
        "wa_id,user_id,scope,event,occurred_at,method,wording,business_name\n".to_owned();
    for n in 0..300 {
        let event = if n % 7 == 3 { "withdrawn" } else { "granted" };
        let scope = ["marketing", "utility", "all"][n % 3];
        let (phone, user) = match n % 5 {
            0 => (format!("1555200{:04}", n / 3), String::new()),
            1 => (String::new(), format!("US.user{:04}", n / 4)),
            2 => (
                format!("1555200{:04}", n / 3),
                format!("US.user{:04}", n / 4),
            ),
            3 => (format!("1555200{:04}", n % 40), String::new()),
            _ => (String::new(), format!("US.user{:04}", n % 40)),
        };
        let day = n % 28 + 1;
        let _ = writeln!(
            file,
            "{phone},{user},{scope},{event},2026-02-{day:02}T10:00:00Z,website_form,Yes,Acme"
        );
    }
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_the_import_then_does() {
    let desk = Desk::new();
    for n in [1, 5, 9, 13] {
        desk.record(withdrawn(&format!("1555200{n:04}"), "marketing"))
            .await;
        desk.record(granted(&format!("1555200{:04}", n + 20))).await;
        let mut both = granted(&format!("1555200{n:04}"));
        both["person"]["user_id"] = format!("US.user{:04}", n + 1).into();
        both["scope"] = "utility".into();
        desk.record(both).await;
    }
    let dry = import(&desk, "&dry_run=true", tangled()).await;
    let before = events(&desk).await;
    assert_eq!(before, 12);
    let real = import(&desk, "", tangled()).await;
    assert_eq!(dry["counts"], real["counts"]);
    assert_eq!(
        results(&desk, &dry, "").await,
        results(&desk, &real, "").await
    );
    assert!(real["counts"]["no_stays"].as_u64() > Some(5), "{real}");
    let verified = desk.app.ledger.verify().await.unwrap();
    assert_eq!(verified.differences, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_import_leaves_what_stood_before_and_keeps_every_no() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let head = "wa_id,scope,event,occurred_at,method,wording,business_name\n";
    let file = format!(
        "{head}15551230001,marketing,granted,2026-11-24T12:00:00Z,checkout,Yes,Acme\n\
         15551230002,marketing,granted,2026-01-02T03:04:05Z,checkout,Yes,Acme\n\
         15551230003,marketing,granted,2026-01-02T03:04:05Z,,,\n\
         15551230004,marketing,withdrawn,2026-01-02T03:04:05Z,,,\n\
         15551230005,marketing,granted,2026-01-02T03:04:05Z,checkout,Yes,Acme\n"
    );
    let done = import(&desk, "", file.clone()).await;
    desk.app.clock.set(NOW_MS + 60_000);
    // What people say afterwards stays.
    desk.record(withdrawn("15551230005", "marketing")).await;
    let dry = undo(&desk, &done, "?dry_run=true").await;
    let counts = |import: &Value| {
        let undo = &import["undo"];
        ["yeses", "renewals", "noes_kept", "others_kept"].map(|name| undo[name].as_u64().unwrap())
    };
    assert_eq!(
        (counts(&dry), dry["state"].as_str()),
        ([4, 0, 1, 0], Some("done"))
    );
    assert_eq!(standing(&desk, "15551230002", "marketing").await, "covered");
    let undone = undo(&desk, &done, "").await;
    assert_eq!(
        (counts(&undone), undone["state"].as_str()),
        ([4, 0, 1, 0], Some("undone"))
    );
    for (who, expect) in [
        ("15551230001", "covered"),
        ("15551230002", "unknown"),
        ("15551230003", "unknown"),
        ("15551230004", "refused"),
        ("15551230005", "refused"),
    ] {
        assert_eq!(standing(&desk, who, "marketing").await, expect, "{who}");
    }
    let person = desk
        .get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .json();
    assert_eq!(person["head"]["marketing"]["strength"], "evidenced");
    assert_eq!(
        person["history"].as_array().unwrap().len(),
        3,
        "nothing is removed"
    );
    let path = format!("/v1/imports/{}/undo", done["id"].as_str().unwrap());
    desk.post(MANAGER, &path, "").await.problem(409);
    // Then the file can be imported again.
    desk.app.clock.set(NOW_MS + 120_000);
    let again = import(&desk, "", file).await;
    counted(
        &again,
        &[
            ("rows", 5),
            ("new_yes", 2),
            ("claimed", 1),
            ("unchanged", 1),
            ("no_stays", 1),
        ],
    );
    assert_eq!(standing(&desk, "15551230002", "marketing").await, "covered");
    assert_eq!(desk.app.ledger.verify().await.unwrap().differences, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_broken_off_comes_to_the_same_end() {
    let whole = Desk::new();
    let expect = import(&whole, "", tangled()).await;
    let expected = results(&whole, &expect, "").await;
    for done in [0, 1, 57, 299] {
        let desk = Desk::new();
        let first = import(&desk, "", tangled()).await;
        // As if the process had been killed: some rows are on record, fewer are in the journal, and nothing says
        // that it is over.
        let folder = desk
            .app
            .imports
            .folder()
            .join(first["id"].as_str().unwrap());
        let journal = std::fs::read(folder.join("journal")).unwrap();
        std::fs::write(folder.join("journal"), &journal[..done * 5 + 2]).unwrap();
        let meta = std::fs::read_to_string(folder.join("import.json")).unwrap();
        std::fs::write(folder.join("upload"), tangled()).unwrap();
        let meta = meta.replace("\"done\"", "\"writing\"");
        std::fs::write(folder.join("import.json"), meta).unwrap();
        desk.app.clock.set(NOW_MS + 60_000);
        let again = import(&desk, "", tangled()).await;
        assert_eq!(again["id"], first["id"], "it is gone on with");
        assert_eq!(again["counts"], expect["counts"]);
        assert_eq!(results(&desk, &again, "").await, expected);
        assert_eq!(events(&desk).await, events(&whole).await);
    }
}

/// As if the process had been killed when so many rows stood in the journal.
fn broken_off(desk: &Desk, import: &Value, file: &str, done: usize) {
    let id = import["id"].as_str().unwrap();
    let folder = desk.app.imports.folder().join(id);
    let journal = std::fs::read(folder.join("journal")).unwrap();
    std::fs::write(folder.join("journal"), &journal[..done * 5]).unwrap();
    std::fs::write(folder.join("upload"), file).unwrap();
    in_state(desk, import, "done", "writing");
}

/// Rewrites what is known of an import.
fn in_state(desk: &Desk, import: &Value, from: &str, to: &str) {
    let id = import["id"].as_str().unwrap();
    let path = desk.app.imports.folder().join(id).join("import.json");
    let meta = std::fs::read_to_string(&path).unwrap();
    let meta = meta.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    std::fs::write(path, meta).unwrap();
}

/// Yeses to a topic and noes to marketing, the yeses to people whose numbers sort first.
fn topics_and_noes() -> String {
    let mut file = "phone,scope,event,method,wording,business_name\n".to_owned();
    for n in 0..20 {
        let _ = writeln!(
            file,
            "155512300{n:02},marketing.offers,granted,website_form,Yes,Acme"
        );
        let _ = writeln!(file, "155512350{n:02},marketing,withdrawn,,,");
    }
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_goes_on_with_other_settings_loses_no_no() {
    let desk = Desk::new();
    let file = topics_and_noes();
    let first = import(&desk, "", file.clone()).await;
    // The yeses were done, and then it was killed; now none of them can be read.
    broken_off(&desk, &first, &file, 20);
    let desk = desk
        .reopened(&|config| {
            config.business[0].topics.clear();
        })
        .await;
    imports::resume(&desk.app);
    let again = over(&desk, &first).await;
    counted(&again, &[("rows", 40), ("new_yes", 20), ("new_no", 20)]);
    let rows = results(&desk, &again, "").await;
    assert_eq!(rows.matches(",new_no,").count(), 20, "{rows}");
    for n in 0..20 {
        let who = format!("155512350{n:02}");
        assert_eq!(standing(&desk, &who, "marketing").await, "refused", "{who}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_fails_half_way_says_what_it_recorded() {
    let desk = Desk::new();
    let file = topics_and_noes();
    let first = import(&desk, "", file.clone()).await;
    broken_off(&desk, &first, &file, 30);
    let desk = desk.reopened(&|config| config.imports.rows_max = 5).await;
    imports::resume(&desk.app);
    let failed = over(&desk, &first).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    counted(&failed, &[("rows", 30), ("new_yes", 20), ("new_no", 10)]);
    // To count what could be taken back changes nothing about it.
    let counted = undo(&desk, &failed, "?dry_run=true").await;
    assert_eq!(
        (&counted["state"], &counted["undo"]["yeses"]),
        (&"failed".into(), &20.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_of_an_import_is_left() {
    let desk = Desk::new();
    let done = import(&desk, SET, SHOP).await;
    let folder = desk.app.imports.folder().to_owned();
    let of_later = folder.join(done["id"].as_str().unwrap());
    std::fs::write(of_later.join("import.json"), "{\"state\":\"paused\"}").unwrap();
    let half_received = folder.join("imp_000000000000000000000000");
    std::fs::create_dir(&half_received).unwrap();
    std::fs::write(half_received.join("upload"), "phone").unwrap();
    imports::resume(&desk.app);
    assert!(of_later.join("journal").exists());
    assert!(!half_received.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_was_broken_off_goes_on_when_asked_again() {
    let desk = Desk::new();
    let done = import(&desk, "", topics_and_noes()).await;
    let dry = undo(&desk, &done, "?dry_run=true").await;
    assert_eq!(dry["state"], "done");
    in_state(&desk, &done, "done", "undoing");
    let undone = undo(&desk, &done, "").await;
    assert_eq!(
        (&undone["state"], &undone["undo"]["yeses"]),
        (&"undone".into(), &20.into())
    );
    in_state(&desk, &done, "undone", "undoing");
    let path = format!(
        "/v1/imports/{}/undo?dry_run=true",
        done["id"].as_str().unwrap()
    );
    desk.post(MANAGER, &path, "").await.problem(409);
    let again = undo(&desk, &done, "").await;
    assert_eq!(
        (&again["state"], &again["undo"]),
        (&"undone".into(), &undone["undo"])
    );
    assert_eq!(desk.app.ledger.verify().await.unwrap().differences, []);
}

/// A day of November 2026, in the morning.
fn day(day: u32) -> String {
    format!("2026-11-{day:02}T09:00:00Z")
}

/// Offers last ten days.
fn fleeting() -> Desk {
    Desk::with(&|config| {
        let lasts = &mut config.business[0].yes_lasts_days;
        lasts.insert("marketing".to_owned(), 10);
    })
}

const RENEWED: &str = "wa_id,scope,event,occurred_at,method,wording,business_name\n\
    15551230001,marketing,granted,2026-11-01T09:00:00Z,checkout,Yes,Acme\n\
    15551230001,marketing,reconfirmed,2026-11-09T09:00:00Z,checkout,Yes,Acme\n\
    15551230001,marketing,reconfirmed,2026-11-18T09:00:00Z,checkout,Yes,Acme\n\
    15551230002,marketing,reconfirmed,2026-11-24T09:00:00Z,checkout,Yes,Acme\n\
    15551230002,marketing,reconfirmed,2026-11-16T09:00:00Z,checkout,Yes,Acme\n\
    15551230002,marketing,granted,2026-11-01T09:00:00Z,checkout,Yes,Acme\n";

/// The first renewed in time, twice; the second too late, and what came after that renewed nothing either.
async fn renewed_in_time_only(desk: &Desk) {
    assert_eq!(standing(desk, "15551230001", "marketing").await, "covered");
    assert_eq!(standing(desk, "15551230002", "marketing").await, "expired");
    assert_eq!(desk.app.ledger.verify().await.unwrap().differences, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_revives_no_yes_that_has_run_out() {
    let desk = fleeting();
    let dry = import(&desk, "&dry_run=true", RENEWED).await;
    let real = import(&desk, "", RENEWED).await;
    counted(&real, &[("rows", 6), ("new_yes", 2), ("other", 4)]);
    assert_eq!(dry["counts"], real["counts"]);
    renewed_in_time_only(&desk).await;
    let recorded = events(&desk).await;
    assert_eq!(recorded, 7, "and one end");
    import(&desk, "", RENEWED).await;
    assert_eq!(events(&desk).await, recorded);
    // Its renewals came too late, and taking the import back brings nothing else to life.
    undo(&desk, &real, "").await;
    assert_eq!(standing(&desk, "15551230002", "marketing").await, "unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_at_once_revive_no_yes_that_has_run_out() {
    let desk = fleeting();
    let said = |who: &str, kind: &str, on: u32| {
        let mut event = granted(who);
        event["event"] = kind.into();
        event["occurred_at"] = day(on).into();
        event
    };
    // A claimed yes renews nothing.
    let mut claimed = said("15551230002", "granted", 12);
    claimed["evidence"] = json!({});
    let rows = json!({ "consents": [
        said("15551230001", "granted", 1),
        said("15551230001", "reconfirmed", 9),
        said("15551230001", "reconfirmed", 18),
        said("15551230002", "granted", 1),
        claimed,
        said("15551230002", "reconfirmed", 16),
        said("15551230002", "reconfirmed", 24),
    ]});
    let answer = desk
        .post(MANAGER, "/v1/consents", rows.to_string())
        .await
        .json();
    assert_eq!(answer["recorded"], 7, "{answer}");
    for (row, is_late) in answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .zip([false, false, false, false, false, true, true])
    {
        assert_eq!(row.to_string().contains("had run out"), is_late, "{row}");
    }
    renewed_in_time_only(&desk).await;
}

/// Everything is renewed when offers had run out, and in time for the rest; somebody else's yes becomes known after the
/// renewal that came too late for it.
const WIDE: &str = "wa_id,scope,event,occurred_at,method,wording,business_name\n\
    15551230001,all,granted,2026-11-01T09:00:00Z,checkout,Yes,Acme\n\
    15551230001,all,reconfirmed,2026-11-16T09:00:00Z,checkout,Yes,Acme\n\
    15551230002,marketing,reconfirmed,2026-11-16T09:00:00Z,checkout,Yes,Acme\n";
const LEARNED_LATER: &str = "wa_id,scope,event,occurred_at,method,wording,business_name\n\
    15551230002,marketing,granted,2026-11-01T09:00:00Z,checkout,Yes,Acme\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewing_everything_revives_no_kind_that_has_run_out() {
    let is_so = async |desk: &Desk| {
        assert_eq!(standing(desk, "15551230001", "all").await, "covered");
        assert_eq!(standing(desk, "15551230001", "utility").await, "covered");
        assert_eq!(standing(desk, "15551230001", "marketing").await, "expired");
        assert_eq!(standing(desk, "15551230002", "marketing").await, "expired");
        assert_eq!(desk.app.ledger.verify().await.unwrap().differences, []);
    };
    // By file.
    let desk = fleeting();
    import(&desk, "", WIDE).await;
    import(&desk, "", LEARNED_LATER).await;
    is_so(&desk).await;
    assert_eq!(events(&desk).await, 4 + 2, "and an end for each of them");
    import(&desk, "", WIDE).await;
    import(&desk, "", LEARNED_LATER).await;
    assert_eq!(events(&desk).await, 4 + 2);
    // One by one.
    let desk = fleeting();
    for (who, scope, kind, on) in [
        ("15551230001", "all", "granted", 1),
        ("15551230001", "all", "reconfirmed", 16),
        ("15551230002", "marketing", "reconfirmed", 16),
        ("15551230002", "marketing", "granted", 1),
    ] {
        let mut event = granted(who);
        event["scope"] = scope.into();
        event["event"] = kind.into();
        event["occurred_at"] = day(on).into();
        let answer = desk.record(event).await.to_string();
        let is_late = scope == "all" && kind == "reconfirmed";
        assert_eq!(
            answer.contains("had run out for `marketing`"),
            is_late,
            "{answer}"
        );
    }
    is_so(&desk).await;
    // What is handed out covers no more elsewhere, where a yes lasts for ever.
    let current = desk
        .get(
            MANAGER,
            "/v1/export/consents?business=acme&current=true&limit=100",
        )
        .await;
    let other = Desk::new();
    import(&other, "", current.text.clone()).await;
    assert_eq!(standing(&other, "15551230001", "all").await, "covered");
    assert_eq!(
        standing(&other, "15551230001", "marketing").await,
        "expired"
    );
    assert_eq!(standing(&other, "15551230001", "utility").await, "covered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vouching_revives_no_yes_that_has_run_out() {
    let desk = fleeting();
    let mut claimed = granted("15551230001");
    claimed["occurred_at"] = day(1).into();
    claimed["evidence"] = json!({});
    let claimed = desk.record(claimed).await;
    let mut renewal = granted("15551230001");
    renewal["event"] = "reconfirmed".into();
    renewal["occurred_at"] = day(16).into();
    desk.record(renewal).await;
    let vouched = desk
        .post(
            MANAGER,
            "/v1/people/15551230001/vouch?business=acme",
            json!({ "event": claimed["id"], "reason": "I was there" }).to_string(),
        )
        .await;
    assert_eq!(vouched.status, StatusCode::CREATED, "{}", vouched.text);
    assert_eq!(standing(&desk, "15551230001", "marketing").await, "expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_comes_back_in() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    desk.record(withdrawn("15551230002", "all")).await;
    let mut lifted = withdrawn("15551230003", "marketing");
    lifted["occurred_at"] = "2026-11-20T00:00:00Z".into();
    desk.record(lifted).await;
    desk.record(granted("15551230003")).await;
    import(&desk, SET, SHOP).await;
    let current = desk
        .get(
            MANAGER,
            "/v1/export/consents?business=acme&current=true&limit=100",
        )
        .await;
    assert_eq!(current.status, StatusCode::OK, "{}", current.text);
    let other = Desk::new();
    let taken = import(&other, "", current.text.clone()).await;
    assert_eq!(taken["counts"]["rejected"], 0, "{taken}");
    for n in 1..=9 {
        let who = format!("1555123000{n}");
        for scope in ["all", "marketing", "utility"] {
            assert_eq!(
                standing(&desk, &who, scope).await,
                standing(&other, &who, scope).await,
                "{who} {scope}"
            );
        }
    }
    // And once more: the same again.
    let again = other
        .get(
            MANAGER,
            "/v1/export/consents?business=acme&current=true&limit=100",
        )
        .await
        .text;
    let said = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                let mut evidence = event["evidence"].clone();
                evidence.as_object_mut().unwrap().remove("import");
                format!(
                    "{} {} {} {} {evidence}",
                    event["person"], event["scope"], event["event"], event["folded_at"]
                )
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(said(&current.text), said(&again));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_is_said_so() {
    let desk = Desk::new();
    for (query, field) in [
        ("&country=Germany", "country"),
        ("&delimiter=ab", "delimiter"),
        ("&map=phone", "map"),
        ("&map=%7B%22a%22%3A%22b%22%7D", "map"),
        ("&set=%7B%22phone%22%3A%221%22%7D", "set"),
    ] {
        let path = format!("/v1/imports?business=acme{query}");
        let problem = desk.post(MANAGER, &path, SHOP).await.problem(422);
        assert_eq!(problem["field"], field);
    }
    // A misspelt switch is not a real import.
    desk.post(MANAGER, "/v1/imports?business=acme&dryrun=true", SHOP)
        .await
        .problem(400);
    for (file, why) in [
        ("", "empty"),
        ("a,b\n1,2\n", "`map`"),
        ("scope\nmarketing\n", "`map`"),
        ("phone\n1\n", "`set`"),
    ] {
        let failed = import(&desk, "", file).await;
        assert_eq!(failed["state"], "failed");
        assert!(
            failed["problem"].as_str().unwrap().contains(why),
            "{failed}"
        );
    }
    desk.post(AGENT, "/v1/imports?business=acme", SHOP)
        .await
        .problem(403);
    let done = import(&desk, SET, SHOP).await;
    let path = format!("/v1/imports/{}", done["id"].as_str().unwrap());
    desk.get(STRANGER, &path).await.problem(404);
    desk.get(AGENT, &path).await.problem(403);
    desk.get(MANAGER, "/v1/imports/imp_000000000000000000000000")
        .await
        .problem(404);
    desk.get(MANAGER, "/v1/imports/..%2F..").await.problem(404);
    let list = desk.get(MANAGER, "/v1/imports").await.json();
    assert_eq!(list["imports"].as_array().unwrap().len(), 5);
    assert_eq!(
        desk.get(STRANGER, "/v1/imports").await.json()["imports"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_a_country_and_packed_json_lines_are_read() {
    let desk = Desk::new();
    let lines = "{\"handy\":\"0171 / 123 45-67\",\"optin\":true,\"scope\":\"marketing\"}\n\
                 {\"handy\":\"+49 (0) 171 7654321\",\"optin\":1,\"scope\":\"marketing\"}\n\
                 {\"handy\":\"123\",\"scope\":\"marketing\"}\n";
    let packed = zstd(lines);
    let done = import(&desk, "&country=de", packed).await;
    counted(&done, &[("rows", 3), ("claimed", 2), ("rejected", 1)]);
    assert_eq!(
        standing(&desk, "491711234567", "marketing").await,
        "claimed"
    );
    assert_eq!(
        standing(&desk, "491717654321", "marketing").await,
        "claimed"
    );
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}
