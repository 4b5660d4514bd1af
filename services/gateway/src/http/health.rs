//! `GET /health`: the state of the service and of what it depends on. It needs no key, so it names no reason.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::ops::Readiness;
use edge::health::http::{self, Health};

pub(crate) use edge::health::http::PATH;

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
    http::answer(&readiness)
}
