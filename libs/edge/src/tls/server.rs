//! The side of a listener.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::error::Error;
use super::fresh::{Files, Fresh, Paths};
use super::identity;

/// What a listener says that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/2 and HTTP/1.1.
    Http,
    /// HTTP/2 alone.
    Grpc,
}

impl Speaks {
    /// For logs and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

/// Encryption of listeners; see [`TlsConfig`](super::TlsConfig).
pub struct Tls(Fresh<Acceptors>);

#[derive(Clone)]
struct Acceptors {
    http: TlsAcceptor,
    grpc: TlsAcceptor,
}

impl Tls {
    pub(super) fn open(paths: Paths) -> Result<Self, Error> {
        Fresh::open(paths, Acceptors::new).map(Self)
    }

    /// Looks at the files each time.
    #[cfg(test)]
    pub(super) fn looking_always(paths: Paths) -> Result<Self, Error> {
        Fresh::looking_every(std::time::Duration::ZERO, paths, Acceptors::new).map(Self)
    }

    /// Greets a peer. It takes as long as the peer likes.
    pub(crate) async fn accept(&self, stream: TcpStream, speaks: Speaks) -> io::Result<TlsStream<TcpStream>> {
        let Acceptors { http, grpc } = self.0.get().await;
        let acceptor = match speaks {
            Speaks::Http => http,
            Speaks::Grpc => grpc,
        };
        acceptor.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Acceptors {
    fn new(files: &Files) -> Result<Self, Error> {
        let acceptor = |speaks| Ok::<_, Error>(TlsAcceptor::from(Arc::new(config(files, speaks)?)));
        Ok(Self {
            http: acceptor(Speaks::Http)?,
            grpc: acceptor(Speaks::Grpc)?,
        })
    }
}

fn config(files: &Files, speaks: Speaks) -> Result<ServerConfig, Error> {
    let provider = identity::provider();
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &files.ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(identity::roots(ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| identity::unusable(ca, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
        return Err(rustls::Error::NoCertificatesPresented.into());
    };
    let certified = identity::certified(cert, key)?;
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = match speaks {
        Speaks::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Speaks::Grpc => vec![b"h2".to_vec()],
    };
    Ok(config)
}
