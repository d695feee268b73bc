//! The plain CSV import.

use serde_json::Value;

use super::{ADMIN, Desk, MANAGER, granted, withdrawn};

const HEAD: &str = "phone,scope,event,occurred_at,method,wording,business_name,source,shoe_size";

async fn import(desk: &Desk, query: &str, file: &str) -> Value {
    let answer = desk
        .post(
            MANAGER,
            &format!("/v1/consents/import{query}"),
            file.to_owned(),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn file() -> String {
    format!(
        "\u{feff}{HEAD}\n\
         +1 555 123 0001,marketing,granted,2026-01-02T03:04:05Z,import_attested,\"Yes, offers\nplease\",Acme,shop,42\n\
         \n\
         15551230002,marketing,,,website_form,Yes,Acme,,\n\
         15551230003,marketing,withdrawn,last week,,,,,\n\
         15551230004,nonsense,granted,,,,,,\n\
         not a phone,marketing,granted,,,,,,\n\
         15551230005,marketing\n\
         15551230006,marketing,granted,,telepathy,Yes,Acme,,\n"
    )
}

#[tokio::test]
async fn every_row_is_counted_and_a_bad_one_stops_nothing() {
    let desk = Desk::new();
    let answer = import(&desk, "?business=acme", &file()).await;
    for (member, count) in [
        ("rows", 7),
        ("recorded", 3),
        ("repeated", 0),
        ("bad", 4),
        ("no_stays", 0),
    ] {
        assert_eq!(answer[member], count, "{member}: {answer}");
    }
    assert_eq!(answer["ignored_columns"], serde_json::json!(["shoe_size"]));
    let lines: Vec<u64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 5, 6, 7, 8, 9, 10]);
    assert!(
        answer["results"][3]["problem"]
            .as_str()
            .unwrap()
            .starts_with("scope: ")
    );
    assert!(
        answer["results"][4]["problem"]
            .as_str()
            .unwrap()
            .starts_with("person.wa_id: ")
    );
    assert!(
        answer["results"][6]["problem"]
            .as_str()
            .unwrap()
            .starts_with("evidence.method: ")
    );
    let person = desk
        .get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .json();
    assert_eq!(person["head"]["marketing"]["strength"], "imported");
    assert_eq!(person["history"][0]["actor"], "max");
    let person = desk
        .get(ADMIN, "/v1/people/15551230003?business=acme")
        .await
        .json();
    assert_eq!(person["head"]["marketing"]["standing"], "refused");
}

#[tokio::test]
async fn the_same_file_again_records_nothing_twice() {
    let desk = Desk::new();
    import(&desk, "", &file()).await;
    desk.app.clock.set(super::NOW_MS + 60_000);
    let again = import(&desk, "", &file()).await;
    assert_eq!(
        (&again["recorded"], &again["repeated"], &again["bad"]),
        (&0.into(), &3.into(), &4.into())
    );
}

#[tokio::test]
async fn an_undated_no_counts_again_after_the_person_said_yes() {
    let desk = Desk::new();
    let file = "wa_id,scope,event\n15551230001,marketing,withdrawn\n";
    import(&desk, "", file).await;
    desk.app.clock.set(super::NOW_MS + 60_000);
    let mut yes = granted("15551230001");
    yes.as_object_mut().unwrap().remove("occurred_at");
    assert_eq!(
        desk.record(yes).await["head"]["marketing"]["standing"],
        "covered"
    );
    desk.app.clock.set(super::NOW_MS + 120_000);
    let again = import(&desk, "", file).await;
    assert_eq!(
        (&again["recorded"], &again["results"][0]["standing"]),
        (&1.into(), &"refused".into())
    );
    assert_eq!(import(&desk, "", file).await["repeated"], 1);
}

#[tokio::test]
async fn a_no_on_record_beats_the_file() {
    let desk = Desk::new();
    desk.record(withdrawn("15551230002", "marketing")).await;
    let file = "wa_id;scope;occurred_at;method;wording;business_name\n15551230002;marketing;2026-11-25T14:07:00Z;website_form;Yes;Acme\n";
    let dry = import(&desk, "?dry_run=true", file).await;
    assert_eq!(
        (&dry["no_stays"], &dry["results"][0]["result"]),
        (&1.into(), &"would_record".into())
    );
    let answer = import(&desk, "", file).await;
    assert_eq!(
        (&answer["no_stays"], &answer["results"][0]["standing"]),
        (&1.into(), &"refused".into())
    );
}

#[tokio::test]
async fn a_dry_run_records_nothing() {
    let desk = Desk::new();
    let answer = import(&desk, "?dry_run=true", &file()).await;
    assert_eq!(
        (&answer["dry_run"], &answer["recorded"], &answer["bad"]),
        (&true.into(), &3.into(), &4.into())
    );
    // A misspelt switch is not a real import.
    desk.post(MANAGER, "/v1/consents/import?dryrun=true", file())
        .await
        .problem(400);
    desk.get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .problem(404);
    assert_eq!(
        desk.get(ADMIN, "/v1/export/consents?business=acme")
            .await
            .text,
        ""
    );
}

#[tokio::test]
async fn a_file_without_the_columns_it_needs_is_refused() {
    let desk = Desk::new();
    for file in ["", "scope\nmarketing\n", "wa_id\n15551230001\n"] {
        desk.post(MANAGER, "/v1/consents/import", file)
            .await
            .problem(400);
    }
}
