//! Routes of statistics.
//!
//! - `answer`: the form of answers.

mod answer;

use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use domain::control::Caller;
use domain::key::Scope;
use edge::{ApiError, tenant_of};

use self::answer::{OverviewJson, SummaryJson, TimeseriesJson, TopJson};
use super::{pairs, params};
use crate::service::Service;

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/api/v1/ingestion/stats", get(overview))
        .route("/api/v1/analytics/timeseries", get(timeseries))
        .route("/api/v1/analytics/top", get(top))
        .route("/api/v1/analytics/summary", get(summary))
}

async fn overview(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<OverviewJson>, ApiError> {
    let tenant = tenant_of(&caller, Scope::Read)?;
    let asked = params::stats::overview(pairs(&uri)?)?;
    Ok(Json(service.overview(&tenant, &asked).await?.into()))
}

async fn timeseries(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<TimeseriesJson>, ApiError> {
    let tenant = tenant_of(&caller, Scope::Read)?;
    let asked = params::stats::timeseries(pairs(&uri)?)?;
    Ok(Json(service.timeseries(&tenant, &asked).await?.into()))
}

async fn top(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<TopJson>, ApiError> {
    let tenant = tenant_of(&caller, Scope::Read)?;
    let asked = params::stats::top(pairs(&uri)?)?;
    Ok(Json(service.top(&tenant, &asked).await?.into()))
}

async fn summary(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<SummaryJson>, ApiError> {
    let tenant = tenant_of(&caller, Scope::Read)?;
    let asked = params::stats::summary(pairs(&uri)?)?;
    Ok(Json(service.summary(&tenant, &asked).await?.into()))
}
