//! `GET /health`: the state of the service and of what it depends on. It needs no key, so it names no reason.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::ops::Readiness;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of the service.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "checks": [{"name": "log", "status": "ok"}]}))]
pub(crate) struct Health {
    /// `ok` when every check is, else `failing`.
    status: &'static str,
    checks: Vec<HealthCheck>,
}

/// The state of one part or dependency.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthCheck {
    name: String,
    /// `ok` or `failing`.
    status: &'static str,
}

/// Tells the state of the service and of what it depends on.
#[utoipa::path(
    get,
    path = "/api/v1/ingestion/health",
    tag = "ingestion",
    operation_id = "health",
    security(()),
    responses(
        (status = 200, description = "Requests are welcome.", body = Health),
        (status = 503, description = "A part or a dependency does not work.", body = Health),
    ),
)]
pub(crate) async fn health(State(readiness): State<Readiness>) -> (StatusCode, Json<Health>) {
    let report = readiness.report();
    let checks = report.checks.into_iter().map(|check| HealthCheck {
        name: check.name,
        status: word(check.ready),
    });
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Health {
            status: word(report.ready),
            checks: checks.collect(),
        }),
    )
}

const fn word(ready: bool) -> &'static str {
    if ready { "ok" } else { "failing" }
}
