//! A line on which what is sent takes a while to arrive.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A line to a server; gone when it is dropped, for new connections.
#[derive(Debug)]
pub(crate) struct SlowLine {
    /// Where it begins.
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl SlowLine {
    /// A line to `end`: requests take `delay` longer than they would, answers come at once.
    pub(crate) async fn to(end: SocketAddr, delay: Duration) -> Self {
        let [address] = super::ports::free();
        let listener = TcpListener::bind(address).await.expect("a free port");
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, end, delay));
            }
        });
        Self { address, task }
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, end: SocketAddr, delay: Duration) {
    let Ok(far) = TcpStream::connect(end).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    tokio::join!(
        copy(from_near, to_far, delay),
        copy(from_far, to_near, Duration::ZERO)
    );
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
