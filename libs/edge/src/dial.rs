//! Connections that we make to one service: to its address and to no other, in time, encrypted where the address says
//! so.
//!
//! [`Dial`] connects the clients of hyper and of tonic. They give it the address of each request, and it does not
//! look at it: where a request ends is decided by the configuration alone.

mod origin;
mod stream;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

pub use self::origin::{NotAnOrigin, Origin};
pub use self::stream::Stream;
use crate::tls::{Client, Error, Trust};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, as gRPC needs it.
    Http2,
}

/// Makes connections to one address. Clones share their settings.
#[derive(Clone)]
pub struct Dial {
    origin: Arc<Origin>,
    tls: Option<Arc<Client>>,
    within: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It took too long.
    #[error("no connection to {origin} within {within:?}")]
    Late {
        /// Where to.
        origin: Origin,
        /// How long it might take.
        within: Duration,
    },
    /// There is nobody.
    #[error("no connection to {origin}")]
    Refused {
        /// Where to.
        origin: Origin,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The greeting of TLS failed.
    #[error("no encrypted connection to {origin}")]
    Handshake {
        /// Where to.
        origin: Origin,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Dial {
    /// Reads what TLS needs, if it is needed; connects to nothing yet. A connection is there `within` that time, or
    /// it is an error.
    pub fn new(origin: Origin, protocol: Protocol, trust: &Trust, within: Duration) -> Result<Self, Error> {
        let tls = origin
            .is_https()
            .then(|| Client::open(trust, protocol == Protocol::Http2))
            .transpose()?;
        Ok(Self {
            origin: Arc::new(origin),
            tls: tls.map(Arc::new),
            within,
        })
    }

    async fn connect(self) -> Result<Stream, DialError> {
        let (origin, within) = (Arc::clone(&self.origin), self.within);
        timeout(within, self.try_to()).await.unwrap_or_else(|_| {
            Err(DialError::Late {
                origin: (*origin).clone(),
                within,
            })
        })
    }

    async fn try_to(self) -> Result<Stream, DialError> {
        let origin = &*self.origin;
        let refused = |source| DialError::Refused {
            origin: origin.clone(),
            source,
        };
        let stream = TcpStream::connect((origin.host(), origin.port()))
            .await
            .map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(TokioIo::new(stream)));
        };
        let greeted = async {
            let name = ServerName::try_from(origin.host().to_owned()).map_err(io::Error::other)?;
            tls.connector().await.connect(name, stream).await
        };
        let stream = greeted.await.map_err(|source| DialError::Handshake {
            origin: origin.clone(),
            source,
        })?;
        Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial")
            .field("origin", &self.origin)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

impl Service<Uri> for Dial {
    type Response = Stream;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

#[cfg(test)]
mod tests;
