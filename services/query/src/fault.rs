//! Faults of requests and of the store, as callers see them.

use std::time::Duration;

use chassis::config::ByteSize;
use domain::fault::Code;
use edge::{ApiError, ErrorCode, Violation};
use store::Class;

const RETRY_MS: u32 = 1_000;

/// The store did not do what it was asked.
pub(crate) fn of_store(error: &store::Error) -> ApiError {
    match error.class() {
        Class::Transient => {
            tracing::warn!(%error, "store does not answer");
            ApiError::new(ErrorCode::Unavailable, "the store can't answer now").with_retry_after(RETRY_MS)
        }
        Class::Poison | Class::Fatal => ApiError::internal(error),
    }
}

/// A part of the request has a value that it can't have.
pub(crate) fn of_value(code: ErrorCode, field: impl Into<String>, message: impl Into<String>) -> ApiError {
    of_field(code, Code::InvalidValue, field.into(), message.into())
}

/// A part of the request breaks a rule.
pub(crate) fn of_field(code: ErrorCode, rule: Code, field: String, message: String) -> ApiError {
    ApiError::new(code, message.clone()).with_errors([Violation::new(rule.as_str(), field, message)])
}

/// The requests of a tenant have read more than they may, and can go on after `debt`.
pub(crate) fn over_budget(per_second: u32, debt: Duration) -> ApiError {
    let detail = format!(
        "the requests of this tenant have read more than {per_second} events a second allow; wait, or narrow them by \
         range and fields"
    );
    let retry_ms = u32::try_from(debt.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    ApiError::new(ErrorCode::Limited, detail).with_retry_after(retry_ms)
}

/// The statistics that a request asks for are more than one request may read.
pub(crate) fn too_many_rows(max_bytes: u64) -> ApiError {
    let message = format!(
        "the statistics of this range are more than the {} that one request may read; narrow the range, or use \
         step=1h or longer",
        ByteSize::bytes(max_bytes)
    );
    of_value(ErrorCode::InvalidRange, "from", message)
}

/// They were not read in time.
pub(crate) fn rows_took_too_long(within: Duration) -> ApiError {
    let detail = format!(
        "the statistics of this range were not read within {} s; narrow the range, use step=1h or longer, or try again",
        within.as_secs()
    );
    ApiError::new(ErrorCode::Unavailable, detail).with_retry_after(RETRY_MS)
}

/// The id in a request is none.
pub(crate) fn of_id(text: &str) -> ApiError {
    let shown: String = text.chars().take(64).collect();
    let message =
        format!("{shown:?} is not the id of an event, which is a UUIDv7; search for others by external_id");
    of_field(ErrorCode::InvalidRequest, Code::InvalidId, "id".into(), message)
}

/// What is to be waited for can't come any more.
pub(crate) fn of_older_topics() -> ApiError {
    let message = "after names a write that was not stored before the topics were made anew; ask without it";
    of_value(ErrorCode::InvalidToken, "after", message)
}

/// What was waited for did not come in time.
pub(crate) fn not_yet_visible() -> ApiError {
    ApiError::new(
        ErrorCode::InFlight,
        "the write that after names is not visible yet: it is on its way and not lost; try again",
    )
    .with_retry_after(RETRY_MS)
}
