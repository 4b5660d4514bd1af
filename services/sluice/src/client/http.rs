//! The HTTP interface: JSON in, JSON out, and its problems as errors that say what to do.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use bytes::Bytes;
use edge::dial::{Dial, Origin, Protocol};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{dial, trouble};
use crate::cli::{Connection, Usage};
use crate::output::escape;

/// Longer than the server may wait for a write to become visible.
const ANSWER_PATIENCE: Duration = Duration::from_secs(90);
/// Larger than any page.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// What may stand in one segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The HTTP interface of one system, used with one key.
pub(crate) struct Http {
    client: Client<Dial, Full<Bytes>>,
    base: String,
    authorization: HeaderValue,
}

/// The system did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    problem: Problem,
}

/// Problem details (RFC 9457) as the system writes them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
    request_id: String,
    errors: Vec<Violation>,
    column: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Violation {
    field: String,
    message: String,
}

impl Http {
    /// Prepares requests; connects to nothing yet.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let origin: Origin = connection.url.parse().context("preparing the HTTP client")?;
        let mut authorization: HeaderValue = format!("Bearer {}", connection.key()?.reveal())
            .parse()
            .map_err(|_| Usage("the key has characters that no key has".into()))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(dial(connection, &origin, Protocol::Http1)?),
            base: origin.to_string(),
            authorization,
        })
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<String> {
        self.send(Method::GET, &with_query(path, query), None).await
    }

    /// Deletes something.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<String> {
        self.send(Method::DELETE, path, None).await
    }

    /// Makes something.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<String> {
        self.send(Method::POST, path, Some(serde_json::to_vec(body)?))
            .await
    }

    async fn send(&self, method: Method, path: &str, json: Option<Vec<u8>>) -> anyhow::Result<String> {
        let request = self.request(method, path, json)?;
        let answered = timeout(ANSWER_PATIENCE, self.exchange(request)).await;
        let (status, body) = answered.map_err(|_| anyhow!("no answer from {} in time", self.base))??;
        if status.is_success() {
            Ok(body)
        } else {
            Err(Refused::read(status, &body).into())
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.base))
            .header(USER_AGENT, concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, self.authorization.clone());
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::from(json.unwrap_or_default());
        request.body(body).context("preparing the request")
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, String)> {
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| self.unreachable(&trouble::cause(&error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.unreachable(&trouble::cause(&*error)))?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }

    fn unreachable(&self, cause: &str) -> anyhow::Error {
        anyhow!("can't talk to {}: {cause}", self.base)
    }
}

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", segment(name), segment(value)))
        .collect();
    if pairs.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

/// A path segment that holds this text, whatever is in it.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

impl Refused {
    fn read(status: StatusCode, body: &str) -> Self {
        let problem = serde_json::from_str(body).unwrap_or_default();
        Self { status, problem }
    }

    /// What is wrong with the query of a search, and in which column.
    pub(crate) fn place_in_query(&self) -> Option<(&str, usize)> {
        let wrong = self.problem.errors.iter().find(|error| error.field == "q")?;
        Some((&wrong.message, self.problem.column?))
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { status, problem } = self;
        let mut text = match (problem.detail.as_str(), problem.title.as_str()) {
            ("", "") => format!("the system answered {status}"),
            ("", said) | (said, _) => said.to_owned(),
        };
        for Violation { field, message } in &problem.errors {
            // The detail often is the message of the first.
            if text.contains(message) {
                continue;
            }
            text.push_str("; ");
            if !field.is_empty() {
                text.push_str(field);
                text.push_str(": ");
            }
            text.push_str(message);
        }
        if !problem.code.is_empty() {
            text = format!("{text} ({}, request {})", problem.code, problem.request_id);
        }
        f.write_str(&escape::text(&text))
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_where() {
        let body = r#"{"title":"Invalid filter","detail":"the filter can't be read","status":400,"code":"invalid_filter",
            "request_id":"r1","errors":[{"code":"invalid_value","field":"q","message":"column 3: a value is wanted"}]}"#;
        let refused = Refused::read(StatusCode::BAD_REQUEST, body);
        let expected =
            "the filter can't be read; q: column 3: a value is wanted (invalid_filter, request r1)";
        assert_eq!(refused.to_string(), expected);
        assert_eq!(refused.place_in_query(), None);
        let body = body.replace("\"status\"", "\"column\":3,\"status\"");
        let refused = Refused::read(StatusCode::BAD_REQUEST, &body);
        assert_eq!(refused.place_in_query(), Some(("column 3: a value is wanted", 3)));
    }

    #[test]
    fn an_answer_of_something_else_is_told_by_its_status() {
        let refused = Refused::read(StatusCode::BAD_GATEWAY, "<html>");
        assert_eq!(refused.to_string(), "the system answered 502 Bad Gateway");
    }

    #[test]
    fn no_text_leaves_its_segment() {
        assert_eq!(segment("../a?b#c d"), "..%2Fa%3Fb%23c%20d");
        assert_eq!(
            with_query("/a", &[("q", "x&y=z \u{e4}"), ("n", "1")]),
            "/a?q=x%26y%3Dz%20%C3%A4&n=1"
        );
        assert_eq!(with_query("/a", &[]), "/a");
    }
}
