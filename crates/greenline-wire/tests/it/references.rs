//! Messages named in webhooks, and other ids in their place.

use greenline_wire::refer::{names, replaced};

fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        samples.push((name, std::fs::read(path).unwrap()));
    }
    samples.sort();
    samples
}

#[test]
fn nothing_but_the_id_changes() {
    let (mut statuses, mut answers, mut reactions) = (0, 0, 0);
    for (name, body) in samples() {
        let found = names(&body);
        for one in &found.messages {
            let stands = String::from_utf8_lossy(&body[one.place.clone()]).into_owned();
            assert_eq!(
                serde_json::from_str::<String>(&stands).unwrap(),
                one.id,
                "{name}"
            );
            let text = String::from_utf8_lossy(&body[..one.place.start]).into_owned();
            let member = text.rsplit('"').nth(1).unwrap();
            match member {
                "message_id" => reactions += 1,
                _ if text.contains("\"context\"") => answers += 1,
                _ => statuses += 1,
            }
        }
        let other = replaced(&body, &found.messages, |_| {
            Some("other\u{e9}/id=".to_owned())
        });
        let Some(other) = other else {
            assert!(found.messages.is_empty(), "{name}");
            continue;
        };
        let mut expected = String::from_utf8(body.clone()).unwrap();
        for one in found.messages.iter().rev() {
            expected.replace_range(one.place.clone(), "\"other\\u00e9/id=\"");
        }
        assert_eq!(
            String::from_utf8(other.clone()).unwrap(),
            expected,
            "{name}"
        );
        let again = names(&other);
        assert!(
            again.messages.iter().all(|one| one.id == "other\u{e9}/id="),
            "{name}"
        );
        assert_eq!(again.messages.len(), found.messages.len(), "{name}");
    }
    assert!(
        statuses > 5 && answers > 1 && reactions > 0,
        "{statuses} {answers} {reactions}"
    );
}

#[test]
fn escapes_are_read_and_other_places_are_left() {
    let body = br#"{"entry":[{"changes":[{"value":{"statuses":[{"id":"wamid.a\/b\u003d","recipient_id":"15551230001",
        "recipient_user_id":"US.1"}],"messages":[{"id":"wamid.own","text":{"body":"\"statuses\":[{\"id\":\"x\"}]"},
        "context":{"id":"wamid.c","from":"1"},"reaction":{"message_id":"wamid.r","emoji":"x"}}]}}]}]}"#;
    let found = names(body);
    let ids: Vec<&str> = found.messages.iter().map(|one| &*one.id).collect();
    assert_eq!(ids, ["wamid.a/b=", "wamid.c", "wamid.r"]);
    assert_eq!(found.recipients, ["15551230001", "US.1"]);
    let one = replaced(body, &found.messages, |id| {
        (id == "wamid.c").then(|| "mine".to_owned())
    });
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(
        one.unwrap(),
        text.replace("\"wamid.c\"", "\"mine\"").into_bytes()
    );
    assert_eq!(replaced(body, &found.messages, |_| None), None);
}

#[test]
fn what_is_no_webhook_names_nothing() {
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "{\"statuses\":[{\"id\":\"a",
        "nul",
        "{\"a\":}",
        "\\",
        "{\"a\\",
        &deep,
    ] {
        assert_eq!(names(body.as_bytes()), Default::default());
    }
    assert_eq!(names(b"\"\xff\""), Default::default());
}
