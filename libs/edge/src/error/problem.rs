//! An error as an HTTP answer: RFC 9457, `application/problem+json`.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{ApiError, ErrorCode};
use crate::request_id::{self, RequestId};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"sluice\"");
const MEMBERS: [&str; 8] = [
    "type",
    "title",
    "status",
    "detail",
    "code",
    "request_id",
    "errors",
    "retry_after_ms",
];

struct Problem<'a> {
    error: &'a ApiError,
    request_id: Option<RequestId>,
}

impl Serialize for Problem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { error, request_id } = self;
        let code = error.code;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("urn:sluice:error:{}", code.as_str()))?;
        map.serialize_entry("title", code.title())?;
        map.serialize_entry("status", &code.http_status().as_u16())?;
        map.serialize_entry("detail", &error.detail)?;
        map.serialize_entry("code", code.as_str())?;
        if let Some(request_id) = request_id {
            map.serialize_entry("request_id", request_id.as_str())?;
        }
        if !error.errors.is_empty() {
            map.serialize_entry("errors", &error.errors)?;
        }
        if let Some(retry_after_ms) = error.retry_after_ms {
            map.serialize_entry("retry_after_ms", &retry_after_ms)?;
        }
        for (name, value) in error.extra.iter().flatten() {
            if !MEMBERS.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

impl IntoResponse for ApiError {
    /// The answer, with the id of the request that is being answered.
    fn into_response(self) -> Response {
        let problem = Problem {
            error: &self,
            request_id: request_id::current(),
        };
        let Ok(body) = serde_json::to_vec(&problem) else {
            // All parts are text and JSON values, which have no way to fail.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = (self.code.http_status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if self.code == ErrorCode::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(retry_after_ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000)));
        }
        response
    }
}
