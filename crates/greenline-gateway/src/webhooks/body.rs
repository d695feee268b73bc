//! Reading a delivery's body within bounds: length, time, and memory over all deliveries at once.
//!
//! Small bodies are bounded by the number of connections. Larger ones share a budget, so that a flood of
//! them waits instead of filling the memory.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::patience;

/// Bodies up to this length take nothing from the budget.
const SMALL_BYTES: usize = 64 * 1024;
/// What larger bodies may take together, in KiB.
const BUDGET_KIB: usize = 96 * 1024;

/// The memory is the process's, so is its budget.
static BUDGET: Semaphore = Semaphore::const_new(BUDGET_KIB);

/// Why a body was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("longer than the limit")]
    TooLong,
    #[error("not here in time")]
    Slow,
    #[error("the connection broke")]
    Broken,
    #[error("no room for it")]
    Busy,
}

/// Reads a body; the permit is its room in memory.
pub(super) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Option<SemaphorePermit<'static>>), BodyError> {
    let limits = &app.config.limits;
    let bytes_max = limits.webhook_body_bytes_max;
    let timeout = Duration::from_millis(limits.client_timeout_ms);
    let declared = match headers.get(header::CONTENT_LENGTH) {
        None => bytes_max,
        Some(length) => length
            .to_str()
            .ok()
            .and_then(|length| length.parse().ok())
            .ok_or(BodyError::Broken)?,
    };
    if declared > bytes_max {
        return Err(BodyError::TooLong);
    }
    let room = if declared > SMALL_BYTES {
        let kib = u32::try_from(declared.div_ceil(1024).min(BUDGET_KIB)).unwrap_or(u32::MAX);
        let waited = tokio::time::timeout(timeout, BUDGET.acquire_many(kib)).await;
        Some(
            waited
                .map_err(|_| BodyError::Busy)?
                .map_err(|_| BodyError::Busy)?,
        )
    } else {
        None
    };
    match tokio::time::timeout(timeout, Limited::new(body, bytes_max).collect()).await {
        Err(_) => Err(BodyError::Slow),
        Ok(Ok(collected)) => Ok((collected.to_bytes(), room)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(error)) if patience::is_too_slow(&*error) => Err(BodyError::Slow),
        Ok(Err(_)) => Err(BodyError::Broken),
    }
}
