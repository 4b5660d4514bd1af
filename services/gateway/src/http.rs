//! The gateway over HTTP: ingestion, administration, health and the description of the API.
//!
//! What is under `/api/v1` and not served here falls through to the router of reads.

pub(crate) mod admin;
mod answer;
mod cut;
mod docs;
pub(crate) mod events;
mod format;
pub(crate) mod headers;
pub(crate) mod health;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chassis::ops::Readiness;
use edge::{Access, ApiError, ErrorCode};
use tower::ServiceExt;

use self::admin::Admin;
use self::events::Events;

/// What the routes are made of.
pub(crate) struct Parts {
    pub(crate) events: Events,
    pub(crate) admin: Admin,
    pub(crate) access: Access,
    pub(crate) readiness: Readiness,
    pub(crate) reads: Router,
    pub(crate) openapi: String,
}

/// All routes.
pub(crate) fn router(parts: Parts) -> Router {
    let Parts {
        events,
        admin,
        access,
        readiness,
        reads,
        openapi,
    } = parts;
    // Who calls is asked before the body is read.
    let keyed = access.layer();
    let events = Router::new()
        .route(
            "/api/v1/ingestion/events",
            // Reads check the key themselves.
            post(events::one).layer(keyed.clone()).get_service(reads.clone()),
        )
        .route(
            "/api/v1/ingestion/events/batch",
            post(events::many).layer(keyed.clone()),
        )
        .route(
            "/api/v1/ingestion/events/validate",
            post(events::validate).layer(keyed.clone()),
        )
        .with_state(events);
    Router::new()
        .merge(events)
        .merge(admin::router(admin).route_layer(keyed))
        .route(health::PATH, get(health::health).with_state(readiness))
        .merge(docs::router(openapi))
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                ErrorCode::MethodNotAllowed,
                "the path has other methods, named by the header Allow",
            )
        })
        .fallback(move |request| elsewhere(reads.clone(), request))
}

async fn elsewhere(reads: Router, request: axum::http::Request<Body>) -> Result<Response, ApiError> {
    if !request.uri().path().starts_with("/api/v1/") {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "there is no such path; the API is under /api/v1 and described at /api/v1/docs",
        ));
    }
    let response = reads
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    // A router without routes of its own says nothing.
    match response.status() {
        StatusCode::NOT_FOUND if response.headers().get(axum::http::header::CONTENT_TYPE).is_none() => {
            Err(ApiError::new(ErrorCode::NotFound, "there is no such path"))
        }
        _ => Ok(response),
    }
}
