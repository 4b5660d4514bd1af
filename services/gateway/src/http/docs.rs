//! The API's description as JSON, and a page that shows it without any file from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use edge::{ApiError, ErrorCode};
use utoipa_swagger_ui::Config;

const DOCUMENT: &str = "/api/v1/openapi.json";
const PAGE: &str = "/api/v1/docs/";

/// Nothing is loaded from other origins. The page sets styles of its own in places.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Serves `document` and the page.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(document: String) -> Router<S> {
    let document = Bytes::from(document);
    let config = Arc::new(Config::from(DOCUMENT));
    let page = Router::new()
        .route(PAGE, get(index))
        .route("/api/v1/docs/{*file}", get(file))
        .with_state(config);
    Router::new()
        .route(
            DOCUMENT,
            get(move || async move { ([(CONTENT_TYPE, "application/json")], document) }),
        )
        .route("/api/v1/docs", get(|| async { Redirect::permanent(PAGE) }))
        .merge(page)
}

async fn index(config: State<Arc<Config<'static>>>) -> Result<Response, ApiError> {
    file(config, Path(String::new())).await
}

async fn file(
    State(config): State<Arc<Config<'static>>>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    let found = utoipa_swagger_ui::serve(&path, config);
    let file = found.map_err(|_| ApiError::new(ErrorCode::Internal, "the page can't be made"))?;
    let file = file.ok_or_else(|| ApiError::new(ErrorCode::NotFound, "there is no such page"))?;
    let headers = [
        (CONTENT_TYPE, file.content_type.as_str()),
        (CACHE_CONTROL, "public, max-age=3600"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    let encoding = file.gzpipped.then_some([(CONTENT_ENCODING, "gzip")]);
    Ok((headers, encoding.map(AppendHeaders), file.bytes.into_owned()).into_response())
}
