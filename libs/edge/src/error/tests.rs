//! The table of errors and its two renderings.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::StatusExt;

use super::*;
use crate::request_id::RequestId;

async fn body(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

fn within_request<T>(function: impl FnOnce() -> T) -> T {
    RequestId::parse("req-1").unwrap().sync_scope(function)
}

/// The table is part of the published contract: a line may be added, none may change.
#[test]
fn every_code_keeps_its_name_and_statuses() {
    let lines = ErrorCode::ALL.iter().map(|code| {
        let (name, http, grpc) = (code.as_str(), code.http_status().as_u16(), code.grpc_code());
        format!("{name}: {http}, {grpc:?}: {}\n", code.title())
    });
    insta::assert_snapshot!(lines.collect::<String>());
}

#[test]
fn names_of_codes_differ() {
    let names: std::collections::HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ErrorCode::ALL.len());
}

#[tokio::test]
async fn a_problem_has_the_members_of_the_rfc_and_ours() {
    let extra = json!({"accepted": 0, "status": "not this one"})
        .as_object()
        .cloned()
        .unwrap();
    let error = ApiError::new(ErrorCode::Limited, "too fast")
        .with_errors([Fault::missing("kind")])
        .with_retry_after(1_001)
        .with_extra(extra);
    let response = within_request(|| error.into_response());
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[RETRY_AFTER], "2");
    let expected = json!({
        "type": "urn:sluice:error:limited",
        "title": "A limit of the tenant is reached",
        "status": 429,
        "detail": "too fast",
        "code": "limited",
        "request_id": "req-1",
        "errors": [{"code": "missing", "field": "kind", "message": "kind is required"}],
        "retry_after_ms": 1_001,
        "accepted": 0,
    });
    assert_eq!(body(response).await, expected);
}

#[tokio::test]
async fn a_problem_leaves_out_what_there_is_none_of() {
    let response = ApiError::new(ErrorCode::NotFound, "no such event").into_response();
    assert!(response.headers().get(RETRY_AFTER).is_none());
    assert!(response.headers().get(WWW_AUTHENTICATE).is_none());
    let names: Vec<_> = body(response)
        .await
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["code", "detail", "status", "title", "type"]);
}

#[test]
fn a_missing_key_is_challenged() {
    let response = ApiError::new(ErrorCode::Unauthenticated, "no key").into_response();
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"sluice\"");
}

#[test]
fn a_status_carries_the_details_of_google_rpc() {
    let error = ApiError::new(ErrorCode::Limited, "too fast")
        .with_errors([Fault::missing("kind")])
        .with_retry_after(1_500);
    let status = within_request(|| Status::from(error));
    // Over the wire, as a client gets it.
    let response = status.into_http::<axum::body::Body>();
    let status = Status::from_header_map(response.headers()).unwrap();

    assert_eq!(
        (status.code(), status.message()),
        (tonic::Code::ResourceExhausted, "too fast")
    );
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("limited", "sluice")
    );
    let delay = details.retry_info().unwrap().retry_delay;
    assert_eq!(delay, Some(Duration::from_millis(1_500)));
    assert_eq!(details.quota_failure().unwrap().violations.len(), 1);
    assert_eq!(details.request_info().unwrap().request_id, "req-1");
    let violation = &details.bad_request().unwrap().field_violations[0];
    assert_eq!(
        (
            violation.field.as_str(),
            violation.reason.as_str(),
            violation.description.as_str()
        ),
        ("kind", "missing", "kind is required")
    );
}

#[test]
fn a_status_of_many_violations_fits_the_headers_of_a_client() {
    let violation = || Violation::new("too_long", "attributes.\u{e4}", "\u{e4}".repeat(100));
    let error = ApiError::new(ErrorCode::InvalidEvents, "\u{20ac}".repeat(5_000))
        .with_errors((0..1_000).map(|_| violation()));
    let status = Status::from(error);
    let listed = status.get_details_bad_request().unwrap().field_violations.len();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["omitted_violations"], (1_000 - listed).to_string());
    let response = status.into_http::<axum::body::Body>();
    let bytes: usize = response
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    assert!(listed > 0 && bytes < 16 * 1024, "{listed} {bytes}");
}

#[tokio::test]
async fn the_cause_of_an_internal_error_is_not_told() {
    let cause = std::io::Error::other("password=hunter2");
    let error = ApiError::internal(&cause);
    let shown = format!("{error:?} {}", body(error.clone().into_response()).await);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn errors_of_the_control_topic_say_whose_fault_it_is() {
    let id = || "demo".to_owned();
    let code = |error: control::Error| ApiError::from(error).code;
    let entity = "tenant";
    assert_eq!(
        code(control::Error::Conflict { entity, id: id() }),
        ErrorCode::Conflict
    );
    assert_eq!(
        code(control::Error::NotFound { entity, id: id() }),
        ErrorCode::NotFound
    );
    assert_eq!(code(control::Error::NotFollowed), ErrorCode::Internal);
    let within = Duration::from_secs(1);
    let behind = ApiError::from(control::Error::Behind { offset: 1, within });
    assert_eq!(
        (behind.code, behind.retry_after_ms),
        (ErrorCode::Unavailable, Some(1_000))
    );
    let message = "name is empty".to_owned();
    let invalid = ApiError::from(control::Error::Invalid {
        field: "name",
        message,
    });
    assert_eq!(
        invalid.errors,
        [Violation::new("invalid_value", "name", "name is empty")]
    );
}

proptest! {
    #[test]
    fn no_text_makes_an_error_that_cannot_be_sent(detail: String, field: String, message: String, ms: u32) {
        for code in ErrorCode::ALL {
            let error = ApiError::new(*code, detail.clone())
                .with_errors([Violation::new("missing", field.clone(), message.clone())])
                .with_retry_after(ms);
            prop_assert_eq!(error.clone().into_response().status(), code.http_status());
            let response = Status::from(error).into_http::<axum::body::Body>();
            let status = Status::from_header_map(response.headers()).unwrap();
            prop_assert_eq!(status.code(), code.grpc_code());
            prop_assert_eq!(status.get_details_error_info().unwrap().reason, code.as_str());
        }
    }
}
