//! From PEM to certificates and keys.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};

use super::error::Error;
use super::fresh::Pem;

/// The ciphers that we use, on both sides.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A certificate with its key, which must belong together.
pub(super) fn certified(cert: &Pem, key: &Pem) -> Result<CertifiedKey, Error> {
    let chain = certificates(cert)?;
    let der = PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|_| Error::NoKey {
        file: key.file.clone(),
    })?;
    let signing = provider()
        .key_provider
        .load_private_key(der)
        .map_err(|error| Error::Key {
            file: key.file.clone(),
            reason: error.to_string(),
        })?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        // A key that does not tell its public part can't be compared.
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(TlsError::InconsistentKeys(_)) => Err(Error::Mismatch {
            key: key.file.clone(),
            cert: cert.file.clone(),
        }),
        Err(error) => Err(unusable(cert, &error)),
    }
}

/// Certificates that others' are checked against.
pub(super) fn roots(pem: &Pem) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| unusable(pem, &error))?;
    }
    Ok(roots)
}

/// Those that the system trusts. Single ones that can't be read are passed over.
pub(super) fn roots_of_the_system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a trusted certificate of the system can't be read");
    }
    match roots.add_parsable_certificates(found.certs) {
        (0, _) => Err(Error::NoSystemRoots),
        _ => Ok(roots),
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.bytes).collect();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        Ok(_) => Err(Error::NoCertificate {
            file: pem.file.clone(),
        }),
        Err(error) => Err(Error::Certificate {
            file: pem.file.clone(),
            reason: error.to_string(),
        }),
    }
}

pub(super) fn unusable(pem: &Pem, error: &dyn std::error::Error) -> Error {
    Error::Certificate {
        file: pem.file.clone(),
        reason: error.to_string(),
    }
}
