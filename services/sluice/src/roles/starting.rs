//! What callers are told until a role can serve them: that it is starting, and to try again.
//!
//! Without it they would hang in the backlog of the socket for as long as an engine is away. Who asks for the state of
//! the service is told what it waits for.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use chassis::ops::Readiness;
use chassis::random::Random;
use edge::health::http as health;
use edge::{ApiError, ErrorCode, Listener, ServerLimits};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use super::sockets::Api;

const RETRY_AFTER_MS: u32 = 1_000;
/// Nobody has much to finish here.
const DRAIN: Duration = Duration::from_secs(2);

/// Answers for a role that is starting, until it is dropped.
pub(super) struct Starting {
    _until: DropGuard,
}

impl Starting {
    /// Answers on both sockets from now on. They stay open when this ends: whoever connects then waits for the role.
    pub(super) fn on(api: &Api, readiness: Readiness, random: Arc<dyn Random>) -> io::Result<Self> {
        let end = CancellationToken::new();
        let limits = ServerLimits {
            drain: DRAIN,
            ..ServerLimits::default()
        };
        let layers = edge::layers(random);
        let (http, grpc) = (second(&api.http)?, second(&api.grpc)?);
        let router = Router::new()
            .route(health::PATH, get(async move || health::answer(&readiness)))
            .fallback(async || refusal())
            .layer(layers.clone());
        let services = Router::new().fallback(grpc_refusal).layer(layers);
        tokio::spawn(edge::serve_http(http, router, limits, end.clone()));
        tokio::spawn(edge::serve_grpc(grpc, services, limits, end.clone()));
        Ok(Self {
            _until: end.drop_guard(),
        })
    }
}

/// The same socket once more.
fn second(listener: &Listener) -> io::Result<Listener> {
    let socket = listener.socket.as_fd().try_clone_to_owned()?;
    Ok(Listener {
        socket: TcpListener::from_std(socket.into())?,
        tls: listener.tls.clone(),
    })
}

fn refusal() -> ApiError {
    let detail = "the service is starting; send the request again";
    ApiError::new(ErrorCode::Unavailable, detail).with_retry_after(RETRY_AFTER_MS)
}

async fn grpc_refusal() -> Response {
    Status::from(refusal()).into_http::<Body>()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use chassis::lifecycle::Shutdown;
    use chassis::random;
    use tonic::Code;

    use super::*;
    use crate::roles::config::listen::Public;

    #[tokio::test]
    async fn callers_are_told_to_come_back_and_the_socket_stays() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = Public {
            http: any,
            grpc: any,
            ops: any,
            tls: edge::TlsConfig::default(),
        };
        let api = Api::bind("listen.query", &listen).await.unwrap();
        let readiness = Readiness::new(&Shutdown::new());
        let _kafka = readiness.register("kafka");
        let starting = Starting::on(&api, readiness, Arc::new(random::System)).unwrap();

        let url = format!(
            "http://{}/api/v1/ingestion/events",
            api.http.socket.local_addr().unwrap()
        );
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
        assert!(answer.text().await.unwrap().contains("unavailable"));
        let state = reqwest::get(format!(
            "http://{}{}",
            api.http.socket.local_addr().unwrap(),
            health::PATH
        ));
        let state = state.await.unwrap();
        assert_eq!(state.status(), 503);
        assert!(state.text().await.unwrap().contains("kafka"));
        let grpc = format!("http://{}", api.grpc.socket.local_addr().unwrap());
        let mut client = proto::v1::query_client::QueryClient::connect(grpc).await.unwrap();
        let refused = client.get(proto::v1::GetRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);

        drop(starting);
        let role = Router::new().fallback(async || "role");
        let end = CancellationToken::new();
        tokio::spawn(edge::serve_http(
            api.http,
            role,
            ServerLimits::default(),
            end.clone(),
        ));
        loop {
            // The other acceptor may take one more.
            let answer = reqwest::get(&url).await.unwrap();
            if answer.status() == 200 {
                break;
            }
        }
        end.cancel();
    }
}
