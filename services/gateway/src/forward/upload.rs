//! The body of a request on its way to query, under a cap.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It is larger than allowed.
    #[error("body is too large")]
    TooLarge,
    /// Its sender broke off.
    #[error("body broke off")]
    Broken,
}

/// A body that fails beyond its cap.
pub(super) struct Upload {
    body: Body,
    left: usize,
    /// Clients of HTTP/2 do not tell why a body failed.
    fault: Arc<OnceLock<Fault>>,
}

impl Upload {
    /// At most `max_bytes` of the body, and where it is told what was wrong with it.
    pub(super) fn new(body: Body, max_bytes: usize) -> (Self, Arc<OnceLock<Fault>>) {
        let fault = Arc::default();
        let upload = Self {
            body,
            left: max_bytes,
            fault: Arc::clone(&fault),
        };
        (upload, fault)
    }

    fn fail(&self, fault: Fault) -> Fault {
        *self.fault.get_or_init(|| fault)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Pin::new(&mut self.body).poll_frame(cx).map(|frame| {
            let Ok(frame) = frame? else {
                return Some(Err(self.fail(Fault::Broken)));
            };
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            Some(match self.left.checked_sub(bytes) {
                Some(left) => {
                    self.left = left;
                    Ok(frame)
                }
                None => Err(self.fail(Fault::TooLarge)),
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
