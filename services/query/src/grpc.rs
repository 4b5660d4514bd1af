//! The service over gRPC.
//!
//! - `messages`: requests and answers. `stream`: a search page after page.

mod messages;
mod stream;

use domain::control::Caller;
use domain::key::Scope;
use domain::tenant::TenantId;
use edge::{ApiError, tenant_of};
use proto::record::enriched_message;
use proto::v1::query_server::Query;
use proto::v1::{
    GetRequest, GetResponse, SearchRequest, SearchResponse, SearchStreamRequest, StatsRequest, StatsResponse,
};
use tonic::{Request, Response, Status};

use self::messages::{asked, asked_stats, render, response, stats, text};
pub(crate) use self::stream::Pages;
use crate::service::Service;

/// The methods that metrics tell apart.
pub(crate) const METHODS: [&str; 4] = [
    "/sluice.v1.Query/Get",
    "/sluice.v1.Query/Search",
    "/sluice.v1.Query/SearchStream",
    "/sluice.v1.Query/Stats",
];

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

    /// Whose events are read: of the caller as a layer found it, or else by the key in the metadata.
    fn tenant<T>(&self, request: &Request<T>) -> Result<TenantId, ApiError> {
        let caller = match request.extensions().get::<Caller>() {
            Some(caller) => caller.clone(),
            None => self.service.access().caller(request.metadata().as_ref())?,
        };
        tenant_of(&caller, Scope::Read)
    }

    fn page_bytes(&self) -> usize {
        self.service.config().search.page.as_usize().min(MAX_PAGE_BYTES)
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<SearchResponse, ApiError> {
        let tenant = self.tenant(&request)?;
        let asked = asked(request.into_inner())?;
        let page = self
            .service
            .search(&tenant, &asked, self.page_bytes(), |event| Ok(render(event)))
            .await?;
        Ok(response(page))
    }

    async fn search_stream(&self, request: Request<SearchStreamRequest>) -> Result<Pages, ApiError> {
        let tenant = self.tenant(&request)?;
        let asked = asked(request.into_inner().search.unwrap_or_default())?;
        stream::open(self.service.clone(), tenant, asked, self.page_bytes()).await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<GetResponse, ApiError> {
        let tenant = self.tenant(&request)?;
        let GetRequest { id, after } = request.into_inner();
        let event = self.service.get(&tenant, &id, text(after).as_deref()).await?;
        Ok(GetResponse {
            event: Some(enriched_message(event)),
        })
    }

    async fn stats(&self, request: Request<StatsRequest>) -> Result<StatsResponse, ApiError> {
        let tenant = self.tenant(&request)?;
        let asked = asked_stats(request.into_inner());
        Ok(stats(self.service.overview(&tenant, &asked).await?))
    }
}

#[tonic::async_trait]
impl Query for Grpc {
    type SearchStreamStream = Pages;

    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let answer = Self::search(self, request).await?;
        Ok(Response::new(answer))
    }

    async fn search_stream(&self, request: Request<SearchStreamRequest>) -> Result<Response<Pages>, Status> {
        let answer = Self::search_stream(self, request).await?;
        Ok(Response::new(answer))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let answer = Self::get(self, request).await?;
        Ok(Response::new(answer))
    }

    async fn stats(&self, request: Request<StatsRequest>) -> Result<Response<StatsResponse>, Status> {
        let answer = Self::stats(self, request).await?;
        Ok(Response::new(answer))
    }
}
