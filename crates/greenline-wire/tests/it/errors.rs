//! The platform's error object and what is known of each code.

use greenline_wire::error::{self, GraphError, Retry};
use serde_json::Value;

#[test]
fn an_error_is_written_as_the_platform_writes_it() {
    let mut error = GraphError::new(131_050, 400, "the person said stop — “basta”", "d-1");
    assert_eq!(error.http, 400);
    assert_eq!(
        String::from_utf8(error.to_json()).unwrap(),
        r#"{"error":{"message":"(#131050) User stopped marketing messages","type":"OAuthException","code":131050,"error_data":{"messaging_product":"whatsapp","details":"the person said stop \u2014 \u201cbasta\u201d"},"fbtrace_id":"d-1"}}"#
    );
    error.subcode = Some(7);
    let json = String::from_utf8(error.to_json()).unwrap();
    assert!(
        json.contains(r#"},"error_subcode":7,"fbtrace_id""#),
        "{json}"
    );
}

#[test]
fn an_error_reads_back() {
    let mut written = GraphError::new(100, 400, "`to` is \"given\" twice", "d-2");
    written.subcode = Some(33);
    let read = error::read(&written.to_json()).unwrap();
    assert_eq!((read.code, read.subcode), (100, Some(33)));
    assert_eq!(read.message, "(#100) Invalid parameter");
    assert_eq!(read.details.as_deref(), Some("`to` is \"given\" twice"));
    assert_eq!(read.kind.as_deref(), Some("OAuthException"));
    assert_eq!(read.fbtrace_id.as_deref(), Some("d-2"));
}

#[test]
fn upstream_errors_in_other_forms() {
    let read = error::read(
        br#"{"error":{"message":"busy","code":"4","is_transient":true,"error_data":"text"}}"#,
    )
    .unwrap();
    assert_eq!(
        (read.code, read.transient, read.details),
        (4, Some(true), None)
    );
    for body in [
        "",
        "{}",
        "[]",
        r#"{"error":"x"}"#,
        r#"{"error":{}}"#,
        r#"{"error":{"message":"no code"}}"#,
        r#"{"messages":[{"id":"wamid.A"}]}"#,
        "<html>",
    ] {
        assert_eq!(error::read(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn the_table_is_the_data_file() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../../data/errors.json")).unwrap();
    assert_eq!(rows.len(), error::all().len());
    for (row, known) in rows.iter().zip(error::all()) {
        let number = |name: &str| row.get(name).and_then(Value::as_u64);
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let flag = |name: &str| row.get(name).and_then(Value::as_bool).unwrap_or(false);
        let code = u64::from(known.code);
        assert_eq!(number("code"), Some(code));
        assert_eq!(
            number("code_to").unwrap_or(code),
            u64::from(known.code_to),
            "{code}"
        );
        assert_eq!(number("subcode"), known.subcode.map(u64::from), "{code}");
        assert_eq!(number("http"), known.http.map(u64::from), "{code}");
        assert_eq!(text("title"), known.title, "{code}");
        assert_eq!(text("meaning"), known.meaning, "{code}");
        assert_eq!(text("scope"), known.scope, "{code}");
        assert_eq!(text("confidence"), known.confidence, "{code}");
        assert_eq!(flag("opt_out"), known.opt_out, "{code}");
        assert_eq!(flag("health_sign"), known.health_sign, "{code}");
        let retry = match text("retry") {
            "never" => Retry::Never,
            "later" => Retry::Later,
            "yes" => Retry::Yes,
            other => panic!("{other}"),
        };
        assert_eq!(retry, known.retry, "{code}");
        let sources: Vec<&str> = row["sources"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(sources, known.sources, "{code}");
    }
    let keys: Vec<_> = error::all()
        .iter()
        .map(|row| (row.code, row.subcode))
        .collect();
    assert!(keys.is_sorted());
}

#[test]
fn codes_are_found() {
    for known in error::all() {
        assert_eq!(error::known(known.code).unwrap().code, known.code);
    }
    assert_eq!(error::known(100).unwrap().subcode, None);
    assert_eq!(error::known_with(100, 33).unwrap().subcode, Some(33));
    assert_eq!(error::known_with(100, 34).unwrap().subcode, None);
    assert_eq!(error::known(250).unwrap().code, 200);
    for unknown in [5, 99, 300, 131_999, u32::MAX] {
        assert_eq!(error::known(unknown), None, "{unknown}");
    }
    // Only this code is the platform's word on a stop (OPT-41).
    let stops: Vec<_> = error::all()
        .iter()
        .filter(|row| row.opt_out)
        .map(|row| row.code)
        .collect();
    assert_eq!(stops, [131_050]);
}

#[test]
fn every_code_of_a_refusal_is_known() {
    for code in [
        100, 190, 368, 130_429, 130_497, 131_000, 131_016, 131_031, 131_047, 131_048, 131_049,
        131_050, 131_056, 132_015, 132_016,
    ] {
        assert!(error::known(code).is_some(), "{code}");
    }
}
