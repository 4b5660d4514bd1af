//! Reads over gRPC.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use chassis::config::Span;
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body::Frame;
use http_body_util::StreamBody;
use proto::v1::query_client::QueryClient;
use proto::v1::query_server::{Query, QueryServer};
use proto::v1::{
    GetRequest, GetResponse, SearchRequest, SearchResponse, SearchStreamRequest, SearchStreamResponse,
    StatsRequest, StatsResponse,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use super::super::harness::within;
use super::query::{Served, config, grpc_reads, key, nobody};

/// Answers a search with the keys of what it was sent, counts with what it was asked, and a get with a status. A stream has one page, another when
/// it is told to go on, and a status; that it was left is told.
#[derive(Default)]
struct Fake {
    go_on: Arc<Notify>,
    left: CancellationToken,
}

#[tonic::async_trait]
impl Query for Fake {
    type SearchStreamStream = BoxStream<'static, Result<SearchStreamResponse, Status>>;

    async fn search_stream(
        &self,
        _: Request<SearchStreamRequest>,
    ) -> Result<tonic::Response<Self::SearchStreamStream>, Status> {
        let page = |cursor: &str| SearchStreamResponse {
            page: Some(SearchResponse {
                next_cursor: cursor.to_owned(),
                ..SearchResponse::default()
            }),
        };
        let (go_on, until_left) = (Arc::clone(&self.go_on), self.left.clone().drop_guard());
        let second = async move {
            let _until_left = until_left;
            go_on.notified().await;
            Ok(page("second"))
        };
        let end = futures::stream::iter([Err(Status::resource_exhausted("slowly"))]);
        let pages = futures::stream::iter([Ok(page("first"))]).chain(futures::stream::once(second));
        Ok(tonic::Response::new(pages.chain(end).boxed()))
    }

    async fn search(
        &self,
        request: Request<SearchRequest>,
    ) -> Result<tonic::Response<SearchResponse>, Status> {
        let sent = |name: &str| {
            let value = request.metadata().get(name);
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        let told = ["authorization", "x-request-id", "grpc-timeout", "x-mine"].map(sent);
        let mut answer = tonic::Response::new(SearchResponse {
            next_cursor: format!("{} {}", told.join(" "), request.get_ref().q),
            ..SearchResponse::default()
        });
        answer.metadata_mut().insert("x-theirs", "kept".parse().unwrap());
        Ok(answer)
    }

    async fn get(&self, _: Request<GetRequest>) -> Result<tonic::Response<GetResponse>, Status> {
        let mut metadata = MetadataMap::new();
        metadata.insert("x-theirs", "kept".parse().unwrap());
        Err(Status::with_details_and_metadata(
            Code::DataLoss,
            "as it is: \u{e4} %",
            Bytes::from_static(b"\x00details\xff"),
            metadata,
        ))
    }

    async fn stats(&self, request: Request<StatsRequest>) -> Result<tonic::Response<StatsResponse>, Status> {
        let by_service = [(request.into_inner().from, 7)];
        Ok(tonic::Response::new(StatsResponse {
            by_service: by_service.into(),
            ..StatsResponse::default()
        }))
    }
}

async fn fake() -> Served {
    let router = Routes::new(QueryServer::new(Fake::default()))
        .prepare()
        .into_axum_router();
    Served::grpc(router, None).await
}

async fn connect(gateway: &Served) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.address)).unwrap();
    within(endpoint.connect()).await.unwrap()
}

fn with_key<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", key()).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn a_call_arrives_as_it_was_and_so_does_its_answer() {
    let query = fake().await;
    let gateway = grpc_reads(&config(nobody().await, query.origin("http"))).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let mut request = with_key(SearchRequest {
        q: "kind:error".to_owned(),
        ..SearchRequest::default()
    });
    request.set_timeout(Duration::from_secs(9));
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "mine".parse().unwrap());
    metadata.insert("x-mine", "1".parse().unwrap());
    let answer = within(client.search(request)).await.unwrap();
    assert_eq!(answer.metadata().get("x-theirs").unwrap(), "kept");
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "mine");
    let expected = format!("Bearer {} mine 9000000u 1 kind:error", key());
    assert_eq!(answer.into_inner().next_cursor, expected);
}

#[tokio::test]
async fn a_status_comes_with_its_details() {
    let query = fake().await;
    let gateway = grpc_reads(&config(nobody().await, query.origin("http"))).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let status = within(client.get(with_key(GetRequest::default())))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::DataLoss, "as it is: \u{e4} %")
    );
    assert_eq!(status.details(), b"\x00details\xff");
    assert_eq!(status.metadata().get("x-theirs").unwrap(), "kept");
}

#[tokio::test]
async fn counts_arrive_as_they_were() {
    let query = fake().await;
    let gateway = grpc_reads(&config(nobody().await, query.origin("http"))).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let asked = with_key(StatsRequest {
        from: "now-1h".to_owned(),
        ..StatsRequest::default()
    });
    let answer = within(client.stats(asked)).await.unwrap().into_inner();
    assert_eq!(answer.by_service, [("now-1h".to_owned(), 7)].into());
}

#[tokio::test]
async fn pages_of_a_stream_arrive_as_they_are_made() {
    let fake = Fake::default();
    let go_on = Arc::clone(&fake.go_on);
    let router = Routes::new(QueryServer::new(fake)).prepare().into_axum_router();
    let query = Served::grpc(router, None).await;
    let gateway = grpc_reads(&config(nobody().await, query.origin("http"))).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let asked = with_key(SearchStreamRequest::default());
    let mut pages = within(client.search_stream(asked)).await.unwrap().into_inner();
    assert_eq!(cursor(within(pages.message()).await), "first");
    go_on.notify_one();
    assert_eq!(cursor(within(pages.message()).await), "second");
    let status = within(pages.message()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::ResourceExhausted, "slowly")
    );
}

fn cursor(message: Result<Option<SearchStreamResponse>, Status>) -> String {
    message.unwrap().unwrap().page.unwrap().next_cursor
}

#[tokio::test]
async fn query_learns_that_a_client_has_left_a_stream() {
    let fake = Fake::default();
    let left = fake.left.clone();
    let router = Routes::new(QueryServer::new(fake)).prepare().into_axum_router();
    let query = Served::grpc(router, None).await;
    let gateway = grpc_reads(&config(nobody().await, query.origin("http"))).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let asked = with_key(SearchStreamRequest::default());
    let mut pages = within(client.search_stream(asked)).await.unwrap().into_inner();
    within(pages.message()).await.unwrap().unwrap();
    drop(pages);
    within(left.cancelled()).await;
}

#[tokio::test]
async fn query_decides_which_methods_there_are() {
    let query = fake().await;
    let gateway = grpc_reads(&config(nobody().await, query.origin("http"))).await;
    let mut client = Grpc::new(connect(&gateway).await);
    client.ready().await.unwrap();
    let codec = ProstCodec::<GetRequest, GetResponse>::default();
    let call = client.unary(
        with_key(GetRequest::default()),
        "/sluice.v1.Query/Later".parse().unwrap(),
        codec,
    );
    assert_eq!(within(call).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_stranger_does_not_get_through() {
    let gateway = grpc_reads(&config(nobody().await, nobody().await)).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let refused = within(client.get(GetRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[track_caller]
fn assert_unavailable(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "unavailable");
    assert_eq!(
        details.retry_info().unwrap().retry_delay,
        Some(Duration::from_secs(1))
    );
}

/// What a get is answered where this is in the place of query.
async fn refused(router: Router, change: impl FnOnce(&mut crate::Forward)) -> Status {
    let query = Served::grpc(router, None).await;
    let mut config = config(nobody().await, query.origin("http"));
    change(&mut config);
    let gateway = grpc_reads(&config).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    within(client.get(with_key(GetRequest::default())))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn while_query_is_away_or_slow_reads_are_unavailable() {
    let gateway = grpc_reads(&config(nobody().await, nobody().await)).await;
    let mut client = QueryClient::new(connect(&gateway).await);
    let away = within(client.get(with_key(GetRequest::default())))
        .await
        .unwrap_err();
    assert_unavailable(&away);

    let slow = Router::new().fallback(std::future::pending::<()>);
    let slow = refused(slow, |config| config.answer = Span::from_ms(50)).await;
    assert_unavailable(&slow);
    let foreign = Router::new().fallback(async || "a web page");
    assert_unavailable(&refused(foreign, |_| {}).await);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_ends_with_a_status() {
    let stuck = Router::new().fallback(async || {
        let begin = Frame::data(Bytes::from_static(&[0, 0, 0, 1, 0, 1]));
        let begin = futures::stream::once(async { Ok::<_, io::Error>(begin) });
        let mut answer = Response::new(Body::new(StreamBody::new(
            begin.chain(futures::stream::pending()),
        )));
        let headers: &mut HeaderMap = answer.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        answer
    });
    let cut = refused(stuck, |config| config.stall = Span::from_ms(50)).await;
    assert_unavailable(&cut);
}

#[tokio::test]
async fn more_calls_than_one_connection_takes_are_answered_at_once() {
    let query = fake().await;
    let mut config = config(nobody().await, query.origin("http"));
    config.in_flight = 130;
    let gateway = grpc_reads(&config).await;
    let client = QueryClient::new(connect(&gateway).await);
    let calls = (0..90).map(|_| {
        let mut client = client.clone();
        async move { client.search(with_key(SearchRequest::default())).await.is_ok() }
    });
    let answered = within(futures::future::join_all(calls)).await;
    assert!(answered.into_iter().all(|is_ok| is_ok));
}
