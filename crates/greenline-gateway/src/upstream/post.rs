//! Plain POSTs, written out: one write, one read, no task and no channel in between.
//!
//! It does what a send needs and nothing else: a body in memory goes out, an answer comes back whole.
//! It says as precisely as the client beside it whether anything may have left.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{CallError, Origin, STALE_RETRIES_MAX, Stream, is_past};
use crate::graph::Answered;

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
    headers: HeaderMap,
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
            let until = tokio::time::Instant::now() + self.bounds.timeout;
            let writing = tokio::time::timeout_at(until, conn.write(&request, dispatch_by));
            let Ok(written) = writing.await else {
                return Err(CallError::Unknown("not taken in time".to_owned()));
            };
            match written {
                Ok(()) => {
                    let reading = tokio::time::timeout_at(until, conn.answer(bytes_max));
                    return match reading.await {
                        Err(_) => Err(CallError::Unknown("no answer in time".to_owned())),
                        Ok(Err(error)) => Err(CallError::Unknown(error.to_string())),
                        Ok(Ok((answered, stays_open))) => {
                            if stays_open {
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
            headers: head.headers,
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
    let mut room = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut room);
    let wrong = |_| io::Error::from(io::ErrorKind::InvalidData);
    let length = match answer.parse(read).map_err(wrong)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if read.len() < HEAD_BYTES_MAX => return Ok(None),
        httparse::Status::Partial => return Err(io::ErrorKind::InvalidData.into()),
    };
    let status = StatusCode::from_u16(answer.code.unwrap_or_default())
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let stays_open = answer.version == Some(1);
    let mut places = smallvec::SmallVec::<[(HeaderName, std::ops::Range<usize>); 24]>::new();
    let start = read.as_ptr() as usize;
    for found in answer.headers.iter() {
        let name = HeaderName::from_bytes(found.name.as_bytes())
            .map_err(|_| io::ErrorKind::InvalidData)?;
        let from = found.value.as_ptr() as usize - start;
        places.push((name, from..from + found.value.len()));
    }
    let bytes = read.split_to(length).freeze();
    let mut head = Head {
        status,
        headers: HeaderMap::with_capacity(places.len() + 2),
        length: Length::Open,
        stays_open,
    };
    for (name, place) in places {
        let value = HeaderValue::from_maybe_shared(bytes.slice(place))
            .map_err(|_| io::ErrorKind::InvalidData)?;
        head.headers.append(name, value);
    }
    head.read_framing()?;
    Ok(Some(head))
}

impl Head {
    /// Where the body ends, and whether the connection goes on; strict, since a wrong end would hand one
    /// send's answer to another.
    fn read_framing(&mut self) -> io::Result<()> {
        if self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED
            || self.status.is_informational()
        {
            self.length = Length::Known(0);
        } else if let Some(coding) = self.headers.get(header::TRANSFER_ENCODING) {
            let codings = self.headers.get_all(header::TRANSFER_ENCODING).iter();
            if !coding.as_bytes().eq_ignore_ascii_case(b"chunked")
                || codings.count() > 1
                || self.headers.contains_key(header::CONTENT_LENGTH)
            {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.length = Length::Chunked;
        } else {
            let mut lengths = self.headers.get_all(header::CONTENT_LENGTH).iter();
            if let Some(length) = lengths.next() {
                let length = length
                    .to_str()
                    .ok()
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse().ok())
                    .ok_or(io::ErrorKind::InvalidData)?;
                self.length = Length::Known(length);
            }
            if lengths.next().is_some() {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        self.stays_open &= self.length != Length::Open
            && !self
                .headers
                .get_all(header::CONNECTION)
                .iter()
                .any(|value| has_token(value.as_bytes(), b"close"));
        Ok(())
    }
}

fn has_token(list: &[u8], wanted: &[u8]) -> bool {
    list.split(|byte| *byte == b',')
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests;
