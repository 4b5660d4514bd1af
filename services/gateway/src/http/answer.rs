//! Answers to requests that were taken, in JSON or protobuf.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use domain::fault::Fault;
use domain::verdict::{Verdict, VerdictJson};
use edge::{ApiError, ErrorCode};
use prost::Message;
use proto::v1;
use serde::Serialize;

use super::format::PROTOBUF;
use crate::ingest::Answer;
use crate::{messages, refusal};

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Protobuf,
}

impl Form {
    fn response(
        self,
        status: StatusCode,
        json: &impl Serialize,
        message: impl FnOnce() -> Vec<u8>,
    ) -> Response {
        match self {
            Self::Json => (status, Json(json)).into_response(),
            Self::Protobuf => (status, [(CONTENT_TYPE, PROTOBUF)], message()).into_response(),
        }
    }
}

#[derive(Serialize)]
struct One<'a> {
    id: String,
    status: &'static str,
    warnings: &'a [Fault],
    token: Option<&'a str>,
}

#[derive(Serialize)]
struct Many<'a> {
    accepted: u32,
    duplicates: u32,
    rejected: u32,
    token: Option<&'a str>,
    results: Vec<VerdictJson<'a>>,
}

#[derive(Serialize)]
struct Validated<'a> {
    valid: u32,
    invalid: u32,
    results: Vec<Validity<'a>>,
}

/// A verdict without an id that was made only to be thrown away.
#[derive(Serialize)]
struct Validity<'a> {
    index: usize,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [Fault],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Fault],
}

/// The answer to a request of one event.
pub(crate) fn of_one(answer: &Answer, form: Form) -> Result<Response, ApiError> {
    if let Some(error) = refusal::of_one(answer) {
        return Err(error);
    }
    let Some(Verdict::Accepted { id, warnings, .. }) = answer.verdicts.first() else {
        return Err(ApiError::new(ErrorCode::Internal, "event has no verdict"));
    };
    let json = One {
        id: id.to_string(),
        status: "accepted",
        warnings,
        token: answer.token.as_deref(),
    };
    Ok(form.response(StatusCode::ACCEPTED, &json, || {
        messages::of_one(answer).encode_to_vec()
    }))
}

/// The answer to a request of many events.
pub(crate) fn of_many(answer: &Answer, form: Form) -> Result<Response, ApiError> {
    if let Some(error) = refusal::of_batch(answer) {
        return Err(error);
    }
    let json = Many {
        accepted: answer.counts.accepted,
        duplicates: answer.counts.duplicates,
        rejected: answer.counts.rejected,
        token: answer.token.as_deref(),
        results: refusal::results(&answer.verdicts).collect(),
    };
    Ok(form.response(StatusCode::ACCEPTED, &json, || {
        messages::of_batch(answer).encode_to_vec()
    }))
}

/// The answer to a request to validate.
pub(crate) fn of_validation(verdicts: &[Verdict], form: Form) -> Response {
    let message: v1::ValidateResponse = messages::of_validation(verdicts);
    let results = verdicts
        .iter()
        .enumerate()
        .map(|(index, verdict)| validity(index, verdict));
    let json = Validated {
        valid: message.valid,
        invalid: message.invalid,
        results: results.collect(),
    };
    form.response(StatusCode::OK, &json, || message.encode_to_vec())
}

fn validity(index: usize, verdict: &Verdict) -> Validity<'_> {
    let mut validity = Validity {
        index,
        status: verdict.status(),
        id: None,
        warnings: &[],
        errors: &[],
    };
    match verdict {
        Verdict::Accepted {
            id,
            made_id,
            warnings,
        } => {
            validity.id = (!made_id).then(|| id.to_string());
            validity.warnings = warnings;
        }
        Verdict::Invalid { faults } => validity.errors = faults,
        Verdict::Duplicate { .. } | Verdict::Limited { .. } | Verdict::Unavailable { .. } => {}
    }
    validity
}
