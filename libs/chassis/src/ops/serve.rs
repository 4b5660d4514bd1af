//! The loop that accepts and answers connections, bounded so that nobody can hold the ops port for long.

use super::readiness::Readiness;
use super::routes;
use crate::telemetry::Metrics;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const MAX_CONNECTIONS: usize = 64;
/// A connection answers one request within this time or is closed.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// When accepting fails the cause (no free descriptors) does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers `/live`, `/ready` and `/metrics` on `listener`.
///
/// It does not end by itself, so that probes are answered through the drain: run it with
/// [`Tasks::attend`](crate::lifecycle::Tasks::attend). Dropping the future closes every connection.
pub async fn serve(listener: TcpListener, readiness: Readiness, metrics: Metrics) -> io::Result<()> {
    let router = routes::router(readiness, metrics);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let stream = accept(&listener).await;
        let router = router.clone();
        connections.spawn(async move {
            answer(stream, router).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "ops connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "ops connection broke"),
        Err(_) => tracing::debug!("ops connection took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Shutdown;
    use crate::telemetry;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_, metrics) = telemetry::build_metrics().unwrap();
        tokio::spawn(serve(listener, Readiness::new(&Shutdown::new()), metrics));
        address
    }

    #[tokio::test]
    async fn a_request_over_a_socket_is_answered_and_the_connection_closed() {
        let mut stream = TcpStream::connect(start().await).await.unwrap();
        stream
            .write_all(b"GET /live HTTP/1.1\r\nhost: ops\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn a_silent_connection_is_closed() {
        let mut stream = TcpStream::connect(start().await).await.unwrap();
        tokio::time::pause();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
}
