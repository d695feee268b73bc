//! When a send arrived, compared with when a stop was acknowledged.

use std::time::Duration;

use greenline_sim::{Inbound, SAMPLE_NUMBER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{DANA, SOON, TOKEN, quick, template, with_receiver};

fn raw_send() -> String {
    let body = template(DANA, "spring_offer", &[]).to_string();
    format!(
        "POST /{SAMPLE_NUMBER}/messages HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn read_some(stream: &mut TcpStream) {
    let mut buffer = vec![0; 4096];
    let read = tokio::time::timeout(SOON, stream.read(&mut buffer)).await;
    assert!(read.unwrap().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_after_the_acknowledgement_is_known_to_be_later() {
    let (sim, _receiver) = with_receiver(quick()).await;
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    // The connection is known and idle.
    stream.write_all(raw_send().as_bytes()).await.unwrap();
    read_some(&mut stream).await;
    let stop = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "STOP"))
        .unwrap();
    let stop = sim.wait_acknowledged(SOON, &stop.id).await.unwrap();
    let acknowledged_ns = stop.acknowledged_ns().unwrap();
    stream.write_all(raw_send().as_bytes()).await.unwrap();
    read_some(&mut stream).await;
    let sends = sim.requests(0);
    assert!(sends[0].not_before_ns < acknowledged_ns);
    assert!(sends[1].not_before_ns >= acknowledged_ns);
    assert!(sends[1].not_before_ns <= sends[1].body_ns);
}

/// Bytes that waited in the socket while nobody read them are not blamed on the sender.
#[tokio::test(flavor = "current_thread")]
async fn what_was_written_before_is_not_taken_for_later() {
    let (sim, receiver) = with_receiver(quick()).await;
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(raw_send().as_bytes()).await.unwrap();
    read_some(&mut stream).await;
    // The head and half of the body are there; the rest is written, but the runtime is
    // kept from reading it until the stop has been acknowledged as well.
    let whole = raw_send();
    let (first, rest) = whole.as_bytes().split_at(whole.len() - 10);
    stream.write_all(first).await.unwrap();
    let stop = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "STOP"))
        .unwrap();
    let written_ns = {
        stream.write_all(rest).await.unwrap();
        sim.elapsed_ns()
    };
    receiver.wait(1).await;
    sim.wait_acknowledged(SOON, &stop.id).await.unwrap();
    read_some(&mut stream).await;
    let seen = sim
        .wait_request(SOON, |request| request.seq == 2)
        .await
        .unwrap();
    assert!(seen.not_before_ns <= written_ns);
    assert!(Duration::from_nanos(seen.body_ns) >= Duration::from_nanos(seen.not_before_ns));
}
