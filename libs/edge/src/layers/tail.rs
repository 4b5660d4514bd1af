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
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.poll_inner(cx);
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
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tail {
    /// A call whose answer nobody waits for any more.
    fn drop(&mut self) {
        self.end(&code_outcome(Code::Cancelled));
    }
}
