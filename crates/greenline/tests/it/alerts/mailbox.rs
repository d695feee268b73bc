//! A mail server that takes everything: as much of SMTP as a client needs, in plain, on loopback.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::ports;

/// A letter, as it came.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) to: Vec<String>,
    pub(super) lines: Vec<String>,
}

impl Letter {
    /// The value of a header, unfolded.
    pub(super) fn header(&self, name: &str) -> String {
        let head = self.lines.iter().take_while(|line| !line.is_empty());
        let prefix = format!("{}:", name.to_ascii_lowercase());
        let mut found = String::new();
        let mut is_in = false;
        for line in head {
            if line.starts_with([' ', '\t']) {
                if is_in {
                    found.push_str(line);
                }
                continue;
            }
            is_in = line.to_ascii_lowercase().starts_with(&prefix);
            if is_in {
                found.push_str(line[prefix.len()..].trim());
            }
        }
        found
    }
}

/// A server that runs until it is dropped.
pub(super) struct Mailbox {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Mailbox {
    /// One that hands each letter on.
    pub(super) async fn start(letters: mpsc::UnboundedSender<Letter>) -> Self {
        let [address] = ports::free();
        let listener = TcpListener::bind(address).await.expect("a free port");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let letters = letters.clone();
                // Whoever hangs up in the middle has said nothing.
                tokio::spawn(async move { serve(stream, &letters).await.ok() });
            }
        });
        Self { address, task }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, letters: &mpsc::UnboundedSender<Letter>) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 mail.test ESMTP\r\n").await?;
    let mut to = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer: &[u8] = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => b"250-mail.test\r\n250 8BITMIME\r\n",
            "RCPT" => {
                to.push(line.clone());
                b"250 ok\r\n"
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                let mut letter = Vec::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    letter.push(line);
                }
                let letter = Letter {
                    to: std::mem::take(&mut to),
                    lines: letter,
                };
                letters.send(letter).ok();
                b"250 taken\r\n"
            }
            "QUIT" => {
                writing.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writing.write_all(answer).await?;
    }
    Ok(())
}
