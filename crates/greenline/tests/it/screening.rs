//! A list is screened as its sends would be answered, each row once, whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use crate::support::chance::{Chance, seed};
use crate::support::command::{Ran, killed, run_long, run_with};
use crate::support::gateway::{Gateway, template_message};
use crate::support::place::Place;
use crate::support::settings::{ACCOUNT, BOT_KEY, BUSINESS, NUMBER, Settings};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, webhook};

on_each_store! {
    sends_are_answered_as_the_screening_said,
    every_row_goes_to_exactly_one_file,
    whoever_is_named_again_is_told_across_a_long_list,
    what_cannot_be_screened_is_said_and_leaves_nothing,
    a_screening_that_is_killed_leaves_nothing_half_written,
}

/// How many people the sends are compared for; a nightly run asks for 100,000.
const PEOPLE: &str = "GREENLINE_TEST_PEOPLE";
const PEOPLE_USUALLY: u64 = 900;
/// Sends at once.
const SENDS_AT_ONCE: usize = 16;

/// Plans of numbers: with and without quiet hours, closed by the platform, with several spellings.
const PLANS: [&str; 7] = [
    "1555",
    "1212555",
    "4477009",
    "81901234",
    "52155123",
    "551198765",
    "5491187",
];
/// How long a number is.
const LENGTHS: [usize; 7] = [11, 11, 12, 12, 13, 13, 13];

/// It has been quiet for two hours, and is for two more, by the clock of UTC where nothing else is known.
fn quiet_around(settings: Settings) -> Settings {
    let minutes = jiff::Timestamp::now().as_second() / 60;
    let clock = |minutes: i64| {
        let of_day = minutes.rem_euclid(24 * 60);
        format!("{:02}:{:02}", of_day / 60, of_day % 60)
    };
    let hours = format!(
        "start = \"{}\"\nend = \"{}\"\nzone = \"UTC\"",
        clock(minutes - 120),
        clock(minutes + 120)
    );
    let hours: toml::Table = hours.parse().expect("hours");
    settings.with(&["business", "0", "quiet_hours"], hours)
}

/// A number of somebody, as the platform spells it.
fn phone(person: u64) -> String {
    let plan = (person % PLANS.len() as u64) as usize;
    let rest = LENGTHS[plan] - PLANS[plan].len();
    format!("{}{:0rest$}", PLANS[plan], person / PLANS.len() as u64)
}

/// How a list may write it.
fn written(chance: &mut Chance, phone: &str) -> String {
    match chance.below(6) {
        0 => format!("+{phone}"),
        1 => format!("\"+{} ({}) {}\"", &phone[..2], &phone[2..5], &phone[5..]),
        2 => format!("00{phone}"),
        3 => format!("whatsapp:+{phone}"),
        _ => phone.to_owned(),
    }
}

/// What people said, as an import takes it.
fn said(people: u64) -> String {
    let mut file =
        "phone,user_id,scope,status,opt-in date,opt-out date,method,wording,brand\n".to_owned();
    for person in 0..people {
        let phone = phone(person);
        let user = if person % 23 == 0 {
            format!("US.user{person}")
        } else {
            String::new()
        };
        let (scope, status) = match person % 9 {
            0 => continue,
            1 => ("marketing", "no"),
            2 => ("utility", "yes"),
            3 => ("all", "no"),
            _ => ("marketing", "yes"),
        };
        let wording = if person % 13 == 0 { "" } else { "Yes please" };
        let _ = writeln!(
            file,
            "{phone},{user},{scope},{status},2026-01-02,2026-02-03,website_form,{wording},Acme"
        );
    }
    file
}

/// The list: everyone in some spelling, some twice, some by their id, and rows that name nobody.
fn list(chance: &mut Chance, people: u64) -> String {
    let mut list = "Name;Mobile\n".to_owned();
    for person in 0..people {
        let phone = phone(person);
        let row = written(chance, &phone);
        let _ = writeln!(list, "\"Person; {person}\";{row}");
        if chance.percent(4) {
            let _ = writeln!(list, "again;{}", written(chance, &phone));
        }
        if chance.percent(3) {
            let odd = ["", "n/a", "1.5551E+10", "US.user0", "12"];
            let _ = writeln!(list, "odd;{}", chance.one_of(&odd));
        }
    }
    list
}

/// A file of results: each row by its names.
fn rows(folder: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.join(file)).expect("a file of results");
    let names = reader.headers().expect("its names").clone();
    reader
        .records()
        .map(|record| {
            let record = record.expect("a row");
            let cells = names.iter().zip(record.iter());
            cells
                .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
                .collect()
        })
        .collect()
}

/// The counts of a report add up, and are those of the files: every row of the list in exactly one.
fn adds_up(folder: &Path, report: &Value, wanted: u64) {
    let count = |name: &str| report["counts"][name].as_u64().expect("a count");
    let files = ["allowed", "held", "refused", "duplicates", "unreadable"];
    let mut numbers = BTreeSet::new();
    for name in files {
        let rows = rows(folder, &format!("{name}.csv"));
        assert_eq!(rows.len() as u64, count(name), "{name}: {report}");
        for row in rows {
            let number: u64 = row["row"].parse().expect("a row's number");
            assert!(numbers.insert(number), "row {number} stands twice");
        }
    }
    assert_eq!(count("rows"), wanted, "{report}");
    assert_eq!(numbers.len() as u64, wanted);
    assert_eq!(numbers.first().zip(numbers.last()), Some((&1, &wanted)));
    let written = std::fs::read_to_string(folder.join("report.json")).expect("the report");
    let written: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(&written, report);
    let page = std::fs::read_to_string(folder.join("report.html")).expect("the page");
    assert!(page.contains("</html>") && !page.contains("<script"));
}

/// All files of results.
fn sheets(folder: &Path) -> [String; 5] {
    ["allowed", "held", "refused", "duplicates", "unreadable"].map(|name| {
        std::fs::read_to_string(folder.join(format!("{name}.csv"))).expect("a file of results")
    })
}

/// How often everybody is kept for the next list.
fn crowds_in(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with("-crowd"))
        .count()
}

/// Screens a list; the folder and how it went.
async fn screened(config: &Path, list: &str, args: &[&str]) -> (PathBuf, Ran) {
    let folder = Path::new(list).with_extension("out");
    let out = folder.to_str().expect("a path in UTF-8").to_owned();
    let usual = [
        "screen",
        list,
        "--json",
        "--business",
        BUSINESS,
        "--number",
        NUMBER,
    ];
    let ran = run_long(config, &[&usual[..], &["--out", &out], args].concat()).await;
    (folder, ran)
}

fn people() -> u64 {
    let wanted = std::env::var(PEOPLE).ok();
    wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(PEOPLE_USUALLY)
}

async fn sends_are_answered_as_the_screening_said(store: Store) {
    let (home, people, seed) = (store.home(), people(), seed());
    let mut chance = Chance::about(seed, 0);
    // Whom the first sends reach must not take the places of the others.
    let sim = platform::adapted(|config| {
        for business in &mut config.businesses {
            business.messaging_limit = "TIER_UNLIMITED".to_owned();
        }
    });
    let sim = sim.await;
    let gateway = Gateway::start(&home, &sim.url(), quiet_around).await;
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).expect("a folder that can be written");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let said = write("said.csv", &said(people));
    let imported = run_long(&gateway.config(), &["consent", "import", &said, "--json"]).await;
    assert_eq!(imported.json()["state"], "done", "{imported:?}");
    for person in (0..people.min(300)).step_by(11) {
        let answer = gateway.person_writes(&phone(person), "STOP").await;
        assert_eq!(answer.status.as_u16(), 200);
    }
    let text = list(&mut chance, people);
    let list = write("list.csv", &text);
    // A list that is short beside the store: nobody else is read for it, and its rows go where the long one's go.
    let at = jiff::Timestamp::now().to_string();
    let usual = ["--template", "spring_offer", "--at", &at];
    let short: Vec<&str> = text.lines().take(people as usize / 20).collect();
    let short = write("short.csv", &short.join("\n"));
    let (folder, ran) = screened(&gateway.config(), &short, &usual).await;
    let looked_up = sheets(&folder);
    assert_eq!(crowds_in(home.path()), 0, "{ran:?}");
    let (folder, ran) = screened(&gateway.config(), &list, &usual).await;
    let report = ran.ended(0).json();
    assert_eq!(crowds_in(home.path()), usize::from(store == Store::Sqlite));
    adds_up(&folder, &report, text.lines().count() as u64 - 1);
    for (short, long) in looked_up.iter().zip(&sheets(&folder)) {
        assert!(long.starts_with(short), "seed {seed}: {short}");
    }
    assert_eq!(report["template"]["known"], true, "{report}");
    let mut told = Vec::new();
    for kind in ["allowed", "held", "refused"] {
        let rows = rows(&folder, &format!("{kind}.csv"));
        assert!(!rows.is_empty(), "nothing is {kind}: seed {seed}, {report}");
        told.extend(rows.into_iter().map(|row| (kind, row)));
    }
    let gateway = &gateway;
    let answered = stream::iter(told).map(|(kind, row)| async move {
        let to = &row["number"];
        let mut message = template_message(to, "spring_offer");
        if to.starts_with("US.") {
            message["recipient"] = json!(to);
            message.as_object_mut().expect("an object").remove("to");
        }
        let answer = gateway.send(BOT_KEY, &message).await;
        let reasons = answer.header("greenline-reasons").replace(", ", " ");
        let said = (answer.status.is_success(), reasons);
        let expected = (kind == "allowed", row["rules"].clone());
        assert_eq!(said, expected, "seed {seed}, {kind}: {row:?}, {answer:?}");
    });
    answered
        .buffer_unordered(SENDS_AT_ONCE)
        .collect::<()>()
        .await;
    // What is shared is what is decided alone, of people of whom more is known by now too.
    let mut results = Vec::new();
    for more in [&[][..], &["--no-sharing"], &[]] {
        let args = [&usual[..], more].concat();
        let (folder, ran) = screened(&gateway.config(), &list, &args).await;
        adds_up(&folder, &ran.json(), text.lines().count() as u64 - 1);
        results.push(sheets(&folder));
    }
    assert!(
        results.windows(2).all(|two| two[0] == two[1]),
        "seed {seed}"
    );
    // What waits may go at the time that was said, and not a minute before.
    let held = rows(&folder, "held.csv");
    let first = held.first().expect("a held row");
    let until: jiff::Timestamp = first["until"].parse().expect("a time");
    for (at, code) in [(until, 0), (until - jiff::SignedDuration::from_mins(1), 1)] {
        let at = at.to_string();
        let check = [
            "check",
            "--to",
            &first["number"],
            "--template",
            "spring_offer",
            "--at",
            &at,
            "--json",
        ];
        run_with(&gateway.config(), &check).await.ended(code);
    }
}

/// A list in every way of deciding about it: the files, which are the same.
async fn alike(config: &Path, list: &str, rows: u64) -> [String; 3] {
    let at = jiff::Timestamp::now().to_string();
    let mut results: Vec<[String; 3]> = Vec::new();
    for more in [&["--no-sharing"][..], &[], &[]] {
        let args = [&["--template", "spring_offer", "--at", &at], more].concat();
        let (folder, ran) = screened(config, list, &args).await;
        adds_up(&folder, &ran.json(), rows);
        let files = ["allowed", "held", "refused"].map(|name| format!("{name}.csv"));
        results.push(files.map(|name| std::fs::read_to_string(folder.join(name)).expect("a file")));
    }
    assert!(
        results.windows(2).all(|two| two[0] == two[1]),
        "{results:?}"
    );
    results.pop().expect("files")
}

/// Where a yes lasts only so long, people are decided about together all the same, unless somebody would wait for longer than
/// that holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yeses_that_run_out_are_shared_and_everyone_is_told_as_if_alone() {
    const PEOPLE: u64 = 120;
    const LASTS: i64 = 365;
    let home = Store::Sqlite.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| {
        settings.with(&["business", "0", "yes_lasts_days", "marketing"], LASTS)
    })
    .await;
    let mut said = "phone,scope,status,opt-in date,method,wording,brand\n".to_owned();
    let mut list = "phone\n".to_owned();
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    for person in 0..PEOPLE {
        // From half of the time to a little more than all of it.
        let days = LASTS / 2 + i64::try_from(person).expect("few") * 2;
        let date = today.saturating_sub(jiff::Span::new().days(days));
        let phone = phone(person * PLANS.len() as u64);
        let _ = writeln!(
            said,
            "{phone},marketing,yes,{date},website_form,Yes please,Acme"
        );
        let _ = writeln!(list, "{phone}");
    }
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).expect("a folder that can be written");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let (said, list) = (write("said.csv", &said), write("list.csv", &list));
    let config = gateway.config();
    let imported = run_long(&config, &["consent", "import", &said, "--json"]).await;
    assert_eq!(imported.json()["state"], "done", "{imported:?}");
    let lines = |sheet: &str| sheet.lines().count() as u64 - 1;
    let [allowed, held, refused] = alike(&config, &list, PEOPLE).await;
    assert_eq!(
        (lines(&allowed) + lines(&refused), lines(&held)),
        (PEOPLE, 0)
    );
    assert!(allowed.contains("consent.covered") && refused.contains("consent.expired"));
    // Those whose yes lasts until then wait for the end of a restriction that is weeks away.
    let now = webhook::now_s();
    let news = json!({ "object": "whatsapp_business_account", "entry": [{
        "id": ACCOUNT, "time": now, "changes": [{ "field": "account_update", "value": {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": [{
                "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING",
                "expiration": now + 30 * 24 * 60 * 60,
            }],
        }}],
    }]});
    assert_eq!(gateway.webhook(&news).await.status.as_u16(), 200);
    let [_, held, again] = alike(&config, &list, PEOPLE).await;
    assert_eq!(lines(&held) + lines(&again), PEOPLE);
    assert!(lines(&held) > 0 && lines(&held) < lines(&allowed), "{held}");
}

async fn every_row_goes_to_exactly_one_file(store: Store) {
    let (place, seed) = (Place::new(store), seed());
    place.run(&["verify"]).await.ended(0);
    let mut chance = Chance::about(seed, 1);
    for delimiter in [",", ";", "\t", "|"] {
        let mut text = format!("note{delimiter}phone\r\n");
        let (mut wanted, cells) = (0, ["plain", "\"two\nlines\"", "\"a \"\"b\"\"\"", "", "ünï"]);
        for row in 0..chance.below(400) + 100 {
            let phone = phone(chance.below(200));
            let cell = match chance.below(8) {
                0 => "nobody".to_owned(),
                1 => format!("{phone}{delimiter}more"),
                _ => written(&mut chance, &phone),
            };
            let end = if chance.percent(50) { "\n" } else { "\r\n" };
            let _ = write!(text, "{}{delimiter}{cell}{end}", chance.one_of(&cells));
            wanted += 1;
            if row % 50 == 0 {
                text.push_str("\r\n");
            }
        }
        let list = place.write("dirty.csv", &text);
        let (folder, ran) = screened(
            &place.config(),
            &list,
            &["--template", "offer", "--language", "en_US"],
        )
        .await;
        // Nobody opted in.
        let report = ran.ended(1).json();
        assert_eq!(report["counts"]["allowed"], 0, "seed {seed}");
        adds_up(&folder, &report, wanted);
    }
}

/// Longer than what is read or written at once, so that rows lie across the ends of pieces.
async fn whoever_is_named_again_is_told_across_a_long_list(store: Store) {
    const ROWS: u64 = 60_000;
    let (place, seed) = (Place::new(store), seed());
    place.run(&["verify"]).await.ended(0);
    let mut chance = Chance::about(seed, 3);
    let mut text = "note,phone\r\n".to_owned();
    let (mut firsts, mut expected) = (BTreeMap::new(), Vec::new());
    for row in 1..=ROWS {
        let phone = phone(chance.below(250));
        let given = match chance.below(50) {
            0 => format!("+{phone}"),
            1 => format!("00{phone}"),
            _ => phone.clone(),
        };
        let note = match chance.below(400) {
            0 => "\"two\r\nlines, and a \"\"quote\"\"\"".to_owned(),
            1 => "x".repeat(20_000),
            _ => format!("somebody who has the row {row}"),
        };
        let end = if chance.percent(50) { "\n" } else { "\r\n" };
        let end = if row == ROWS { "" } else { end };
        let _ = write!(text, "{note},{given}{end}");
        let first = *firsts.entry(phone.clone()).or_insert(row);
        expected.push((row, given, phone, (first != row).then_some(first)));
    }
    let list = place.write("long.csv", &text);
    let usual = ["--template", "offer", "--language", "en_US"];
    let (folder, ran) = screened(&place.config(), &list, &usual).await;
    adds_up(&folder, &ran.ended(1).json(), ROWS);
    let mut told = Vec::new();
    for file in ["refused.csv", "duplicates.csv"] {
        for row in rows(&folder, file) {
            let first = row.get("first_row").map(|first| number(first));
            told.push((
                number(&row["row"]),
                row["given"].clone(),
                row["number"].clone(),
                first,
            ));
        }
    }
    told.sort();
    let wrong = told.iter().zip(&expected).find(|(told, row)| told != row);
    assert_eq!((told.len(), wrong), (expected.len(), None), "seed {seed}");
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// What stands beside the store.
fn beside(place: &Place) -> BTreeSet<String> {
    let entries = std::fs::read_dir(place.folder()).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names.filter(|name| name.contains(".out")).collect()
}

async fn what_cannot_be_screened_is_said_and_leaves_nothing(store: Store) {
    let place = Place::new(store);
    let list = place.write("list.csv", "name,phone\nA,15551230001\n");
    if store == Store::Sqlite {
        let (_, ran) = screened(
            &place.config(),
            &list,
            &["--template", "offer", "--language", "en_US"],
        )
        .await;
        assert!(ran.ended(2).stderr.contains("there is no store yet"));
    }
    place.run(&["verify"]).await.ended(0);
    let usual = ["--template", "offer", "--language", "en_US"];
    let with = |more: &[&'static str]| [&usual[..], more].concat();
    let ragged = place.write("empty.csv", "");
    let names = place.write("names.csv", "name,note\nA,B\n");
    let wide = place.write("wide.csv", "\u{feff}p\0h\0");
    let missing = place.folder().join("missing.csv");
    let missing = missing.to_str().expect("UTF-8").to_owned();
    let cases = [
        (
            &list,
            vec!["--template", "offer"],
            "does not name a template `offer`",
        ),
        (&list, with(&["--column", "Handy"]), "no column `Handy`"),
        (&list, with(&["--country", "Spain"]), "not a country"),
        (&list, with(&["--at", "tomorrow"]), "not a time"),
        (&list, with(&["--delimiter", "ab"]), "cannot stand between"),
        (&ragged, with(&[]), "is empty"),
        (&names, with(&[]), "`--column`"),
        (&wide, with(&[]), "no column"),
        (&missing, with(&[]), "cannot be read"),
    ];
    for (list, args, why) in cases {
        let (_, ran) = screened(&place.config(), list, &args).await;
        let ran = ran.ended(2);
        assert!(ran.stderr.contains(why), "{why}: {ran:?}");
        assert_eq!(beside(&place), BTreeSet::new(), "{why}");
    }
    // Somebody's own folder is not written over.
    std::fs::create_dir(place.folder().join("list.out")).expect("a folder");
    std::fs::write(place.folder().join("list.out/diary.txt"), "dear").expect("a file");
    let (folder, ran) = screened(&place.config(), &list, &with(&[])).await;
    assert!(ran.ended(2).stderr.contains("something else"));
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 1);
}

async fn a_screening_that_is_killed_leaves_nothing_half_written(store: Store) {
    let place = Place::new(store);
    place.run(&["verify"]).await.ended(0);
    let mut text = "phone\n".to_owned();
    // Questions to a database take longer.
    let rows = match store {
        Store::Sqlite => 60_000,
        Store::Postgres => 6_000,
    };
    for person in 0..rows {
        text.push_str(&phone(person));
        text.push('\n');
    }
    let list = place.write("list.csv", &text);
    let config = place.config();
    let config = config.to_str().expect("UTF-8");
    let out = place.folder().join("list.out");
    let args = [
        "screen",
        &list,
        "--template",
        "offer",
        "--language",
        "en_US",
        "--out",
        out.to_str().expect("UTF-8"),
        "--config",
        config,
    ];
    let (seed, mut kills) = (seed(), 0);
    let mut chance = Chance::about(seed, 2);
    for _ in 0..4 {
        if !killed(&args, Duration::from_millis(100 + chance.below(700))).await {
            break;
        }
        kills += 1;
        assert!(
            !out.exists() || out.join("report.json").exists(),
            "seed {seed}"
        );
    }
    let usual = ["--template", "offer", "--language", "en_US"];
    let (folder, ran) = screened(&place.config(), &list, &usual).await;
    adds_up(&folder, &ran.ended(1).json(), rows);
    assert_eq!(
        beside(&place),
        BTreeSet::from(["list.out".to_owned()]),
        "seed {seed}, {kills} kills"
    );
}
