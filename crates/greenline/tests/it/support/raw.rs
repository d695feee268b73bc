//! Clients that do not speak HTTP as they should: byte by byte, not at all, or without listening.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::soon;

/// Between two bytes of a client that never gets to the end.
const DRIP: Duration = Duration::from_millis(20);
/// What a client that does not read can be sent before its end of the connection is full.
const UNREAD_BYTES: u32 = 4096;

/// A connection.
#[derive(Debug)]
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    /// Connects with little room for what is not read.
    pub(crate) async fn open_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(UNREAD_BYTES)
            .expect("a smaller buffer");
        Self(socket.connect(address).await.expect("a connection"))
    }

    /// Writes, as far as the other end still takes it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Everything that comes until the other end closes.
    pub(crate) async fn until_closed(mut self) -> String {
        let mut text = Vec::new();
        // A connection that is reset has ended too.
        let _ = soon("the connection is closed", self.0.read_to_end(&mut text)).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Goes on writing one byte at a time until the other end closes; everything that came.
    pub(crate) async fn drip(mut self, byte: u8) -> String {
        let mut text = Vec::new();
        let dripping = async {
            let mut buffer = [0; 4096];
            loop {
                match tokio::time::timeout(DRIP, self.0.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => return,
                    Ok(Ok(read)) => text.extend_from_slice(&buffer[..read]),
                    Err(_) => self.write(&[byte]).await,
                }
            }
        };
        soon("a slow client is let go", dripping).await;
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// What is written on a connection of its own, and everything that comes until the other end closes.
pub(crate) async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut raw = Raw::open(address).await;
    raw.write(bytes).await;
    raw.until_closed().await
}
