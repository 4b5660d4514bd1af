//! Query over its own sockets.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use chassis::ops::{Check, Readiness};
use proto::v1::query_client::QueryClient;
use proto::v1::{GetRequest, SearchRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::harness::{Harness, NOW, event, key};
use crate::{Error, Listeners, run};

const HEALTH: &str = "/api/v1/ingestion/health";
const EVENTS: &str = "/api/v1/ingestion/events";
/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    harness: Harness,
    http: SocketAddr,
    channel: Channel,
    store: Check,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), Error>>,
}

impl Served {
    async fn new() -> Self {
        let harness = Harness::new();
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(&shutdown);
        let store = readiness.register("store");
        let (http, grpc) = (bind().await, bind().await);
        let address = http.local_addr().unwrap();
        let url = format!("http://{}", grpc.local_addr().unwrap());
        let listeners = Listeners {
            http: http.into(),
            grpc: grpc.into(),
            readiness,
        };
        let running = tokio::spawn(run(harness.service.clone(), listeners, shutdown.drain.clone()));
        Self {
            harness,
            http: address,
            channel: Channel::from_shared(url).unwrap().connect().await.unwrap(),
            store,
            shutdown,
            running,
        }
    }

    /// The whole answer, as text.
    async fn call(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: query\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        timeout(PATIENCE, reading).await.unwrap().unwrap();
        answer
    }

    async fn serving(&self, service: &str) -> ServingStatus {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(self.channel.clone()).check(request).await;
        answer.unwrap().into_inner().status()
    }

    async fn stop(self) {
        self.shutdown.drain.cancel();
        drop(self.channel);
        timeout(PATIENCE, self.running).await.unwrap().unwrap().unwrap();
    }
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn events_are_found_over_both_protocols_by_who_has_a_key() {
    let served = Served::new().await;
    let stored = event("alpha", NOW, 1);
    served.harness.put(std::slice::from_ref(&stored)).await;
    let id = stored.event.id.to_string();
    let key = key("alpha");

    let headers = format!("authorization: Bearer {}\r\nx-request-id: r1\r\n", key.reveal());
    let found = served.call("GET", EVENTS, &headers).await;
    assert!(
        found.starts_with("HTTP/1.1 200") && found.contains(&id),
        "{found}"
    );
    assert!(found.contains("x-request-id: r1"), "{found}");
    let refused = served.call("GET", EVENTS, "").await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");

    let mut client = QueryClient::new(served.channel.clone());
    let mut request = Request::new(GetRequest {
        id: id.clone(),
        after: String::new(),
    });
    request
        .metadata_mut()
        .insert("x-api-key", key.reveal().parse().unwrap());
    let answer = client.get(request).await.unwrap();
    assert_eq!(answer.into_inner().event.unwrap().event.unwrap().id, id);
    let refused = client.search(SearchRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(!refused.details().is_empty());
    drop(client);
    served.stop().await;
}

#[tokio::test]
async fn the_longest_filter_gets_through_both_protocols() {
    let served = Served::new().await;
    let key = key("alpha");
    // Every byte of a value takes three in a URL.
    let q = vec![format!("user_id:{}", "\u{e4}".repeat(1_017)); 4].join(" ");
    assert!((8_100..=8_192).contains(&q.len()), "{}", q.len());
    let encoded = q.replace(' ', "%20").replace('\u{e4}', "%C3%A4");
    let headers = format!("authorization: Bearer {}\r\n", key.reveal());
    let found = served
        .call("GET", &format!("{EVENTS}?q={encoded}"), &headers)
        .await;
    assert!(found.starts_with("HTTP/1.1 200"), "{found}");

    let mut client = QueryClient::new(served.channel.clone());
    let mut request = Request::new(SearchRequest {
        q,
        ..SearchRequest::default()
    });
    request
        .metadata_mut()
        .insert("x-api-key", key.reveal().parse().unwrap());
    client.search(request).await.unwrap();
    drop(client);
    served.stop().await;
}

#[tokio::test]
async fn its_state_needs_no_key_and_is_that_of_its_checks() {
    let served = Served::new().await;
    let answer = served.call("GET", HEALTH, "").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert_eq!(served.serving("sluice.v1.Query").await, ServingStatus::NotServing);
    served.store.ready();
    let answer = served.call("GET", HEALTH, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let becomes_serving = async {
        while served.serving("sluice.v1.Query").await != ServingStatus::Serving {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, becomes_serving).await.unwrap();
    assert_eq!(served.serving("").await, ServingStatus::Serving);
    served.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_answered_with_a_problem() {
    let served = Served::new().await;
    let nowhere = served.call("GET", "/api/v1/nothing", "").await;
    assert!(
        nowhere.starts_with("HTTP/1.1 404") && nowhere.contains("\"not_found\""),
        "{nowhere}"
    );
    let wrong = served.call("DELETE", HEALTH, "").await;
    assert!(
        wrong.starts_with("HTTP/1.1 405") && wrong.contains("\"method_not_allowed\""),
        "{wrong}"
    );
    served.stop().await;
}
