//! The same sends by both ways.

use super::*;

/// What is to be compared, by a name.
fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let hello = body(DANA, "hello");
    let template = format!(
        r#"{{"messaging_product":"whatsapp","to":"{DANA}","type":"template","template":{{"name":"offer","language":{{"code":"en"}}}}}}"#
    );
    let read = r#"{"messaging_product":"whatsapp","status":"read","message_id":"wamid.1"}"#;
    let own_data = hello.replacen('{', r#"{"biz_opaque_callback_data":"mine","#, 1);
    let bot = |body: &str| send(NUMBER, "bot-key", "", body);
    let headers = "User-Agent: sdk/1\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\nX-Two: 1\r\nx-two: 2\r\n\
                   Cookie: a=b\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nGreenline-Decision: d\r\n";
    vec![
        ("allowed", bot(&hello)),
        ("refused", bot(&body(STRANGER, "hello"))),
        ("refused template", bot(&template)),
        ("rejected by the platform", bot(&body(DANA, "reject me"))),
        ("with headers", send(NUMBER, "bot-key", headers, &hello)),
        ("with data of its own", bot(&own_data)),
        ("mark as read", bot(read)),
        ("no JSON", bot("{")),
        ("a list", bot("[]")),
        ("nothing in it", bot("{}")),
        (
            "two receivers",
            bot(&hello.replacen('{', r#"{"to":"15550100129","#, 1)),
        ),
        ("no number", bot(&body("nobody", "hello"))),
        (
            "a group",
            bot(r#"{"recipient_type":"group","to":"g1","type":"text","text":{"body":"hi"}}"#),
        ),
        ("not UTF-8", bot("\u{0}\u{1}")),
        ("a bad key", send(NUMBER, "no-such-key", "", &hello)),
        ("no key", send(NUMBER, "", "", &hello)),
        (
            "an app with the platform's token",
            send(NUMBER, OWN_TOKEN, "", &hello),
        ),
        (
            "another business's number",
            send(FOREIGN, "bot-key", "", &hello),
        ),
        ("an unknown number", send("999", "bot-key", "", &hello)),
        ("no number at all", send("me", "bot-key", "", &hello)),
        (
            "a token in the body",
            bot(&hello.replacen('{', r#"{"access_token":"stolen","#, 1)),
        ),
        (
            "a token in the body, disguised",
            bot(&hello.replacen('{', r#"{"access\u005ftoken":"stolen","#, 1)),
        ),
        ("escapes", bot(&body(DANA, r"na\u00efve \ud83d\ude00"))),
    ]
}

/// An answer and what it made arrive, without what must differ: the decision's id and the time.
async fn told(gateway: &Gateway, client: &mut Client, request: &[u8]) -> (Answer, Vec<Arrival>) {
    client.write(request).await;
    let mut answer = client.answer().await;
    let mut arrivals = gateway.platform.arrived();
    let id = answer.header("greenline-decision").map(str::to_owned);
    assert!(answer.header("date").is_some(), "{answer:?}");
    answer.headers.retain(|(name, _)| name != "date");
    if let Some(id) = id {
        let hide = |text: &mut String| *text = text.replace(&id, "ID");
        answer.headers.iter_mut().for_each(|(_, value)| hide(value));
        hide(&mut answer.body);
        arrivals
            .iter_mut()
            .for_each(|arrival| hide(&mut arrival.body));
    }
    (answer, arrivals)
}

async fn the_same_by_both(business: &str) -> Vec<(&'static str, Answer, Vec<Arrival>)> {
    let gateway = Gateway::start(business, "").await;
    let (mut express, mut general) = (gateway.open().await, gateway.open_general().await);
    let mut all = Vec::new();
    for (name, request) in requests() {
        // A connection that has brought a token in a body stays with the general server.
        if name.contains("token in the body") {
            express = gateway.open().await;
        }
        let one = told(&gateway, &mut express, &request).await;
        let other = told(&gateway, &mut general, &request).await;
        assert_eq!(one, other, "{business}: {name}");
        if name.contains("token in the body") {
            express = gateway.open().await;
        }
        all.push((name, one.0, one.1));
    }
    let decisions = gateway.settled(0).await;
    let outcomes = |app: &str| {
        let of_app = decisions.iter().filter(|record| &*record.app == app);
        of_app.filter(|record| record.outcome.is_some()).count()
    };
    assert_eq!(outcomes("own"), 2);
    let verified = gateway.running.app().ledger.verify().await.unwrap();
    assert_eq!(verified.differences, []);
    gateway.running.stop().await;
    all
}

fn of<'a>(
    all: &'a [(&'static str, Answer, Vec<Arrival>)],
    wanted: &str,
) -> (&'a Answer, &'a [Arrival]) {
    let (_, answer, arrivals) = all.iter().find(|(name, ..)| *name == wanted).unwrap();
    (answer, arrivals)
}

fn token(arrival: &Arrival) -> &str {
    let tokens: Vec<_> = arrival
        .headers
        .iter()
        .filter(|(name, _)| name == "authorization")
        .collect();
    assert_eq!(tokens.len(), 1);
    &tokens[0].1
}

fn is(all: &[(&'static str, Answer, Vec<Arrival>)], name: &str, status: u16, code: &str) {
    let (answer, arrivals) = of(all, name);
    assert_eq!(answer.status, status, "{name}: {answer:?}");
    let code = format!("\"code\":{code}");
    assert!(answer.body.contains(&code), "{name}: {answer:?}");
    assert_eq!(arrivals.is_empty(), code != "\"code\":131026", "{name}");
}

#[tokio::test]
async fn both_ways_are_one() {
    let all = the_same_by_both("").await;
    let (answer, arrivals) = of(&all, "allowed");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("greenline-decision"), Some("ID"));
    assert!(answer.header("greenline-reasons").is_some());
    assert_eq!(arrivals[0].body, body(DANA, "hello"));
    assert_eq!(token(&arrivals[0]), "Bearer platform-token");
    is(&all, "refused", 400, "131047");
    is(&all, "rejected by the platform", 400, "131026");
    is(&all, "no JSON", 400, "100");
    is(&all, "a bad key", 401, "190");
    is(&all, "another business's number", 400, "100");
    is(&all, "an unknown number", 400, "100");
    let (answer, arrivals) = of(&all, "mark as read");
    assert_eq!((answer.status, arrivals.len()), (200, 1));
    assert_eq!(answer.header("greenline-decision"), None);
    let (_, arrivals) = of(&all, "an app with the platform's token");
    assert_eq!(token(&arrivals[0]), format!("Bearer {OWN_TOKEN}"));
    let (_, arrivals) = of(&all, "with headers");
    let names: Vec<_> = arrivals[0]
        .headers
        .iter()
        .map(|(name, _)| &**name)
        .collect();
    let wanted = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-two",
        "x-two",
    ];
    assert_eq!(names, wanted);
    for name in ["a token in the body", "a token in the body, disguised"] {
        let (answer, arrivals) = of(&all, name);
        assert_eq!((answer.status, arrivals.len()), (200, 1), "{name}");
        assert!(!arrivals[0].body.contains("stolen"), "{name}");
    }
}

#[tokio::test]
async fn both_ways_stamp_alike() {
    let all = the_same_by_both("biz_opaque_callback_data = true").await;
    let (_, arrivals) = of(&all, "allowed");
    assert!(
        arrivals[0]
            .body
            .contains(r#""biz_opaque_callback_data":"ID""#)
    );
    let (_, arrivals) = of(&all, "with data of its own");
    assert!(
        arrivals[0]
            .body
            .contains(r#""biz_opaque_callback_data":"mine""#)
    );
    let (_, arrivals) = of(&all, "mark as read");
    assert!(!arrivals[0].body.contains("biz_opaque_callback_data"));
}

#[tokio::test]
async fn both_ways_only_watch_when_told_to() {
    let all = the_same_by_both("mode = \"observe\"").await;
    let (answer, arrivals) = of(&all, "refused");
    assert_eq!((answer.status, arrivals.len()), (200, 1));
    assert!(answer.header("greenline-reasons").is_some());
}
