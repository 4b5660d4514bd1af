//! The three answers of the ops server.

use super::readiness::{Readiness, Report};
use crate::telemetry::Metrics;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/live", get(async || "live\n"))
        .route("/ready", get(ready).with_state(readiness))
        .route("/metrics", get(exposition).with_state(metrics))
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, Json<Report>) {
    let report = readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}

async fn exposition(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], metrics.render())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Shutdown;
    use crate::telemetry;
    use axum::body::Body;
    use axum::http::{Request, Response};
    use http_body_util::BodyExt;
    use serde_json::json;
    use tower::ServiceExt;

    async fn ask(readiness: &Readiness, path: &str) -> (Response<()>, String) {
        let (recorder, metrics) = telemetry::build_metrics().unwrap();
        ::metrics::with_local_recorder(&recorder, || ::metrics::counter!("asked_total").increment(1));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone(), metrics).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            Response::from_parts(parts, ()),
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    #[tokio::test]
    async fn live_answers_even_when_not_ready() {
        let readiness = Readiness::new(&Shutdown::new());
        let _check = readiness.register("log");
        assert_eq!(ask(&readiness, "/live").await.0.status(), 200);
    }

    #[tokio::test]
    async fn ready_tells_each_check() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(&shutdown);
        let check = readiness.register("log");
        check.not_ready("no leader");
        let reads = readiness.register_informational("query");
        reads.not_ready("away");
        let (response, body) = ask(&readiness, "/ready").await;
        assert_eq!(response.status(), 503);
        let expected = json!({
            "ready": false,
            "checks": [
                { "name": "log", "ready": false, "detail": "no leader" },
                { "name": "query", "ready": false, "detail": "away", "informational": true },
            ],
        });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&body).unwrap(),
            expected
        );

        check.ready();
        assert_eq!(ask(&readiness, "/ready").await.0.status(), 200);
        shutdown.drain.cancel();
        assert_eq!(ask(&readiness, "/ready").await.0.status(), 503);
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let (response, body) = ask(&Readiness::new(&Shutdown::new()), "/metrics").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROMETHEUS_TEXT);
        assert!(body.contains("asked_total 1"), "{body}");
    }
}
