//! TLS over real sockets, with an authority of the test's own.

mod files;
mod rotation;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use chassis::config::{Section, Validate};
use http::{Request, Version};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use self::files::House;
use super::*;
use crate::dial::{Dial, Origin, Protocol};
use crate::serve::{Listener, ServerLimits, serve_grpc, serve_http};

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

/// A server behind TLS.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    async fn http(tls: Arc<Tls>, limits: ServerLimits) -> Self {
        let (listener, server) = Self::bind(tls).await;
        let router = Router::new().route("/", get(|| async { "hello" }));
        tokio::spawn(serve_http(listener, router, limits, server.shutdown.clone()));
        server
    }

    async fn grpc(tls: Arc<Tls>) -> Self {
        let (listener, server) = Self::bind(tls).await;
        let (_, health) = tonic_health::server::health_reporter();
        let router = Routes::new(health).prepare().into_axum_router();
        let limits = ServerLimits::default();
        tokio::spawn(serve_grpc(listener, router, limits, server.shutdown.clone()));
        server
    }

    async fn bind(tls: Arc<Tls>) -> (Listener, Self) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            shutdown: CancellationToken::new(),
        };
        let tls = Some(tls);
        (Listener { socket, tls }, server)
    }

    fn origin(&self) -> Origin {
        format!("https://{}", self.address).parse().unwrap()
    }

    fn dial(&self, protocol: Protocol, trust: &Trust) -> Dial {
        Dial::new(self.origin(), protocol, trust, PATIENCE).unwrap()
    }

    /// What a client gets that trusts so.
    async fn get(&self, protocol: Protocol, trust: &Trust) -> Result<(Version, String), String> {
        let mut client = Client::builder(TokioExecutor::new());
        let client = client
            .http2_only(protocol == Protocol::Http2)
            .build(self.dial(protocol, trust));
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.origin().to_string().parse().unwrap();
        let answer = timeout(PATIENCE, client.request(request)).await.unwrap();
        let answer = answer.map_err(|error| chain(&error))?;
        let version = answer.version();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| chain(&error))?;
        Ok((version, String::from_utf8(body.to_bytes().to_vec()).unwrap()))
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// All that comes until the peer closes.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the peer closes");
    bytes
}

#[tokio::test]
async fn http_1_and_http_2_are_served() {
    let house = House::new();
    let server = Server::http(house.tls(), ServerLimits::default()).await;
    for (protocol, version) in [
        (Protocol::Http1, Version::HTTP_11),
        (Protocol::Http2, Version::HTTP_2),
    ] {
        let answer = server.get(protocol, &house.trust()).await;
        assert_eq!(answer, Ok((version, "hello".to_owned())));
    }
}

#[tokio::test]
async fn grpc_is_served_and_no_other_protocol_is_agreed_on() {
    let house = House::new();
    let server = Server::grpc(house.tls()).await;
    let dial = server.dial(Protocol::Http2, &house.trust());
    let endpoint = Endpoint::from_shared(server.origin().to_string()).unwrap();
    let channel = endpoint.connect_with_connector(dial).await.unwrap();
    let mut health = HealthClient::new(channel);
    let answer = health.check(HealthCheckRequest::default());
    timeout(PATIENCE, answer).await.unwrap().unwrap();

    let refused = server.get(Protocol::Http1, &house.trust()).await.unwrap_err();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let house = House::new();
    let server = Server::http(house.tls(), ServerLimits::default()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = rustls::ClientConfig::builder_with_provider(identity::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(house.roots())
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "127.0.0.1".try_into().unwrap();
        let stream = connector.connect(name, server.connect().await).await.unwrap();
        let agreed = stream.get_ref().1.protocol_version();
        assert_eq!(agreed, Some(version.version));
    }
}

#[tokio::test]
async fn plain_text_is_refused() {
    let house = House::new();
    let server = Server::http(house.tls(), ServerLimits::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: edge\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert!(server.get(Protocol::Http1, &house.trust()).await.is_ok());
}

#[tokio::test]
async fn silence_and_garbage_end_in_time_and_hold_up_nobody() {
    let house = House::new();
    let limits = ServerLimits {
        header_read: Duration::from_secs(2),
        ..ServerLimits::default()
    };
    let server = Server::http(house.tls(), limits).await;
    // The begin of a greeting that promises more: a record of 512 bytes.
    let begun = [22, 3, 1, 2, 0, 1];
    let mut bad = Vec::new();
    for begin in [&b""[..], &begun, &[0xff; 1024]] {
        let mut stream = server.connect().await;
        stream.write_all(begin).await.unwrap();
        bad.push(stream);
    }
    let answered = timeout(SHORT * 10, server.get(Protocol::Http1, &house.trust())).await;
    assert!(answered.expect("the others are not waited for").is_ok());
    for mut stream in bad {
        rest(&mut stream).await;
    }
}

#[tokio::test]
async fn a_peer_that_only_greets_is_dropped() {
    let house = House::new();
    let limits = ServerLimits {
        header_read: SHORT,
        ..ServerLimits::default()
    };
    let server = Server::http(house.tls(), limits).await;
    let connector = crate::tls::Client::open(&house.trust(), false).unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let stream = server.connect().await;
    let mut stream = connector.connector().await.connect(name, stream).await.unwrap();
    let mut byte = [0];
    let read = timeout(PATIENCE, stream.read(&mut byte))
        .await
        .expect("the peer closes");
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_certificate_of_the_caller_is_demanded_where_its_authority_is_named() {
    let house = House::new();
    let server = Server::http(house.tls_for_known_clients(), ServerLimits::default()).await;
    let stranger = server.get(Protocol::Http1, &house.trust()).await.unwrap_err();
    assert!(stranger.contains("CertificateRequired"), "{stranger}");
    let other = House::new();
    let forged = Trust {
        identity: other.trust_as_client().identity,
        ..house.trust()
    };
    let forged = server.get(Protocol::Http1, &forged).await.unwrap_err();
    assert!(
        forged.contains("UnknownCA") || forged.contains("DecryptError"),
        "{forged}"
    );
    assert!(
        server
            .get(Protocol::Http1, &house.trust_as_client())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted() {
    let house = House::new();
    let server = Server::http(house.tls(), ServerLimits::default()).await;
    let refused = server
        .get(Protocol::Http1, &House::new().trust())
        .await
        .unwrap_err();
    assert!(
        refused.contains("no encrypted connection to https://127.0.0.1:")
            && refused.contains("invalid peer certificate"),
        "{refused}"
    );
}

#[test]
fn certificate_and_key_come_together() {
    let problems = |cert: bool, key: bool, ca: bool| {
        let file = |there: bool| there.then(|| PathBuf::from("x.pem"));
        let config = TlsConfig {
            cert: file(cert),
            key: file(key),
            client_ca: file(ca),
        };
        let problems = config.validate().err().unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| problem.key)
            .collect::<String>()
    };
    assert_eq!(problems(false, false, false), "");
    assert_eq!(problems(true, true, false), "");
    assert_eq!(problems(true, true, true), "");
    assert_eq!(problems(true, false, false), "key");
    assert_eq!(problems(false, true, true), "cert");
    assert_eq!(problems(false, false, true), "cert");
    assert_eq!(TlsConfig::FIELDS.len(), 3);
    assert!(TlsConfig::default().open().unwrap().is_none());
}
