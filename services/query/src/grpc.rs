//! The service over gRPC.

use domain::control::Caller;
use domain::cursor::Order;
use domain::filter::Filter;
use domain::key::Scope;
use domain::record::Enriched;
use edge::{ApiError, ErrorCode, tenant_of};
use prost::Message;
use proto::record::{enriched_message, timestamp};
use proto::v1::query_server::Query;
use proto::v1::{self, EnrichedEvent, GetRequest, GetResponse, SearchRequest, SearchResponse};
use tonic::{Request, Response, Status};

use crate::fault;
use crate::http::{add_conditions, invalid_filter};
use crate::search::Asked;
use crate::service::Service;

/// Clients refuse messages over 4 MiB unless they are told otherwise; the rest of the answer is below 64 KiB.
const MAX_PAGE_BYTES: usize = (4 << 20) - (64 << 10);

/// Implements `sluice.v1.Query`.
#[derive(Clone)]
pub struct Grpc {
    service: Service,
}

impl Grpc {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }

    /// Who calls: as a layer found it, or else by the key in the metadata.
    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, ApiError> {
        match request.extensions().get::<Caller>() {
            Some(caller) => Ok(caller.clone()),
            None => self.service.access().caller(request.metadata().as_ref()),
        }
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<SearchResponse, ApiError> {
        let tenant = tenant_of(&self.caller(&request)?, Scope::Read)?;
        let asked = asked(request.into_inner())?;
        let page_bytes = self.service.config().search.page.as_usize().min(MAX_PAGE_BYTES);
        let answer = self
            .service
            .search(&tenant, &asked, page_bytes, |event| Ok(render(event)))
            .await?;
        Ok(SearchResponse {
            events: answer.events,
            next_cursor: answer.next_cursor.unwrap_or_default(),
            complete: answer.complete,
            from: Some(timestamp(answer.range.from)),
            to: Some(timestamp(answer.range.to)),
        })
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<GetResponse, ApiError> {
        let tenant = tenant_of(&self.caller(&request)?, Scope::Read)?;
        let GetRequest { id, after } = request.into_inner();
        let event = self.service.get(&tenant, &id, text(after).as_deref()).await?;
        Ok(GetResponse {
            event: Some(enriched_message(event)),
        })
    }
}

#[tonic::async_trait]
impl Query for Grpc {
    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let answer = Self::search(self, request).await?;
        Ok(Response::new(answer))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let answer = Self::get(self, request).await?;
        Ok(Response::new(answer))
    }
}

fn asked(request: SearchRequest) -> Result<Asked, ApiError> {
    let mut filter = Filter::parse(&request.q).map_err(|error| invalid_filter(&error))?;
    let conditions: Vec<_> = request.filters.into_iter().collect();
    add_conditions(&mut filter, &conditions)?;
    let order = match v1::Order::try_from(request.order) {
        Ok(v1::Order::Unspecified | v1::Order::NewestFirst) => Order::NewestFirst,
        Ok(v1::Order::OldestFirst) => Order::OldestFirst,
        Err(_) => {
            let message = format!("order is {}, which is no order", request.order);
            return Err(fault::of_value(ErrorCode::InvalidRequest, "order", message));
        }
    };
    Ok(Asked {
        from: text(request.from),
        to: text(request.to),
        filter,
        limit: Some(request.limit).filter(|limit| *limit > 0),
        cursor: text(request.cursor),
        order,
        after: text(request.after),
    })
}

/// An event as a message, with its bytes in the answer.
fn render(event: Enriched) -> (EnrichedEvent, usize) {
    let message = enriched_message(event);
    let bytes = message.encoded_len();
    // Tag and length of the message.
    (message, bytes + 1 + prost::length_delimiter_len(bytes))
}

fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
