//! An import that is killed again and again comes to the same end as one that is not.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::support::chance::{Chance, seed};
use crate::support::place::Place;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    an_import_killed_again_and_again_comes_to_the_same_end,
}

/// Rows of the list.
const ROWS: usize = 6_000;
/// Kills at most.
const KILLS: usize = 8;

/// People of all kinds, some twice, some with two identifiers, some of whom say no.
fn list() -> String {
    let mut file =
        "phone,user_id,scope,status,opt-in date,opt-out date,method,wording,brand\n".to_owned();
    for row in 0..ROWS {
        let person = row * 7_919 % (ROWS * 9 / 10);
        let status = if row % 11 == 0 { "no" } else { "yes" };
        let user = if row % 5 == 0 {
            format!("US.user{person}")
        } else {
            String::new()
        };
        let wording = if row % 13 == 0 { "" } else { "Yes, offers" };
        let phone = if row % 101 == 0 {
            "nobody".to_owned()
        } else {
            format!("+1 555 {person:07}")
        };
        let day = row % 28 + 1;
        let _ = writeln!(
            file,
            "{phone},{user},marketing,{status},2026-01-{day:02},2026-02-{day:02},website_form,{wording},Acme"
        );
    }
    file
}

/// Starts an import and kills it after a while; whether it was still at it.
async fn killed(place: &Place, file: &str, after: Duration) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_greenline"))
        .args(["consent", "import", file, "--config"])
        .arg(place.config())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    match tokio::time::timeout(after, child.wait()).await {
        Ok(_) => false,
        Err(_) => {
            child.kill().await.expect("it dies");
            true
        }
    }
}

/// What an import came to: counts, and the result of each row.
async fn done(place: &Place, file: &str, args: &[&str]) -> (Value, String) {
    let results = place.folder().join("results.csv");
    let results_arg = results.to_str().expect("UTF-8");
    let usual = [
        "consent",
        "import",
        file,
        "--json",
        "--results",
        results_arg,
    ];
    let import = place.run(&[&usual, args].concat()).await.ended(1).json();
    let rows = std::fs::read_to_string(&results).expect("the result file");
    (import["counts"].clone(), rows)
}

/// Every event without what a store names by itself.
async fn events(place: &Place) -> Vec<String> {
    let lines = place.run(&["consent", "export"]).await.ended(0);
    let plain = |line: &str| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let of = |name: &str| event[name].to_string();
        format!(
            "{} {} {} {} {}",
            of("person"),
            of("scope"),
            of("event"),
            of("folded_at"),
            of("strength")
        )
    };
    let mut events: Vec<String> = lines.stdout.lines().map(plain).collect();
    events.sort();
    events
}

async fn an_import_killed_again_and_again_comes_to_the_same_end(store: Store) {
    let (whole, broken) = (Place::new(store), Place::new(store));
    let file = whole.write("people.csv", &list());
    let expect = done(&whole, &file, &[]).await;
    assert_eq!(expect.0["rows"], ROWS, "{}", expect.0);
    let seed = seed();
    let mut chance = Chance::about(seed, 0);
    let mut kills = 0;
    for _ in 0..KILLS {
        let after = Duration::from_millis(150 + chance.below(2_500));
        if !killed(&broken, &file, after).await {
            break;
        }
        kills += 1;
    }
    // A run that came to its end leaves nothing open: then the same file is a new import, which changes nothing.
    let (counts, rows) = done(&broken, &file, &[]).await;
    if counts["new_yes"] != 0 {
        assert_eq!(counts, expect.0, "seed {seed}, {kills} kills");
        assert_eq!(rows, expect.1, "seed {seed}, {kills} kills");
    }
    assert_eq!(
        events(&broken).await,
        events(&whole).await,
        "seed {seed}, {kills} kills"
    );
    let again = done(&broken, &file, &[]).await.0;
    assert_eq!(
        (&again["new_yes"], &again["new_no"]),
        (&0.into(), &0.into())
    );
    broken.run(&["verify"]).await.ended(0);
}
