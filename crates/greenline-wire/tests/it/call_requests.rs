//! Requests to ring a person, and acts within a call.

use greenline_wire::calls::{self, Call, CallAction};
use greenline_wire::send::Body;

fn show(call: &Call<'_>) -> String {
    match call {
        Call::Connect { to, recipient, .. } => {
            format!("connect {:?} {:?}", to.as_deref(), recipient.as_deref())
        }
        Call::Other(action) => format!("{action:?}"),
    }
}

#[test]
fn shapes_of_calls() {
    let rows = [
        (
            r#"{"messaging_product":"whatsapp","to":"15550100123","action":"connect","session":{"sdp_type":"offer","sdp":"v=0"}}"#,
            r#"connect Some("15550100123") None"#,
        ),
        (
            r#"{"recipient":"US.8001","action":"connect"}"#,
            r#"connect None Some("US.8001")"#,
        ),
        (
            r#"{"to":15550100123,"action":"connect"}"#,
            r#"connect Some("15550100123") None"#,
        ),
        (
            r#"{"call_id":"wacid.A","action":"pre_accept"}"#,
            "PreAccept",
        ),
        (r#"{"call_id":"wacid.A","action":"accept"}"#, "Accept"),
        (r#"{"call_id":"wacid.A","action":"reject"}"#, "Reject"),
        (r#"{"call_id":"wacid.A","action":"terminate"}"#, "Terminate"),
        (r#"{"to":"15550100123"}"#, "! `action` is missing"),
        (
            r#"{"to":"15550100123","action":"CONNECT"}"#,
            "! `action` is not known",
        ),
        (
            r#"{"to":"15550100123","action":["connect"]}"#,
            "! `action` must be a text",
        ),
        (
            r#"{"action":"connect"}"#,
            "! neither `to` nor `recipient` is given",
        ),
        (r#"{"to":"","action":"connect"}"#, "! `to` is empty"),
        (
            r#"{"to":"Dana","action":"connect"}"#,
            "! `to` is neither a phone number nor a user id",
        ),
        (
            r#"{"to":"15550100123","to":"15550100456","action":"connect"}"#,
            "! `to` is given twice",
        ),
        (
            r#"{"to":"15550100123","action":"accept","action":"connect"}"#,
            "! `action` is given twice",
        ),
        (
            r#"{"to":"15550100123","action":"accept","Action":"connect"}"#,
            "! a parameter could be taken for `action`; write exactly `action`",
        ),
        (
            r#"{"to":"15550100123","action":"connect","method":"get"}"#,
            "! `method` of a call must be `post`",
        ),
        (
            r#"{"messaging_product":"other","to":"15550100123","action":"connect"}"#,
            "! `messaging_product` must be `whatsapp`",
        ),
        ("[]", "! the body must be a JSON object"),
        ("{", "! the body is not valid JSON (line 1, column 1)"),
    ];
    for (body, expected) in rows {
        let got = calls::parse_json(body.as_bytes())
            .map_or_else(|error| format!("! {error}"), |call| show(&call));
        assert_eq!(got, expected, "{body}");
    }
}

#[test]
fn forms_and_queries() {
    let call =
        calls::parse_form(b"to=15550100123&action=connect&biz_opaque_callback_data=x").unwrap();
    assert_eq!(
        call,
        Call::Connect {
            to: Some("15550100123".into()),
            recipient: None,
            biz_opaque_callback_data: Some("x".into()),
        }
    );
    let json = Body::Json(br#"{"call_id":"wacid.A","action":"accept"}"#);
    assert_eq!(
        calls::parse_query("", json).unwrap(),
        Call::Other(CallAction::Accept)
    );
    assert_eq!(
        calls::parse_query("action=connect", json)
            .unwrap_err()
            .text(),
        "`action` differs between the query string and the body"
    );
    assert!(calls::parse_form(b"to=1&to=2&action=connect").is_err());
    assert!(calls::parse_form(b"to[]=15550100123&action=connect").is_err());
}

#[test]
fn debug_output_names_nobody() {
    let call = calls::parse_json(br#"{"to":"15550100123","action":"connect"}"#).unwrap();
    assert_eq!(
        format!("{call:?}"),
        r#"Connect { to: Some(…23), recipient: None, .. }"#
    );
}
