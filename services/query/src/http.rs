//! The service over HTTP.
//!
//! - `params`: what a URL asks for. `stats`: routes of statistics.

mod params;
mod stats;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::control::Caller;
use domain::json::EventJson;
use domain::key::Scope;
use domain::record::Enriched;
use domain::time::Millis;
use edge::{ApiError, tenant_of};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use self::params::Pairs;
use crate::search::explain::Explain;
use crate::service::Service;

pub(crate) use self::params::stats as stats_params;
pub(crate) use self::params::{Parameter, add_conditions, invalid_filter, parameters};

const EVENTS: &str = "/api/v1/ingestion/events";
const EVENT: &str = "/api/v1/ingestion/events/{id}";

/// All routes, behind the check of keys.
pub(crate) fn router(service: &Service) -> Router {
    let routes = Router::new()
        .route(EVENTS, get(search))
        .route(EVENT, get(one).delete(delete))
        .merge(stats::routes())
        .route_layer(service.access().layer())
        .with_state(service.clone());
    edge::layers::with_fallbacks(edge::layers::with_known_routes(routes))
}

#[derive(Serialize)]
struct PageJson {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    complete: bool,
    from: Millis,
    to: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explain>,
}

async fn search(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<PageJson>, ApiError> {
    let tenant = tenant_of(&caller, Scope::Read)?;
    let asked = params::search(pairs(&uri)?)?;
    let page_bytes = service.config().search.page.as_usize();
    let answer = service
        .search(&tenant, &asked, page_bytes, |event| render(&event))
        .await?;
    Ok(Json(PageJson {
        events: answer.events,
        next_cursor: answer.next_cursor,
        complete: answer.complete,
        from: answer.range.from,
        to: answer.range.to,
        explain: answer.explain,
    }))
}

async fn one(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Box<RawValue>>, ApiError> {
    let tenant = tenant_of(&caller, Scope::Read)?;
    let Path(id) = id?;
    let after = params::get(pairs(&uri)?)?;
    let event = service.get(&tenant, &id, after.as_deref()).await?;
    Ok(Json(render(&event)?.0))
}

async fn delete(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&caller, Scope::Manage)?;
    let Path(id) = id?;
    params::delete(&pairs(&uri)?)?;
    service.delete(&tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn pairs(uri: &Uri) -> Result<Pairs, ApiError> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)?;
    Pairs::new(pairs)
}

/// An event as JSON, with its bytes.
fn render(event: &Enriched) -> Result<(Box<RawValue>, usize), ApiError> {
    let json = to_raw_value(&EventJson {
        event: &event.event,
        received_at: event.received_at,
        context: &event.context,
    })
    .map_err(|error| ApiError::internal(&error))?;
    let bytes = json.get().len();
    Ok((json, bytes))
}
