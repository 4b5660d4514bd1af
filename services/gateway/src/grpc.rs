//! The gateway over gRPC: the service `Ingestion`, health, reflection, and the services of reads.
//!
//! Key and scope are checked before a message is read, and the bytes of messages have a common bound.

mod budget;
mod service;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use chassis::ops::Readiness;
use domain::control::Caller;
use domain::key::Scope;
use edge::health::grpc::Health;
use edge::{Access, ApiError, ErrorCode, tenant_of};
use proto::v1::ingestion_server::{IngestionServer, SERVICE_NAME};
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Code, Status};

use self::budget::{Budget, Meter, Metered};
use self::service::Service;
use self::stream::Streams;
use crate::Error;
use crate::config::Config;
use crate::ingest::Ingest;

/// The methods that metrics tell apart.
pub(crate) const METHODS: [&str; 8] = [
    "/sluice.v1.Ingestion/Ingest",
    "/sluice.v1.Ingestion/IngestBatch",
    "/sluice.v1.Ingestion/IngestStream",
    "/sluice.v1.Ingestion/Validate",
    "/sluice.v1.Query/Get",
    "/sluice.v1.Query/Search",
    "/sluice.v1.Query/SearchStream",
    "/sluice.v1.Query/Stats",
];

/// What a message may have beyond its events: keys, lengths, times.
const SLACK_BYTES: usize = 64 * 1024;

/// What the services are made of.
pub(crate) struct Parts {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) access: Access,
    pub(crate) readiness: Readiness,
    pub(crate) reads: Routes,
    pub(crate) shutdown: CancellationToken,
}

/// All services, and the task that keeps the answers of the health service true.
pub(crate) fn routes(config: &Config, parts: Parts) -> Result<(Router, Health), Error> {
    let Parts {
        ingest,
        access,
        readiness,
        reads,
        shutdown,
    } = parts;
    let budget = Budget::new(&config.request);
    let streams = Streams::new(
        config,
        Arc::clone(&ingest),
        access.clone(),
        budget.clone(),
        shutdown,
    );
    let service = IngestionServer::new(Service::new(ingest, budget.clone(), streams))
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(config.request.body.as_usize().saturating_add(SLACK_BYTES));
    let ingestion = Routes::new(service).into_axum_router().reset_fallback();
    let ingestion = ingestion
        .layer(middleware::from_fn_with_state(budget, admitted))
        .layer(access.layer());
    let (health, health_service) = Health::new(readiness, &[SERVICE_NAME]);
    let router = edge::reflection::add_to(Routes::new(health_service))?
        .into_axum_router()
        .merge(ingestion)
        .merge(reads.into_axum_router().reset_fallback());
    Ok((router, health))
}

/// Lets a caller send events, and meters what it sends.
async fn admitted(
    State(budget): State<Budget>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let tenant = match tenant_of(&caller, Scope::Ingest) {
        Ok(tenant) => tenant,
        Err(error) => return Status::from(error).into_http(),
    };
    let meter = Arc::new(Meter::default());
    let mut request = request.map(|body| Body::new(Metered::new(body, budget, Arc::clone(&meter))));
    request.extensions_mut().insert(tenant);
    request.extensions_mut().insert(meter);
    let response = next.run(request).await;
    match response.extensions().get::<Status>().and_then(unread) {
        Some(error) => Status::from(error).into_http(),
        None => response,
    }
}

/// What was wrong with a message that could not be read. The transport says it without details; we always give some.
fn unread(status: &Status) -> Option<ApiError> {
    let code = match status.code() {
        _ if !status.details().is_empty() => return None,
        Code::OutOfRange | Code::ResourceExhausted => ErrorCode::BodyTooLarge,
        Code::Internal => ErrorCode::InvalidBody,
        _ => return None,
    };
    Some(ApiError::new(
        code,
        format!("message can't be read: {}", status.message()),
    ))
}
