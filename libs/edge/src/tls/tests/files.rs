//! An authority, what it has signed, and all of it in files; and what is said of files that are wrong.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::super::*;

/// A directory of certificates by one authority.
pub(super) struct House {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl House {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let house = Self {
            dir: TempDir::new().unwrap(),
            issuer: Issuer::new(params, key),
        };
        house.write("ca.pem", &authority);
        house.sign("server");
        house.sign("client");
        house
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    /// Makes a new certificate and key of this name.
    pub(super) fn sign(&self, name: &str) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    pub(super) fn config(&self) -> TlsConfig {
        TlsConfig {
            cert: Some(self.file("server.pem")),
            key: Some(self.file("server.key")),
            client_ca: None,
        }
    }

    pub(super) fn tls(&self) -> Arc<Tls> {
        self.config().open().unwrap().unwrap()
    }

    pub(super) fn tls_for_known_clients(&self) -> Arc<Tls> {
        let config = TlsConfig {
            client_ca: Some(self.file("ca.pem")),
            ..self.config()
        };
        config.open().unwrap().unwrap()
    }

    pub(super) fn roots(&self) -> rustls::RootCertStore {
        use rustls::pki_types::pem::PemObject;

        let ca = rustls::pki_types::CertificateDer::from_pem_file(self.file("ca.pem")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca).unwrap();
        roots
    }

    pub(super) fn trust(&self) -> Trust {
        Trust {
            ca: Some(self.file("ca.pem")),
            identity: None,
        }
    }

    pub(super) fn trust_as_client(&self) -> Trust {
        Trust {
            identity: Some((self.file("client.pem"), self.file("client.key"))),
            ..self.trust()
        }
    }
}

/// What is said of a configuration that can't be used, with `DIR` for the directory.
fn refused(house: &House, config: &TlsConfig) -> String {
    let error = config.open().unwrap_err().to_string();
    error.replace(house.dir.path().to_str().unwrap(), "DIR")
}

#[test]
fn a_fault_names_the_file_and_what_is_wrong_with_it() {
    let house = House::new();
    let with = |cert: &str, key: &str| TlsConfig {
        cert: Some(house.file(cert)),
        key: Some(house.file(key)),
        client_ca: None,
    };
    house.write("empty.pem", "");
    house.write(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    );
    house.write(
        "no.der.pem",
        "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
    );
    house.write(
        "no.der.key",
        "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n",
    );
    house.write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    house.write("huge.pem", &" ".repeat(1 << 21));
    for (config, expected) in [
        (
            with("none.pem", "server.key"),
            "DIR/none.pem can't be read: No such file",
        ),
        (
            with("server.pem", "none.key"),
            "DIR/none.key can't be read: No such file",
        ),
        (with("huge.pem", "server.key"), "DIR/huge.pem has 2097152 bytes"),
        (
            with("empty.pem", "server.key"),
            "DIR/empty.pem has no certificate",
        ),
        (
            with("broken.pem", "server.key"),
            "DIR/broken.pem has a certificate that can't be used: ",
        ),
        (
            with("no.der.pem", "server.key"),
            "DIR/no.der.pem has a certificate that can't be used: ",
        ),
        (
            with("server.pem", "empty.pem"),
            "DIR/empty.pem has no private key",
        ),
        (
            with("server.pem", "locked.key"),
            "DIR/locked.key has no private key",
        ),
        (
            with("server.pem", "no.der.key"),
            "DIR/no.der.key has a private key that can't be used: ",
        ),
        (
            with("server.pem", "client.key"),
            "DIR/client.key is not the key of the certificate in DIR/server.pem",
        ),
    ] {
        let refused = refused(&house, &config);
        assert!(refused.starts_with(expected), "{refused}\n{expected}");
    }
    let callers = TlsConfig {
        client_ca: Some(house.file("no.der.pem")),
        ..house.config()
    };
    assert!(refused(&house, &callers).starts_with("DIR/no.der.pem has a certificate that can't be used"));
}

#[test]
fn a_key_is_never_shown() {
    let house = House::new();
    let key = fs::read_to_string(house.file("server.key")).unwrap();
    let shown = format!("{:?}", house.tls());
    assert!(!key.lines().any(|line| shown.contains(line)), "{shown}");
}
