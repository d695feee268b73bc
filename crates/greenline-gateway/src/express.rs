//! Plain sends, straight from the socket to the send path.
//!
//! Nearly everything on the private listener is one shape: a POST of JSON to `/messages`. A connection is
//! read here for as long as it carries nothing else. What is not exactly that shape, by [`head`]'s strict
//! reading, is not read here at all: the connection goes on, with every byte it has brought, to the general
//! server, which knows all of HTTP. Who may send what is decided by the same code in both.

mod head;

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use greenline_wire::path::Edge;
use greenline_wire::send;
use http::header;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::app::Shared;
use crate::graph::{self, Answered};
use crate::pass;
use crate::patience::{Clock, Prompt};
use crate::pipeline::{self, Forward, Parcel};
use crate::refusal::Refusal;
use head::Read;

/// First room for a request.
const READ_BYTES: usize = 4 << 10;

/// What a plain send turned out to be.
enum Errand {
    /// To be decided.
    Decide(Box<Parcel>),
    /// Reaches nobody, and goes on as it is.
    Pass(Box<Forward>),
}

/// Serves a connection for as long as it brings plain sends; hands it back when it brings anything else.
///
/// # Errors
/// The connection broke.
pub(crate) async fn serve(
    app: &Shared,
    mut stream: Prompt<TcpStream>,
    within: Duration,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<Option<Prompt<TcpStream>>> {
    let mut read = BytesMut::new();
    let mut out = Vec::new();
    let mut clock = Clock::new(within);
    loop {
        let next = match head::read(&read, app.config.limits.send_body_bytes_max) {
            // A token of the body's own must be taken out of it.
            Read::Whole(request) if pass::may_hold_token(request.body) => Next::Other,
            Read::Whole(request) => Next::Errand(prepare(app, &request), request.length),
            Read::Part => Next::More,
            Read::Other => Next::Other,
        };
        let (errand, length) = match next {
            Next::Errand(errand, length) => (errand, length),
            Next::More => match fill(&mut stream, &mut read, &mut clock, &mut stopped).await? {
                Came::More => continue,
                Came::Nothing => return Ok(None),
                Came::TooLate => {
                    let answered = Answered::from(Refusal::too_slow());
                    write_out(app, &answered, false, &mut out);
                    stream.write_all(&out).await?;
                    stream.shutdown().await?;
                    return Ok(None);
                }
            },
            Next::Other => {
                stream.put_back(read.freeze());
                return Ok(Some(stream));
            }
        };
        read.advance(length);
        let answered = answer(app, errand).await;
        let stays_open = !*stopped.borrow();
        write_out(app, &answered, stays_open, &mut out);
        stream.write_all(&out).await?;
        if !stays_open {
            stream.shutdown().await?;
            return Ok(None);
        }
        out.clear();
        clock.start();
    }
}

/// What there is to do next.
enum Next {
    /// A send, or why it is none, and the length of its request.
    Errand(Result<Errand, Refusal>, usize),
    /// Read on.
    More,
    /// Something else has come.
    Other,
}

/// What came of reading on.
enum Came {
    More,
    /// The connection is over: closed, idle for too long, or the gateway stops between two requests.
    Nothing,
    /// The rest of a request did not come in time.
    TooLate,
}

/// Reads more.
async fn fill(
    stream: &mut Prompt<TcpStream>,
    read: &mut BytesMut,
    clock: &mut Clock,
    stopped: &mut watch::Receiver<bool>,
) -> io::Result<Came> {
    let between = read.is_empty();
    read.reserve(READ_BYTES);
    tokio::select! {
        biased;
        came = stream.read_buf(read) => {
            if came? == 0 {
                return Ok(Came::Nothing);
            }
            // A request has all the time there is, however long the connection was idle before.
            if between {
                clock.start();
            }
            Ok(Came::More)
        }
        () = clock.over() => Ok(if between { Came::Nothing } else { Came::TooLate }),
        _ = stopped.changed(), if between => Ok(Came::Nothing),
    }
}

/// Reads what is asked for, and who asks.
fn prepare(app: &Shared, request: &head::Request<'_>) -> Result<Errand, Refusal> {
    let client = app
        .directory
        .app(request.key)
        .cloned()
        .ok_or_else(Refusal::bad_key)?;
    let unreadable = |error: greenline_wire::ShapeError| Refusal::unreadable(error.to_string());
    let edge = &request.named.edge;
    graph::check_owner(app, client.business, edge, "")?;
    let (Edge::Messages { number } | Edge::MarketingMessages { number }) = edge else {
        return Err(Refusal::unreadable("this call cannot be read"));
    };
    let send = send::parse_json(request.body).map_err(unreadable)?;
    let number = graph::own_number(app, &client, number)?;
    let judged = pipeline::judged_message(app, number, &send)?;
    let forward = Forward::Written {
        head: request.head_for(app, &client),
        body: Bytes::copy_from_slice(request.body),
    };
    Ok(match judged {
        Some(judged) => Errand::Decide(pipeline::parcel(app, &client, number, judged, forward)?),
        None => Errand::Pass(Box::new(forward)),
    })
}

async fn answer(app: &Shared, errand: Result<Errand, Refusal>) -> Answered {
    let answered = match errand {
        // Nothing drops this on the way: a client that hangs up is noticed only when it is answered.
        Ok(Errand::Decide(parcel)) => pipeline::decide_and_forward(app, parcel).await,
        Ok(Errand::Pass(forward)) => pipeline::pass(app, &forward).await,
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| {
        if refusal.code == 100 {
            app.metrics.sends_unreadable.add();
        }
        Answered::from(refusal)
    })
}

/// Writes an answer out.
fn write_out(app: &Shared, answered: &Answered, stays_open: bool, out: &mut Vec<u8>) {
    out.reserve(512 + answered.body.len());
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(answered.status.as_str().as_bytes());
    out.push(b' ');
    let reason = answered.status.canonical_reason().unwrap_or_default();
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut line = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    };
    answered.headers.each(|name, value| {
        if name != header::CONTENT_LENGTH.as_str().as_bytes() {
            line(name, value);
        }
    });
    if !answered.headers.has(header::DATE.as_str()) {
        let now = std::time::UNIX_EPOCH
            + Duration::from_millis(app.clock.now_ms().try_into().unwrap_or_default());
        line(b"date", httpdate::fmt_http_date(now).as_bytes());
    }
    if !stays_open {
        line(b"connection", b"close");
    }
    let mut length = itoa::Buffer::new();
    line(
        b"content-length",
        length.format(answered.body.len()).as_bytes(),
    );
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&answered.body);
}
