//! Connections over real sockets: silent, greedy, stuck, too many, and at shutdown.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::layers::layers;

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<io::Result<()>>,
}

async fn start(router: Router, limits: ServerLimits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve_http(listener, router, limits, shutdown.clone()));
    Server {
        address,
        shutdown,
        serving,
    }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ends(self) {
        timeout(PATIENCE, self.serving).await.unwrap().unwrap().unwrap();
    }
}

fn limits() -> ServerLimits {
    ServerLimits::default()
}

async fn send(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// All that comes until the peer closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the peer closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn a_request_is_answered_and_the_connection_stays() {
    let server = start(hello(), limits()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        send(&mut stream, "/").await;
        let mut answer = String::new();
        while !answer.ends_with("hello") {
            let mut byte = [0];
            timeout(PATIENCE, stream.read_exact(&mut byte))
                .await
                .unwrap()
                .unwrap();
            answer.push(char::from(byte[0]));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed_whatever_it_has_begun() {
    let limits = ServerLimits {
        header_read: SHORT,
        ..limits()
    };
    let server = start(hello(), limits).await;
    for begin in [
        "",
        "PRI * HTTP/2.0\r\n",
        "GET / HT",
        "GET / HTTP/1.1\r\nhost: a.long.name.of.a.host\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("200"), "{begin:?} {answer}");
    }
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = start(hello(), limits()).await;
    let mut stream = server.connect().await;
    let request = format!("GET / HTTP/1.1\r\nx-api-key: {}\r\n\r\n", "x".repeat(1 << 20));
    // The server may close before it has all.
    let _ = stream.write_all(request.as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

/// Tells when it is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    let dropped = Arc::new(Notify::new());
    let notify = Arc::clone(&dropped);
    let endless = move || {
        let guard = Dropped(Arc::clone(&notify));
        let piece = Bytes::from(vec![b'x'; 65_536]);
        let pieces = stream::repeat(piece).map(move |piece| {
            let _held = &guard;
            Ok::<_, io::Error>(piece)
        });
        async move { Body::from_stream(pieces).into_response() }
    };
    let limits = ServerLimits {
        write_stall: SHORT,
        ..limits()
    };
    let server = start(Router::new().route("/", get(endless)), limits).await;
    let mut stream = server.connect().await;
    send(&mut stream, "/").await;

    timeout(PATIENCE, dropped.notified())
        .await
        .expect("the answer is dropped");
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_a_slot() {
    let limits = ServerLimits {
        max_connections: 1,
        ..limits()
    };
    let server = start(hello(), limits).await;
    let mut first = server.connect().await;
    send(&mut first, "/").await;
    assert_eq!(head(&mut first).await, "HTTP/1.1 200");
    let mut second = server.connect().await;
    send(&mut second, "/").await;
    let mut byte = [0];
    assert!(
        timeout(SHORT, second.read(&mut byte)).await.is_err(),
        "there is no slot"
    );

    drop(first);

    assert_eq!(head(&mut second).await, "HTTP/1.1 200");
}

#[tokio::test]
async fn a_request_in_work_is_finished_at_shutdown() {
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun_out, finish_in) = (Arc::clone(&begun), Arc::clone(&finish));
    let slow = async move || {
        begun_out.notify_one();
        finish_in.notified().await;
        "done"
    };
    let server = start(Router::new().route("/", get(slow)), limits()).await;
    let mut stream = server.connect().await;
    send(&mut stream, "/").await;
    timeout(PATIENCE, begun.notified()).await.unwrap();

    server.shutdown.cancel();
    finish.notify_one();

    let answer = rest(&mut stream).await;
    assert!(answer.ends_with("done"), "{answer}");
    server.ends().await;
}

#[tokio::test]
async fn a_drain_ends_in_time() {
    let begun = Arc::new(Notify::new());
    let begun_out = Arc::clone(&begun);
    let stuck = async move || {
        begun_out.notify_one();
        std::future::pending::<()>().await;
    };
    let limits = ServerLimits {
        drain: SHORT,
        ..limits()
    };
    let server = start(Router::new().route("/", get(stuck)), limits).await;
    let mut stream = server.connect().await;
    send(&mut stream, "/").await;
    timeout(PATIENCE, begun.notified()).await.unwrap();
    server.shutdown.cancel();
    assert_eq!(rest(&mut stream).await, "");
    server.ends().await;
}

async fn start_grpc() -> Server {
    let (_, health) = tonic_health::server::health_reporter();
    let random = Arc::new(chassis::random::Seeded::new(1));
    let router = Routes::new(health)
        .prepare()
        .into_axum_router()
        .layer(layers(random));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve_grpc(listener, router, limits(), shutdown.clone()));
    Server {
        address,
        shutdown,
        serving,
    }
}

#[tokio::test]
async fn grpc_calls_are_answered_with_a_request_id() {
    let server = start_grpc().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let call = |service: &str| HealthCheckRequest {
        service: service.into(),
    };
    let answer = client.check(call("")).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap().len(), 32);
    let status = client.check(call("nobody")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    assert!(status.metadata().contains_key("x-request-id"));
    server.shutdown.cancel();
    server.ends().await;
}

#[tokio::test]
async fn the_grpc_listener_does_not_speak_http_1() {
    let server = start_grpc().await;
    let mut stream = server.connect().await;
    send(&mut stream, "/").await;
    let answer = rest(&mut stream).await;
    assert!(!answer.contains("HTTP/1.1 2"), "{answer}");
}
