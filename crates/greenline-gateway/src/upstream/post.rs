//! Plain POSTs, written out: one write, one read, no task and no channel in between.
//!
//! It does what a send needs and nothing else: a body in memory goes out, an answer comes back whole.
//! It says as precisely as the client beside it whether anything may have left.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use http::{StatusCode, header};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::lines::{self, Lines};
use super::{CallError, Origin, STALE_RETRIES_MAX, Stream, is_past};
use crate::graph::Answered;
use crate::patience::Clock;

/// An answer's head is no longer than this.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer at most.
const HEADERS_MAX: usize = 96;
/// First room for an answer.
const READ_BYTES: usize = 4 << 10;

/// A connection that carries only such POSTs.
pub(super) struct Conn {
    stream: Box<dyn Stream>,
    /// Nothing between two answers.
    read: BytesMut,
    /// Over TLS a write may begin and yet have to wait.
    secure: bool,
    /// Runs on from one post to the next.
    clock: Option<Clock>,
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn").finish_non_exhaustive()
    }
}

/// How a write failed.
enum Unwritten {
    /// The deadline had passed; nothing was written.
    Late,
    /// Nothing was written.
    Closed(io::Error),
    /// Something may have been.
    Broken(io::Error),
}

/// Where an answer's body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    /// After so many bytes.
    Known(usize),
    /// Where its chunks do.
    Chunked,
    /// Where the connection does.
    Open,
}

/// An answer's head.
struct Head {
    status: StatusCode,
    lines: Lines,
    length: Length,
    stays_open: bool,
}

impl Origin {
    /// Posts `body` under `head`, which is everything before the body but `Host` and `Content-Length`, each
    /// line ended. `Ok(None)`: answered, but the answer could not be read to its end.
    ///
    /// With `dispatch_by`, nothing is written once that instant has passed.
    ///
    /// # Errors
    /// [`CallError`] says whether anything may have left.
    pub(crate) async fn post(
        &self,
        head: &[u8],
        body: &[u8],
        dispatch_by: Option<Instant>,
        bytes_max: usize,
    ) -> Result<Option<Answered>, CallError> {
        let request = self.written(head, body);
        let mut closed = None;
        for _ in 0..STALE_RETRIES_MAX {
            let mut conn = self.post_connection(dispatch_by).await?;
            // A server that takes nothing must not be waited for without end either.
            let taken = conn.clock.take();
            let mut clock = taken.unwrap_or_else(|| Clock::new(self.bounds.timeout));
            clock.start();
            let Some(written) = clock.first(conn.write(&request, dispatch_by)).await else {
                return Err(CallError::Unknown("not taken in time".to_owned()));
            };
            match written {
                Ok(()) => {
                    return match clock.first(conn.answer(bytes_max)).await {
                        None => Err(CallError::Unknown("no answer in time".to_owned())),
                        Some(Err(error)) => Err(CallError::Unknown(error.to_string())),
                        Some(Ok((answered, stays_open))) => {
                            if stays_open {
                                conn.clock = Some(clock);
                                self.posts.put(conn);
                            }
                            Ok(answered)
                        }
                    };
                }
                Err(Unwritten::Late) => {
                    self.posts.put(conn);
                    return Err(CallError::Late);
                }
                Err(Unwritten::Closed(error)) => closed = Some(error),
                Err(Unwritten::Broken(error)) => return Err(CallError::Unknown(error.to_string())),
            }
        }
        let why = closed.map_or_else(String::new, |error| format!(": {error}"));
        Err(CallError::NotSent(format!("connections kept closing{why}")))
    }

    fn written(&self, head: &[u8], body: &[u8]) -> Vec<u8> {
        let mut length = itoa::Buffer::new();
        let length = length.format(body.len());
        let host = self.host_header.as_bytes();
        let mut request =
            Vec::with_capacity(head.len() + host.len() + length.len() + body.len() + 32);
        for part in [
            head,
            b"host: ",
            host,
            b"\r\ncontent-length: ",
            length.as_bytes(),
            b"\r\n\r\n",
            body,
        ] {
            request.extend_from_slice(part);
        }
        request
    }

    async fn post_connection(&self, dispatch_by: Option<Instant>) -> Result<Conn, CallError> {
        while let Some(mut conn) = self.posts.take(self.bounds.idle) {
            if conn.is_quiet().await {
                return Ok(conn);
            }
        }
        Ok(Conn {
            stream: self.open_in_time(dispatch_by).await?,
            read: BytesMut::new(),
            secure: self.tls.is_some(),
            clock: None,
        })
    }
}

impl Conn {
    /// Whether the server has neither closed the connection nor said anything unasked.
    async fn is_quiet(&mut self) -> bool {
        let mut room = [0; 1];
        poll_fn(|cx| {
            let mut room = ReadBuf::new(&mut room);
            Poll::Ready(
                Pin::new(&mut self.stream)
                    .poll_read(cx, &mut room)
                    .is_pending(),
            )
        })
        .await
    }

    async fn write(
        &mut self,
        request: &[u8],
        dispatch_by: Option<Instant>,
    ) -> Result<(), Unwritten> {
        let mut begun = false;
        let first = poll_fn(|cx| self.first_write(cx, request, dispatch_by, &mut begun)).await?;
        let rest = request.get(first..).unwrap_or_default();
        self.stream
            .write_all(rest)
            .await
            .map_err(Unwritten::Broken)?;
        self.stream.flush().await.map_err(Unwritten::Broken)
    }

    /// Looks at the clock right before the first byte is written.
    fn first_write(
        &mut self,
        cx: &mut Context<'_>,
        request: &[u8],
        dispatch_by: Option<Instant>,
        begun: &mut bool,
    ) -> Poll<Result<usize, Unwritten>> {
        if !*begun && dispatch_by.is_some_and(is_past) {
            return Poll::Ready(Err(Unwritten::Late));
        }
        *begun = *begun || self.secure;
        match Pin::new(&mut self.stream).poll_write(cx, request) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(written)) if written > 0 => Poll::Ready(Ok(written)),
            Poll::Ready(failed) => {
                let error = failed
                    .err()
                    .unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                Poll::Ready(Err(if *begun {
                    Unwritten::Broken(error)
                } else {
                    Unwritten::Closed(error)
                }))
            }
        }
    }

    /// Reads an answer, and says whether the connection can be used again. An answer whose head is here but
    /// whose body is not is `None`.
    async fn answer(&mut self, bytes_max: usize) -> io::Result<(Option<Answered>, bool)> {
        let head = loop {
            match take_head(&mut self.read)? {
                Some(head) if head.status.is_informational() => {}
                Some(head) => break head,
                None => self.fill().await?,
            }
        };
        let body = match head.length {
            Length::Known(length) if length > bytes_max => return Ok((None, false)),
            Length::Known(length) => self.known(length).await,
            Length::Chunked => self.chunked(bytes_max).await,
            Length::Open => self.open_ended(bytes_max).await,
        };
        let Ok(body) = body else {
            return Ok((None, false));
        };
        let stays_open = head.stays_open && self.read.is_empty();
        let answered = Answered {
            status: head.status,
            headers: head.lines,
            body,
        };
        Ok((Some(answered), stays_open))
    }

    /// Reads more; an end is an error.
    async fn fill(&mut self) -> io::Result<()> {
        self.read.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn known(&mut self, length: usize) -> io::Result<Bytes> {
        while self.read.len() < length {
            self.fill().await?;
        }
        Ok(self.read.split_to(length).freeze())
    }

    async fn chunked(&mut self, bytes_max: usize) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let (line, size) = loop {
                match httparse::parse_chunk_size(&self.read) {
                    Ok(httparse::Status::Complete(found)) => break found,
                    Ok(httparse::Status::Partial) if self.read.len() < HEAD_BYTES_MAX => {
                        self.fill().await?;
                    }
                    _ => return Err(io::ErrorKind::InvalidData.into()),
                }
            };
            self.read.advance(line);
            let size = usize::try_from(size).map_err(|_| io::ErrorKind::InvalidData)?;
            if size == 0 {
                return self.trailers().await.map(|()| body.freeze());
            }
            if size > bytes_max.saturating_sub(body.len()) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            while self.read.len() < size + 2 {
                self.fill().await?;
            }
            body.extend_from_slice(&self.read[..size]);
            if &self.read[size..size + 2] != b"\r\n" {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.read.advance(size + 2);
        }
    }

    /// What may follow the last chunk is read and dropped.
    async fn trailers(&mut self) -> io::Result<()> {
        let mut read = 0;
        loop {
            let end = self.read.windows(2).position(|pair| pair == b"\r\n");
            match end {
                Some(0) => {
                    self.read.advance(2);
                    return Ok(());
                }
                Some(line) => {
                    read += line + 2;
                    self.read.advance(line + 2);
                }
                None => self.fill().await?,
            }
            if read + self.read.len() > HEAD_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }

    async fn open_ended(&mut self, bytes_max: usize) -> io::Result<Bytes> {
        loop {
            if self.read.len() > bytes_max {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.read.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(self.read.split().freeze());
            }
        }
    }
}

/// Takes an answer's head off the front of what was read, if all of it is there.
fn take_head(read: &mut BytesMut) -> io::Result<Option<Head>> {
    let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut []);
    let wrong = |_| io::Error::from(io::ErrorKind::InvalidData);
    let parser = httparse::ParserConfig::default();
    let parsed = parser.parse_response_with_uninit_headers(&mut answer, read, &mut room);
    let length = match parsed.map_err(wrong)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if read.len() < HEAD_BYTES_MAX => return Ok(None),
        httparse::Status::Partial => return Err(io::ErrorKind::InvalidData.into()),
    };
    let status = StatusCode::from_u16(answer.code.unwrap_or_default())
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let mut framing = Framing::default();
    let mut places = SmallVec::new();
    let start = read.as_ptr() as usize;
    let place = |part: &[u8]| {
        let from = part.as_ptr() as usize - start;
        // Invariant: no head is longer than `HEAD_BYTES_MAX`, but for what came with its end.
        let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
        (place(from), place(from + part.len()))
    };
    for found in answer.headers.iter() {
        framing.look(found);
        if !lines::is_left_out(found.name) {
            places.push([place(found.name.as_bytes()), place(found.value)]);
        }
    }
    let length_of_body = framing.length(status)?;
    let stays_open = answer.version == Some(1) && length_of_body != Length::Open && !framing.closes;
    let head = read.split_to(length).freeze();
    Ok(Some(Head {
        status,
        lines: lines::raw(head, places),
        length: length_of_body,
        stays_open,
    }))
}

/// What headers say of where the body ends, and whether the connection goes on; strict, since a wrong end would
/// hand one send's answer to another.
#[derive(Default)]
struct Framing {
    codings: usize,
    /// The first coding is `chunked` and nothing else.
    is_chunked: bool,
    lengths: usize,
    /// The first length, if it is one.
    length: Option<usize>,
    closes: bool,
}

impl Framing {
    fn look(&mut self, found: &httparse::Header<'_>) {
        let is = |name: &header::HeaderName| found.name.eq_ignore_ascii_case(name.as_str());
        if is(&header::CONTENT_LENGTH) {
            self.lengths += 1;
            if self.lengths == 1 {
                self.length = Some(found.value)
                    .filter(|digits| digits.iter().all(u8::is_ascii_digit))
                    .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            }
        } else if is(&header::TRANSFER_ENCODING) {
            self.codings += 1;
            if self.codings == 1 {
                self.is_chunked = found.value.eq_ignore_ascii_case(b"chunked");
            }
        } else if is(&header::CONNECTION) {
            self.closes |= has_token(found.value, b"close");
        }
    }

    fn length(&self, status: StatusCode) -> io::Result<Length> {
        if status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || status.is_informational()
        {
            return Ok(Length::Known(0));
        }
        match (self.codings, self.lengths) {
            (0, 0) => Ok(Length::Open),
            (0, 1) => Ok(Length::Known(
                self.length.ok_or(io::ErrorKind::InvalidData)?,
            )),
            (1, 0) if self.is_chunked => Ok(Length::Chunked),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn has_token(list: &[u8], wanted: &[u8]) -> bool {
    list.split(|byte| *byte == b',')
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests;
