//! The body of an answer on its way to the caller. It keeps the place of its read until it has ended, and it fails where
//! nothing comes for too long. A caller that takes its time is no reason: only waiting for query counts.
//!
//! It does not say how long it is, though its header may: it is not held as a whole, and must not count as such.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};

/// Why an answer ended too early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("query stopped in the middle of its answer")]
    Stalled,
    #[error("the connection to query broke")]
    Broken(#[from] hyper::Error),
}

/// The body.
pub(super) struct Answer {
    body: Incoming,
    stall: Duration,
    timer: Pin<Box<Sleep>>,
    is_waiting: bool,
    _place: OwnedSemaphorePermit,
}

impl Answer {
    pub(super) fn new(body: Incoming, stall: Duration, place: OwnedSemaphorePermit) -> Self {
        Self {
            body,
            stall,
            timer: Box::pin(sleep(stall)),
            is_waiting: false,
            _place: place,
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Cut::from)));
        }
        if !self.is_waiting {
            self.is_waiting = true;
            let late = Instant::now() + self.stall;
            self.timer.as_mut().reset(late);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Cut::Stalled)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.body.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}
