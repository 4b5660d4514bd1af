//! The side of a connection that we make.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::sign::SingleCertAndKey;
use tokio_rustls::TlsConnector;

use super::error::Error;
use super::fresh::{Files, Fresh, Paths};
use super::identity;

/// Whom a connection that we make trusts, and as whom it is made.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Certificates in PEM that the other side's is checked against, instead of those of the system.
    pub ca: Option<PathBuf>,
    /// Our certificate in PEM with its key, where the other side wants one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Encryption of connections that we make.
pub(crate) struct Client(Fresh<TlsConnector>);

impl Client {
    /// Reads the files, or what the system trusts. `is_http2` says which protocol the connections speak.
    pub(crate) fn open(trust: &Trust, is_http2: bool) -> Result<Self, Error> {
        let (cert, key) = trust.identity.clone().unzip();
        let ca = trust.ca.clone();
        let make = if is_http2 { http2 } else { http1 };
        Fresh::open(Paths { cert, key, ca }, make).map(Self)
    }

    pub(crate) async fn connector(&self) -> TlsConnector {
        self.0.get().await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn http1(files: &Files) -> Result<TlsConnector, Error> {
    connector(files, b"http/1.1")
}

fn http2(files: &Files) -> Result<TlsConnector, Error> {
    connector(files, b"h2")
}

fn connector(files: &Files, protocol: &[u8]) -> Result<TlsConnector, Error> {
    let roots = match &files.ca {
        Some(ca) => identity::roots(ca)?,
        None => identity::roots_of_the_system()?,
    };
    let builder = ClientConfig::builder_with_provider(identity::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => {
            let certified = identity::certified(cert, key)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
