//! An error as a gRPC status with `google.rpc` details.
//!
//! The details travel in a header, and clients refuse headers beyond a few KiB: the text is cut to a bound.

use std::collections::HashMap;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::{ApiError, ErrorCode, Violation};
use crate::request_id;

const DOMAIN: &str = "sluice";
const MAX_DETAIL_BYTES: usize = 1024;
const MAX_VIOLATIONS_BYTES: usize = 3 * 1024;
const OMITTED: &str = "omitted_violations";

impl From<ApiError> for Status {
    /// The status, with the id of the request that is being answered.
    fn from(error: ApiError) -> Self {
        let (violations, omitted) = violations(&error.errors);
        let metadata: HashMap<_, _> = (omitted > 0)
            .then(|| (OMITTED.to_owned(), omitted.to_string()))
            .into_iter()
            .collect();
        let mut details = ErrorDetails::new();
        details.set_error_info(error.code.as_str(), DOMAIN, metadata);
        if !violations.is_empty() {
            details.set_bad_request(violations);
        }
        if let Some(ms) = error.retry_after_ms {
            details.set_retry_info(Some(Duration::from_millis(ms.into())));
        }
        let message = cut(&error.detail, MAX_DETAIL_BYTES);
        if error.code == ErrorCode::Limited {
            details.add_quota_failure_violation("tenant", message);
        }
        if let Some(request_id) = request_id::current() {
            details.set_request_info(request_id.as_str(), "");
        }
        Self::with_error_details(error.code.grpc_code(), message, details)
    }
}

/// The first violations, as many as fit, and how many do not.
fn violations(errors: &[Violation]) -> (Vec<FieldViolation>, usize) {
    let mut bytes = 0;
    let fitting: Vec<_> = errors
        .iter()
        .take_while(|error| {
            bytes += error.code.len() + error.field.len() + error.message.len();
            bytes <= MAX_VIOLATIONS_BYTES
        })
        .map(|error| FieldViolation {
            field: error.field.to_string(),
            description: error.message.clone(),
            reason: error.code.to_string(),
            localized_message: None,
        })
        .collect();
    let omitted = errors.len() - fitting.len();
    (fitting, omitted)
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
