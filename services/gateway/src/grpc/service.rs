//! The service `Ingestion`: messages -> ingest -> messages.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use domain::tenant::TenantId;
use edge::{ApiError, ErrorCode};
use prost_types::Timestamp;
use proto::v1;
use proto::v1::ingestion_server::Ingestion;
use tokio_stream::Stream;
use tonic::{Extensions, Request, Response, Status, Streaming};

use super::budget::{Budget, Held, Meter};
use super::stream::Streams;
use crate::http::headers;
use crate::ingest::{self, Answer, Ingest};
use crate::{messages, refusal};

/// What the bytes of an event do not tell of the memory that it and its verdict take.
pub(super) const EVENT_OVERHEAD_BYTES: usize = 256;

/// The service.
pub(super) struct Service {
    ingest: Arc<Ingest>,
    budget: Budget,
    streams: Streams,
}

impl Service {
    pub(super) fn new(ingest: Arc<Ingest>, budget: Budget, streams: Streams) -> Self {
        Self {
            ingest,
            budget,
            streams,
        }
    }

    async fn take(
        &self,
        extensions: &Extensions,
        stated: Stated<'_>,
        events: Vec<Bytes>,
    ) -> Result<Answer, ApiError> {
        let held = self.held(extensions, &events).await?;
        let request = stated.request(tenant(extensions)?)?;
        let prepared = prepare(&self.ingest, request, events);
        Ok(self.ingest.start(prepared, held).await.settled().await)
    }

    async fn held(&self, extensions: &Extensions, events: &[Bytes]) -> Result<Held, ApiError> {
        let meter = extensions.get::<Arc<Meter>>().ok_or_else(ungated)?;
        self.budget.message(meter, weight(events)).await
    }
}

/// What a message says of all its events.
pub(super) struct Stated<'a> {
    pub(super) sent_at: Option<Timestamp>,
    pub(super) idempotency_key: &'a str,
}

impl Stated<'_> {
    pub(super) fn request(self, tenant: TenantId) -> Result<ingest::Request, ApiError> {
        // In protobuf an empty text is the same as none.
        let key = Some(self.idempotency_key).filter(|key| !key.is_empty());
        Ok(ingest::Request {
            tenant,
            sent_at: proto::read::sent_at(self.sent_at).map_err(refusal::faulty)?,
            idempotency_key: key
                .map(|key| headers::idempotency_key("idempotency_key", key))
                .transpose()?,
        })
    }
}

/// Checks and encodes the events of a message.
pub(super) fn prepare(ingest: &Ingest, request: ingest::Request, events: Vec<Bytes>) -> ingest::Prepared {
    ingest.prepare(
        request,
        events
            .into_iter()
            .map(|event| proto::read::read(event, ingest.limits())),
    )
}

/// Bytes of memory that a message of these events takes, about.
pub(super) fn weight(events: &[Bytes]) -> usize {
    events
        .iter()
        .map(|event| event.len() + EVENT_OVERHEAD_BYTES)
        .sum()
}

/// A message of many events has some, and not too many.
pub(super) fn check_number(events: &[Bytes], ingest: &Ingest) -> Result<(), ApiError> {
    let max = ingest.limits().batch_events;
    match events.len() {
        0 => Err(refusal::empty()),
        number if number > max => Err(refusal::too_many_events(max)),
        _ => Ok(()),
    }
}

/// The tenant that the gate found.
pub(super) fn tenant(extensions: &Extensions) -> Result<TenantId, ApiError> {
    extensions.get::<TenantId>().cloned().ok_or_else(ungated)
}

pub(super) fn ungated() -> ApiError {
    ApiError::new(ErrorCode::Internal, "call did not pass the gate")
}

#[tonic::async_trait]
impl Ingestion for Service {
    type IngestStreamStream = Pin<Box<dyn Stream<Item = Result<v1::IngestStreamResponse, Status>> + Send>>;

    async fn ingest(
        &self,
        request: Request<v1::IngestRequest>,
    ) -> Result<Response<v1::IngestResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let stated = Stated {
            sent_at: message.sent_at,
            idempotency_key: &message.idempotency_key,
        };
        let answer = self.take(&extensions, stated, vec![message.event]).await?;
        match refusal::of_one(&answer) {
            None => Ok(Response::new(messages::of_one(&answer))),
            Some(error) => Err(error.into()),
        }
    }

    async fn ingest_batch(
        &self,
        request: Request<v1::IngestBatchRequest>,
    ) -> Result<Response<v1::IngestBatchResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        check_number(&message.events, &self.ingest)?;
        let stated = Stated {
            sent_at: message.sent_at,
            idempotency_key: &message.idempotency_key,
        };
        let answer = self.take(&extensions, stated, message.events).await?;
        Ok(Response::new(messages::of_batch(&answer)))
    }

    async fn ingest_stream(
        &self,
        request: Request<Streaming<v1::IngestStreamRequest>>,
    ) -> Result<Response<Self::IngestStreamStream>, Status> {
        Ok(Response::new(Box::pin(self.streams.open(request)?)))
    }

    async fn validate(
        &self,
        request: Request<v1::ValidateRequest>,
    ) -> Result<Response<v1::ValidateResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        check_number(&message.events, &self.ingest)?;
        let _held = self.held(&extensions, &message.events).await?;
        let stated = Stated {
            sent_at: message.sent_at,
            idempotency_key: "",
        };
        let request = stated.request(tenant(&extensions)?)?;
        let limits = self.ingest.limits();
        let drafts = message
            .events
            .into_iter()
            .map(|event| proto::read::read(event, limits));
        Ok(Response::new(messages::of_validation(
            &self.ingest.validate(&request, drafts),
        )))
    }
}
