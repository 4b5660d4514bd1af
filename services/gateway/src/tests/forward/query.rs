//! A query that is not the real one, a gateway's forwarding to it, and a key that both would take.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request};
use chassis::clock::Manual;
use chassis::config::Span;
use chassis::random::Seeded;
use control::View;
use domain::control::{KeyRecord, Record, State, TenantRecord};
use domain::key::{ApiKey, Pepper, Peppers, Scope};
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::dial::Origin;
use edge::{Access, Listener, ServerLimits, Tls};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use super::super::harness::{Answer, NOW_MS, within};
use crate::{Forward, forward};

pub(super) const EVENTS: &str = "/api/v1/ingestion/events";

/// A server of a test, until it is dropped.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    _until: DropGuard,
}

impl Served {
    /// Serves HTTP.
    pub(super) async fn http(router: Router, tls: Option<Arc<Tls>>) -> Self {
        let (listener, served, end) = Self::bind(tls).await;
        tokio::spawn(edge::serve_http(listener, router, ServerLimits::default(), end));
        served
    }

    /// Serves gRPC.
    pub(super) async fn grpc(router: Router, tls: Option<Arc<Tls>>) -> Self {
        let (listener, served, end) = Self::bind(tls).await;
        tokio::spawn(edge::serve_grpc(listener, router, ServerLimits::default(), end));
        served
    }

    async fn bind(tls: Option<Arc<Tls>>) -> (Listener, Self, CancellationToken) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let end = CancellationToken::new();
        let served = Self {
            address: socket.local_addr().unwrap(),
            _until: end.clone().drop_guard(),
        };
        (Listener { socket, tls }, served, end)
    }

    pub(super) fn origin(&self, scheme: &str) -> Origin {
        format!("{scheme}://{}", self.address).parse().unwrap()
    }
}

/// An address where nobody is.
pub(super) async fn nobody() -> Origin {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", socket.local_addr().unwrap())
        .parse()
        .unwrap()
}

/// Forwarding to these, with bounds that a test can wait for.
pub(super) fn config(url: Origin, grpc: Origin) -> Forward {
    Forward {
        url,
        grpc,
        connect: Span::from_secs(5),
        ..Forward::default()
    }
}

fn made() -> ApiKey {
    ApiKey::generate(&[7; ApiKey::RANDOM_BYTES])
}

/// The key of a tenant that may read.
pub(super) fn key() -> String {
    made().reveal().to_owned()
}

pub(super) fn access() -> Access {
    let peppers = Arc::new(Peppers::new(Pepper::new("p", &[7; 32]).unwrap(), Vec::new()));
    let now = Millis::from_ms(NOW_MS);
    let tenant = TenantId::parse("demo").unwrap();
    let mut state = State::default();
    state.apply(Record::Tenant(TenantRecord {
        id: tenant.clone(),
        name: "Demo".into(),
        created_at: now,
        closed_at: None,
        version: 1,
    }));
    let key = made();
    state.apply(Record::Key(KeyRecord {
        id: *key.id(),
        tenant: Some(tenant),
        name: "reads".into(),
        scopes: domain::key::Scopes::from([Scope::Read]),
        created_at: now,
        expires_at: None,
        pepper: peppers.first().id().into(),
        digest: key.digest(peppers.first()),
        replaces: None,
        version: 1,
    }));
    Access::new(View::fixed(state), peppers, Arc::new(Manual::at(NOW_MS)))
}

/// The gateway's side over HTTP, with the layers of its listener.
pub(super) fn reads(config: &Forward) -> Router {
    let reads = forward::http(config, &access()).unwrap();
    reads.layer(edge::layers(Arc::new(Seeded::new(1))))
}

/// The gateway's side over gRPC, served.
pub(super) async fn grpc_reads(config: &Forward) -> Served {
    let calls = forward::grpc(config, &access()).unwrap();
    let router = calls.into_axum_router().reset_fallback();
    Served::grpc(router.layer(edge::layers(Arc::new(Seeded::new(1)))), None).await
}

/// A read with the key.
pub(super) fn read(method: Method, uri: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", format!("Bearer {}", key()))
}

pub(super) async fn send(reads: &Router, request: Request<Body>) -> Answer {
    let response = within(reads.clone().oneshot(request)).await.unwrap();
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: within(body.collect()).await.unwrap().to_bytes(),
    }
}

pub(super) async fn get(reads: &Router, uri: &str) -> Answer {
    send(reads, read(Method::GET, uri).body(Body::empty()).unwrap()).await
}
