//! Talking to a system whose certificate is signed by an authority of its own.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use edge::{Listener, ServerLimits, Tls, TlsConfig};
use proto::v1::IngestStreamRequest;
use proto::v1::ingestion_server::IngestionServer;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::*;
use crate::cli::{ClientKey, Format};
use crate::client::grpc::Grpc;
use crate::client::http::Http;
use crate::send::fake::Server;

/// A certificate for this machine, and one that vouches for something else.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn make() -> Self {
        let dir = TempDir::new().unwrap();
        for name in ["own", "other"] {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            fs::write(dir.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
            fs::write(
                dir.path().join(format!("{name}.key")),
                made.signing_key.serialize_pem(),
            )
            .unwrap();
        }
        Self { dir }
    }

    fn tls(&self) -> Arc<Tls> {
        let config = TlsConfig {
            cert: Some(self.dir.path().join("own.pem")),
            key: Some(self.dir.path().join("own.key")),
            client_ca: None,
        };
        config.open().unwrap().unwrap()
    }

    fn connection(&self, address: SocketAddr, trusted: &str) -> Connection {
        let url = format!("https://{address}");
        Connection {
            url: url.clone(),
            grpc: url,
            ca: Some(self.dir.path().join(trusted)),
            key: Some(ClientKey::from("slk_x")),
            output: Format::Json,
        }
    }
}

async fn bind(tls: Option<Arc<Tls>>) -> (Listener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (Listener { socket, tls }, address)
}

/// Tells what it was asked.
async fn echo(request: Request) -> String {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let key = head.headers["authorization"].to_str().unwrap();
    format!(
        "{} {} {key} {}",
        head.method,
        head.uri,
        String::from_utf8_lossy(&body)
    )
}

async fn serve(tls: Option<Arc<Tls>>) -> SocketAddr {
    let (listener, address) = bind(tls).await;
    let router: Router = Router::new().fallback(echo);
    let end = CancellationToken::new();
    tokio::spawn(edge::serve_http(listener, router, ServerLimits::default(), end));
    address
}

#[tokio::test]
async fn requests_go_over_https_to_whom_is_trusted() {
    let certificates = Certificates::make();
    let address = serve(Some(certificates.tls())).await;
    let http = Http::new(&certificates.connection(address, "own.pem")).unwrap();
    let got = http
        .get("/events", &[("q", "a b"), ("limit", "2")])
        .await
        .unwrap();
    assert_eq!(got, "GET /api/v1/events?q=a%20b&limit=2 Bearer slk_x ");
    let posted = http.post("/keys", &json!({"name": "n"})).await.unwrap();
    assert_eq!(posted, r#"POST /api/v1/keys Bearer slk_x {"name":"n"}"#);

    let strict = Http::new(&certificates.connection(address, "other.pem")).unwrap();
    let refused = strict.get("/events", &[]).await.unwrap_err().to_string();
    assert!(
        refused.starts_with(&format!("can't talk to https://{address}: ")),
        "{refused}"
    );
    assert!(refused.contains("--ca"), "{refused}");
}

#[tokio::test]
async fn a_mistaken_address_is_told_with_what_may_help() {
    let certificates = Certificates::make();
    let plain = serve(None).await;
    let http = Http::new(&certificates.connection(plain, "own.pem")).unwrap();
    let refused = http.get("/events", &[]).await.unwrap_err().to_string();
    assert!(refused.ends_with("is https spoken there?"), "{refused}");

    let (listener, nobody) = bind(None).await;
    drop(listener);
    let http = Http::new(&certificates.connection(nobody, "own.pem")).unwrap();
    let refused = http.get("/events", &[]).await.unwrap_err().to_string();
    assert!(refused.ends_with("is this its address?"), "{refused}");

    let none = Http::new(&certificates.connection(nobody, "none.pem"));
    let refused = format!("{:#}", none.err().unwrap());
    assert!(
        refused.contains("--ca") && refused.contains("none.pem can't be read"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_stream_goes_over_tls_to_whom_is_trusted() {
    let certificates = Certificates::make();
    let server = Server::default();
    let services = Routes::new(IngestionServer::new(server.clone()));
    let (listener, address) = bind(Some(certificates.tls())).await;
    let end = CancellationToken::new();
    let router: Router = services.prepare().into_axum_router();
    tokio::spawn(edge::serve_grpc(listener, router, ServerLimits::default(), end));

    let grpc = Grpc::new(&certificates.connection(address, "own.pem")).unwrap();
    assert_eq!(grpc.address(), format!("https://{address}"));
    let mut client = grpc.connect().await.unwrap();
    let batch = IngestStreamRequest {
        number: 7,
        ..IngestStreamRequest::default()
    };
    let answers = client.ingest_stream(tokio_stream::once(batch)).await.unwrap();
    assert_eq!(answers.into_inner().message().await.unwrap().unwrap().number, 7);

    let strict = Grpc::new(&certificates.connection(address, "other.pem")).unwrap();
    let refused = strict.connect().await.unwrap_err().to_string();
    assert!(refused.contains("--ca"), "{refused}");
}
