//! Just enough of Postgres' protocol to hold a connection open and ask something over it.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest wait for an answer, on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects to `postgres://user:password@host:port/database`.
    pub(crate) fn connect(url: &str) -> Result<Client> {
        let rest = url.strip_prefix("postgres://").expect("a Postgres URL");
        let (login, place) = rest.split_once('@').expect("a login");
        let (user, password) = login.split_once(':').expect("a password");
        let (address, database) = place.split_once('/').expect("a database");
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        let mut client = Client { stream };
        // Protocol 3.0, then names and values, ended by an empty name.
        let mut begin = 196_608_u32.to_be_bytes().to_vec();
        for word in ["user", user, "database", database, ""] {
            begin.extend(word.as_bytes());
            begin.push(0);
        }
        client.send(&[], &begin)?;
        client.send(b"p", &terminated(password))?;
        client.until_ready()?;
        Ok(client)
    }

    /// Runs one statement; returns the values of all rows.
    pub(crate) fn ask(&mut self, sql: &str) -> Result<Vec<String>> {
        self.begin(sql)?;
        self.finish()
    }

    /// Sends one statement without waiting for its answer.
    pub(crate) fn begin(&mut self, sql: &str) -> Result<()> {
        self.send(b"Q", &terminated(sql))
    }

    /// Waits for the answer.
    pub(crate) fn finish(&mut self) -> Result<Vec<String>> {
        self.until_ready()
    }

    /// Whether nothing has arrived yet. Says nothing about later.
    pub(crate) fn is_unanswered(&mut self) -> bool {
        let short = Duration::from_millis(300);
        self.stream.set_read_timeout(Some(short)).expect("a socket");
        let silent = self.stream.peek(&mut [0]).is_err_and(|error| {
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        });
        self.stream.set_read_timeout(Some(SOON)).expect("a socket");
        silent
    }

    fn send(&mut self, kind: &[u8], body: &[u8]) -> Result<()> {
        let length = u32::try_from(body.len() + 4).expect("a short message");
        let message = [kind, &length.to_be_bytes(), body].concat();
        self.stream.write_all(&message)
    }

    /// Reads up to `ReadyForQuery`.
    fn until_ready(&mut self) -> Result<Vec<String>> {
        let mut values = Vec::new();
        let mut failed = None;
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let mut body = vec![0; length - 4];
            self.stream.read_exact(&mut body)?;
            match head[0] {
                b'D' => values.extend(columns(&body)),
                b'E' => failed = Some(String::from_utf8_lossy(&body).into_owned()),
                b'Z' => return failed.map_or(Ok(values), |said| Err(Error::other(said))),
                _ => {}
            }
        }
    }
}

fn columns(row: &[u8]) -> Vec<String> {
    let mut rest = &row[2..];
    let mut values = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        values.push(String::from_utf8_lossy(&after[..length]).into_owned());
        rest = &after[length..];
    }
    values
}

fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}
