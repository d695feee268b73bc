//! What a connection can bring, in which pieces, and how it ends.

use greenline_ledger::Ledger;

use super::*;

/// Apart enough that what comes next is read for itself, most of the time; what is asserted holds either way.
const APART: Duration = Duration::from_millis(5);

fn arrived(gateway: &Gateway) -> Vec<String> {
    let arrivals = gateway.platform.arrived().into_iter();
    arrivals.map(|arrival| arrival.body).collect()
}

#[tokio::test]
async fn requests_in_one_piece_are_answered_in_order() {
    let gateway = Gateway::start("", "").await;
    let mut client = gateway.open().await;
    let all = [
        text_to(DANA, "one"),
        text_to(STRANGER, "no"),
        text_to(DANA, "two"),
        HEALTH.to_vec(),
        text_to(DANA, "three"),
        HEALTH.to_vec(),
        text_to(STRANGER, "no"),
    ];
    client.write(&all.concat()).await;
    for status in [200, 400, 200, 200, 200, 200, 400] {
        let answer = client.answer().await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let wanted = ["one", "two", "three"].map(|words| body(DANA, words));
    assert_eq!(arrived(&gateway), wanted);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_connection_goes_on_with_something_else() {
    let gateway = Gateway::start("", "").await;
    for other in [
        HEALTH.to_vec(),
        b"GET /v23.0/301500000000001 HTTP/1.1\r\nhost: g\r\nauthorization: Bearer bot-key\r\n\r\n"
            .to_vec(),
        String::from_utf8(text_to(DANA, "chunked"))
            .unwrap()
            .split_once("Content-Length")
            .map(|(head, _)| {
                format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n")
            })
            .unwrap()
            .into(),
    ] {
        let mut client = gateway.open().await;
        for _ in 0..2 {
            client.write(&text_to(DANA, "plain")).await;
            assert_eq!(client.answer().await.status, 200);
        }
        for apart in [true, false] {
            let middle = other.len() / 2;
            client.write(&other[..middle]).await;
            if apart {
                tokio::time::sleep(APART).await;
            }
            client.write(&other[middle..]).await;
            let answer = client.answer().await;
            assert!([200, 400].contains(&answer.status), "{answer:?}");
            client.write(&text_to(DANA, "plain")).await;
            assert_eq!(client.answer().await.status, 200);
        }
    }
    assert_eq!(arrived(&gateway), vec![body(DANA, "plain"); 12]);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_request_may_come_in_any_pieces() {
    let gateway = Gateway::start("", "").await;
    let request = text_to(DANA, "hello");
    let end = request.len();
    let head = end - body(DANA, "hello").len();
    let places = [
        1,
        4,
        5,
        20,
        40,
        head - 4,
        head - 3,
        head - 2,
        head - 1,
        head,
        head + 1,
        end - 1,
    ];
    let mut client = gateway.open().await;
    for place in places {
        client.write(&request[..place]).await;
        tokio::time::sleep(APART).await;
        client.write(&request[place..]).await;
        assert_eq!(client.answer().await.status, 200, "{place}");
    }
    for byte in &request {
        client.write(&[*byte]).await;
    }
    assert_eq!(client.answer().await.status, 200);
    let wanted = vec![body(DANA, "hello"); places.len() + 1];
    assert_eq!(arrived(&gateway), wanted);
    gateway.running.stop().await;
}

#[tokio::test]
async fn long_bodies_arrive_whole() {
    let gateway = Gateway::start("", "").await;
    for kilobytes in [20, 63, 64, 100] {
        let words = "x".repeat(kilobytes << 10);
        let mut client = gateway.open().await;
        for _ in 0..2 {
            client.write(&text_to(DANA, &words)).await;
            assert_eq!(client.answer().await.status, 200, "{kilobytes} KB");
            assert_eq!(arrived(&gateway), [body(DANA, &words)]);
        }
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_decision_without_an_outcome() {
    let gateway = Gateway::start("", "").await;
    for _ in 0..10 {
        let mut client = gateway.open().await;
        client.write(&text_to(DANA, "and gone")).await;
        drop(client);
    }
    gateway.platform.has(10).await;
    // Some while the platform thinks.
    gateway.platform.answers.send(false).unwrap();
    let clients = [gateway.open().await, gateway.open_general().await];
    for (mut client, sends) in clients.into_iter().zip(11..) {
        client.write(&text_to(DANA, "and gone, too")).await;
        gateway.platform.has(sends).await;
        drop(client);
    }
    gateway.platform.answers.send(true).unwrap();
    let decisions = gateway.settled(12).await;
    assert_eq!(decisions.len(), 12);
    for record in &decisions {
        assert_eq!(record.outcome.as_deref(), Some("accepted"));
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn half_a_request_is_nobodys_send() {
    let gateway = Gateway::start("", "").await;
    let request = text_to(DANA, "hello");
    for length in [1, 30, request.len() - 60, request.len() - 1] {
        let mut client = gateway.open().await;
        client.write(&request[..length]).await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(client.until_closed().await, "");
    }
    assert_eq!(arrived(&gateway), Vec::<String>::new());
    assert_eq!(gateway.decisions().await.len(), 0);
    gateway.running.stop().await;
}

#[tokio::test]
async fn who_is_too_slow_is_told_so_and_who_is_silent_is_let_go() {
    let gateway = Gateway::start("", "[limits]\nclient_timeout_ms = 500").await;
    let request = text_to(DANA, "hello");
    let silent = gateway.open().await;
    let mut slow = Vec::new();
    for length in [1, 30, request.len() - 60, request.len() - 1] {
        let mut client = gateway.open().await;
        client.write(&request[..length]).await;
        slow.push(client);
    }
    assert_eq!(silent.until_closed().await, "");
    for client in slow {
        let said = client.until_closed().await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
    }
    assert_eq!(arrived(&gateway), Vec::<String>::new());
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_request_has_all_its_time_after_an_idle_connection() {
    let gateway = Gateway::start("", "[limits]\nclient_timeout_ms = 8000").await;
    let mut client = gateway.open().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let request = text_to(DANA, "hello");
    client.write(&request[..50]).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    client.write(&request[50..]).await;
    assert_eq!(client.answer().await.status, 200);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_idle_connections() {
    let gateway = Gateway::start("", "").await;
    let mut idle = vec![gateway.open().await, gateway.open_general().await];
    let mut client = gateway.open().await;
    client.write(&text_to(DANA, "hello")).await;
    assert_eq!(client.answer().await.status, 200);
    idle.push(client);
    soon(gateway.running.stop()).await;
    for client in idle {
        assert_eq!(client.until_closed().await, "");
    }
}

#[tokio::test]
async fn a_stop_waits_for_a_send_under_way() {
    let gateway = Gateway::start("", "").await;
    gateway.platform.answers.send(false).unwrap();
    let mut client = gateway.open().await;
    client.write(&text_to(DANA, "hello")).await;
    gateway.platform.has(1).await;
    let Gateway {
        folder,
        running,
        platform,
    } = gateway;
    let setup = serve::setup(&running.app().config);
    let (answer, ()) = tokio::join!(
        async {
            let answer = client.answer().await;
            assert_eq!(client.until_closed().await, "");
            answer
        },
        async {
            let release = async {
                // Not before the stop has begun.
                tokio::task::yield_now().await;
                platform.answers.send(true).unwrap();
            };
            tokio::join!(soon(running.stop()), release);
        }
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    let reader = Ledger::open_reader(&store(&folder), setup).unwrap();
    let decisions = reader.decisions(None, None, 10).await.unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].outcome.as_deref(), Some("accepted"));
}
