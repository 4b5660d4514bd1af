//! Which protocol a request speaks, and an error in that protocol.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tonic::Status;

use crate::error::ApiError;

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    /// gRPC names itself in the type of the body.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let grpc = headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
        if grpc { Self::Grpc } else { Self::Http }
    }

    /// The error as an answer.
    pub(crate) fn refuse(self, error: ApiError) -> Response {
        match self {
            Self::Http => error.into_response(),
            Self::Grpc => Status::from(error).into_http::<Body>(),
        }
    }
}
