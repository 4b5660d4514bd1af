//! The rest of a body that nobody wants any longer: read and thrown away for a while, so that its sender, which
//! may look for an answer only when it has sent everything, finds one instead of a reset connection.
//!
//! Nothing is held in memory. How much and how long is bounded; beyond that the connection is closed.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::EXPECT;
use http::{Request, Version};
use http_body::{Frame, SizeHint};
use tokio::time::timeout;

/// Bytes that are thrown away at the most.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How long that may take.
const TOTAL: Duration = Duration::from_secs(5);

/// How long no byte may come.
const STALL: Duration = Duration::from_secs(1);

/// Makes what is left of the body when it is dropped be thrown away.
///
/// HTTP/2 resets one stream and not the connection, and who expects a `100 Continue` sends nothing unasked.
pub(super) fn lingering(request: Request<Body>) -> Request<Body> {
    let is_needed = request.version() <= Version::HTTP_11 && !request.headers().contains_key(EXPECT);
    if !is_needed || request.body().is_end_stream() {
        return request;
    }
    request.map(|body| Body::new(Lingering { body: Some(body) }))
}

struct Lingering {
    /// None when it has ended.
    body: Option<Body>,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(timeout(TOTAL, discard(rest)));
        }
    }
}

async fn discard(mut body: Body) {
    let mut left = MAX_BYTES;
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let Ok(Some(Ok(frame))) = timeout(STALL, frame).await else {
            return;
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
