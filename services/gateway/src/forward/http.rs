//! Reads over HTTP.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use axum::routing::any;
use edge::{Access, ApiError};

use super::upstream::Upstream;

/// Query's routes.
const KNOWN: [&str; 6] = [
    "/api/v1/ingestion/events",
    "/api/v1/ingestion/events/{id}",
    "/api/v1/ingestion/stats",
    "/api/v1/analytics/timeseries",
    "/api/v1/analytics/top",
    "/api/v1/analytics/summary",
];

/// What is known of query's routes has its own name in metrics and is asked for a key here already. Query may have
/// more of them, so all others are passed on too.
pub(super) fn router(upstream: Upstream, access: &Access) -> Router {
    let known = KNOWN
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, any(pass)));
    let known = known.route_layer(access.layer());
    edge::layers::with_known_routes(known)
        .fallback(pass)
        .with_state(upstream)
}

async fn pass(State(upstream): State<Upstream>, request: Request) -> Result<Response<Body>, ApiError> {
    let answer = upstream.pass(request, is_of_query).await?;
    Ok(answer.map(Body::new))
}

/// Whether query itself has answered, and not something between that does not reach it.
fn is_of_query<B>(answer: &Response<B>) -> bool {
    let is_problem = || {
        let content_type = answer.headers().get(CONTENT_TYPE);
        content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"))
    };
    match answer.status() {
        StatusCode::BAD_GATEWAY => false,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => is_problem(),
        _ => true,
    }
}
