//! The body of an answer: polled as part of its request, and its end is the end of a gRPC call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Code, Status};

use super::answers::{Answers, Hold, PIECE_BYTES, Whose, next_piece};
use super::observe::{Observation, Outcome};
use super::panics;
use crate::protocol::Protocol;
use crate::request_id::RequestId;

const GRPC_STATUS: &str = "grpc-status";

/// Ends the observation now, or with the body where only that tells how the call went.
pub(super) fn observed(
    response: Response,
    protocol: Protocol,
    id: RequestId,
    observation: Observation,
    room: Room,
) -> Response {
    let known = match protocol {
        Protocol::Http => Some(http_outcome(&response)),
        Protocol::Grpc => grpc_outcome(response.headers()),
    };
    let span = observation.span();
    let pending = match known {
        Some(outcome) => {
            observation.end(&outcome);
            None
        }
        None => Some(observation),
    };
    response.map(|body| {
        Body::new(Tail {
            body,
            protocol,
            id,
            span,
            pending,
            ended: false,
            room,
            rest: Bytes::new(),
        })
    })
}

fn http_outcome(response: &Response) -> Outcome {
    let status = response.status();
    Outcome {
        status: status.as_str().to_owned().into(),
        ours: status.is_server_error(),
    }
}

fn grpc_outcome(headers: &HeaderMap) -> Option<Outcome> {
    let code = Code::from_bytes(headers.get(GRPC_STATUS)?.as_bytes());
    Some(code_outcome(code))
}

fn code_outcome(code: Code) -> Outcome {
    let ours = matches!(
        code,
        Code::Internal | Code::Unknown | Code::Unavailable | Code::DataLoss
    );
    let status = match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    };
    let status = status.into();
    Outcome { status, ours }
}

/// A body within the scope of its request.
struct Tail {
    body: Body,
    protocol: Protocol,
    id: RequestId,
    span: tracing::Span,
    /// Until it is known how the call went.
    pending: Option<Observation>,
    ended: bool,
    room: Room,
    /// Of the last frame, what is still to be handed over.
    rest: Bytes,
}

/// Where the bytes of the answer count until they are handed over.
pub(super) struct Room {
    pub(super) answers: Answers,
    pub(super) whose: Whose,
    /// What is counted now.
    pub(super) held: Option<Hold>,
    /// Whether that is the whole answer, because its size was known before it was polled.
    pub(super) is_whole: bool,
}

impl Tail {
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, id, span, .. } = self;
        let poll = AssertUnwindSafe(|| span.in_scope(|| id.sync_scope(|| Pin::new(body).poll_frame(cx))));
        catch_unwind(poll).unwrap_or_else(|panic| {
            self.ended = true;
            let error = span_scoped(&self.span, &self.id, || panics::caught(&*panic));
            Poll::Ready(Some(match self.protocol {
                Protocol::Http => Err(axum::Error::new(error)),
                Protocol::Grpc => self.id.sync_scope(|| trailers(&error.into())),
            }))
        })
    }

    /// Cuts a large frame into pieces, and counts it where it was not counted before.
    fn cut(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, axum::Error> {
        let is_large = frame.data_ref().is_some_and(|data| data.len() > PIECE_BYTES);
        let data = match frame.into_data() {
            Ok(data) if is_large => data,
            Ok(data) => return Ok(Frame::data(data)),
            Err(trailers) => return Ok(trailers),
        };
        if !self.room.is_whole {
            // What the frame before had is handed over.
            self.room.held = None;
            match self.room.answers.hold(&self.room.whose, data.len()) {
                Ok(held) => self.room.held = Some(held),
                Err(error) => {
                    self.ended = true;
                    return match self.protocol {
                        Protocol::Http => Err(axum::Error::new(error)),
                        Protocol::Grpc => self.id.sync_scope(|| trailers(&error.into())),
                    };
                }
            }
        }
        self.rest = data;
        Ok(Frame::data(next_piece(&mut self.rest)))
    }

    fn end(&mut self, outcome: &Outcome) {
        if let Some(observation) = self.pending.take() {
            observation.end(outcome);
        }
    }
}

fn span_scoped<T>(span: &tracing::Span, id: &RequestId, function: impl FnOnce() -> T) -> T {
    span.in_scope(|| id.sync_scope(function))
}

fn trailers(status: &Status) -> Result<Frame<Bytes>, axum::Error> {
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).map_err(axum::Error::new)?;
    Ok(Frame::trailers(headers))
}

impl HttpBody for Tail {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(next_piece(&mut self.rest)))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = match self.poll_inner(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.cut(frame))),
            other => other,
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(outcome) = frame.trailers_ref().and_then(grpc_outcome) {
                    self.end(&outcome);
                }
            }
            Poll::Ready(Some(Err(_))) => self.end(&code_outcome(Code::Internal)),
            Poll::Ready(None) => self.end(&code_outcome(Code::Unknown)),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && (self.ended || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if rest > 0 {
            let upper = hint.upper().map(|upper| upper + rest);
            hint.set_lower(hint.lower() + rest);
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}

impl Drop for Tail {
    /// A call whose answer nobody waits for any more.
    fn drop(&mut self) {
        self.end(&code_outcome(Code::Cancelled));
    }
}
