//! Small formats: ASCII JSON, times, parameters.

use greenline_wire::form::{self, ContentType};
use greenline_wire::{ascii, time};
use proptest::prelude::*;

proptest! {
    #[test]
    fn ascii_json_is_ascii_and_says_the_same(text in any::<String>()) {
        let json = ascii::string(&text);
        prop_assert!(json.is_ascii());
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn times_never_panic(text in any::<String>()) {
        let _ = time::seconds(&text);
    }

    #[test]
    fn times_near_forms_never_panic(text in "[0-9TZ:+. A-Za-z-]{0,32}") {
        let _ = time::seconds(&text);
    }

    #[test]
    fn multipart_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = form::from_multipart("B", &body);
    }
}

#[test]
fn escapes_are_lower_case() {
    assert_eq!(
        ascii::string("é\"\\\n\u{7f}👍"),
        r#""\u00e9\"\\\n\u007f\ud83d\udc4d""#
    );
}

#[test]
fn times() {
    for (text, expected) in [
        ("1788264000", Some(1_788_264_000)),
        (" 1788264000 ", Some(1_788_264_000)),
        ("1788264000000", Some(1_788_264_000)),
        ("1788264000.9", Some(1_788_264_000)),
        ("1.788264e9", Some(1_788_264_000)),
        ("0", Some(0)),
        ("2026-09-01", Some(1_788_220_800)),
        ("2026-09-01T12:00:00Z", Some(1_788_264_000)),
        ("2026-09-01T12:00:00+0000", Some(1_788_264_000)),
        ("2026-09-01T14:00:00+02:00", Some(1_788_264_000)),
        ("2026-09-01T05:00:00.123-0700", Some(1_788_264_000)),
        ("2026-09-01 12:00:00", Some(1_788_264_000)),
        ("2026-09-01T12:00", Some(1_788_264_000)),
        ("September 01, 2026", Some(1_788_220_800)),
        ("Sep 1, 2026", Some(1_788_220_800)),
        ("1 September 2026", Some(1_788_220_800)),
        ("April 17, 2025", Some(1_744_848_000)),
        ("February 29, 2024", Some(1_709_164_800)),
        ("January 1, 1970", Some(0)),
        ("December 31, 1999", Some(946_598_400)),
        ("February 29, 2025", None),
        ("2026-13-01", None),
        ("2026-09-31", None),
        ("2026-09-01T25:00:00Z", None),
        ("2026-09-01T12:00:00+1", None),
        ("soon", None),
        ("", None),
        ("true", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("-", None),
    ] {
        assert_eq!(time::seconds(text), expected, "{text}");
    }
}

#[test]
fn content_types() {
    for (header, expected) in [
        (None, ContentType::Other),
        (Some("application/json"), ContentType::Json),
        (Some("Application/JSON; charset=utf-8"), ContentType::Json),
        (Some("application/x-www-form-urlencoded"), ContentType::Form),
        (
            Some("application/x-www-form-urlencoded;charset=UTF-8"),
            ContentType::Form,
        ),
        (
            Some("multipart/form-data; boundary=B"),
            ContentType::Multipart("B".to_owned()),
        ),
        (
            Some("multipart/form-data; charset=x; boundary=\"B C\""),
            ContentType::Multipart("B C".to_owned()),
        ),
        (Some("multipart/form-data"), ContentType::Other),
        (Some("multipart/mixed; boundary=B"), ContentType::Other),
        (Some("text/plain"), ContentType::Other),
        (Some("application/jsonx"), ContentType::Other),
    ] {
        assert_eq!(ContentType::of(header), expected, "{header:?}");
    }
}

#[test]
fn multipart_without_files_becomes_a_form() {
    let part = |disposition: &str, value: &str| {
        format!("--B\r\nContent-Disposition: {disposition}\r\n\r\n{value}\r\n")
    };
    let to = part("form-data; name=\"to\"", "15550100123");
    let text = part("form-data; name=\"text\"", "{\"body\":\"a&b=c\r\nd\"}");
    let body = format!("{to}{text}--B--\r\n");
    let form = form::from_multipart("B", body.as_bytes()).unwrap();
    let pairs: Vec<_> = form::pairs(&form).unwrap().collect();
    assert_eq!(
        pairs,
        [
            ("to".into(), "15550100123".into()),
            ("text".into(), "{\"body\":\"a&b=c\r\nd\"}".into())
        ]
    );
    for body in [
        String::new(),
        to.clone(),
        format!("{to}--B-"),
        format!(
            "{}--B--",
            part("form-data; name=\"to\"; filename=\"x\"", "1")
        ),
        format!(
            "{}--B--",
            part("form-data; name=\"to\"; name=\"type\"", "1")
        ),
        format!("{}--B--", part("form-data; name*=utf-8''to", "1")),
        format!("{}--B--", part("form-data", "1")),
        format!("{}--B--", part("attachment; name=\"to\"", "1")),
        format!("{}--B--", part("form-data; name=\"t\\\"o\"", "1")),
        format!(
            "{}--B--",
            part(
                "form-data; name=\"to\"\r\nContent-Transfer-Encoding: base64",
                "MQ=="
            )
        ),
        format!(
            "{}--B--",
            part(
                "form-data; name=\"to\"\r\nContent-Disposition: form-data; name=\"type\"",
                "1"
            )
        ),
        "--B\r\n\r\n1\r\n--B--".to_owned(),
        "--B\r\nnonsense\r\n\r\n1\r\n--B--".to_owned(),
        "x".repeat(100),
    ] {
        assert!(
            form::from_multipart("B", body.as_bytes()).is_err(),
            "{body}"
        );
    }
    let many = to.repeat(form::PARTS_MAX + 1);
    assert!(form::from_multipart("B", format!("{many}--B--").as_bytes()).is_err());
    assert!(form::from_multipart("B", &[b'-', b'-', b'B', 0xff]).is_err());
}
