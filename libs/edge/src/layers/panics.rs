//! A caught panic as an error.

use std::any::Any;

use crate::error::{ApiError, ErrorCode};
use crate::metric_definitions as definitions;

/// Logs and counts what was caught; the caller learns nothing of it.
pub(super) fn caught(panic: &(dyn Any + Send)) -> ApiError {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    metrics::counter!(definitions::PANICS).increment(1);
    tracing::error!(message, "request panicked");
    ApiError::new(
        ErrorCode::Internal,
        "the request failed by a fault of ours; tell us its request id",
    )
}
