//! Files of any size, coming in and going out part by part.

use std::io::{self, Write};
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::imports::files;
use crate::patience;

use super::problem::{Kind, Problem};

/// Parts of a file that wait to be written or sent.
const PARTS_AHEAD: usize = 16;
/// Bytes that go out at once.
const PART_BYTES: usize = 64 << 10;

/// What is not to be had of a folder of ours, by the setting that names it.
pub(super) fn broken(setting: &'static str, error: &io::Error) -> Problem {
    tracing::warn!(%error, setting, "a file cannot be kept");
    Problem::new(
        Kind::Unavailable,
        format!(
            "the folder of {} cannot be written; see {setting} and the space on its disk",
            setting.split('.').next().unwrap_or(setting)
        ),
    )
}

/// How large a file may be, and which settings say so and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Bytes at most.
    pub(super) most: u64,
    /// The setting that says that.
    pub(super) limit: &'static str,
    /// The setting that says where.
    pub(super) folder: &'static str,
}

/// Writes a body down as a new file that only its owner may read; its SHA-256 and its length. Once it answers, nothing
/// is written any more, so that what came of it can be thrown away.
pub(super) async fn receive(
    body: Body,
    path: PathBuf,
    room: Room,
) -> Result<(String, u64), Problem> {
    let (to, mut from) = mpsc::channel::<Bytes>(PARTS_AHEAD);
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = files::private(&path)?;
        let mut hash = Sha256::new();
        while let Some(part) = from.blocking_recv() {
            hash.update(&part);
            file.write_all(&part)?;
        }
        file.sync_all()?;
        Ok::<_, io::Error>(hash.finalize())
    });
    let read = read(body, to, &room).await;
    let written = writing.await;
    let bytes = read?;
    let hash = written
        .map_err(|_| Problem::new(Kind::Bug, "writing the file ended in a panic"))?
        .map_err(|error| broken(room.folder, &error))?;
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hash, bytes))
}

/// Hands a body on in the parts in which it comes, until nobody takes them any more; its length.
async fn read(mut body: Body, to: mpsc::Sender<Bytes>, room: &Room) -> Result<u64, Problem> {
    let mut bytes = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if patience::is_too_slow(&error) {
                Problem::new(Kind::TooSlow, "the file did not come in time")
            } else {
                Problem::new(Kind::Malformed, "the file broke off")
            }
        })?;
        let Ok(part) = frame.into_data() else {
            continue;
        };
        bytes += part.len() as u64;
        if bytes > room.most {
            return Err(Problem::new(
                Kind::TooLarge,
                format!("a file may hold {} bytes ({})", room.most, room.limit),
            ));
        }
        if to.send(part).await.is_err() {
            break;
        }
    }
    Ok(bytes)
}

/// An answer of any length, as it is written. Where writing fails the answer breaks off, so that nobody takes it for
/// whole.
pub(super) fn written(
    kind: &'static str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Response {
    let (to, from) = mpsc::channel::<io::Result<Bytes>>(PARTS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut parts = Parts {
            to,
            part: Vec::with_capacity(PART_BYTES),
        };
        let ended = write(&mut parts).and_then(|()| parts.flush());
        if let Err(error) = ended {
            let _ = parts.to.blocking_send(Err(error));
        }
    });
    let stream = futures_util::stream::unfold(from, async |mut from| {
        from.recv().await.map(|part| (part, from))
    });
    let mut response = Body::from_stream(stream).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Hands on what is written, in parts.
struct Parts {
    to: mpsc::Sender<io::Result<Bytes>>,
    part: Vec<u8>,
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART_BYTES));
        self.to
            .blocking_send(Ok(part.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
