//! Shapes of sends: what is read, and what is refused rather than guessed.

use greenline_wire::send::{self, Addressee, Body, FreeFormKind, RecipientType, Send, SendKind};

/// One line that tells what was read.
fn show(send: &Send<'_>) -> String {
    let kind = match &send.kind {
        SendKind::FreeForm { kind } => format!("{kind:?}").to_lowercase(),
        SendKind::Template { name, language } => format!("template {name}/{language}"),
        SendKind::MarkRead { message_id, typing } => format!("read {message_id} typing={typing}"),
        SendKind::CallPermissionRequest => "call permission".to_owned(),
        SendKind::Reaction => "reaction".to_owned(),
    };
    let addressees: Vec<String> = send
        .addressees()
        .map(|addressee| match addressee {
            Addressee::Phone(text) => format!("phone {text}"),
            Addressee::UserId(text) => format!("user {text}"),
            Addressee::Group(text) => format!("group {text}"),
        })
        .collect();
    format!("{kind} -> {}", addressees.join(" + "))
}

fn check(
    rows: &[(&str, &str)],
    read: impl for<'b> Fn(&'b str) -> Result<String, greenline_wire::ShapeError>,
) {
    let mut wrong = Vec::new();
    for (body, expected) in rows {
        let got = match read(body) {
            Ok(text) => text,
            Err(error) => format!("! {error}"),
        };
        if got != *expected {
            wrong.push(format!("{body}\n     got {got}\n  wanted {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_json(rows: &[(&str, &str)]) {
    check(rows, |body| {
        send::parse_json(body.as_bytes()).map(|send| show(&send))
    });
}

#[test]
fn json_shapes_that_clients_use() {
    check_json(&[
        (
            r#"{"messaging_product":"whatsapp","recipient_type":"individual","to":"15550100123","type":"text","text":{"preview_url":false,"body":"hi"}}"#,
            "text -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","text":{"body":"hi"}}"#,
            "text -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"text"}"#,
            "text -> phone 15550100123",
        ),
        (
            r#"{"to":15550100123,"type":"text","text":{}}"#,
            "text -> phone 15550100123",
        ),
        (
            r#"{"to":"+1 (555) 010-0123","type":"text","text":{}}"#,
            "text -> phone +1 (555) 010-0123",
        ),
        (r#"{"to":"US.8001","text":{}}"#, "text -> user US.8001"),
        (
            r#"{"to":"US.ENT.7001","text":{}}"#,
            "text -> user US.ENT.7001",
        ),
        (
            r#"{"recipient":"US.8001","text":{}}"#,
            "text -> user US.8001",
        ),
        (
            r#"{"recipient":"15550100123","text":{}}"#,
            "text -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","recipient":"US.8001","text":{}}"#,
            "text -> phone 15550100123 + user US.8001",
        ),
        (
            r#"{"to":null,"recipient":"US.8001","text":{}}"#,
            "text -> user US.8001",
        ),
        (
            r#"{"recipient_type":"group","to":"Y2FwaV9ncm91cDox","text":{}}"#,
            "text -> group Y2FwaV9ncm91cDox",
        ),
        (
            r#"{"to":"15550100123","type":"template","template":{"name":"offer","language":{"code":"en_US","policy":"deterministic"},"components":[{"type":"body","parameters":[{"type":"text","text":"x"}]}]}}"#,
            "template offer/en_US -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"offer","language":{"code":"en_US"}}}"#,
            "template offer/en_US -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"offer","language":"de"}}"#,
            "template offer/de -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"template","text":null,"image":null,"template":{"name":"a","language":{"code":"en"}}}"#,
            "template a/en -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","product_policy":"STRICT","message_activity_sharing":true,"type":"template","template":{"name":"a","language":{"code":"en"}}}"#,
            "template a/en -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"image","image":{"id":"1","caption":"x"}}"#,
            "image -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","audio":{"id":"1"}}"#,
            "audio -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","video":{"link":"https://a.example/v"}}"#,
            "video -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","document":{"id":"1"}}"#,
            "document -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","sticker":{"id":"1"}}"#,
            "sticker -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","location":{"latitude":1.5}}"#,
            "location -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"contacts","contacts":[{"name":{}}]}"#,
            "contacts -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"reaction","reaction":{"message_id":"wamid.A","emoji":"\ud83d\udc4d"}}"#,
            "reaction -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"interactive","interactive":{"type":"button","body":{"text":"?"},"action":{"buttons":[]}}}"#,
            "interactive -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"interactive","interactive":{"type":"flow","action":{"name":"flow","parameters":{}}}}"#,
            "interactive -> phone 15550100123",
        ),
        (
            r#"{"to":"15550100123","type":"interactive","interactive":{"type":"call_permission_request","action":{"name":"call_permission_request"}}}"#,
            "call permission -> phone 15550100123",
        ),
        (
            r#"{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN"}"#,
            "read wamid.IN typing=false -> ",
        ),
        (
            r#"{"status":"read","message_id":"wamid.IN","typing_indicator":{"type":"text"}}"#,
            "read wamid.IN typing=true -> ",
        ),
        (
            r#"{"status":"read","message_id":"wamid.IN","typing_indicator":null}"#,
            "read wamid.IN typing=false -> ",
        ),
        (
            r#"{"to":"15550100123","type":"text","text":{},"context":{"message_id":"wamid.A"},"Unrelated":[{"to":"x"}]}"#,
            "text -> phone 15550100123",
        ),
        // A name written with escapes is the same name.
        (
            r#"{"\u0074o":"15550100123","text":{}}"#,
            "text -> phone 15550100123",
        ),
        // The same member names deeper down mean nothing here.
        (
            r#"{"to":"15550100123","type":"text","text":{"body":"x","to":"1","type":"template"}}"#,
            "text -> phone 15550100123",
        ),
    ]);
}

#[test]
fn json_shapes_that_are_refused() {
    check_json(&[
        ("", "! the body is not valid JSON (line 1, column 0)"),
        ("{", "! the body is not valid JSON (line 1, column 1)"),
        ("null", "! the body must be a JSON object"),
        ("[]", "! the body must be a JSON object"),
        (
            r#"[{"to":"15550100123","text":{}}]"#,
            "! the body must be a JSON object",
        ),
        (r#""to""#, "! the body must be a JSON object"),
        (
            r#"{"to":"15550100123","text":{}} {"to":"15550100999"}"#,
            "! the body is not valid JSON (line 1, column 32)",
        ),
        (
            "\u{feff}{}",
            "! the body is not valid JSON (line 1, column 1)",
        ),
        ("{}", "! neither `to` nor `recipient` is given"),
        (
            r#"{"text":{"body":"x"}}"#,
            "! neither `to` nor `recipient` is given",
        ),
        (
            r#"{"to":null,"text":{}}"#,
            "! neither `to` nor `recipient` is given",
        ),
        (r#"{"to":"","text":{}}"#, "! `to` is empty"),
        (
            r#"{"to":"   ","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"Dana","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"15550100123,15550100456","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"15550100123\u0000","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"\uff11\uff15550100123","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":["15550100123"],"text":{}}"#,
            "! `to` must be a text",
        ),
        (
            r#"{"to":{"id":"15550100123"},"text":{}}"#,
            "! `to` must be a text",
        ),
        (r#"{"to":1.5e10,"text":{}}"#, "! `to` must be a text"),
        (r#"{"to":-15550100123,"text":{}}"#, "! `to` must be a text"),
        (r#"{"to":true,"text":{}}"#, "! `to` must be a text"),
        (
            r#"{"recipient":{"id":"15550100123"},"message":{"text":"x"}}"#,
            "! `recipient` must be a text",
        ),
        (
            r#"{"to":"15550100123","to":"15550100456","text":{}}"#,
            "! `to` is given twice",
        ),
        (
            r#"{"to":"15550100123","to":"15550100123","text":{}}"#,
            "! `to` is given twice",
        ),
        (
            r#"{"to":null,"to":"15550100456","text":{}}"#,
            "! `to` is given twice",
        ),
        (
            r#"{"to":"15550100123","\u0074o":"15550100456","text":{}}"#,
            "! `to` is given twice",
        ),
        (
            r#"{"to":"15550100123","type":"text","type":"template","text":{}}"#,
            "! `type` is given twice",
        ),
        (
            r#"{"to":"15550100123","text":{},"text":{}}"#,
            "! `text` is given twice",
        ),
        (
            r#"{"to":"15550100123","To":"15550100456","text":{}}"#,
            "! a parameter could be taken for `to`; write exactly `to`",
        ),
        (
            r#"{"to":"15550100123","text":{},"template[name]":"offer"}"#,
            "! a parameter could be taken for `template`; write exactly `template`",
        ),
        (
            r#"{"to":"15550100123","text":{}," type":"template"}"#,
            "! a parameter could be taken for `type`; write exactly `type`",
        ),
        (
            r#"{"to":"15550100123","type":"text","template":{"name":"a","language":{"code":"en"}}}"#,
            "! `type` is `text` but the content is `template`",
        ),
        (
            r#"{"to":"15550100123","type":"text","text":{},"template":{"name":"a","language":{"code":"en"}}}"#,
            "! `text` and `template` are both given; a message has one content",
        ),
        (
            r#"{"to":"15550100123","type":"template","template":{"name":"a","language":{"code":"en"}},"text":{}}"#,
            "! `text` and `template` are both given; a message has one content",
        ),
        (
            r#"{"to":"15550100123","image":{},"video":{}}"#,
            "! `image` and `video` are both given; a message has one content",
        ),
        (
            r#"{"to":"15550100123"}"#,
            "! nothing to send: neither `type` nor any content such as `text` is given",
        ),
        (
            r#"{"to":"15550100123","type":null}"#,
            "! nothing to send: neither `type` nor any content such as `text` is given",
        ),
        (
            r#"{"to":"15550100123","type":"poll"}"#,
            "! `type` `poll` is not known",
        ),
        (
            r#"{"to":"15550100123","type":"TEXT","text":{}}"#,
            "! `type` is not known",
        ),
        (
            r#"{"to":"15550100123","type":"","text":{}}"#,
            "! `type` is not known",
        ),
        (
            r#"{"to":"15550100123","type":["text"],"text":{}}"#,
            "! `type` must be a text",
        ),
        (
            r#"{"to":"15550100123","type":"template"}"#,
            "! `template` is missing",
        ),
        (
            r#"{"to":"15550100123","type":"template","template":null}"#,
            "! `template` is missing",
        ),
        (
            r#"{"to":"15550100123","type":"template","template":"offer"}"#,
            "! `template` must be an object",
        ),
        (
            r#"{"to":"15550100123","type":"template","template":[]}"#,
            "! `template` must be an object",
        ),
        (
            r#"{"to":"15550100123","template":{"language":{"code":"en"}}}"#,
            "! `template.name` is missing",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"","language":"en"}}"#,
            "! `template.name` is missing",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"a"}}"#,
            "! `template.language.code` is missing",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"a","name":"b","language":"en"}}"#,
            "! `template.name` is given twice",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"a","Name":"b","language":"en"}}"#,
            "! a member could be taken for `name`; write exactly `name`",
        ),
        (
            r#"{"to":"15550100123","template":{"name":"a","language":{"code":"en","code":"de"}}}"#,
            "! a member of `template.language` is given twice",
        ),
        (
            r#"{"to":"15550100123","template":{"name":["a"],"language":"en"}}"#,
            "! `template.name` must be a text",
        ),
        (
            r#"{"to":"15550100123","type":"interactive"}"#,
            "! `interactive` is missing",
        ),
        (
            r#"{"to":"15550100123","interactive":{}}"#,
            "! `interactive.type` is missing",
        ),
        (
            r#"{"to":"15550100123","interactive":{"type":"button","type":"call_permission_request"}}"#,
            "! `interactive.type` is given twice",
        ),
        (
            r#"{"to":"15550100123","interactive":{"type":"button","action":{"name":"call_permission_request"}}}"#,
            "! `interactive.action` asks for a call permission but `interactive.type` does not",
        ),
        (
            r#"{"status":"read"}"#,
            "! `message_id` is missing beside `status`",
        ),
        (
            r#"{"status":"typing","message_id":"a"}"#,
            "! `status` must be `read`",
        ),
        (
            r#"{"status":"read","message_id":"a","to":"15550100123","text":{}}"#,
            "! `status` cannot stand beside `type` or content",
        ),
        (
            r#"{"status":"read","message_id":"a","to":"15550100123","type":"template"}"#,
            "! `status` cannot stand beside `type` or content",
        ),
        (
            r#"{"messaging_product":"messenger","to":"15550100123","text":{}}"#,
            "! `messaging_product` must be `whatsapp`",
        ),
        (
            r#"{"to":"15550100123","method":"delete","text":{}}"#,
            "! `method` of a send must be `post`",
        ),
        (
            r#"{"to":"15550100123","batch":[{}],"text":{}}"#,
            "! `batch` belongs in a `POST /`, not in a send",
        ),
        (
            r#"{"recipient_type":"everyone","to":"15550100123","text":{}}"#,
            "! `recipient_type` must be `individual` or `group`",
        ),
        (
            r#"{"recipient_type":"group","to":"g1","recipient":"US.8001","text":{}}"#,
            "! `recipient` cannot stand beside a group in `to`",
        ),
        (
            r#"{"recipient_type":"group","to":"a b","text":{}}"#,
            "! `to` is not a group id",
        ),
        (
            r#"{"to":"US.","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"USA.8001","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"US.80-01","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"123","text":{}}"#,
            "! `to` is neither a phone number nor a user id",
        ),
    ]);
}

#[test]
fn forms() {
    let rows = [
        (
            "to=15550100123&type=text&text=%7B%22body%22%3A%22hi%22%7D",
            "text -> phone 15550100123",
        ),
        (
            "messaging_product=whatsapp&to=%2B15550100123&text={\"body\":\"hi\"}",
            "text -> phone +15550100123",
        ),
        ("to=15550100123&text=plain", "text -> phone 15550100123"),
        (
            "to=15550100123&type=template&template=%7B%22name%22%3A%22offer%22%2C%22language%22%3A%7B%22code%22%3A%22en_US%22%7D%7D",
            "template offer/en_US -> phone 15550100123",
        ),
        (
            "status=read&message_id=wamid.IN&access_token=x",
            "read wamid.IN typing=false -> ",
        ),
        (
            "to=15550100123&interactive={\"type\":\"call_permission_request\"}",
            "call permission -> phone 15550100123",
        ),
        ("", "! neither `to` nor `recipient` is given"),
        (
            "{\"to\":\"15550100123\",\"text\":{}}",
            "! neither `to` nor `recipient` is given",
        ),
        (
            "to=15550100123&to=15550100456&text={}",
            "! `to` is given twice",
        ),
        (
            "to=15550100123&text={}&template[name]=offer",
            "! a parameter could be taken for `template`; write exactly `template`",
        ),
        (
            "to=15550100123&text={}&to%5B%5D=15550100456",
            "! a parameter could be taken for `to`; write exactly `to`",
        ),
        (
            "to=15550100123&text={}&+to=15550100456",
            "! a parameter could be taken for `to`; write exactly `to`",
        ),
        (
            "to=15550100123&text={}&recipient.type=group",
            "! a parameter could be taken for `recipient_type`; write exactly `recipient_type`",
        ),
        (
            "to=15550100123&template=offer",
            "! the body is not valid JSON (line 1, column 1)",
        ),
        ("to=15550100123&template=", "! `template` is empty"),
        (
            "to=15550100123&template={\"name\":\"a\",\"name\":\"b\"}",
            "! `template.name` is given twice",
        ),
        (
            "to=%2215550100123%22&text={}",
            "! `to` is neither a phone number nor a user id",
        ),
        (
            "to=15550100123&type=\"template\"&text={}",
            "! `type` is not known",
        ),
    ];
    check(&rows, |body| {
        send::parse_form(body.as_bytes()).map(|send| show(&send))
    });
}

#[test]
fn query_and_body_must_agree() {
    const TEXT: &str = r#"{"to":"15550100123","type":"text","text":{"body":"hi"}}"#;
    let rows = [
        ("", "text -> phone 15550100123"),
        (
            "access_token=x&appsecret_proof=y",
            "text -> phone 15550100123",
        ),
        ("to=15550100123", "text -> phone 15550100123"),
        (
            "to=15550100456",
            "! `to` differs between the query string and the body",
        ),
        (
            "type=template",
            "! `type` differs between the query string and the body",
        ),
        (
            "template={\"name\":\"offer\",\"language\":\"en\"}",
            "! `text` and `template` are both given; a message has one content",
        ),
        (
            "recipient=US.8001",
            "text -> phone 15550100123 + user US.8001",
        ),
        ("recipient_type=group", "text -> group 15550100123"),
        (
            "status=read&message_id=a",
            "! `status` cannot stand beside `type` or content",
        ),
        ("method=post", "text -> phone 15550100123"),
        ("method=GET", "! `method` of a send must be `post`"),
        ("batch=[]", "! `batch` belongs in a `POST /`, not in a send"),
        ("to=15550100123&to=15550100123", "! `to` is given twice"),
        (
            "text[body]=x",
            "! a parameter could be taken for `text`; write exactly `text`",
        ),
    ];
    check(&rows, |query| {
        send::parse_query(query, Body::Json(TEXT.as_bytes())).map(|send| show(&send))
    });
    check(
        &[
            ("to=15550100123&text={}", "text -> phone 15550100123"),
            ("", "! neither `to` nor `recipient` is given"),
        ],
        |query| send::parse_query(query, Body::Empty).map(|send| show(&send)),
    );
    check(
        &[
            ("type=text", "text -> phone 15550100123"),
            (
                "to=15550100456",
                "! `to` differs between the query string and the body",
            ),
        ],
        |query| {
            send::parse_query(query, Body::Form(b"to=15550100123&text={}")).map(|send| show(&send))
        },
    );
}

#[test]
fn what_a_send_carries_back() {
    let body = br#"{"to":"15550100123","text":{},"biz_opaque_callback_data":"order 7"}"#;
    let send = send::parse_json(body).unwrap();
    assert_eq!(send.biz_opaque_callback_data.as_deref(), Some("order 7"));
    assert_eq!(send.recipient_type, RecipientType::Individual);
    assert_eq!(
        send.kind,
        SendKind::FreeForm {
            kind: FreeFormKind::Text
        }
    );
    assert_eq!(send.clone().into_owned(), send);
}

#[test]
fn nesting_and_size_have_limits() {
    let deep = |levels: usize| {
        format!(
            r#"{{"to":"15550100123","text":{{}},"x":{}{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    assert!(send::parse_json(deep(40).as_bytes()).is_ok());
    for levels in [60, 200, 100_000] {
        let error = send::parse_json(deep(levels).as_bytes()).unwrap_err();
        assert_eq!(error.text(), "the body is nested deeper than 48 levels");
    }
    // Many brackets that do not nest, and brackets inside text, are no depth.
    let wide = format!(
        r#"{{"to":"15550100123","text":{{"body":"{}"}},"x":[{}1]}}"#,
        "[".repeat(500),
        "[],".repeat(500)
    );
    assert!(send::parse_json(wide.as_bytes()).is_ok());
    let long = format!(
        r#"{{"to":"15550100123","text":{{"body":"{}"}}}}"#,
        "x".repeat(send::BODY_BYTES_MAX)
    );
    let error = send::parse_json(long.as_bytes()).unwrap_err();
    assert_eq!(error.text(), "the body is longer than 1048576 bytes");
}

#[test]
fn errors_never_repeat_what_was_sent() {
    for body in [
        r#"{"to":"15550100123x","text":{}}"#,
        r#"{"to":["15550100123"],"text":{}}"#,
        r#"{"to":"15550100999","template":"15550100123"}"#,
        r#"{"to":"15550100999","type":"call 15550100123"}"#,
        r#"{"to":"15550100999","interactive":15550100123}"#,
    ] {
        let error = send::parse_json(body.as_bytes()).unwrap_err();
        assert!(!error.text().contains("15550100123"), "{error}");
    }
}
