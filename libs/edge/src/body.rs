//! The body of a request: read as it comes, decompressed under a cap, within a bound over all requests.
//!
//! - No more than [`BodyLimits::max_bytes`] are read, and no more are ever inflated, whatever the headers say.
//! - A body that stalls, or takes too long in all, is a timeout.
//! - What bodies hold in memory is reserved from one budget before it is used. Where nothing is free for a short
//!   time the request is refused as `unavailable`.
//!
//! It does not look at the type of the content.

mod budget;
mod encoding;
mod gzip;
mod inflate;
mod zstd_frames;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use tokio::time::{Instant, timeout_at};

pub use self::budget::Permit;
use self::budget::{Budget, Room};
use self::encoding::Encoding;
use self::inflate::{Broken, Inflater};
use crate::error::{ApiError, ErrorCode};

/// Bytes that are inflated at once.
const PIECE_BYTES: usize = 16 * 1024;

/// What one body may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes, both as they come and decompressed.
    pub max_bytes: usize,
    /// How long no byte may come.
    pub stall: Duration,
    /// How long the whole may take.
    pub total: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            max_bytes: 8 * 1024 * 1024,
            stall: Duration::from_secs(10),
            total: Duration::from_mins(1),
        }
    }
}

/// Reads bodies. Clones share the budget.
#[derive(Clone, Debug)]
pub struct BodyReader {
    limits: BodyLimits,
    budget: Budget,
}

/// A body that was read. What it holds of the budget is given back when it is dropped.
#[derive(Debug)]
pub struct ReadBody {
    /// The content, decompressed.
    pub bytes: Bytes,
    /// The part of the budget that these bytes take.
    pub permit: Permit,
}

impl BodyReader {
    /// A reader whose bodies hold at most `max_in_flight_bytes` all together. That should be some times
    /// [`BodyLimits::max_bytes`]; a body that can't fit is refused.
    pub fn new(limits: BodyLimits, max_in_flight_bytes: usize) -> Self {
        Self {
            limits,
            budget: Budget::new(max_in_flight_bytes),
        }
    }

    /// Reads the whole body.
    pub async fn read(&self, headers: &HeaderMap, body: Body) -> Result<ReadBody, ApiError> {
        let encoding = Encoding::of(headers)?;
        let declared = declared_bytes(headers, &body);
        if declared.is_some_and(|bytes| bytes > self.limits.max_bytes as u64) {
            return Err(self.too_large());
        }
        let deadline = Instant::now() + self.limits.total;
        let mut frames = Frames {
            body,
            stall: self.limits.stall,
            deadline,
            rest: self.limits.max_bytes,
        };
        match Inflater::new(encoding).map_err(|cause| ApiError::internal(&cause))? {
            None => self.collect(&mut frames, declared).await,
            Some(inflater) => self.inflate(&mut frames, inflater).await,
        }
    }

    async fn collect(&self, frames: &mut Frames, declared: Option<u64>) -> Result<ReadBody, ApiError> {
        let expected = declared.and_then(|bytes| usize::try_from(bytes).ok());
        let mut room = Room::new(&self.budget, self.limits.max_bytes, expected, 1);
        while let Some(frame) = frames.next(self).await? {
            self.push(&mut room, &frame).await?;
        }
        Ok(room.into_body())
    }

    async fn inflate(&self, frames: &mut Frames, mut inflater: Inflater) -> Result<ReadBody, ApiError> {
        let mut room = Room::new(&self.budget, self.limits.max_bytes, None, inflater.cost());
        let mut piece = vec![0; PIECE_BYTES];
        while let Some(frame) = frames.next(self).await? {
            let mut input = &frame[..];
            loop {
                let written = inflater.step(&mut input, &mut piece).map_err(broken)?;
                self.push(&mut room, &piece[..written]).await?;
                if input.is_empty() && written < piece.len() {
                    break;
                }
                // A small body may hold a lot of work.
                tokio::task::consume_budget().await;
            }
        }
        if !inflater.is_complete() {
            return Err(broken(Broken::Truncated));
        }
        Ok(room.into_body())
    }

    async fn push(&self, room: &mut Room, bytes: &[u8]) -> Result<(), ApiError> {
        if bytes.len() > room.left() {
            return Err(self.too_large());
        }
        room.push(bytes).await
    }

    fn too_large(&self) -> ApiError {
        let max_bytes = self.limits.max_bytes;
        let detail = format!("at most {max_bytes} bytes are allowed, compressed and decompressed");
        ApiError::new(ErrorCode::BodyTooLarge, detail)
    }
}

fn broken(cause: Broken) -> ApiError {
    ApiError::new(ErrorCode::InvalidBody, cause.to_string())
}

/// What the headers say of the size of the body.
fn declared_bytes(headers: &HeaderMap, body: &Body) -> Option<u64> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = length.and_then(|text| text.parse().ok());
    let known = body.size_hint().exact();
    declared.max(known)
}

/// The pieces of a body as they come.
struct Frames {
    body: Body,
    stall: Duration,
    deadline: Instant,
    /// Bytes that may still come.
    rest: usize,
}

impl Frames {
    async fn next(&mut self, reader: &BodyReader) -> Result<Option<Bytes>, ApiError> {
        loop {
            let until = self.deadline.min(Instant::now() + self.stall);
            let polled = std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.body).poll_frame(cx));
            let frame = match timeout_at(until, polled).await {
                Err(_) => return Err(timed_out()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "body ended early");
                    let detail = "the body ended before it was complete";
                    return Err(ApiError::new(ErrorCode::InvalidBody, detail));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers say nothing to us.
            let Ok(data) = frame.into_data() else { continue };
            self.rest = self
                .rest
                .checked_sub(data.len())
                .ok_or_else(|| reader.too_large())?;
            return Ok(Some(data));
        }
    }
}

fn timed_out() -> ApiError {
    ApiError::new(ErrorCode::RequestTimeout, "the body did not arrive in time")
}

#[cfg(test)]
mod tests;
