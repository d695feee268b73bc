//! What deliveries teach.

use greenline_gateway::webhooks::effects::Learned;
use greenline_ledger::types::{Effect, Lane, OwnReply};
use greenline_policy::consent::EventKind;

use super::{RECEIVED_MS, config, read, read_with, sample, samples, show, text};

fn table() -> String {
    let mut table = String::new();
    for (name, body) in samples() {
        let learned = read(std::str::from_utf8(&body).unwrap());
        table.push_str(&format!("{name} [{:?}]\n", learned.lane));
        for effect in &learned.effects {
            table.push_str(&format!("    {}\n", show(effect)));
        }
        for start in &learned.starts {
            table.push_str(&format!(
                "    start {} `{}`\n",
                start.message_id, start.wording
            ));
        }
    }
    table
}

#[test]
fn every_sample_teaches_exactly_this() {
    insta::assert_snapshot!(table());
}

#[test]
fn the_same_delivery_teaches_the_same_whenever_it_comes() {
    for (name, body) in samples() {
        let body = String::from_utf8(body).unwrap();
        let (first, later) = (
            read(&body),
            read_with(&config(""), &body, RECEIVED_MS + 86_400_000),
        );
        let dedups = |learned: &Learned| -> Vec<_> {
            let keyed = |effect: &Effect| match effect {
                Effect::Consent(event) => Some((event.dedup.clone(), event.at_ms)),
                _ => None,
            };
            learned.effects.iter().filter_map(keyed).collect()
        };
        assert_eq!(dedups(&first), dedups(&later), "{name}");
        assert!(
            dedups(&first).iter().all(|(dedup, _)| dedup.is_some()),
            "{name}"
        );
    }
}

fn kinds(learned: &Learned) -> Vec<&'static str> {
    learned
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Consent(event) if event.kind == EventKind::Withdrawn => "no",
            Effect::Consent(_) => "consent",
            Effect::Known { .. } => "known",
            Effect::Wrote { .. } => "wrote",
            Effect::Reply {
                reply: OwnReply::StopConfirmed { .. },
                ..
            } => "confirm",
            Effect::Reply { .. } => "ask",
            _ => "other",
        })
        .collect()
}

fn stopped(learned: &Learned) -> Vec<String> {
    let scope = |effect: &Effect| match effect {
        Effect::Consent(event) if event.kind == EventKind::Withdrawn => {
            Some(event.scope.to_string())
        }
        _ => None,
    };
    learned.effects.iter().filter_map(scope).collect()
}

fn says(config_extra: &str, words: &str) -> Learned {
    read_with(
        &config(config_extra),
        &text("wamid.1", 1_788_264_000, words),
        RECEIVED_MS,
    )
}

#[test]
fn what_a_stop_closes_is_named() {
    for (words, extra, closed) in [
        ("STOP", "", &["marketing", "utility", "calls"][..]),
        ("Stop. Thank you", "", &["marketing", "utility", "calls"]),
        ("stop all", "", &["all"]),
        ("stop offers", "", &["marketing"]),
        ("STOP", "stop_closes = \"all\"", &["all"]),
        ("stop by our shop", "", &[]),
        ("hello", "", &[]),
    ] {
        assert_eq!(stopped(&says(extra, words)), closed, "{words} {extra}");
    }
}

#[test]
fn a_stop_is_confirmed_once_unless_switched_off() {
    assert_eq!(
        kinds(&says("", "STOP")),
        ["known", "wrote", "no", "no", "no", "confirm"]
    );
    assert_eq!(
        kinds(&says("confirm_stops = false", "STOP")),
        ["known", "wrote", "no", "no", "no"]
    );
}

#[test]
fn an_unclear_word_is_asked_about_and_changes_nothing() {
    assert_eq!(kinds(&says("", "cancel")), ["known", "wrote", "ask"]);
    assert_eq!(
        stopped(&says("ambiguous_stop_words = [\"cancel\"]", "cancel")),
        ["marketing", "utility", "calls"]
    );
}

#[test]
fn a_stop_counts_at_the_end_of_its_second_and_the_window_opens_at_its_start() {
    let learned = says("", "STOP");
    for effect in &learned.effects {
        match effect {
            Effect::Consent(event) => assert_eq!(event.at_ms, 1_788_264_000_999),
            Effect::Wrote { at_ms, .. } => assert_eq!(*at_ms, 1_788_264_000_000),
            _ => {}
        }
    }
}

/// The sample's message, changed.
fn changed(name: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut json: serde_json::Value = serde_json::from_str(&sample(name)).unwrap();
    change(
        json.pointer_mut("/entry/0/changes/0/value/messages/0")
            .unwrap(),
    );
    json.to_string()
}

#[test]
fn an_edit_into_a_stop_is_one_and_opens_no_window() {
    let body = changed("messages.edit", |message| {
        message["edit"]["message"]["text"]["body"] = "stop".into();
    });
    assert_eq!(kinds(&read(&body)), ["known", "no", "no", "no", "confirm"]);
    let body = changed("messages.edit", |message| {
        message["edit"]["message"]["text"]["body"] = "cancel".into();
    });
    assert_eq!(kinds(&read(&body)), ["known"]);
}

#[test]
fn a_caption_is_text() {
    let body = changed("messages.text_stop", |message| {
        message["type"] = "image".into();
        message["image"] = serde_json::json!({"id": "1", "caption": "unsubscribe me"});
    });
    assert_eq!(stopped(&read(&body)), ["marketing", "utility", "calls"]);
}

#[test]
fn the_answers_to_our_own_question_are_a_stop_and_ordinary_writing() {
    for (id, expected) in [
        (
            "greenline.stop.yes",
            &["known", "wrote", "no", "no", "no", "confirm"][..],
        ),
        ("greenline.stop.no", &["known", "wrote"]),
    ] {
        let body = changed("messages.interactive_button_reply", |message| {
            message["interactive"]["button_reply"] =
                serde_json::json!({"id": id, "title": "Stop messages"});
        });
        assert_eq!(kinds(&read(&body)), expected, "{id}");
    }
}

#[test]
fn a_form_can_stop_but_neither_ask_nor_start() {
    for (answers, closed) in [
        (r#"{"choice":"stop_all"}"#, &["all"][..]),
        (r#"{"topics":["news","optout_marketing"]}"#, &["marketing"]),
        (r#"{"choice":"cancel"}"#, &[]),
        (r#"{"choice":"subscribe","offers":true}"#, &[]),
        ("not json", &[]),
    ] {
        let body = changed("messages.interactive_nfm_reply", |message| {
            message["interactive"]["nfm_reply"]["response_json"] = answers.into();
        });
        let learned = read(&body);
        assert_eq!(stopped(&learned), closed, "{answers}");
        assert!(learned.starts.is_empty());
    }
}

#[test]
fn a_stop_in_a_group_or_on_standby_counts_and_is_not_answered() {
    let group = changed("messages.text_stop", |message| {
        message["group_id"] = "G1".into();
    });
    assert_eq!(kinds(&read(&group)), ["known", "no", "no", "no"]);
    let standby = sample("standby").replace("I need help", "stop");
    assert_eq!(kinds(&read(&standby)), ["known", "wrote", "no", "no", "no"]);
}

#[test]
fn only_131050_is_a_stop_among_the_failures() {
    for (name, body) in samples() {
        let learned = read(std::str::from_utf8(&body).unwrap());
        let consents = learned
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Consent(_)))
            .count();
        if name.starts_with("messages.status_") {
            assert_eq!(consents, usize::from(name.ends_with("131050")), "{name}");
        }
    }
}

#[test]
fn start_is_left_to_whoever_can_ask_the_ledger() {
    let learned = says("", "START");
    assert_eq!(kinds(&learned), ["known", "wrote"]);
    assert_eq!(learned.starts.len(), 1);
    assert_eq!(learned.starts[0].at_ms, 1_788_264_000_000);
}

#[test]
fn times_ahead_are_taken_as_arrival() {
    let learned = read(&text("wamid.1", 1_800_000_000, "STOP"));
    for effect in &learned.effects {
        match effect {
            Effect::Consent(event) => {
                assert_eq!(
                    (event.at_ms, event.stated_ms),
                    (1_788_264_010_999, 1_800_000_000_000)
                );
            }
            Effect::Wrote { at_ms, .. } => assert_eq!(*at_ms, RECEIVED_MS),
            _ => {}
        }
    }
}

#[test]
fn a_moved_number_carries_on_even_where_an_id_stays() {
    let body = sample("messages.system_user_changed_number")
        .replace("US.80098765432109876543", "US.80012345678901234567");
    let shown: Vec<String> = read(&body).effects.iter().map(show).collect();
    // The id on both sides must not join the two numbers.
    assert!(
        shown
            .iter()
            .all(|line| !(line.starts_with("known") && line.contains("80012345678901234567"))),
        "{shown:?}"
    );
    assert!(
        shown
            .iter()
            .any(|line| line.starts_with("moved 15550100123 to 15550100456")),
        "{shown:?}"
    );
}

#[test]
fn the_lane_is_inbound_as_soon_as_anything_inbound_is_in_it() {
    let status: serde_json::Value = serde_json::from_str(&sample("messages.status_sent")).unwrap();
    let mut both = status.clone();
    let inbound: serde_json::Value = serde_json::from_str(&sample("messages.text_stop")).unwrap();
    both["entry"]
        .as_array_mut()
        .unwrap()
        .push(inbound["entry"][0].clone());
    assert_eq!(read(&status.to_string()).lane, Lane::Status);
    assert_eq!(read(&both.to_string()).lane, Lane::Inbound);
}

/// Who left with the phone app is said of one number where the news names it, and of all of the account where it does not.
#[test]
fn news_that_names_a_number_is_kept_as_that_numbers() {
    let kept = |event: &str, named: Option<&str>| {
        let mut value = serde_json::json!({ "event": event, "disconnection_info": {} });
        if let Some(named) = named {
            value["phone_number"] = named.into();
        }
        let body = serde_json::json!({ "object": "whatsapp_business_account", "entry": [{
            "id": "201500000000001", "time": 1_788_264_000,
            "changes": [{ "field": "account_update", "value": value }],
        }]});
        let words = |effect: Effect| match effect {
            Effect::Restricted { restrictions, .. } => Some(restrictions),
            _ => None,
        };
        let learned = read(&body.to_string());
        let kept = learned.effects.into_iter().filter_map(words).flatten();
        let kept: Vec<(String, bool)> = kept
            .map(|(_, word, until_ms)| (word.into(), until_ms.is_none()))
            .collect();
        kept
    };
    let is = |word: &str, lasts| vec![(word.to_owned(), lasts)];
    for event in ["ACCOUNT_OFFBOARDED", "PARTNER_REMOVED"] {
        assert_eq!(kept(event, None), is("offboarded", true));
        assert_eq!(kept(event, Some("")), is("offboarded", true));
        let ours = is("offboarded:301500000000001", true);
        assert_eq!(kept(event, Some("+1 (555) 010-0001")), ours);
        let unknown = is("offboarded:15550199", true);
        assert_eq!(kept(event, Some("15550199")), unknown);
    }
    let back = is("offboarded:301500000000001", false);
    assert_eq!(kept("ACCOUNT_RECONNECTED", Some("15550100001")), back);
    assert_eq!(
        kept("ACCOUNT_DELETED", Some("15550100001")),
        is("account.deleted", true)
    );
}

/// A take is told to the app that had the chat, a pass to the app that has it now (ENF-36).
#[test]
fn a_handover_says_whose_the_chat_is() {
    for (kind, stood_by) in [
        ("control_taken", Some(true)),
        ("control_passed", Some(false)),
        ("control_shared", None),
    ] {
        let body = sample("messaging_handovers").replace("control_passed", kind);
        let heard = read(&body).threads;
        let number = Box::from("301500000000001");
        let expected = stood_by.map(|stood_by| (number, stood_by, 1_788_264_000_000));
        assert_eq!(heard, Vec::from_iter(expected), "{kind}");
    }
}
