//! What upstream answers teach as they pass.

use greenline_wire::answer::{self, MessageStatus};

#[test]
fn an_accepted_send() {
    let body = br#"{"messaging_product":"whatsapp","contacts":[{"input":"+1 555 010 0123","wa_id":"15550100123","user_id":"US.8001"}],
        "messages":[{"id":"wamid.A","message_status":"held_for_quality_assessment"},{"id":"wamid.B"},{"noid":1},7]}"#;
    let read = answer::read_send(body).unwrap();
    assert_eq!(read.contacts.len(), 1);
    assert_eq!(read.contacts[0].input.as_deref(), Some("+1 555 010 0123"));
    assert_eq!(read.contacts[0].wa_id.as_deref(), Some("15550100123"));
    assert_eq!(read.contacts[0].user_id.as_deref(), Some("US.8001"));
    let messages: Vec<_> = read
        .messages
        .iter()
        .map(|m| (&*m.id, m.status.clone()))
        .collect();
    assert_eq!(
        messages,
        [("wamid.A", Some(MessageStatus::Held)), ("wamid.B", None)]
    );
    assert!(!format!("{read:?}").contains("0123"));
    for (text, expected) in [
        ("accepted", MessageStatus::Accepted),
        ("paused", MessageStatus::Paused),
        ("new", MessageStatus::Other("new".into())),
    ] {
        let body = format!(r#"{{"messages":[{{"id":"a","message_status":"{text}"}}]}}"#);
        let read = answer::read_send(body.as_bytes()).unwrap();
        assert_eq!(read.messages[0].status, Some(expected));
    }
    assert_eq!(
        answer::read_send(br#"{"success":true}"#).unwrap().success,
        Some(true)
    );
    for body in [
        "",
        "{}",
        "[]",
        r#"{"messages":[]}"#,
        r#"{"error":{"code":100}}"#,
    ] {
        assert_eq!(answer::read_send(body.as_bytes()), None, "{body}");
    }
}

/// What is read straight through is what a reader of any shape finds.
#[test]
fn message_ids_of_any_shape() {
    let usual = r#"{"messaging_product":"whatsapp","contacts":[{"input":"+1 555 010 0123","wa_id":"15550100123","user_id":"US.8001"}],"messages":[{"id":"wamid.A","message_status":"accepted"}]}"#;
    let mut bodies: Vec<Vec<u8>> = [
        (r#","user_id":"US.8001""#, ""),
        (r#","message_status":"accepted""#, ""),
        ("wamid.A", r"wamid.\u0041"),
        ("wamid.A", ""),
        ("wamid.A", "wamid.ä"),
        (r#""wamid.A""#, "7"),
        ("},", "} ,"),
        ("}]}", r#"},{"id":"wamid.B"}]}"#),
        ("}]}", "}]} "),
        ("}]}", "}]}x"),
        ("{", r#"{"id":"x","#),
    ]
    .map(|(from, to)| usual.replacen(from, to, 1).into())
    .into();
    for at in 0..usual.len() {
        bodies.push(usual.as_bytes()[..at].to_vec());
        for byte in [b'"', b'\\', b'x', b'\n', 0xff] {
            let mut changed = usual.as_bytes().to_vec();
            changed[at] = byte;
            bodies.push(changed);
        }
    }
    bodies.push(usual.into());
    for body in bodies {
        let read: Vec<Box<str>> = answer::read_send(&body)
            .into_iter()
            .flat_map(|read| read.messages)
            .map(|message| message.id.into())
            .collect();
        let shown = String::from_utf8_lossy(&body);
        assert_eq!(answer::message_ids::<Vec<_>>(&body), read, "{shown}");
    }
}

#[test]
fn a_list_of_templates() {
    let body = br#"{"data":[
        {"id":"901","name":"offer","language":"en_US","status":"APPROVED","category":"MARKETING","correct_category":"UTILITY",
         "quality_score":{"score":"GREEN","date":1788264000},
         "components":[{"type":"HEADER","format":"TEXT","text":"Hello"},{"type":"BODY","text":"Hi {{1}}"},{"type":"FOOTER","text":"Bye"},
            {"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Stop promotions"},{"type":"URL","text":"Shop","url":"https://a.example"}]},7]},
        {"id":902,"name":"code","language":"de","status":"PAUSED","category":"AUTHENTICATION"},
        {"id":"903"},
        7
    ],"paging":{"cursors":{"before":"A","after":"B"},"next":"https://graph.facebook.com/x"}}"#;
    let read = answer::read_templates(body).unwrap();
    assert_eq!((read.rows.len(), read.unreadable), (2, 2));
    assert_eq!(read.after.as_deref(), Some("B"));
    let offer = &read.rows[0];
    assert_eq!(
        (&*offer.name, offer.language.as_deref()),
        ("offer", Some("en_US"))
    );
    assert_eq!(
        (offer.status.as_deref(), offer.category.as_deref()),
        (Some("APPROVED"), Some("MARKETING"))
    );
    assert_eq!(
        (offer.quality.as_deref(), offer.correct_category.as_deref()),
        (Some("GREEN"), Some("UTILITY"))
    );
    assert_eq!(
        (
            offer.header.as_deref(),
            offer.body.as_deref(),
            offer.footer.as_deref()
        ),
        (Some("Hello"), Some("Hi {{1}}"), Some("Bye"))
    );
    let buttons: Vec<_> = offer
        .buttons
        .iter()
        .map(|b| (b.kind.as_deref(), b.text.as_deref()))
        .collect();
    assert_eq!(
        buttons,
        [
            (Some("QUICK_REPLY"), Some("Stop promotions")),
            (Some("URL"), Some("Shop"))
        ]
    );
    assert_eq!(read.rows[1].id.as_deref(), Some("902"));

    let last =
        answer::read_templates(br#"{"data":[],"paging":{"cursors":{"after":"B"}}}"#).unwrap();
    assert_eq!((last.rows.len(), last.after), (0, None));
    let one =
        answer::read_templates(br#"{"id":"901","name":"offer","status":"APPROVED"}"#).unwrap();
    assert_eq!(one.rows[0].name, "offer");
    assert_eq!(answer::read_templates(b"{}"), None);
}

#[test]
fn fields_of_numbers_and_accounts() {
    let body = br#"{"id":"301500000000001","display_phone_number":"+1 555-010-0001","verified_name":"Acme","status":"CONNECTED",
        "quality_rating":"GREEN","throughput":{"level":"STANDARD"},"messaging_limit_tier":"TIER_1K",
        "whatsapp_business_manager_messaging_limit":"TIER_2K","name_status":"APPROVED","code_verification_status":"VERIFIED","account_mode":"LIVE",
        "health_status":{"can_send_message":"BLOCKED","entities":[
            {"entity_type":"PHONE_NUMBER","id":"301500000000001","can_send_message":"LIMITED","additional_info":["name not approved"]},
            {"entity_type":"WABA","id":"201500000000001","can_send_message":"BLOCKED","errors":[{"error_code":141006,"error_description":"payment","possible_solution":"pay"}]}]}}"#;
    let number = answer::read_number(body).unwrap();
    assert_eq!(number.id.as_deref(), Some("301500000000001"));
    assert_eq!(number.status.as_deref(), Some("CONNECTED"));
    assert_eq!(number.quality_rating.as_deref(), Some("GREEN"));
    assert_eq!(number.throughput.as_deref(), Some("STANDARD"));
    assert_eq!(number.messaging_limit.as_deref(), Some("TIER_2K"));
    assert_eq!(number.name_status.as_deref(), Some("APPROVED"));
    let health = number.health.unwrap();
    assert_eq!(health.can_send.as_deref(), Some("BLOCKED"));
    assert_eq!(health.entities.len(), 2);
    assert_eq!(health.entities[0].additional_info, ["name not approved"]);
    assert_eq!(health.entities[1].errors[0].code, Some(141_006));

    let old =
        answer::read_number(br#"{"id":"3","messaging_limit_tier":"TIER_1K","throughput":"HIGH"}"#)
            .unwrap();
    assert_eq!(
        (old.messaging_limit.as_deref(), old.throughput.as_deref()),
        (Some("TIER_1K"), Some("HIGH"))
    );
    assert_eq!(answer::read_number(br#"{"error":{"code":100}}"#), None);

    let list = answer::read_numbers(br#"{"data":[{"id":"1","status":"CONNECTED"},7,{"id":"2"}]}"#);
    let ids: Vec<_> = list.iter().map(|n| n.id.as_deref()).collect();
    assert_eq!(ids, [Some("1"), Some("2")]);
    assert!(answer::read_numbers(b"nonsense").is_empty());

    let account = answer::read_account(
        br#"{"id":"2","status":"ACTIVE","account_review_status":"APPROVED","whatsapp_business_manager_messaging_limit":"TIER_10K","health_status":{"can_send_message":"AVAILABLE"}}"#,
    )
    .unwrap();
    assert_eq!(
        (account.status.as_deref(), account.review_status.as_deref()),
        (Some("ACTIVE"), Some("APPROVED"))
    );
    assert_eq!(account.messaging_limit.as_deref(), Some("TIER_10K"));
    assert_eq!(
        account.health.unwrap().can_send.as_deref(),
        Some("AVAILABLE")
    );
}

#[test]
fn media() {
    assert_eq!(answer::read_media(br#"{"id":"1013"}"#).unwrap().id, "1013");
    let looked_up = answer::read_media(
        br#"{"url":"https:\/\/lookaside.example\/x","mime_type":"image/png","id":1013}"#,
    )
    .unwrap();
    assert_eq!(
        (&*looked_up.id, looked_up.url.as_deref()),
        ("1013", Some("https://lookaside.example/x"))
    );
    assert_eq!(answer::read_media(b"{}"), None);
}

#[test]
fn tokens_and_who_gets_webhooks() {
    let token = answer::read_token(
        br#"{"data":{"app_id":"634974688087057","type":"SYSTEM_USER","application":"Lucky Shrub","data_access_expires_at":0,"expires_at":0,"is_valid":true,"issued_at":1712099387,"scopes":["whatsapp_business_management"],"granular_scopes":[{"scope":"whatsapp_business_management"}]}}"#,
    )
    .unwrap();
    assert_eq!(
        (token.app_id.as_deref(), token.kind.as_deref()),
        (Some("634974688087057"), Some("SYSTEM_USER"))
    );
    assert_eq!(
        (token.expires_s, token.data_access_expires_s, token.is_valid),
        (Some(0), Some(0), Some(true))
    );
    let dated = answer::read_token(
        br#"{"data":{"app_id":670843887433847,"type":"USER","data_access_expires_at":1672092840,"expires_at":1665090000,"is_valid":false,"error":{"code":190}}}"#,
    )
    .unwrap();
    assert_eq!(dated.app_id.as_deref(), Some("670843887433847"));
    assert_eq!(
        (dated.expires_s, dated.data_access_expires_s, dated.is_valid),
        (Some(1_665_090_000), Some(1_672_092_840), Some(false))
    );
    for none in [
        "{}",
        r#"{"error":{"code":100}}"#,
        r#"{"data":[]}"#,
        "nonsense",
    ] {
        assert_eq!(answer::read_token(none.as_bytes()), None, "{none}");
    }

    let apps = answer::read_subscribed(
        br#"{"data":[{"whatsapp_business_api_data":{"id":"67084","link":"https://x","name":"Jaspers Market"}},{"whatsapp_business_api_data":{"id":52565}},{"else":1},7]}"#,
    )
    .unwrap();
    let apps: Vec<_> = apps.iter().map(Option::as_deref).collect();
    assert_eq!(apps, [Some("67084"), Some("52565"), None, None]);
    assert_eq!(answer::read_subscribed(br#"{"data":[]}"#), Some(Vec::new()));
    assert_eq!(answer::read_subscribed(br#"{"error":{"code":190}}"#), None);
}
