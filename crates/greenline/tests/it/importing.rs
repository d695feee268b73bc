//! An import that is killed again and again comes to the same end as one that is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chance::{Chance, seed};
use crate::support::command::killed;
use crate::support::place::Place;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    an_import_killed_again_and_again_comes_to_the_same_end,
    what_holds_holds_after_it_was_handed_out_and_taken_in,
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
    let config = broken.config();
    let config = config.to_str().expect("a path in UTF-8");
    let args = ["consent", "import", &file, "--config", config];
    let mut kills = 0;
    for _ in 0..KILLS {
        let after = Duration::from_millis(150 + chance.below(2_500));
        if !killed(&args, after).await {
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

/// People who agreed and refused, over and over, one file after the other.
const PEOPLE: u64 = 120;
const FILES: u64 = 3;
const SCOPES: [&str; 5] = ["all", "marketing", "marketing.offers", "utility", "calls"];
/// How many of them open by an act of their own what they had refused.
const REOPENED: u64 = 8;

/// What holds: by person and scope, what was said and when.
type Holds = BTreeMap<(String, String), (String, String)>;

fn acts(chance: &mut Chance, file: u64) -> String {
    let mut acts = String::new();
    for person in 0..PEOPLE {
        for act in 0..chance.below(3) {
            let scope = chance.one_of(&SCOPES);
            let event =
                chance.one_of(&["granted", "granted", "refused", "withdrawn", "reconfirmed"]);
            let act = json!({
                "wa_id": format!("1555030{person:04}"), "scope": scope, "event": event,
                "occurred_at": format!("2026-0{}-1{act}T10:00:00Z", file + 1),
                "method": "website_form", "wording": "Yes, offers", "business_name": "Acme",
            });
            let _ = writeln!(acts, "{act}");
        }
    }
    acts
}

/// Hands out what holds, as a file, and reads it.
async fn handed_out(place: &Place, format: &str) -> (String, Holds) {
    let file = place.folder().join(format!("current.{format}"));
    let file = file.to_str().expect("UTF-8").to_owned();
    let current = [
        "consent",
        "export",
        "--current",
        "--output",
        &file,
        "--format",
    ];
    place
        .run(&[&current, &[format][..]].concat())
        .await
        .ended(0);
    let lines = place
        .run(&["consent", "export", "--current"])
        .await
        .ended(0);
    let holds = lines.stdout.lines().map(|line| {
        let act: Value = serde_json::from_str(line).expect("JSON");
        let of = |name: &str| act[name].as_str().unwrap_or_default().to_owned();
        (
            (act["person"].to_string(), of("scope")),
            (of("event"), of("occurred_at")),
        )
    });
    (file, holds.collect())
}

/// Those who refuse, and what.
fn noes(holds: &Holds) -> BTreeSet<&(String, String)> {
    let is_no = |(event, _): &(String, String)| event != "granted" && event != "reconfirmed";
    holds
        .iter()
        .filter(|(_, what)| is_no(what))
        .map(|(whom, _)| whom)
        .collect()
}

async fn what_holds_holds_after_it_was_handed_out_and_taken_in(store: Store) {
    let seed = seed();
    let mut chance = Chance::about(seed, 1);
    let place = Place::new(store);
    for file in 0..FILES {
        let file = place.write("acts.jsonl", &acts(&mut chance, file));
        place.run(&["consent", "import", &file]).await;
    }
    for person in 0..REOPENED {
        let person = format!("1555030{person:04}");
        let evidence = [
            "--method",
            "website_form",
            "--wording",
            "Yes",
            "--business-name",
            "Acme",
        ];
        let yes = [
            "consent", "record", "--person", &person, "--event", "granted", "--scope",
        ];
        place
            .run(&[&yes, &["marketing"][..], &evidence].concat())
            .await
            .ended(0);
    }
    for format in ["csv", "jsonl"] {
        let (file, held) = handed_out(&place, format).await;
        assert!(
            noes(&held).len() > 20 && held.len() > 100,
            "seed {seed}: {held:?}"
        );
        let elsewhere = Place::new(store);
        elsewhere.run(&["consent", "import", &file]).await.ended(0);
        elsewhere.run(&["verify"]).await.ended(0);
        let (file, taken) = handed_out(&elsewhere, format).await;
        assert_eq!(noes(&taken), noes(&held), "seed {seed}");
        for (whom, what) in &taken {
            assert_eq!(held.get(whom), Some(what), "seed {seed}: {whom:?}");
        }
        // What a person opened below a no of theirs is not opened again by a file.
        for whom in held.keys().filter(|whom| !taken.contains_key(whom)) {
            let stays = noes(&held).into_iter().any(|no| no.0 == whom.0);
            assert!(stays, "seed {seed}: {whom:?} of {held:?}");
        }

        let third = Place::new(store);
        third.run(&["consent", "import", &file]).await.ended(0);
        third.run(&["verify"]).await.ended(0);
        assert_eq!(handed_out(&third, format).await.1, taken, "seed {seed}");
    }
}
