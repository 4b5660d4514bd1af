//! The state of the service and of what it depends on, as JSON.

use axum::Json;
use chassis::ops::{CheckReport, Readiness};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Where it is.
pub const PATH: &str = "/api/v1/ingestion/health";

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "checks": [{"name": "log", "status": "ok"}]}))]
pub struct Health {
    /// `ok` where requests are welcome, else `failing`.
    status: &'static str,
    checks: Vec<HealthCheck>,
}

/// The state of one part or dependency.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthCheck {
    name: String,
    /// `ok`, `failing`, or `degraded` where most requests can do without it.
    status: &'static str,
}

/// Tells the state; the status is 503 where requests are not welcome.
pub fn answer(readiness: &Readiness) -> (StatusCode, Json<Health>) {
    let report = readiness.report();
    let (code, status) = if report.ready {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "failing")
    };
    let checks = report.checks.into_iter().map(HealthCheck::from).collect();
    (code, Json(Health { status, checks }))
}

impl From<CheckReport> for HealthCheck {
    fn from(check: CheckReport) -> Self {
        let status = match (check.ready, check.informational) {
            (true, _) => "ok",
            (false, true) => "degraded",
            (false, false) => "failing",
        };
        Self {
            name: check.name,
            status,
        }
    }
}

#[cfg(test)]
mod tests {
    use chassis::lifecycle::Shutdown;
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn a_part_that_requests_can_do_without_does_not_turn_them_away() {
        let readiness = Readiness::new(&Shutdown::new());
        let (log, reads) = (
            readiness.register("log"),
            readiness.register_informational("query"),
        );
        log.ready();
        reads.not_ready("secret reason");
        let (status, Json(health)) = answer(&readiness);
        let expected = json!({"status": "ok", "checks": [
            {"name": "log", "status": "ok"},
            {"name": "query", "status": "degraded"},
        ]});
        assert_eq!((status, to_value(&health).unwrap()), (StatusCode::OK, expected));
        log.not_ready("no leader");
        let (status, Json(health)) = answer(&readiness);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!((health.status, health.checks[0].status), ("failing", "failing"));
    }
}
