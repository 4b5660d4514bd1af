//! Certificates for engines that speak TLS: an authority of the test's own, and what it has signed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A certificate and its key, both as PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS#8).
    pub key: String,
}

/// An authority, and the two identities that it vouches for.
#[derive(Clone)]
pub struct Certificates {
    /// The certificate of the authority, as PEM.
    pub authority: String,
    /// For the engine: it is valid for `127.0.0.1` and `localhost`.
    pub server: Identity,
    /// For a client, where the engine asks for one.
    pub client: Identity,
}

/// Where [`Certificates::write`] has put them.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate of the authority.
    pub authority: PathBuf,
    /// The engine's certificate.
    pub certificate: PathBuf,
    /// The engine's key.
    pub key: PathBuf,
    /// The engine's key, then its certificate: a key store in PEM.
    pub key_store: PathBuf,
    /// The client's certificate.
    pub client_certificate: PathBuf,
    /// The client's key.
    pub client_key: PathBuf,
}

impl Certificates {
    /// Makes an authority and has it sign; nothing is reused.
    pub fn make() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().expect("a key can be made");
        let authority = params
            .self_signed(&key)
            .expect("the parameters are complete")
            .pem();
        let issuer = Issuer::new(params, key);
        Self {
            authority,
            server: identity(&["127.0.0.1", "localhost"], "engine", &issuer),
            client: identity(&[], "client", &issuer),
        }
    }

    /// Writes each into a file of its own in `dir`.
    pub fn write(&self, dir: &Path) -> io::Result<Files> {
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).map(|()| path)
        };
        let key_store = format!("{}{}", self.server.key, self.server.certificate);
        Ok(Files {
            authority: write("authority.pem", &self.authority)?,
            certificate: write("server.pem", &self.server.certificate)?,
            key: write("server.key", &self.server.key)?,
            key_store: write("server.store.pem", &key_store)?,
            client_certificate: write("client.pem", &self.client.certificate)?,
            client_key: write("client.key", &self.client.key)?,
        })
    }
}

fn identity(hosts: &[&str], name: &str, issuer: &Issuer<'_, KeyPair>) -> Identity {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("the names are valid");
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, issuer).expect("the authority can sign");
    Identity {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::sync::Arc;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::*;

    impl Certificates {
        /// Connects as a client that trusts the authority alone.
        pub(crate) fn connect(&self, address: &str) -> StreamOwned<ClientConnection, TcpStream> {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap())
                .unwrap();
            let config = ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = "127.0.0.1".try_into().unwrap();
            let connection = ClientConnection::new(Arc::new(config), name).unwrap();
            StreamOwned::new(connection, TcpStream::connect(address).unwrap())
        }
    }
}
