//! A search as a stream of pages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chassis::config::Span;
use domain::attributes::Attributes;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::key::Scope;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::StreamExt;
use futures::stream::BoxStream;
use proto::v1::query_client::QueryClient;
use proto::v1::query_server::Query;
use proto::v1::{SearchRequest, SearchResponse, SearchStreamRequest, SearchStreamResponse};
use store::{Events, Scan};
use tokio::time::{Instant, sleep, timeout};
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::grpc::{grpc, request};
use super::harness::{Harness, NOW, event, key, key_for, tenant};
use crate::Config;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pages of four.
fn config() -> Config {
    let mut config = Config::default();
    config.search.stream_page = 4;
    config
}

/// `count` events of alpha, one a second before now, the newest first.
async fn filled(harness: &Harness, count: u8) -> Vec<String> {
    let events: Vec<_> = (0..count)
        .map(|number| event("alpha", NOW.minus_ms(1_000 * i64::from(number)), number))
        .collect();
    harness.put(&events).await;
    events.iter().map(|event| event.event.id.to_string()).collect()
}

fn streamed(search: SearchRequest) -> SearchStreamRequest {
    SearchStreamRequest { search: Some(search) }
}

fn page(message: SearchStreamResponse) -> SearchResponse {
    message.page.expect("a page")
}

async fn open(
    harness: &Harness,
    asked: SearchRequest,
) -> Result<BoxStream<'static, Result<SearchResponse, Status>>, Status> {
    let opened = grpc(harness)
        .search_stream(request(streamed(asked), &key("alpha")))
        .await?;
    Ok(opened.into_inner().map(|message| message.map(page)).boxed())
}

fn ids(pages: &[SearchResponse]) -> Vec<String> {
    let events = pages.iter().flat_map(|page| &page.events);
    events
        .map(|event| event.event.as_ref().unwrap().id.clone())
        .collect()
}

async fn all(harness: &Harness, asked: SearchRequest) -> Vec<SearchResponse> {
    let pages = open(harness, asked).await.unwrap();
    pages.map(Result::unwrap).collect().await
}

#[tokio::test]
async fn all_pages_come_to_the_end_of_the_range() {
    let harness = Harness::with_config(config());
    let events = filled(&harness, 10).await;
    let pages = all(&harness, SearchRequest::default()).await;
    let sizes: Vec<_> = pages.iter().map(|page| page.events.len()).collect();
    assert_eq!((ids(&pages), sizes), (events, vec![4, 4, 2]));
    assert!(pages.iter().all(|page| page.complete && page.explain.is_none()));
    assert!(pages[2].next_cursor.is_empty());
    let ranges: Vec<_> = pages.iter().map(|page| (page.from, page.to)).collect();
    assert!(ranges.iter().all(|range| *range == ranges[0]), "resolved once");
}

#[tokio::test]
async fn a_limit_is_that_of_the_whole_and_its_last_cursor_goes_on() {
    let harness = Harness::with_config(config());
    let events = filled(&harness, 10).await;
    let asked = SearchRequest {
        limit: 6,
        explain: true,
        ..SearchRequest::default()
    };
    let pages = all(&harness, asked.clone()).await;
    assert_eq!(ids(&pages), events[..6]);
    let found: Vec<_> = pages
        .iter()
        .map(|page| page.explain.as_ref().unwrap().found)
        .collect();
    assert_eq!(found, [4, 2]);
    let rest = SearchRequest {
        cursor: pages[1].next_cursor.clone(),
        ..asked
    };
    assert_eq!(ids(&all(&harness, rest).await), events[6..]);
}

#[tokio::test]
async fn a_stream_that_broke_goes_on_in_another() {
    let harness = Harness::with_config(config());
    let events = filled(&harness, 10).await;
    let mut broken = open(&harness, SearchRequest::default()).await.unwrap();
    let first = broken.next().await.unwrap().unwrap();
    drop(broken);
    let rest = SearchRequest {
        cursor: first.next_cursor.clone(),
        ..SearchRequest::default()
    };
    let rest = all(&harness, rest).await;
    assert_eq!([ids(&[first]), ids(&rest)].concat(), events);
}

#[tokio::test]
async fn what_is_wrong_is_said_before_the_first_page() {
    let harness = Harness::with_config(config());
    let refused = |asked| async { open(&harness, asked).await.err().unwrap() };
    let wrong = refused(SearchRequest {
        q: "colour:red".into(),
        ..SearchRequest::default()
    })
    .await;
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(
        wrong.message().ends_with("(column 1 of q)"),
        "{}",
        wrong.message()
    );
    let foreign = refused(SearchRequest {
        cursor: "x".into(),
        ..SearchRequest::default()
    })
    .await;
    assert_eq!(
        foreign.get_error_details().error_info().unwrap().reason,
        "invalid_cursor"
    );
    let no_key = tonic::Request::new(streamed(SearchRequest::default()));
    let refused = grpc(&harness).search_stream(no_key).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let asked = request(streamed(SearchRequest::default()), &key_for(Scope::Ingest));
    let refused = grpc(&harness).search_stream(asked).await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn a_page_waits_until_it_is_admitted() {
    let mut config = config();
    config.search.per_tenant = 1;
    let harness = Harness::with_config(config);
    let events = filled(&harness, 10).await;
    let mut pages = open(&harness, SearchRequest::default()).await.unwrap();
    let mut found = vec![pages.next().await.unwrap().unwrap()];
    let under_way = harness.service.searches().enter(&tenant("alpha")).unwrap();
    let ends = async {
        sleep(Duration::from_secs(3)).await;
        drop(under_way);
    };
    let (page, ()) = tokio::join!(pages.next(), ends);
    found.push(page.unwrap().unwrap());
    found.extend(pages.map(Result::unwrap).collect::<Vec<_>>().await);
    assert_eq!(ids(&found), events);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_admitted_in_time_ends_the_stream() {
    let mut config = config();
    config.search.per_tenant = 1;
    let harness = Harness::with_config(config);
    filled(&harness, 10).await;
    let mut pages = open(&harness, SearchRequest::default()).await.unwrap();
    pages.next().await.unwrap().unwrap();
    let begin = Instant::now();
    let _under_way = harness.service.searches().enter(&tenant("alpha")).unwrap();
    let refused = pages.next().await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_error_details().retry_info().is_some());
    let a_while = Duration::from_secs(2)..=Duration::from_secs(5);
    assert!(a_while.contains(&begin.elapsed()), "{:?}", begin.elapsed());
    assert!(pages.next().await.is_none(), "nothing follows an error");
    // Nor does the first page of another wait for longer.
    let begin = Instant::now();
    let refused = open(&harness, SearchRequest::default()).await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(a_while.contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stream_reads_as_fast_as_its_tenant_may() {
    let mut config = config();
    (config.search.tested_per_second, config.search.tested_burst) = (4, Span::from_secs(1));
    let harness = Harness::with_config(config);
    let events = filled(&harness, 10).await;
    let begin = Instant::now();
    assert_eq!(ids(&all(&harness, SearchRequest::default()).await), events);
    let took = begin.elapsed();
    // Ten events and what is looked at behind the pages, less one burst.
    assert!(
        (Duration::from_millis(500)..Duration::from_secs(5)).contains(&took),
        "{took:?}"
    );
}

/// Events that count how often they are read.
struct Counted {
    inner: Arc<dyn Events>,
    reads: Arc<AtomicUsize>,
}

#[async_trait]
impl Events for Counted {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), store::Error> {
        self.inner.put(rows, now).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.fetch_in(tenant, ids, classes, now).await
    }

    async fn ids(
        &self,
        of: &TenantId,
        range: IdRange,
        order: Order,
        most: usize,
    ) -> Result<Scan, store::Error> {
        self.inner.ids(of, range, order, most).await
    }

    async fn delete(&self, of: &TenantId, id: EventId, now: Millis) -> Result<(), store::Error> {
        self.inner.delete(of, id, now).await
    }
}

/// A client over a socket that takes little before it reads.
async fn client(harness: &Harness) -> QueryClient<Channel> {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let router = Routes::new(harness.service.grpc()).prepare().into_axum_router();
    let limits = edge::ServerLimits::default();
    tokio::spawn(edge::serve_grpc(
        socket,
        router,
        limits,
        tokio_util::sync::CancellationToken::new(),
    ));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535);
    QueryClient::new(endpoint.connect().await.unwrap())
}

#[tokio::test]
async fn for_a_client_that_does_not_read_no_more_is_read_and_it_may_leave() {
    let reads = Arc::new(AtomicUsize::new(0));
    let mut config = config();
    config.search.streams_per_tenant = 1;
    let counted = Arc::clone(&reads);
    let harness = Harness::with(config, |store| {
        Arc::new(Counted {
            inner: Arc::new(store),
            reads: counted,
        })
    });
    let large = |number: u8| {
        let mut event = event("alpha", NOW.minus_ms(i64::from(number)), number);
        event.event.attributes = Some(Attributes::trusted(format!(
            r#"{{"a":"{}"}}"#,
            "x".repeat(20_000)
        )));
        event
    };
    // 20 pages of 80 KB.
    harness.put(&(0..80).map(large).collect::<Vec<_>>()).await;
    let mut client = client(&harness).await;
    let asked = || request(streamed(SearchRequest::default()), &key("alpha"));
    let mut pages = client.search_stream(asked()).await.unwrap().into_inner();
    pages.message().await.unwrap().unwrap();
    // While others are answered, the one that does not read is not read for.
    for _ in 0..5 {
        let small = SearchRequest {
            limit: 1,
            ..SearchRequest::default()
        };
        client.search(request(small, &key("alpha"))).await.unwrap();
    }
    let of_others = 5 * 2;
    let of_stream = reads.load(Ordering::SeqCst).saturating_sub(of_others);
    assert!(of_stream < 10, "{of_stream} reads for one page that was taken");

    let second = client.search_stream(asked()).await.unwrap_err();
    assert_eq!(second.code(), Code::ResourceExhausted, "one is open");
    drop(pages);
    let opens = async {
        while client.search_stream(asked()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, opens)
        .await
        .expect("the place of a client that left is free");
}
