//! Every sample of the platform's webhooks is understood.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use greenline_wire::webhook::{self, InboundKind, Lane, TemplateRef, Value};

/// Every sample by its file name without `.json`.
pub(crate) fn samples() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

fn opt<T: AsRef<str>>(text: Option<T>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.as_ref().to_owned())
}

fn show_kind(kind: &InboundKind<'_>) -> String {
    match kind {
        InboundKind::Text(text) => format!("text {text}"),
        InboundKind::Button { payload, text } => {
            format!("button {} {}", opt(payload.as_ref()), opt(text.as_ref()))
        }
        InboundKind::ButtonReply { id, title } => {
            format!("button_reply {} {}", opt(id.as_ref()), opt(title.as_ref()))
        }
        InboundKind::ListReply {
            id,
            title,
            description,
        } => format!(
            "list_reply {} {} {}",
            opt(id.as_ref()),
            opt(title.as_ref()),
            opt(description.as_ref())
        ),
        InboundKind::NfmReply {
            name,
            response_json,
            ..
        } => {
            format!("nfm {} {}", opt(name.as_ref()), opt(response_json.as_ref()))
        }
        InboundKind::CallPermissionReply {
            response,
            expiration_s,
            permanent,
            source,
        } => format!(
            "call_permission {} {expiration_s:?} {permanent} {}",
            opt(response.as_ref()),
            opt(source.as_ref())
        ),
        InboundKind::Reaction { message_id, emoji } => {
            format!(
                "reaction {} {}",
                opt(message_id.as_ref()),
                opt(emoji.as_ref())
            )
        }
        InboundKind::System(system) => format!(
            "system {} wa={} id={} parent={} was={} was_parent={} hash={}",
            system.kind,
            opt(system.wa_id.as_ref()),
            opt(system.user_id.as_ref()),
            opt(system.parent_user_id.as_ref()),
            opt(system.previous_user_id.as_ref()),
            opt(system.previous_parent_user_id.as_ref()),
            opt(system.identity_hash.as_ref()),
        ),
        InboundKind::Edit {
            original_message_id,
            text,
        } => {
            format!(
                "edit {} {}",
                opt(original_message_id.as_ref()),
                opt(text.as_ref())
            )
        }
        InboundKind::Revoke {
            original_message_id,
        } => {
            format!("revoke {}", opt(original_message_id.as_ref()))
        }
        InboundKind::Unsupported { what } => format!("unsupported {}", opt(what.as_ref())),
        InboundKind::Media { kind, caption, .. } => {
            format!("{kind:?} {}", opt(caption.as_ref()))
        }
        InboundKind::Unknown { kind } => format!("Unknown {kind}"),
        InboundKind::Interactive { kind } => format!("interactive {kind}"),
        other => format!("{other:?}"),
    }
}

fn show(value: &Value<'_>) -> String {
    match value {
        Value::Messages(value) | Value::Standby(value) => {
            let mut parts = vec![format!(
                "number {}",
                opt(value.metadata.phone_number_id.as_ref())
            )];
            for m in &value.messages {
                parts.push(format!(
                    "{} from {}/{} at {:?}: {}{}",
                    m.id,
                    opt(m.from.as_ref()),
                    opt(m.from_user_id.as_ref()),
                    m.timestamp_s,
                    show_kind(&m.kind),
                    m.context_id
                        .as_ref()
                        .map_or(String::new(), |id| format!(" re {id}")),
                ));
            }
            for s in &value.statuses {
                let codes: Vec<_> = s.errors.iter().filter_map(|e| e.code).collect();
                parts.push(format!(
                    "{} {:?} to {}/{} at {:?} {codes:?} {}",
                    s.id,
                    s.status,
                    opt(s.recipient_id.as_ref()),
                    opt(s.recipient_user_id.as_ref()),
                    s.timestamp_s,
                    s.pricing.as_ref().map_or("-".to_owned(), |p| format!(
                        "{:?} {} {}",
                        p.billable,
                        opt(p.kind.as_ref()),
                        opt(p.category.as_ref())
                    )),
                ));
            }
            parts.extend(value.errors.iter().map(|e| format!("error {:?}", e.code)));
            parts.extend(value.user_actions.iter().map(|a| {
                format!(
                    "{} {}",
                    opt(a.kind.as_ref()),
                    opt(a.click_component.as_ref())
                )
            }));
            parts.join("; ")
        }
        Value::Echo(value) => {
            let echoes = value.echoes.iter().map(|e| {
                format!(
                    "{} to {}/{}: {}",
                    e.id,
                    opt(e.to.as_ref()),
                    opt(e.to_user_id.as_ref()),
                    show_kind(&e.kind)
                )
            });
            format!(
                "phone_app={} {}",
                value.phone_app,
                echoes.collect::<Vec<_>>().join("; ")
            )
        }
        Value::UserPreferences(value) => {
            let mut parts = vec![format!(
                "number {}",
                opt(value.metadata.phone_number_id.as_ref())
            )];
            parts.extend(value.preferences.iter().map(|p| {
                format!(
                    "{}/{} {:?} {} at {:?}",
                    opt(p.wa_id.as_ref()),
                    opt(p.user_id.as_ref()),
                    p.value,
                    opt(p.signup_id.as_ref()),
                    p.timestamp_s
                )
            }));
            parts.join("; ")
        }
        Value::Calls(value) => {
            let calls = value.calls.iter().map(|c| {
                format!(
                    "{} {} from {} by_person={:?} {:?}s",
                    c.id,
                    opt(c.event.as_ref()),
                    opt(c.from.as_ref()),
                    c.by_person,
                    c.duration_s
                )
            });
            let statuses = value
                .statuses
                .iter()
                .map(|s| format!("{} {}", s.id, opt(s.status.as_ref())));
            calls.chain(statuses).collect::<Vec<_>>().join("; ")
        }
        Value::History(value) => {
            let codes: Vec<_> = value.errors.iter().filter_map(|e| e.code).collect();
            format!("{} messages {codes:?}", value.messages)
        }
        other => show_account(other),
    }
}

fn show_account(value: &Value<'_>) -> String {
    let template = |t: &TemplateRef<'_>| format!("{}/{}", t.name, opt(t.language.as_ref()));
    match value {
        Value::AccountUpdate(update) => {
            let mut parts = vec![update.event.to_string()];
            parts.extend(
                update
                    .restrictions
                    .iter()
                    .map(|r| format!("[{} until {:?}]", r.kind, r.expiration_s)),
            );
            parts.extend(
                update
                    .ban
                    .iter()
                    .map(|b| format!("{} {:?}", b.state, b.date_s)),
            );
            parts.extend(update.violation.iter().map(|v| v.to_string()));
            parts.extend(update.disconnection.iter().map(|d| {
                format!(
                    "{} by {}",
                    opt(d.reason.as_ref()),
                    opt(d.initiated_by.as_ref())
                )
            }));
            parts.extend(update.waba_id.iter().map(|id| format!("waba {id}")));
            parts.extend(update.country.iter().map(|c| c.to_string()));
            parts.join(" ")
        }
        Value::AccountAlerts(alert) => format!(
            "{} {} {} {} {}",
            opt(alert.entity_type.as_ref()),
            opt(alert.entity_id.as_ref()),
            opt(alert.severity.as_ref()),
            opt(alert.status.as_ref()),
            opt(alert.kind.as_ref())
        ),
        Value::BusinessCapability(capability) => format!(
            "limit {:?} per phone {:?}",
            capability.limit, capability.limit_per_phone
        ),
        Value::PhoneNumberQuality(quality) => format!(
            "{} {:?} -> {:?} business {:?}",
            quality.event, quality.old_limit, quality.current_limit, quality.limit_of_business
        ),
        Value::PhoneNumberName(name) => {
            format!("{} {}", name.decision, opt(name.rejection_reason.as_ref()))
        }
        Value::Security(security) => {
            format!("{} by {}", security.event, opt(security.requester.as_ref()))
        }
        Value::TemplateStatus(status) => format!(
            "{} {} {} {} {} {:?}",
            template(&status.template),
            status.event,
            opt(status.category.as_ref()),
            opt(status.reason.as_ref()),
            opt(status.title.as_ref()),
            status.disable_date_s
        ),
        Value::TemplateQuality(quality) => format!(
            "{} {} -> {}",
            template(&quality.template),
            opt(quality.previous.as_ref()),
            quality.new
        ),
        Value::TemplateCategory(category) => format!(
            "{} was {} is {} becomes {} at {:?}",
            template(&category.template),
            opt(category.previous.as_ref()),
            category.present,
            opt(category.correct.as_ref()),
            category.changes_at_s
        ),
        Value::TemplateCorrectCategory(category) => format!(
            "{} is {} should be {}",
            template(&category.template),
            opt(category.category.as_ref()),
            category.correct
        ),
        Value::TemplateComponents(components) => format!(
            "{} {} / {} / {:?}",
            template(&components.template),
            opt(components.body.as_ref()),
            opt(components.footer.as_ref()),
            components.buttons
        ),
        other => format!("{other:?}"),
    }
}

/// One line per change of every sample, in the order of their names.
fn summary() -> String {
    let mut lines = String::new();
    for (name, body) in samples() {
        let delivery = webhook::parse(&body).unwrap();
        assert_eq!(delivery.unreadable, 0, "{name}");
        assert_eq!(delivery.object, "whatsapp_business_account", "{name}");
        let lane = webhook::lane(&delivery);
        for entry in &delivery.entries {
            for change in &entry.changes {
                assert!(name.starts_with(&*change.field), "{name}");
                lines.push_str(&format!("{name} | {lane:?} | {}\n", show(&change.value)));
            }
        }
    }
    lines
}

#[test]
fn every_sample_is_understood() {
    let expected = include_str!("samples.txt");
    let got = summary();
    let differences: Vec<_> = got
        .lines()
        .zip(expected.lines())
        .filter(|(got, expected)| got != expected)
        .map(|(got, expected)| format!("     got {got}\n  wanted {expected}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(got.lines().count(), expected.lines().count());
}

#[test]
fn only_fields_kept_as_they_are_have_no_variant() {
    let kept_as_they_are = [
        "account_settings_update",
        "automatic_events",
        "business_username_updates",
        "flows",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "messaging_handovers",
        "partner_solutions",
        "payment_configuration_update",
        "smb_app_state_sync",
        "user_id_update",
    ];
    for (name, body) in samples() {
        for change in webhook::parse(&body)
            .unwrap()
            .entries
            .iter()
            .flat_map(|e| &e.changes)
        {
            assert_eq!(
                matches!(change.value, Value::Other),
                kept_as_they_are.contains(&&*change.field),
                "{name}"
            );
            assert!(!matches!(change.value, Value::Unreadable), "{name}");
            if let Value::Messages(value) | Value::Standby(value) = &change.value {
                assert!(
                    value
                        .messages
                        .iter()
                        .all(|m| m.kind != InboundKind::Unreadable)
                );
            }
        }
    }
}

#[test]
fn entries_keep_their_id_and_time_and_changes_their_bytes() {
    let body = samples().remove("account_review_update").unwrap();
    let delivery = webhook::parse(&body).unwrap();
    let entry = &delivery.entries[0];
    assert_eq!(entry.id, "201500000000001");
    assert_eq!(entry.time_s, Some(1_788_264_000));
    let raw = entry.changes[0].raw.get();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains(raw) && raw.contains("APPROVED"));
}

#[test]
fn numbers_and_texts_may_stand_for_each_other() {
    let body = br#"{"object":"whatsapp_business_account","entry":[{"id":201500000000001,"time":"1788264000","changes":[
        {"field":"messages","value":{"metadata":{"phone_number_id":301500000000001},
            "messages":[{"from":15550100123,"id":"wamid.A","timestamp":1788264000,"type":"text","text":{"body":7}},
                        {"from":"15550100123","id":"wamid.B","timestamp":"1788264000000","text":"STOP"}],
            "statuses":[{"id":"wamid.C","status":"failed","timestamp":1788264000.0,"recipient_id":15550100123,
                "errors":[{"code":"131050","title":"t"}]}]}},
        {"field":"user_preferences","value":{"user_preferences":[{"user_id":"US.8001","value":"stop","timestamp":"1788264000"}]}},
        {"field":"account_update","value":{"event":"ACCOUNT_RESTRICTION","restriction_info":[
            {"restriction_type":"A","expiration":"1788523200"},
            {"restriction_type":"B","expiration":"2026-09-04T12:00:00+0000"},
            {"restriction_type":"C","expiration":"soon"}]}},
        {"field":"business_capability_update","value":{"max_daily_conversations_per_business":"TIER_100K"}},
        {"field":"business_capability_update","value":{"max_daily_conversations_per_business":-1}},
        {"field":"business_capability_update","value":{"max_daily_conversations_per_business":"TIER_FANCY"}},
        {"field":"Message Template Quality","value":{"new_quality_score":"RED","message_template_name":"offer","message_template_id":"9"}}
    ]}]}"#;
    let delivery = webhook::parse(body).unwrap();
    let entry = &delivery.entries[0];
    assert_eq!(
        (&*entry.id, entry.time_s),
        ("201500000000001", Some(1_788_264_000))
    );
    let shown: Vec<_> = entry.changes.iter().map(|c| show(&c.value)).collect();
    assert_eq!(
        shown,
        [
            "number 301500000000001; wamid.A from 15550100123/- at Some(1788264000): text 7; \
             wamid.B from 15550100123/- at Some(1788264000): text STOP; \
             wamid.C Failed to 15550100123/- at Some(1788264000) [131050] -",
            "number -; -/US.8001 Stop - at Some(1788264000)",
            "ACCOUNT_RESTRICTION [A until Some(1788523200)] [B until Some(1788523200)] [C until None]",
            "limit Some(People(100000)) per phone None",
            "limit Some(Unlimited) per phone None",
            "limit Some(Other(\"TIER_FANCY\")) per phone None",
            "offer/- - -> RED",
        ]
    );
}

#[test]
fn a_stop_is_not_lost_with_the_name_of_its_type() {
    for message in [
        r#"{"id":"a","type":"text","text":{"body":"STOP"}}"#,
        r#"{"id":"a","text":{"body":"STOP"}}"#,
        r#"{"id":"a","type":"text_v2","text":{"body":"STOP"}}"#,
        r#"{"id":"a","type":"image","text":{"body":"STOP"}}"#,
        r#"{"id":"a","type":7,"text":{"body":"STOP"}}"#,
        r#"{"id":"a","type":null,"text":"STOP"}"#,
        r#"{"id":"a","type":"text","type":"interactive","text":{"body":"STOP"}}"#,
        r#"{"id":"a","type":"text","text":{"body":"x","body":"STOP"},"new":{"deep":[[[{}]]]}}"#,
    ] {
        let body = format!(
            r#"{{"entry":[{{"changes":[{{"field":"messages","value":{{"messages":[{message}]}}}}]}}]}}"#
        );
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let shown = show(&delivery.entries[0].changes[0].value);
        assert!(shown.ends_with("at None: text STOP"), "{message}: {shown}");
    }
    for (message, expected) in [
        (r#"{"id":"a","type":"poll","poll":{}}"#, "Unknown poll"),
        (r#"{"id":"a","type":"text"}"#, "unreadable"),
        (r#"{"id":"a"}"#, "unreadable"),
        ("{}", "unreadable"),
        ("7", "unreadable"),
        (
            r#"{"id":"a","type":"image","image":{"id":"1","caption":"stop"}}"#,
            "Image stop",
        ),
        (
            r#"{"id":"a","type":"interactive","interactive":{"type":"new_reply","new_reply":{}}}"#,
            "interactive new_reply",
        ),
    ] {
        let body = format!(
            r#"{{"entry":[{{"changes":[{{"field":"messages","value":{{"messages":[{message}]}}}}]}}]}}"#
        );
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let shown = show(&delivery.entries[0].changes[0].value);
        assert!(
            shown.ends_with(&format!(": {expected}")),
            "{message}: {shown}"
        );
    }
}

#[test]
fn half_an_emoji_does_not_lose_the_message() {
    let body = br#"{"entry":[{"id":"1","changes":[{"field":"messages","value":{"messages":[
        {"from":"15550100123","id":"wamid.A","timestamp":"1","type":"button","button":{"text":"Stop \ud83d","payload":"OUT"}}]}}]}]}"#;
    let delivery = webhook::parse(body).unwrap();
    let Value::Messages(value) = &delivery.entries[0].changes[0].value else {
        panic!("not messages");
    };
    let InboundKind::Button { payload, text } = &value.messages[0].kind else {
        panic!("not a button");
    };
    assert_eq!(payload.as_deref(), Some("OUT"));
    assert!(text.as_deref().unwrap().starts_with("Stop "));
}

#[test]
fn what_is_no_delivery() {
    for body in ["", "[]", "7", "{", "\"x\""] {
        assert!(webhook::parse(body.as_bytes()).is_err(), "{body}");
    }
    assert!(webhook::parse(&[b'{', 0xff, b'}']).is_err());
    assert!(webhook::parse(b"{}").unwrap().entries.is_empty());
}

#[test]
fn lanes() {
    let change = |field: &str, value: &str| format!(r#"{{"field":"{field}","value":{value}}}"#);
    let status = change("messages", r#"{"statuses":[{"id":"a","status":"sent"}]}"#);
    let message = change("messages", r#"{"messages":[7]}"#);
    let review = change("account_review_update", r#"{"decision":"APPROVED"}"#);
    let broken = change("messages", "7");
    for (changes, expected) in [
        (vec![], Lane::Account),
        (vec![&review], Lane::Account),
        (vec![&status], Lane::Status),
        (vec![&review, &status], Lane::Status),
        (vec![&status, &review], Lane::Status),
        (vec![&status, &review, &message], Lane::Inbound),
        (vec![&message, &status], Lane::Inbound),
        (vec![&broken], Lane::Inbound),
    ] {
        let changes: Vec<&str> = changes.into_iter().map(String::as_str).collect();
        let body = format!(
            r#"{{"entry":[{{"id":"1","changes":[{}]}}]}}"#,
            changes.join(",")
        );
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        assert_eq!(webhook::lane(&delivery), expected, "{body}");
    }
}

#[test]
fn debug_output_names_nobody() {
    for (name, body) in samples() {
        if name.starts_with("account_") || name.starts_with("phone_number") || name == "security" {
            continue;
        }
        let shown = format!("{:?}", webhook::parse(&body).unwrap());
        for secret in [
            "15550100123",
            "15550100456",
            "8001234567",
            "Dana",
            "STOP",
            "Hello",
        ] {
            assert!(!shown.contains(secret), "{name}: {secret}");
        }
    }
}
