//! Errors of others that always mean the same to a caller.

use axum::extract::rejection::{PathRejection, QueryRejection};
use control::Class;
use domain::fault::Code;
use serde_json::Map;

use super::{ApiError, ErrorCode, Violation};

/// When to ask again after trouble with the control log.
const CONTROL_RETRY_MS: u32 = 1_000;

impl From<control::Error> for ApiError {
    fn from(error: control::Error) -> Self {
        match error {
            control::Error::Conflict { .. } => Self::new(ErrorCode::Conflict, error.to_string()),
            control::Error::VersionMismatch { current, .. } => {
                let extra = Map::from_iter([("current_version".to_owned(), current.into())]);
                Self::new(ErrorCode::VersionConflict, error.to_string()).with_extra(extra)
            }
            control::Error::NotFound { .. } => Self::new(ErrorCode::NotFound, error.to_string()),
            control::Error::Invalid { field, message } => Self::new(
                ErrorCode::InvalidRequest,
                message.clone(),
            )
            .with_errors([Violation::new(Code::InvalidValue.as_str(), field, message)]),
            error if error.class() == Class::Transient => {
                tracing::warn!(%error, cause = ?std::error::Error::source(&error), "control record not written");
                Self::new(
                    ErrorCode::Unavailable,
                    "the change was not confirmed in time; it may have been made",
                )
                .with_retry_after(CONTROL_RETRY_MS)
            }
            error => Self::internal(&error),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ErrorCode::InvalidRequest, rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(ErrorCode::InvalidRequest, rejection.body_text())
    }
}
