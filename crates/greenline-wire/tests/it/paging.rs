//! Links to the next page lead back to the gateway, and nothing else changes.

use greenline_wire::answer::rewrite_paging;
use proptest::prelude::*;

const UPSTREAM: &str = "https://graph.facebook.com";
const OURS: &str = "http://127.0.0.1:8081";

fn rewrite(body: &str) -> Option<String> {
    rewrite_paging(body.as_bytes(), UPSTREAM, OURS).map(|body| String::from_utf8(body).unwrap())
}

#[test]
fn links_are_rewritten_in_place() {
    let rows = [
        (
            r#"{"data":[ {"id":"1"} ],  "paging":{"cursors":{"before":"A","after":"B"},"next":"https:\/\/graph.facebook.com\/v23.0\/2\/message_templates?access_token=SECRET&limit=25&after=B"}}"#,
            r#"{"data":[ {"id":"1"} ],  "paging":{"cursors":{"before":"A","after":"B"},"next":"http:\/\/127.0.0.1:8081\/v23.0\/2\/message_templates?limit=25&after=B"}}"#,
        ),
        (
            r#"{"paging":{"previous":"https://graph.facebook.com/v23.0/2/x?before=A","next":"https://graph.facebook.com/v23.0/2/x?after=B"}}"#,
            r#"{"paging":{"previous":"http://127.0.0.1:8081/v23.0/2/x?before=A","next":"http://127.0.0.1:8081/v23.0/2/x?after=B"}}"#,
        ),
        (
            r#"{"paging":{"next":"https://graph.facebook.com/2/x?access_token=S"}}"#,
            r#"{"paging":{"next":"http://127.0.0.1:8081/2/x"}}"#,
        ),
        (
            r#"{"paging":{"next":"https://graph.facebook.com/2/x?a=1&access%5Ftoken=S&b=%7B%22"}}"#,
            r#"{"paging":{"next":"http://127.0.0.1:8081/2/x?a=1&b=%7B%22"}}"#,
        ),
        // Nested, as in an expanded field.
        (
            r#"{"id":"2","phone_numbers":{"data":[],"paging":{"next":"https://graph.facebook.com/2/phone_numbers?after=B"}}}"#,
            r#"{"id":"2","phone_numbers":{"data":[],"paging":{"next":"http://127.0.0.1:8081/2/phone_numbers?after=B"}}}"#,
        ),
        // Another origin keeps it, but never with our token.
        (
            r#"{"paging":{"next":"https://other.example/2/x?access_token=S&after=B"}}"#,
            r#"{"paging":{"next":"https://other.example/2/x?after=B"}}"#,
        ),
        (
            "{\n \"paging\" : {\n  \"next\" :\t\"https://graph.facebook.com/2/x?after=B\"\n }\n}\n",
            "{\n \"paging\" : {\n  \"next\" :\t\"http://127.0.0.1:8081/2/x?after=B\"\n }\n}\n",
        ),
    ];
    for (body, expected) in rows {
        assert_eq!(rewrite(body).as_deref(), Some(expected), "{body}");
    }
}

#[test]
fn everything_else_stays() {
    for body in [
        "",
        "{}",
        r#"{"data":[]}"#,
        r#"{"paging":{"cursors":{"after":"B"}}}"#,
        r#"{"paging":{"next":null}}"#,
        r#"{"paging":{"next":7}}"#,
        r#"{"paging":{"next":["https://graph.facebook.com/x"]}}"#,
        r#"{"paging":{"next":{"next":"https://graph.facebook.com/x"}}}"#,
        r#"{"paging":"next","next":"https://graph.facebook.com/x"}"#,
        r#"{"next":"https://graph.facebook.com/x"}"#,
        r#"{"data":[{"name":"paging","next":"https://graph.facebook.com/x"}]}"#,
        r#"{"paging":{"next":"https://graph.facebook.com.evil.example/x"}}"#,
        r#"{"paging":{"next":"https://other.example/x"}}"#,
        r#"{"paging":{"next":"relative"}}"#,
        r#"{"text":"\"paging\":{\"next\":\"https://graph.facebook.com/x\"}"}"#,
        r#"{"paging":{"next":"https://graph.facebook.com/x"#,
        r#"{"paging":{"next":"https://graph.facebook.com/x\"#,
    ] {
        assert_eq!(rewrite(body), None, "{body}");
    }
    assert_eq!(rewrite_paging(b"\xff\"paging\"", UPSTREAM, OURS), None);
    let deep = format!("{}\"paging\"", "[".repeat(100_000));
    assert_eq!(rewrite(&deep), None);
}

#[test]
fn bases_may_end_in_a_slash() {
    let body = br#"{"paging":{"next":"https://graph.facebook.com/2"}}"#;
    let new = rewrite_paging(
        body,
        "https://graph.facebook.com/",
        "http://127.0.0.1:8081/",
    )
    .unwrap();
    assert_eq!(new, br#"{"paging":{"next":"http://127.0.0.1:8081/2"}}"#);
}

proptest! {
    #[test]
    fn nothing_panics(body in ".{0,200}") {
        let _ = rewrite(&body);
        let _ = rewrite(&format!(r#"{{"paging":{{"next":"{body}"}}}}"#));
    }

    /// With the links cut out, what is left is byte for byte the same.
    #[test]
    fn other_bytes_are_kept(before in "[a-z{}\\[\\]:, ]{0,40}", cursor in "[A-Za-z0-9]{0,20}") {
        let body = format!(
            r#"{{"x":"{before}","paging":{{"cursors":{{"after":"{cursor}"}},"next":"{UPSTREAM}/2?after={cursor}"}},"y":"{before}"}}"#
        );
        let expected = body.replace(UPSTREAM, OURS);
        prop_assert_eq!(rewrite(&body), Some(expected));
    }
}
