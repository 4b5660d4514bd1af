//! Requests that were not taken, as errors of the API: the same for HTTP and gRPC.

use domain::fault::{Code, Fault};
use domain::verdict::{Outcome, Verdict, VerdictJson};
use edge::{ApiError, ErrorCode};
use serde_json::{Map, json};

use crate::ingest::Answer;

/// A field of the request, not of an event, is wrong.
pub(crate) fn invalid_field(field: &'static str, message: String) -> ApiError {
    faulty(Fault::new(Code::InvalidValue, field, message))
}

/// The fault of a field of the request, not of an event.
pub(crate) fn faulty(fault: Fault) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, fault.message.clone()).with_errors([fault])
}

/// The request holds no event.
pub(crate) fn empty() -> ApiError {
    ApiError::new(ErrorCode::EmptyBatch, "batch has no events, at least 1 is wanted")
}

/// The request holds more events than allowed.
pub(crate) fn too_many_events(max: usize) -> ApiError {
    ApiError::new(
        ErrorCode::TooManyEvents,
        format!("batch has more than {max} events, which is the most allowed"),
    )
}

/// The error of a request of which no event was accepted, with the verdicts as further members.
pub(crate) fn of_batch(answer: &Answer) -> Option<ApiError> {
    let error = of_outcome(answer.outcome(), "no event of the request is valid")?;
    Some(with_verdicts(error, answer))
}

/// The error of a request of one event, with the faults of that event.
pub(crate) fn of_one(answer: &Answer) -> Option<ApiError> {
    let faults = answer.verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Invalid { faults } => Some(faults.as_slice()),
        _ => None,
    });
    let faults = faults.unwrap_or_default();
    let error = of_outcome(answer.outcome(), &invalid(faults))?;
    Some(with_verdicts(error.with_errors(faults.iter().cloned()), answer))
}

fn invalid(faults: &[Fault]) -> String {
    match faults {
        [] => "event is not valid".to_owned(),
        [only] => format!("event is not valid: {}", only.message),
        [first, others @ ..] => format!(
            "event is not valid: {}; errors has {} more",
            first.message,
            others.len()
        ),
    }
}

fn of_outcome(outcome: Outcome, invalid: &str) -> Option<ApiError> {
    match outcome {
        Outcome::Accepted => None,
        Outcome::Unavailable { retry_after_ms } => {
            let detail = "the log did not take the events; send them again later";
            Some(ApiError::new(ErrorCode::Unavailable, detail).with_retry_after(retry_after_ms))
        }
        Outcome::Limited { retry_after_ms } => {
            let detail = "the events are over a limit of the tenant; send them again later";
            Some(ApiError::new(ErrorCode::Limited, detail).with_retry_after(retry_after_ms))
        }
        Outcome::Invalid => Some(ApiError::new(ErrorCode::InvalidEvents, invalid)),
    }
}

fn with_verdicts(error: ApiError, answer: &Answer) -> ApiError {
    let results: Vec<_> = results(&answer.verdicts).map(|result| json!(result)).collect();
    error.with_extra(Map::from_iter([
        ("accepted".to_owned(), answer.counts.accepted.into()),
        ("duplicates".to_owned(), answer.counts.duplicates.into()),
        ("rejected".to_owned(), answer.counts.rejected.into()),
        ("results".to_owned(), results.into()),
    ]))
}

/// Verdicts with their places.
pub(crate) fn results(verdicts: &[Verdict]) -> impl Iterator<Item = VerdictJson<'_>> {
    verdicts
        .iter()
        .enumerate()
        .map(|(index, verdict)| VerdictJson { index, verdict })
}
