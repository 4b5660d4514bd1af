//! TLS 1.2 and 1.3, for listeners and for connections that we make, by rustls with ring.
//!
//! Files are in PEM. They are read at the start, when a fault in them is an [`Error`] that names file and reason, and
//! again about every minute: a renewed certificate takes effect without a restart, and one that can't be used leaves
//! the one before in use. Connections that are open stay as they are.

mod client;
mod error;
mod fresh;
mod identity;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

use chassis::config::{Problem, Validate};

pub(crate) use client::Client;
pub use client::Trust;
pub use error::Error;
pub(crate) use server::Speaks;
pub use server::Tls;

use self::fresh::Paths;

chassis::section! {
    /// Encryption of a listener. Without it everything is received in the clear.
    pub struct TlsConfig {
        /// Our certificate in PEM, followed by those between it and its root.
        cert: Option<PathBuf> = None,
        /// The key of `cert` in PEM.
        key: Option<PathBuf> = None,
        /// Certificates in PEM: every caller must then have a certificate that is signed below one of them.
        client_ca: Option<PathBuf> = None,
    }
}

impl TlsConfig {
    /// Reads the files; `None` where no certificate is configured.
    pub fn open(&self) -> Result<Option<Arc<Tls>>, Error> {
        if self.cert.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Tls::open(self.paths())?)))
    }

    fn paths(&self) -> Paths {
        Paths {
            cert: self.cert.clone(),
            key: self.key.clone(),
            ca: self.client_ca.clone(),
        }
    }
}

impl Validate for TlsConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let problem = match (&self.cert, &self.key, &self.client_ca) {
            (Some(_), None, _) => Problem::new("key", "must be given with `cert`"),
            (None, Some(_), _) => Problem::new("cert", "must be given with `key`"),
            (None, None, Some(_)) => Problem::new("cert", "must be given with `client_ca`, and `key` too"),
            _ => return Ok(()),
        };
        Err(vec![problem])
    }
}

#[cfg(test)]
pub(crate) mod tests;
