//! The HTTP interface: JSON in, JSON out, and its problems as errors that say what to do.

use std::time::Duration;

use anyhow::{Context, anyhow};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};

use crate::cli::Connection;
use crate::output::escape;

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Longer than the server may wait for a write to become visible.
const ANSWER_PATIENCE: Duration = Duration::from_secs(90);

/// What may stand in one segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The HTTP interface of one system, used with one key.
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
    key: String,
}

/// Problem details (RFC 9457) as the system writes them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
    request_id: String,
    errors: Vec<Violation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Violation {
    field: String,
    message: String,
}

impl Http {
    /// Prepares requests; connects to nothing yet.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(ANSWER_PATIENCE)
            .build()
            .context("preparing the HTTP client")?;
        Ok(Self {
            client,
            base: connection.url.clone(),
            key: connection.key()?.reveal().to_owned(),
        })
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<String> {
        self.send(self.request(Method::GET, path).query(query)).await
    }

    /// Deletes something.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<String> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Makes something.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<String> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/api/v1{path}", self.base))
            .bearer_auth(&self.key)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<String> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.text().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(anyhow!(refused(status, &body)))
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        if error.is_timeout() {
            return anyhow!("no answer from {} in time", self.base);
        }
        // The outer messages only name the request.
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
        let cause = causes.last().map(ToString::to_string).unwrap_or_default();
        let hint = if error.is_connect() {
            "; is the system running, and is this its HTTP address?"
        } else {
            ""
        };
        anyhow!("can't talk to {}: {cause}{hint}", self.base)
    }
}

/// A path segment that holds this text, whatever is in it.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn refused(status: StatusCode, body: &str) -> String {
    let problem: Problem = serde_json::from_str(body).unwrap_or_default();
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
    escape::text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_where() {
        let body = r#"{"title":"Invalid filter","detail":"the filter can't be read","status":400,"code":"invalid_filter",
            "request_id":"r1","errors":[{"code":"invalid_value","field":"q","message":"column 3: a value is wanted"}]}"#;
        let refused = refused(StatusCode::BAD_REQUEST, body);
        let expected =
            "the filter can't be read; q: column 3: a value is wanted (invalid_filter, request r1)";
        assert_eq!(refused, expected);
    }

    #[test]
    fn an_answer_of_something_else_is_told_by_its_status() {
        let refused = refused(StatusCode::BAD_GATEWAY, "<html>");
        assert_eq!(refused, "the system answered 502 Bad Gateway");
    }

    #[test]
    fn no_text_leaves_its_segment() {
        assert_eq!(segment("../a?b#c d"), "..%2Fa%3Fb%23c%20d");
    }
}
