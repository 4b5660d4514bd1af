//! What is wrong with the files of TLS, told so that an operator can act on it.

use std::io;
use std::path::PathBuf;

/// Why TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read.
    #[error("{} can't be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{} has {bytes} bytes, which no file of certificates or keys has", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A file has no certificate.
    #[error("{} has no certificate in PEM", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A certificate can't be used.
    #[error("{} has a certificate that can't be used: {reason}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file has no key.
    #[error("{} has no private key in PEM, or has it encrypted with a password", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// A key can't be used.
    #[error("{} has a private key that can't be used: {reason}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key is not that of its certificate.
    #[error("{} is not the key of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The key.
        key: PathBuf,
        /// The certificate.
        cert: PathBuf,
    },
    /// The system trusts nobody.
    #[error("the system has no trusted certificates; name a file of them")]
    NoSystemRoots,
    /// What is asked of the library is not in it.
    #[error("TLS can't be set up")]
    Setup(#[from] rustls::Error),
}
