//! What the client says about a call that failed: the difference between "not sent" and "unknown".

use std::time::{Duration, Instant};

use bytes::Bytes;
use greenline_gateway::upstream::{Bounds, CallError, Origin, Outgoing};
use http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What the far end does with each connection, in order.
#[derive(Clone, Copy)]
enum Act {
    /// Answers every request.
    Answer,
    /// Answers one request, then closes.
    AnswerOnce,
    /// Reads a request and closes without a word.
    ReadAndClose,
    /// Reads and stays silent.
    Silent,
}

/// A far end that reports what arrives: connection's place and the bytes of each read.
async fn far_end(acts: Vec<Act>) -> (String, mpsc::UnboundedReceiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, arrivals) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for (place, act) in acts.into_iter().enumerate() {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(serve(stream, place, act, seen.clone()));
        }
    });
    (format!("http://{address}"), arrivals)
}

async fn serve(mut stream: TcpStream, place: usize, act: Act, seen: mpsc::UnboundedSender<usize>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let _ = seen.send(place);
            }
        }
        match act {
            Act::Answer | Act::AnswerOnce => stream.write_all(ANSWER).await.unwrap(),
            Act::ReadAndClose => return,
            Act::Silent => {}
        }
        if matches!(act, Act::AnswerOnce) {
            return;
        }
    }
}

fn bounds() -> Bounds {
    Bounds {
        connect_timeout: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        idle: Duration::from_secs(60),
        idle_max: 4,
    }
}

fn post() -> Request<Outgoing> {
    let mut request = Request::new(Outgoing::full(Bytes::from_static(b"{}")));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/v23.0/1/messages".parse().unwrap();
    request
}

async fn call(origin: &Origin, by: Option<Instant>) -> Result<Bytes, CallError> {
    Ok(origin
        .call(post(), by)
        .await?
        .into_body()
        .read(1024)
        .await
        .unwrap())
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(30))
}

#[tokio::test]
async fn a_connection_serves_many_calls() {
    let (url, mut arrivals) = far_end(vec![Act::Answer]).await;
    let origin = Origin::new(&url, bounds()).unwrap();
    for _ in 0..3 {
        assert_eq!(&call(&origin, soon()).await.unwrap()[..], b"ok");
        assert_eq!(arrivals.recv().await, Some(0));
    }
}

#[tokio::test]
async fn past_the_deadline_nothing_is_written() {
    let (url, mut arrivals) = far_end(vec![Act::Answer, Act::Answer]).await;
    let origin = Origin::new(&url, bounds()).unwrap();
    call(&origin, soon()).await.unwrap();
    assert_eq!(arrivals.recv().await, Some(0));
    // On the connection that is open already, and on one that would have to be opened.
    for _ in 0..2 {
        assert!(matches!(
            call(&origin, Some(Instant::now())).await,
            Err(CallError::Late)
        ));
    }
    assert!(arrivals.try_recv().is_err());
}

#[tokio::test]
async fn nobody_listening_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let origin = Origin::new(&url, bounds()).unwrap();
    assert!(matches!(
        call(&origin, soon()).await,
        Err(CallError::NotSent(_))
    ));
}

#[tokio::test]
async fn read_and_closed_or_silent_is_unknown_and_not_repeated() {
    for act in [Act::ReadAndClose, Act::Silent] {
        let timeout = match act {
            Act::Silent => Duration::from_secs(1),
            _ => bounds().timeout,
        };
        let (url, mut arrivals) = far_end(vec![act, Act::Answer]).await;
        let origin = Origin::new(
            &url,
            Bounds {
                timeout,
                ..bounds()
            },
        )
        .unwrap();
        assert!(matches!(
            call(&origin, soon()).await,
            Err(CallError::Unknown(_))
        ));
        assert_eq!(arrivals.recv().await, Some(0));
        assert!(arrivals.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced() {
    let (url, mut arrivals) = far_end(vec![Act::AnswerOnce, Act::Answer]).await;
    let origin = Origin::new(&url, bounds()).unwrap();
    call(&origin, soon()).await.unwrap();
    assert_eq!(arrivals.recv().await, Some(0));
    // The far end's close is seen by the connection's own task; give it its turns.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(&call(&origin, soon()).await.unwrap()[..], b"ok");
    assert_eq!(arrivals.recv().await, Some(1));
}

#[test]
fn addresses_are_checked() {
    for url in ["ftp://host", "host", "https://", "/path"] {
        assert!(Origin::new(url, bounds()).is_err(), "{url}");
    }
}
