//! Answers of every framing, in one piece and byte by byte; and which connection a post goes over, and
//! how often.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::duplex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::Bounds;
use super::*;

const BYTES_MAX: usize = 1_000;
const HEAD: &[u8] = b"POST /v23.0/1/messages HTTP/1.1\r\ncontent-type: application/json\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What comes of an answer.
#[derive(PartialEq, Eq, Debug)]
enum Came {
    /// All of it, and whether the connection goes on.
    All(u16, String, bool),
    /// Its head, but not all of its body.
    Head,
    /// Nothing that can be relied on.
    Nothing,
}

/// A server's words, handed over a few bytes at a time, and then the end.
struct Pieces {
    words: VecDeque<u8>,
    at_once: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.at_once.min(room.remaining()).min(self.words.len());
        for byte in self.words.drain(..length) {
            room.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn came_of(words: &str, at_once: usize) -> Came {
    let mut conn = Conn {
        stream: Box::new(Pieces {
            words: words.bytes().collect(),
            at_once,
        }),
        read: BytesMut::new(),
        secure: false,
        clock: None,
    };
    match conn.answer(BYTES_MAX).await {
        Ok((Some(answered), stays_open)) => Came::All(
            answered.status.as_u16(),
            String::from_utf8(answered.body.to_vec()).unwrap(),
            stays_open,
        ),
        Ok((None, false)) => Came::Head,
        Ok((None, true)) => panic!("an unread rest and yet to be used again: {words}"),
        Err(_) => Came::Nothing,
    }
}

async fn check(rows: Vec<(String, Came)>) {
    for (words, wanted) in rows {
        for at_once in [1, 3, 7, usize::MAX] {
            let came = came_of(&words, at_once).await;
            let shown = &words[..words.len().min(300)];
            assert_eq!(came, wanted, "{at_once} at once: {shown}");
        }
    }
}

fn all(status: u16, body: &str, stays_open: bool) -> Came {
    Came::All(status, body.to_owned(), stays_open)
}

fn answer(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}")
}

fn chunked(body: &str) -> String {
    answer("transfer-encoding: chunked\r\n", body)
}

#[tokio::test]
async fn every_framing_is_read_to_its_end() {
    let long = "x".repeat(BYTES_MAX);
    check(vec![
        (answer("content-length: 5\r\n", "hello"), all(200, "hello", true)),
        (answer("Content-Length: 005\r\n", "hello"), all(200, "hello", true)),
        (answer("content-length: 0\r\n", ""), all(200, "", true)),
        (
            answer(&format!("content-length: {BYTES_MAX}\r\n"), &long),
            all(200, &long, true),
        ),
        (chunked("5\r\nhello\r\n0\r\n\r\n"), all(200, "hello", true)),
        (chunked("0\r\n\r\n"), all(200, "", true)),
        (
            chunked("4;a=b\r\nhell\r\n01 ;c\r\no\r\n0;d\r\nx-one: 1\r\nx-two: 2\r\n\r\n"),
            all(200, "hello", true),
        ),
        (
            chunked(&format!("3E8\r\n{long}\r\n0\r\n\r\n")),
            all(200, &long, true),
        ),
        (
            answer("Transfer-Encoding: Chunked\r\n", "1\r\n\n\r\n0\r\n\r\n"),
            all(200, "\n", true),
        ),
        (answer("", "hello"), all(200, "hello", false)),
        (answer("", ""), all(200, "", false)),
        (
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\ncontent-length: 9\r\n\r\n{OK}"),
            all(200, "ok", true),
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), all(204, "", true)),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n".into(), all(304, "", true)),
        (
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}".into(),
            all(400, "{}", true),
        ),
        // Whole, but the last on its connection.
        (
            answer("connection: close\r\ncontent-length: 5\r\n", "hello"),
            all(200, "hello", false),
        ),
        (
            answer("connection: x\r\nconnection: y, Close\r\ncontent-length: 5\r\n", "hello"),
            all(200, "hello", false),
        ),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello".into(),
            all(200, "hello", false),
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_end_that_can_be_read_in_two_ways_is_not_read() {
    let two = "content-length: 5\r\ncontent-length: 6\r\n";
    check(vec![
        (answer(two, "hello!"), Came::Nothing),
        (
            answer("content-length: 5\r\ncontent-length: 5\r\n", "hello"),
            Came::Nothing,
        ),
        (answer("content-length: 5, 5\r\n", "hello"), Came::Nothing),
        (answer("content-length: +5\r\n", "hello"), Came::Nothing),
        (answer("content-length: 0x5\r\n", "hello"), Came::Nothing),
        (answer("content-length:\r\n", "hello"), Came::Nothing),
        (
            answer("content-length: 99999999999999999999999\r\n", "hello"),
            Came::Nothing,
        ),
        (
            answer(
                "content-length: 15\r\ntransfer-encoding: chunked\r\n",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            Came::Nothing,
        ),
        (
            answer("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            Came::Nothing,
        ),
        (
            answer(
                "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            Came::Nothing,
        ),
        (
            answer(
                "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n",
                "0\r\n\r\n",
            ),
            Came::Nothing,
        ),
        (
            answer("transfer-encoding: identity\r\n", "hello"),
            Came::Nothing,
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_breaks_off_or_is_too_long_is_no_answer() {
    let long = "x".repeat(BYTES_MAX + 1);
    let headers = |count| (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let (enough, many): (String, String) = (headers(HEADERS_MAX - 1), headers(HEADERS_MAX + 1));
    check(vec![
        (String::new(), Came::Nothing),
        ("HTTP/1.1 200 OK\r\n".into(), Came::Nothing),
        ("HTTP/1.1 100 Continue\r\n\r\n".into(), Came::Nothing),
        ("HTTP/2.0 200 OK\r\n\r\n".into(), Came::Nothing),
        ("ICY 200 OK\r\n\r\n".into(), Came::Nothing),
        ("HTTP/1.1 999999 OK\r\n\r\n".into(), Came::Nothing),
        (answer(" folded\r\n", ""), Came::Nothing),
        (answer("x: a\0b\r\n", ""), Came::Nothing),
        (answer(&many, ""), Came::Nothing),
        (
            answer(&format!("{enough}content-length: 0\r\n"), ""),
            all(200, "", true),
        ),
        (answer("content-length: 6\r\n", "hello"), Came::Head),
        (
            answer(&format!("content-length: {}\r\n", BYTES_MAX + 1), &long),
            Came::Head,
        ),
        (answer("", &long), Came::Head),
        (chunked(&format!("3e9\r\n{long}\r\n0\r\n\r\n")), Came::Head),
        (
            chunked(&format!(
                "1f4\r\n{0}\r\n1f5\r\n{0}x\r\n0\r\n\r\n",
                "y".repeat(500)
            )),
            Came::Head,
        ),
        (chunked("5\r\nhel"), Came::Head),
        (chunked("5\r\nhello"), Came::Head),
        (chunked("5\r\nhello\r\n"), Came::Head),
        (chunked("5\r\nhello\r\n0\r\n"), Came::Head),
        (chunked("5\r\nhello\r\n0\r\nx: 1\r\n"), Came::Head),
        (chunked("4\r\nhello\r\n0\r\n\r\n"), Came::Head),
        (chunked("g\r\nhello\r\n0\r\n\r\n"), Came::Head),
        (chunked("-5\r\nhello\r\n0\r\n\r\n"), Came::Head),
        (chunked("ffffffffffffffff\r\nhello"), Came::Head),
        (chunked("fffffffffffffffff\r\nhello"), Came::Head),
    ])
    .await;
    // Larger than any room given to them; in pieces of one byte they would only take longer.
    let endless = "x: y\r\n".repeat(HEAD_BYTES_MAX);
    let value = format!("x: {endless}", endless = "y".repeat(HEAD_BYTES_MAX));
    for (words, wanted) in [
        (answer(&value, ""), Came::Nothing),
        (
            chunked(&format!("1;{}", "e".repeat(HEAD_BYTES_MAX + 1))),
            Came::Head,
        ),
        (chunked(&format!("0\r\n{endless}\r\n")), Came::Head),
    ] {
        assert_eq!(came_of(&words, usize::MAX).await, wanted);
    }
}

#[tokio::test]
async fn what_comes_after_an_answer_spoils_its_connection() {
    for more in ["x", "\r\n", OK] {
        assert_eq!(
            came_of(&format!("{OK}{more}"), usize::MAX).await,
            all(200, "ok", false)
        );
    }
}

#[tokio::test]
async fn a_write_over_tls_that_failed_may_have_left() {
    let conn = |secure| {
        let (near, far) = duplex(64);
        drop(far);
        Conn {
            stream: Box::new(near),
            read: BytesMut::new(),
            secure,
            clock: None,
        }
    };
    let plain = conn(false).write(HEAD, None).await;
    assert!(matches!(plain, Err(Unwritten::Closed(_))));
    let secure = conn(true).write(HEAD, None).await;
    assert!(matches!(secure, Err(Unwritten::Broken(_))));
}

/// What a server does with a request.
#[derive(Clone, Copy)]
enum Step {
    /// Says this, and reads on.
    Say(&'static str),
    /// Says this, and closes.
    SayAndClose(&'static str),
    /// Says nothing, and reads on.
    Silence,
}

/// What arrived: at which connection, and the whole request.
type Arrival = (usize, String);

/// A server; connections do, in the order they are accepted, what is written for them.
async fn server(scripts: Vec<Vec<Step>>) -> (Origin, mpsc::UnboundedReceiver<Arrival>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, arrivals) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for (place, steps) in scripts.into_iter().enumerate() {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, place, steps, seen.clone()));
        }
        // The others are never answered; nor are they turned away.
        std::future::pending::<()>().await;
    });
    (origin(&url), arrivals)
}

fn origin(url: &str) -> Origin {
    let bounds = Bounds {
        connect_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
        idle: Duration::from_secs(60),
        idle_max: 8,
    };
    Origin::new(url, bounds).unwrap()
}

async fn serve(
    mut stream: TcpStream,
    place: usize,
    steps: Vec<Step>,
    seen: mpsc::UnboundedSender<Arrival>,
) {
    let mut read = Vec::new();
    for step in steps {
        let Some(request) = next_request(&mut stream, &mut read).await else {
            return;
        };
        let _ = seen.send((place, request));
        match step {
            Step::Say(words) => stream.write_all(words.as_bytes()).await.unwrap(),
            Step::SayAndClose(words) => {
                stream.write_all(words.as_bytes()).await.unwrap();
                return;
            }
            Step::Silence => {}
        }
    }
    while let Some(request) = next_request(&mut stream, &mut read).await {
        let _ = seen.send((place, request));
    }
}

async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length: usize = length.parse().unwrap();
            if body.len() >= length {
                let whole = head.len() + 4 + length;
                read.drain(..whole);
                return Some(text[..whole].to_owned());
            }
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

async fn post(origin: &Origin, body: &str) -> Result<Option<String>, CallError> {
    let answered = origin
        .post(HEAD, body.as_bytes(), soon(), BYTES_MAX)
        .await?;
    Ok(answered.map(|answered| String::from_utf8(answered.body.to_vec()).unwrap()))
}

#[expect(clippy::disallowed_methods, reason = "deadlines are real time")]
fn now() -> Instant {
    Instant::now()
}

fn soon() -> Option<Instant> {
    Some(now() + Duration::from_secs(60))
}

fn arrived(arrivals: &mut mpsc::UnboundedReceiver<Arrival>) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    while let Ok((place, request)) = arrivals.try_recv() {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        all.push((place, body.to_owned()));
    }
    all
}

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    let (origin, mut arrivals) = server(vec![vec![Step::Say(OK)]]).await;
    assert_eq!(post(&origin, "{}").await.unwrap().as_deref(), Some("ok"));
    let host = origin.base().trim_start_matches("http://").to_owned();
    let wanted = format!(
        "{}host: {host}\r\ncontent-length: 2\r\n\r\n{{}}",
        str::from_utf8(HEAD).unwrap()
    );
    assert_eq!(arrivals.recv().await, Some((0, wanted)));
}

#[tokio::test]
async fn a_connection_is_used_again_only_if_that_is_safe() {
    let too_long = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n";
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok";
    for (first, again) in [
        (Step::Say(OK), 0),
        (
            Step::Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
            0,
        ),
        (Step::Say("HTTP/1.1 204 No Content\r\n\r\n"), 0),
        (
            Step::Say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"),
            1,
        ),
        (
            Step::Say("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            1,
        ),
        (Step::SayAndClose("HTTP/1.1 200 OK\r\n\r\nok"), 1),
        (Step::Say(too_long), 1),
        (Step::Say(two), 1),
        (
            Step::SayAndClose("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"),
            1,
        ),
    ] {
        let (origin, mut arrivals) =
            server(vec![vec![first, Step::Say(OK)], vec![Step::Say(OK)]]).await;
        let _ = post(&origin, "1").await;
        assert_eq!(post(&origin, "2").await.unwrap().as_deref(), Some("ok"));
        assert_eq!(
            arrived(&mut arrivals),
            [(0, "1".to_owned()), (again, "2".to_owned())]
        );
    }
}

/// Waits until the connection that waits for its next request has heard something.
async fn heard(origin: &Origin) {
    let mut conn = origin.posts.take(Duration::MAX).unwrap();
    while conn.is_quiet().await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    origin.posts.put(conn);
}

#[tokio::test]
async fn what_happened_to_an_idle_connection_is_noticed_and_nothing_goes_twice() {
    for unasked in [
        "",
        "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = origin(&format!("http://{}", listener.local_addr().unwrap()));
        let (mut read, mut other_read) = (Vec::new(), Vec::new());
        let (first, mut stream) = tokio::join!(post(&origin, "1"), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            next_request(&mut stream, &mut read).await.unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream
        });
        assert_eq!(first.unwrap().as_deref(), Some("ok"));
        stream.write_all(unasked.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        heard(&origin).await;
        let (second, other) = tokio::join!(post(&origin, "2"), async {
            let (mut other, _) = listener.accept().await.unwrap();
            let request = next_request(&mut other, &mut other_read).await.unwrap();
            assert!(request.ends_with("\r\n\r\n2"), "{request}");
            other.write_all(OK.as_bytes()).await.unwrap();
            other
        });
        assert_eq!(second.unwrap().as_deref(), Some("ok"));
        drop(origin);
        for (mut stream, mut read) in [(stream, read), (other, other_read)] {
            assert_eq!(next_request(&mut stream, &mut read).await, None);
            assert_eq!(read.len(), 0);
        }
    }
}

#[tokio::test]
async fn past_the_deadline_nothing_is_written() {
    let (origin, mut arrivals) = server(vec![vec![Step::Say(OK); 2]]).await;
    let late = origin.post(HEAD, b"late", Some(now()), BYTES_MAX).await;
    assert!(matches!(late, Err(CallError::Late)));
    // Whether that had begun to connect is nobody's business: another server.
    drop(origin);
    let (other, mut others) = server(vec![vec![Step::Say(OK); 2]]).await;
    post(&other, "1").await.unwrap();
    let late = other.post(HEAD, b"late", Some(now()), BYTES_MAX).await;
    assert!(matches!(late, Err(CallError::Late)));
    post(&other, "2").await.unwrap();
    let wanted = [(0, "1".to_owned()), (0, "2".to_owned())];
    assert_eq!(arrived(&mut others), wanted);
    assert_eq!(arrived(&mut arrivals), []);
}

#[tokio::test]
async fn closed_without_a_word_is_unknown_and_not_repeated() {
    let steps = vec![Step::SayAndClose("")];
    let (origin, mut arrivals) = server(vec![steps, vec![Step::Say(OK)]]).await;
    let posted = post(&origin, "1").await;
    assert!(matches!(posted, Err(CallError::Unknown(_))), "{posted:?}");
    assert_eq!(post(&origin, "2").await.unwrap().as_deref(), Some("ok"));
    assert_eq!(
        arrived(&mut arrivals),
        [(0, "1".to_owned()), (1, "2".to_owned())]
    );
}

#[tokio::test]
async fn nobody_listening_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let posted = post(&origin(&url), "1").await;
    assert!(matches!(posted, Err(CallError::NotSent(_))), "{posted:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_or_takes_nothing_is_not_waited_for_without_end() {
    let (mut origin, mut arrivals) = server(vec![vec![Step::Silence], vec![Step::Say(OK)]]).await;
    origin.bounds.timeout = Duration::from_millis(200);
    let posted = post(&origin, "1").await;
    assert!(matches!(posted, Err(CallError::Unknown(_))), "{posted:?}");
    assert_eq!(arrivals.recv().await, Some((0, request_of(&origin, "1"))));
    // More than the two ends of a connection hold, to one that does not read.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut origin = self::origin(&format!("http://{}", listener.local_addr().unwrap()));
    origin.bounds.timeout = Duration::from_millis(200);
    let body = "x".repeat(64 << 20);
    let posting = tokio::time::timeout(Duration::from_secs(30), post(&origin, &body));
    let (posted, accepted) = tokio::join!(posting, listener.accept());
    let posted = posted.expect("it is given up");
    assert!(matches!(posted, Err(CallError::Unknown(_))), "{posted:?}");
    drop(accepted);
}

fn request_of(origin: &Origin, body: &str) -> String {
    let written = origin.written(HEAD, body.as_bytes());
    String::from_utf8(written).unwrap()
}
