//! One log line and the metrics of one request.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use axum::extract::MatchedPath;
use http::{Method, Request};
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use crate::metric_definitions as definitions;
use crate::request_id::RequestId;

const UNMATCHED: &str = "unmatched";

/// A request from its begin to its answer.
pub(super) struct Observation {
    span: Span,
    route: String,
    method: &'static str,
    started: Instant,
}

/// How it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// For the label: few values.
    pub(super) status: Cow<'static, str>,
    /// Whether it is our fault.
    pub(super) ours: bool,
}

impl Observation {
    pub(super) fn begin<B>(request: &Request<B>, id: &RequestId, methods: &HashSet<String>) -> Self {
        let route = route(request, methods);
        let method = method(request.method());
        let span = tracing::info_span!(
            "request",
            request_id = id.as_str(),
            method,
            route,
            key = Empty,
            tenant = Empty,
        );
        Self {
            span,
            route,
            method,
            started: Instant::now(),
        }
    }

    /// Takes the route from the answer, where only a router within the router knew it.
    pub(super) fn learn_route<B>(&mut self, response: &http::Response<B>) {
        let matched = response.extensions().get::<MatchedPath>();
        if let Some(matched) = matched.filter(|_| self.route == UNMATCHED) {
            matched.as_str().clone_into(&mut self.route);
            self.span.record("route", matched.as_str());
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Called once, when it is known how the request was answered.
    pub(super) fn end(self, outcome: &Outcome) {
        let elapsed = self.started.elapsed();
        self.log(outcome, elapsed);
        let Self { route, method, .. } = self;
        metrics::histogram!(definitions::REQUEST_SECONDS, "route" => route.clone(), "method" => method)
            .record(elapsed.as_secs_f64());
        let status = outcome.status.clone().into_owned();
        metrics::counter!(definitions::REQUESTS, "route" => route, "method" => method, "status" => status)
            .increment(1);
    }

    fn log(&self, outcome: &Outcome, elapsed: Duration) {
        let elapsed_ms = elapsed.as_secs_f64() * 1_000.0;
        let status = &*outcome.status;
        self.span.in_scope(|| {
            if outcome.ours {
                tracing::warn!(status, elapsed_ms, "request failed");
            } else {
                tracing::debug!(status, elapsed_ms, "request answered");
            }
        });
    }
}

/// What kind of request it is: never the path as it was sent, which has no bound.
fn route<B>(request: &Request<B>, methods: &HashSet<String>) -> String {
    let path = request.uri().path();
    if methods.contains(path) {
        return path.to_owned();
    }
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or(UNMATCHED, MatchedPath::as_str).to_owned()
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
