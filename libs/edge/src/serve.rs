//! Listeners. Every connection is bounded: in number, in the size of what it may send before it is understood, and in
//! the time that a peer may neither speak nor read.
//!
//! - Connections above [`ServerLimits::max_connections`] wait in the backlog of the system.
//! - Where a [`Listener`] has TLS, a peer is greeted in the task of its connection, within
//!   [`ServerLimits::header_read`]; one that speaks in the clear is dropped.
//! - A peer that sends no request, or does not take its answer, is dropped.
//! - At shutdown no connection is accepted any more; those that are open finish what they have begun, until
//!   [`ServerLimits::drain`] is over.
//!
//! It does not bound bodies: see [`body`](crate::body).

mod config;
mod listener;
mod stall;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

pub use self::config::Server;
pub use self::listener::Listener;
use self::stall::StallGuard;
use crate::metric_definitions as definitions;
use crate::tls::{Speaks, Tls};

/// When accepting fails, the cause (no free descriptors) does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The least that hyper takes for the buffer of an HTTP/1 connection.
const MIN_BUFFER_BYTES: usize = 8 * 1024;

/// What the connections of one listener may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at a time.
    pub max_connections: usize,
    /// Bytes of the head of a request.
    pub max_header_bytes: u32,
    /// How long the greeting of TLS and the head of a request may take, each, and a connection without a request may
    /// stay.
    pub header_read: Duration,
    /// How long a peer may take nothing of what is ready for it.
    pub write_stall: Duration,
    /// HTTP/2 requests at a time on one connection.
    pub max_concurrent_streams: u32,
    /// Bytes that one HTTP/2 request may send ahead of being read.
    pub stream_window_bytes: u32,
    /// Bytes that all requests of an HTTP/2 connection may send ahead of being read.
    pub connection_window_bytes: u32,
    /// How often an HTTP/2 peer is asked whether it is there.
    pub ping_interval: Duration,
    /// How long it may take to say so.
    pub ping_timeout: Duration,
    /// How long open requests may go on at shutdown.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_header_bytes: 32 * 1024,
            header_read: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            max_concurrent_streams: 256,
            stream_window_bytes: 512 * 1024,
            connection_window_bytes: 1024 * 1024,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves HTTP/1.1 and HTTP/2 until `shutdown`, then drains.
pub async fn serve_http(
    listener: impl Into<Listener>,
    router: Router,
    limits: ServerLimits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let builder = builder(limits);
    serve(Speaks::Http, listener.into(), router, builder, limits, shutdown).await
}

/// Serves gRPC, over HTTP/2 only, until `shutdown`, then drains. The router is that of
/// [`Routes`](tonic::service::Routes), or such with layers.
pub async fn serve_grpc(
    listener: impl Into<Listener>,
    router: Router,
    limits: ServerLimits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let builder = builder(limits).http2_only();
    serve(Speaks::Grpc, listener.into(), router, builder, limits, shutdown).await
}

type Builder = auto::Builder<TokioExecutor>;

fn builder(limits: ServerLimits) -> Builder {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let buffer_bytes = usize::try_from(limits.max_header_bytes).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(buffer_bytes.max(MIN_BUFFER_BYTES));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.max_header_bytes)
        .max_concurrent_streams(limits.max_concurrent_streams)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_timeout);
    builder
}

async fn serve(
    speaks: Speaks,
    listener: Listener,
    router: Router,
    builder: Builder,
    limits: ServerLimits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let Listener { socket, tls } = listener;
    let name = speaks.name();
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let mut connections = JoinSet::new();
    while let Some(accepted) = shutdown.run_until_cancelled(accept(&socket, &slots)).await {
        let (stream, slot) = accepted?;
        let connection = Connection {
            speaks,
            tls: tls.clone(),
            router: router.clone(),
            builder: builder.clone(),
            limits,
            shutdown: shutdown.clone(),
        };
        connections.spawn(async move {
            connection.run(stream).await;
            drop(slot);
        });
        while let Some(ended) = connections.try_join_next() {
            report(name, ended);
        }
    }
    drop(socket);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            report(name, ended);
        }
    };
    if timeout(limits.drain, drained).await.is_err() {
        let open = connections.len();
        tracing::warn!(
            listener = name,
            open,
            "connections are cut off at the end of the drain"
        );
        connections.shutdown().await;
    }
    Ok(())
}

fn report(name: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(listener = name, %error, "connection panicked");
    }
}

/// A connection, once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, slot)),
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connection {
    speaks: Speaks,
    tls: Option<Arc<Tls>>,
    router: Router,
    builder: Builder,
    limits: ServerLimits,
    shutdown: CancellationToken,
}

impl Connection {
    async fn run(mut self, stream: TcpStream) {
        let name = self.speaks.name();
        let _open = Open::new(name);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(listener = name, %error, "connection is gone");
            return;
        }
        match self.tls.take() {
            None => self.serve(stream).await,
            Some(tls) => {
                if let Some(stream) = self.greet(&tls, stream).await {
                    self.serve(stream).await;
                }
            }
        }
    }

    /// The connection behind TLS, if the peer gets there in time.
    async fn greet(&self, tls: &Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let name = self.speaks.name();
        let greeted = timeout(self.limits.header_read, tls.accept(stream, self.speaks));
        let (cause, error) = match self.shutdown.run_until_cancelled(greeted).await? {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => ("refused", error.to_string()),
            Err(elapsed) => ("silent", elapsed.to_string()),
        };
        metrics::counter!(definitions::FAILED_HANDSHAKES, "listener" => name, "cause" => cause).increment(1);
        tracing::debug!(listener = name, error, "handshake failed");
        None
    }

    async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let name = self.speaks.name();
        let io = StallGuard::new(stream, name, self.limits);
        let service = TowerToHyperService::new(self.router);
        let connection = self.builder.serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        let served = self.shutdown.run_until_cancelled(connection.as_mut()).await;
        let result = if let Some(result) = served {
            result
        } else {
            connection.as_mut().graceful_shutdown();
            connection.await
        };
        if let Err(error) = result {
            tracing::debug!(listener = name, error, "connection broke");
        }
    }
}

/// Counts an open connection.
struct Open(&'static str);

impl Open {
    fn new(name: &'static str) -> Self {
        metrics::gauge!(definitions::CONNECTIONS, "listener" => name).increment(1);
        Self(name)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(definitions::CONNECTIONS, "listener" => self.0).decrement(1);
    }
}

#[cfg(test)]
mod tests;
