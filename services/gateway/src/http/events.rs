//! `POST /events`, `/events/batch` and `/events/validate`.
//!
//! Key, scope and media type are checked before a byte of the body is read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use domain::control::Caller;
use domain::key::Scope;
use domain::tenant::TenantId;
use edge::{ApiError, BodyReader, ReadBody, tenant_of};

use super::answer::{self, Form};
use super::cut::Cut;
use super::format::{Format, wants_protobuf};
use super::headers::Stated;
use crate::ingest::{self, Ingest};
use crate::openapi::schemas;
use crate::refusal;

/// What these handlers need.
#[derive(Clone)]
pub(crate) struct Events {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) bodies: BodyReader,
}

/// What a request says beside its body, and the body.
struct Received {
    tenant: TenantId,
    format: Format,
    form: Form,
    stated: Stated,
    body: ReadBody,
}

impl Events {
    async fn receive(
        &self,
        caller: &Caller,
        request: Request<Body>,
        formats: &[Format],
    ) -> Result<Received, ApiError> {
        let tenant = tenant_of(caller, Scope::Ingest)?;
        let (head, body) = request.into_parts();
        let format = Format::of(&head.headers, formats)?;
        let stated = Stated::of(&head.headers)?;
        let form = form(&head.headers);
        let body = self.bodies.read(&head.headers, body).await?;
        Ok(Received {
            tenant,
            format,
            form,
            stated,
            body,
        })
    }

    /// Waits for the log, which holds the events by then, so the room of the body is given back with the answer.
    async fn take(&self, tenant: TenantId, stated: Stated, cut: Cut<'_>) -> ingest::Answer {
        let (request, events) = joined(tenant, stated, cut);
        let limits = self.ingest.limits();
        let prepared = self
            .ingest
            .prepare(request, events.into_iter().map(|event| event.draft(limits)));
        self.ingest.take(prepared).await
    }
}

/// Takes one event.
#[utoipa::path(
    post,
    path = "/api/v1/ingestion/events",
    tag = "ingestion",
    operation_id = "ingest",
    params(schemas::EventHeaders),
    request_body(content(
        (schemas::Event = "application/json"),
        (schemas::Message = "application/x-protobuf"),
    )),
    responses(
        (status = 202, description = "The log has the event.", body = schemas::OneAccepted),
        (status = 400, description = "The event is not valid; `errors` has every fault.",
            body = schemas::Problem, content_type = "application/problem+json"),
        schemas::Refused,
    ),
)]
pub(crate) async fn one(
    State(events): State<Events>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let Received {
        tenant,
        format,
        form,
        stated,
        body,
    } = events.receive(&caller, request, Format::OF_ONE).await?;
    let answer = events.take(tenant, stated, Cut::one(format, &body.bytes)?).await;
    answer::of_one(&answer, form)
}

/// Takes up to 1,000 events and gives a verdict on each.
#[utoipa::path(
    post,
    path = "/api/v1/ingestion/events/batch",
    tag = "ingestion",
    operation_id = "ingestBatch",
    params(schemas::EventHeaders),
    request_body(content(
        (schemas::Batch = "application/json"),
        (schemas::Lines = "application/x-ndjson"),
        (schemas::Message = "application/x-protobuf"),
    )),
    responses(
        (status = 202, description = "At least one event was accepted.", body = schemas::ManyAccepted),
        (status = 400, description = "No event is valid, or the batch is empty or no batch.",
            body = schemas::Problem, content_type = "application/problem+json"),
        schemas::Refused,
    ),
)]
pub(crate) async fn many(
    State(events): State<Events>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let Received {
        tenant,
        format,
        form,
        stated,
        body,
    } = events.receive(&caller, request, Format::OF_MANY).await?;
    let cut = Cut::many(format, &body.bytes, events.ingest.limits())?;
    if cut.events.is_empty() {
        return Err(refusal::empty());
    }
    answer::of_many(&events.take(tenant, stated, cut).await, form)
}

/// Says every fault of one event or of a batch, and publishes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/ingestion/events/validate",
    tag = "ingestion",
    operation_id = "validate",
    params(schemas::EventHeaders),
    request_body(content(
        (schemas::EventOrBatch = "application/json"),
        (schemas::Lines = "application/x-ndjson"),
        (schemas::Message = "application/x-protobuf"),
    )),
    responses(
        (status = 200, description = "A verdict on each event.", body = schemas::Validated),
        (status = 400, description = "The body holds no event or is none of the forms.",
            body = schemas::Problem, content_type = "application/problem+json"),
        schemas::Refused,
    ),
)]
pub(crate) async fn validate(
    State(events): State<Events>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let Received {
        tenant,
        format,
        form,
        stated,
        body,
    } = events.receive(&caller, request, Format::OF_MANY).await?;
    let limits = events.ingest.limits();
    let cut = Cut::any(format, &body.bytes, limits)?;
    if cut.events.is_empty() {
        return Err(refusal::empty());
    }
    let (request, raws) = joined(tenant, stated, cut);
    let verdicts = events
        .ingest
        .validate(&request, raws.into_iter().map(|event| event.draft(limits)));
    Ok(answer::of_validation(&verdicts, form))
}

/// What the body says goes before what the headers say.
fn joined(tenant: TenantId, stated: Stated, cut: Cut<'_>) -> (ingest::Request, Vec<super::cut::Raw<'_>>) {
    let request = ingest::Request {
        tenant,
        sent_at: cut.sent_at.or(stated.sent_at),
        idempotency_key: cut.idempotency_key.or(stated.idempotency_key),
    };
    (request, cut.events)
}

fn form(headers: &HeaderMap) -> Form {
    if wants_protobuf(headers) {
        Form::Protobuf
    } else {
        Form::Json
    }
}
