//! Batches: their items, what makes them unreadable, and their answers.

use std::borrow::Cow;

use greenline_wire::batch::{self, BATCH_ITEMS_MAX, Batch, BatchAnswer};
use greenline_wire::path;
use greenline_wire::send::{self, Body};
use http::Method;

fn form(batch: &str) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("access_token", "x")
        .append_pair("batch", batch)
        .finish()
        .into_bytes()
}

fn read(items: &str) -> Result<Batch<'static>, String> {
    let body = form(items);
    batch::parse("", Body::Form(&body))
        .map(|batch| Batch {
            items: batch
                .items
                .into_iter()
                .map(batch::BatchItem::into_owned)
                .collect(),
            include_headers: batch.include_headers,
        })
        .map_err(|error| error.to_string())
}

const SEND: &str = r#"{"method":"POST","relative_url":"v23.0/301500000000001/messages","body":"messaging_product=whatsapp&to=15550100123&type=text&text=%7B%22body%22%3A%22hi%22%7D"}"#;

#[test]
fn an_item_is_read_like_a_request_of_its_own() {
    let batch = read(&format!(
        r#"[{SEND},{{"method":"get","relative_url":"/301500000000001?fields=status","name":"n","omit_response_on_success":false,"depends_on":"m"}}]"#
    ))
    .unwrap();
    assert!(batch.include_headers);
    let [first, second] = batch.items.as_slice() else {
        panic!("two items");
    };
    assert_eq!(first.method, Method::POST);
    let edge = path::classify(&first.path())
        .unwrap()
        .edge
        .id()
        .map(str::to_owned);
    assert_eq!(edge.as_deref(), Some("301500000000001"));
    let send = send::parse_query(first.query(), first.content()).unwrap();
    assert_eq!(send.to.as_deref(), Some("15550100123"));
    assert_eq!(first.omit_response_on_success, None);

    assert_eq!(second.method, Method::GET);
    assert_eq!(
        (second.path().as_str(), second.query()),
        ("/301500000000001", "fields=status")
    );
    assert_eq!(second.content(), Body::Empty);
    assert_eq!(second.name.as_deref(), Some("n"));
    assert_eq!(second.depends_on.as_deref(), Some("m"));
    assert_eq!(second.omit_response_on_success, Some(false));
}

#[test]
fn a_batch_comes_as_form_json_query_or_multipart() {
    let list = format!("[{SEND}]");
    let object = format!(r#"{{"batch":{list},"include_headers":false}}"#);
    let text = format!(
        r#"{{"batch":{},"include_headers":"false"}}"#,
        greenline_wire::ascii::string(&list)
    );
    for json in [&object, &text] {
        let batch = batch::parse("", Body::Json(json.as_bytes())).unwrap();
        assert_eq!((batch.items.len(), batch.include_headers), (1, false));
    }
    let query = String::from_utf8(form(&list)).unwrap();
    assert_eq!(batch::parse(&query, Body::Empty).unwrap().items.len(), 1);
    let multipart = format!(
        "--B\r\nContent-Disposition: form-data; name=\"batch\"\r\n\r\n{list}\r\n--B\r\nContent-Disposition: form-data; name=\"include_headers\"\r\n\r\nfalse\r\n--B--\r\n"
    );
    let body = greenline_wire::form::from_multipart("B", multipart.as_bytes()).unwrap();
    let batch = batch::parse("", Body::Form(&body)).unwrap();
    assert_eq!((batch.items.len(), batch.include_headers), (1, false));
}

#[test]
fn a_json_body_is_told_by_the_items_header() {
    for headers in [
        r#"["Content-Type: application/json"]"#,
        r#"[{"name":"content-type","value":"application/json"}]"#,
    ] {
        let batch = read(&format!(
            r#"[{{"method":"POST","relative_url":"1/messages","headers":{headers},"body":"{{\"to\":\"15550100123\",\"text\":{{}}}}"}}]"#
        ))
        .unwrap();
        let send = send::parse_query("", batch.items[0].content()).unwrap();
        assert_eq!(send.to.as_deref(), Some("15550100123"));
    }
}

#[test]
fn what_makes_a_batch_unreadable() {
    let rows = [
        ("", "`batch` must be a JSON array of requests"),
        ("{}", "`batch` must be a JSON array of requests"),
        ("[]", "`batch` is empty"),
        ("[7]", "request 0 of the batch: it must be a JSON object"),
        ("[{}]", "request 0 of the batch: `method` is missing"),
        (
            r#"[{"method":"POST"}]"#,
            "request 0 of the batch: `relative_url` is missing",
        ),
        (
            r#"[{"method":"STEAL","relative_url":"1"}]"#,
            "request 0 of the batch: `method` must be `GET`, `POST`, `PUT` or `DELETE`",
        ),
        (
            r#"[{"method":"GET","method":"POST","relative_url":"1/messages"}]"#,
            "request 0 of the batch: `method` is given twice",
        ),
        (
            r#"[{"method":"GET","relative_url":"1","Body":"to=1"}]"#,
            "request 0 of the batch: a parameter could be taken for `body`; write exactly `body`",
        ),
        (
            r#"[{"method":"POST","relative_url":"1/messages","body":{"to":"1"}}]"#,
            "request 0 of the batch: `body` must be a text",
        ),
        (
            r#"[{"method":"POST","relative_url":"","body":"batch=[]"}]"#,
            "request 0 of the batch: a batch cannot hold another batch",
        ),
        (
            r#"[{"method":"POST","relative_url":"1/messages","body":"to={result=a:$.data}&text={}"}]"#,
            "request 0 of the batch: `body` takes a value from another request's result, which cannot be judged",
        ),
        (
            r#"[{"method":"POST","relative_url":"1/messages","body":"to=1&text=%7Bresult%3Da:$.x%7D"}]"#,
            "request 0 of the batch: `body` takes a value from another request's result, which cannot be judged",
        ),
        (
            r#"[{"method":"GET","relative_url":"?ids={result=a:$.data.*.id}"}]"#,
            "request 0 of the batch: `relative_url` takes a value from another request's result, which cannot be judged",
        ),
        (
            r#"[{"method":"GET","relative_url":"1","headers":"x"}]"#,
            "request 0 of the batch: `headers` cannot be read",
        ),
    ];
    for (items, expected) in rows {
        assert_eq!(read(items).unwrap_err(), expected, "{items}");
    }
    let many = vec![SEND; BATCH_ITEMS_MAX + 1].join(",");
    assert_eq!(
        read(&format!("[{many}]")).unwrap_err(),
        "`batch` holds more than 50 requests"
    );
    let most = vec![SEND; BATCH_ITEMS_MAX].join(",");
    assert_eq!(read(&format!("[{most}]")).unwrap().items.len(), 50);

    for (query, body, expected) in [
        ("", "access_token=x", "`batch` is missing"),
        ("batch=[]", "batch=[]", "`batch` is given twice"),
        ("", "batch=[]&batch=[]", "`batch` is given twice"),
        (
            "",
            "batch[0]={}",
            "a parameter could be taken for `batch`; write exactly `batch`",
        ),
        (
            "method=get",
            "batch=[]",
            "`method` of a batch must be `post`",
        ),
    ] {
        let error = batch::parse(query, Body::Form(body.as_bytes())).unwrap_err();
        assert_eq!(error.text(), expected);
    }
}

#[test]
fn the_url_of_an_item_cannot_leave_the_platform() {
    let batch = read(r#"[{"method":"GET","relative_url":"https://evil.example/1"}]"#).unwrap();
    assert!(path::classify(&batch.items[0].path()).is_err());
}

#[test]
fn an_answer_is_an_array_with_bodies_as_text() {
    let answers = [
        Some(BatchAnswer {
            code: 200,
            headers: vec![(
                Cow::Borrowed("Content-Type"),
                Cow::Borrowed("application/json"),
            )],
            body: Cow::Borrowed(r#"{"a":"é"}"#),
        }),
        None,
    ];
    assert_eq!(
        String::from_utf8(batch::answer(&answers, true)).unwrap(),
        r#"[{"code":200,"headers":[{"name":"Content-Type","value":"application/json"}],"body":"{\"a\":\"\u00e9\"}"},null]"#
    );
    assert_eq!(
        String::from_utf8(batch::answer(&answers, false)).unwrap(),
        r#"[{"code":200,"body":"{\"a\":\"\u00e9\"}"},null]"#
    );
    assert_eq!(batch::answer(&[], true), b"[]");
}
