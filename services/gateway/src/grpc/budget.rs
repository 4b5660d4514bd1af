//! The room that the bytes of gRPC requests share: those being received and those being appended.
//!
//! A request that finds no room waits for a short time and is then refused as unavailable; a message that stops
//! arriving in its middle gives its room back by failing. So no number of slow callers grows the memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use edge::{ApiError, ErrorCode};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::PollSemaphore;
use tonic::Status;

use crate::config;

/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// When a caller who found no room is told to come again.
const RETRY_AFTER_MS: u32 = 1_000;

/// The common room. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    stall: Duration,
}

/// Room that is given back when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(#[expect(dead_code, reason = "is there to be dropped")] Option<OwnedSemaphorePermit>);

/// The room of what one call has received and not handed on yet.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Option<OwnedSemaphorePermit>>);

impl Budget {
    pub(super) fn new(config: &config::Request) -> Self {
        // The configuration is at most 2 GiB.
        let room = config.in_flight.as_usize().min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(room)),
            stall: config.stall.duration(),
        }
    }

    /// Takes from the meter the room of a message, which has `bytes` once it is decoded.
    pub(super) async fn message(&self, meter: &Meter, bytes: usize) -> Result<Held, ApiError> {
        let mut held = meter.take();
        let missing = bytes.saturating_sub(held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        if missing > 0 {
            let room = Arc::clone(&self.room).acquire_many_owned(missing);
            let more = timeout(PATIENCE, room)
                .await
                .ok()
                .and_then(Result::ok)
                .ok_or_else(no_room)?;
            merge(&mut held, more);
        }
        Ok(Held(held))
    }
}

impl Meter {
    fn add(&self, permit: OwnedSemaphorePermit) {
        merge(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), permit);
    }

    fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

fn merge(held: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
}

fn no_room() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "too many bytes are in flight; send again")
        .with_retry_after(RETRY_AFTER_MS)
}

fn stalled() -> ApiError {
    ApiError::new(
        ErrorCode::RequestTimeout,
        "message stopped arriving in its middle",
    )
}

/// A body whose bytes are metered.
pub(super) struct Metered {
    body: Body,
    room: PollSemaphore,
    stall: Duration,
    meter: Arc<Meter>,
    /// What has come and waits for room.
    waiting: Option<Frame<Bytes>>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Metered {
    pub(super) fn new(body: Body, budget: Budget, meter: Arc<Meter>) -> Self {
        let Budget { room, stall } = budget;
        Self {
            body,
            room: PollSemaphore::new(room),
            stall,
            meter,
            waiting: None,
            timer: None,
        }
    }

    fn is_late(&mut self, after: Duration, context: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(after)));
        timer.as_mut().poll(context).is_ready()
    }
}

fn data_bytes(frame: &Frame<Bytes>) -> u32 {
    frame
        .data_ref()
        .map_or(0, |data| u32::try_from(data.len()).unwrap_or(u32::MAX))
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        let frame = match this.waiting.take() {
            Some(frame) => frame,
            None => match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.timer = None;
                    frame
                }
                // Between messages a caller may be silent for as long as it likes.
                Poll::Pending if !this.meter.is_empty() && this.is_late(this.stall, context) => {
                    return failed(stalled());
                }
                other => return other.map(|end| end.map(|frame| frame.map_err(axum::BoxError::from))),
            },
        };
        let bytes = data_bytes(&frame);
        if bytes == 0 {
            return Poll::Ready(Some(Ok(frame)));
        }
        match this.room.poll_acquire_many(context, bytes) {
            Poll::Ready(Some(permit)) => {
                this.meter.add(permit);
                this.timer = None;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending if !this.is_late(PATIENCE, context) => {
                this.waiting = Some(frame);
                Poll::Pending
            }
            Poll::Ready(None) | Poll::Pending => failed(no_room()),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn failed(error: ApiError) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
    Poll::Ready(Some(Err(Box::new(Status::from(error)))))
}

#[cfg(test)]
mod tests {
    use chassis::config::{ByteSize, Span};
    use http_body_util::{BodyExt, StreamBody};
    use tokio_stream::StreamExt;

    use super::*;

    fn budget(bytes: u64) -> Budget {
        let config = config::Request {
            in_flight: ByteSize::bytes(bytes),
            stall: Span::from_secs(10),
            ..config::Request::default()
        };
        Budget::new(&config)
    }

    fn body(sizes: &'static [usize]) -> Body {
        let frames =
            tokio_stream::iter(sizes).map(|size| Ok::<_, Status>(Frame::data(Bytes::from(vec![0; *size]))));
        Body::new(StreamBody::new(frames.chain(tokio_stream::pending())))
    }

    fn message(error: &axum::BoxError) -> &str {
        error.downcast_ref::<Status>().unwrap().message()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_received_holds_room_until_the_message_is_done() {
        let (budget, meter) = (budget(100), Arc::new(Meter::default()));
        let mut metered = Metered::new(body(&[30, 50, 30]), budget.clone(), Arc::clone(&meter));
        metered.frame().await.unwrap().unwrap();
        metered.frame().await.unwrap().unwrap();
        assert_eq!(budget.room.available_permits(), 20);
        let held = budget.message(&meter, 90).await.unwrap();
        assert_eq!(budget.room.available_permits(), 10);
        let (frame, ()) = tokio::join!(metered.frame(), async { drop(held) });
        frame.unwrap().unwrap();
        assert_eq!(budget.room.available_permits(), 70);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_finds_no_room_is_refused() {
        let (budget, meter) = (budget(100), Arc::new(Meter::default()));
        let mut metered = Metered::new(body(&[80, 30]), budget, meter);
        metered.frame().await.unwrap().unwrap();
        let error = metered.frame().await.unwrap().unwrap_err();
        assert!(message(&error).contains("in flight"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_stops_in_its_middle_is_given_up_and_silence_between_messages_is_not() {
        let (budget, meter) = (budget(100), Arc::new(Meter::default()));
        let mut metered = Metered::new(body(&[30]), budget.clone(), Arc::clone(&meter));
        metered.frame().await.unwrap().unwrap();
        let held = budget.message(&meter, 30).await.unwrap();
        let silence = Duration::from_hours(1);
        assert!(timeout(silence, metered.frame()).await.is_err());
        drop(held);

        let mut metered = Metered::new(body(&[30]), budget, meter);
        metered.frame().await.unwrap().unwrap();
        let error = metered.frame().await.unwrap().unwrap_err();
        assert!(message(&error).contains("stopped arriving"), "{error}");
    }
}
