//! What is in the way of a connection is told apart. A small server stands in for the clusters that nobody has
//! at hand: one that checks passwords, one behind TLS, one that never answers.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engines::certificates::Certificates;
use engines::{Cassandra, CassandraOptions};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslVerifyMode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use store::Class;
use store::conformance::fixtures::NOW;
use store::cql::{Config, Cql, Credentials, OpenError, Options, Replication, Tls, migrate};

fn config(port: u16) -> Config {
    let mut config = Config::new(vec![format!("127.0.0.1:{port}")], "any");
    config.connect_timeout = Duration::from_secs(2);
    config.request_timeout = Duration::from_secs(2);
    config
}

async fn refusal(config: Config) -> OpenError {
    Cql::connect(config, Arc::new(|| NOW))
        .await
        .expect_err("it is refused")
}

/// Serves every connection; gives its port.
fn serve(serve_one: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let serve_one = Arc::new(serve_one);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve_one = serve_one.clone();
            thread::spawn(move || serve_one(stream));
        }
    });
    port
}

/// Asks for a password and refuses every one.
fn refuse_passwords(stream: &mut (impl Read + Write)) {
    const OPTIONS: u8 = 0x05;
    const STARTUP: u8 = 0x01;
    const AUTH_RESPONSE: u8 = 0x0f;
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut body = vec![0; length as usize];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let (opcode, answer) = match head[4] {
            OPTIONS => (0x06, vec![0, 0]),
            STARTUP => (0x03, text("org.apache.cassandra.auth.PasswordAuthenticator")),
            AUTH_RESPONSE => (
                0x00,
                [&0x0100_u32.to_be_bytes()[..], &text("bad credentials")].concat(),
            ),
            other => panic!("request {other} is not expected"),
        };
        let length = u32::try_from(answer.len()).expect("it is short").to_be_bytes();
        let frame = [&[0x84, 0, head[2], head[3], opcode][..], &length, &answer].concat();
        if stream.write_all(&frame).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("it is short").to_be_bytes();
    [&length[..], text.as_bytes()].concat()
}

/// Certificates in a directory.
struct Authority {
    dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Else it has the name of those that it signs, which then seem to have signed themselves.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("a file");
        Self { dir, issuer }
    }

    fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for an address, and its key.
    fn issue(&self, name: &str, address: Ipv4Addr) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(address)));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let [certificate_file, key_file] =
            ["crt", "key"].map(|end| self.dir.path().join(format!("{name}.{end}")));
        std::fs::write(&certificate_file, certificate.pem()).expect("a file");
        std::fs::write(&key_file, key.serialize_pem()).expect("a file");
        (certificate_file, key_file)
    }
}

/// The server behind TLS; with `clients` it takes only those with a certificate of that authority.
fn serve_tls((certificate, key): &(PathBuf, PathBuf), clients: Option<&Path>) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("it is usable");
    acceptor
        .set_certificate_chain_file(certificate)
        .expect("it is usable");
    acceptor
        .set_private_key_file(key, SslFiletype::PEM)
        .expect("it is usable");
    if let Some(ca_file) = clients {
        acceptor.set_ca_file(ca_file).expect("it is usable");
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let acceptor = acceptor.build();
    serve(move |stream| {
        if let Ok(mut stream) = acceptor.accept(stream) {
            refuse_passwords(&mut stream);
        }
    })
}

fn with_tls(port: u16, ca_file: PathBuf, identity: Option<(PathBuf, PathBuf)>) -> Config {
    let mut config = config(port);
    config.tls = Some(Tls {
        ca_file: Some(ca_file),
        identity,
    });
    config
}

#[tokio::test]
async fn a_node_that_is_away_is_named_with_its_reason() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let refused = refusal(config(port)).await;
    assert_eq!(refused.class(), Class::Transient);
    let expected = format!("no node of the store can be reached: 127.0.0.1:{port}: Connection refused");
    assert!(refused.to_string().starts_with(&expected), "{refused}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_named() {
    let mut config = config(9042);
    config.nodes = vec!["no-such-host.invalid:9042".to_owned()];
    let refused = refusal(config).await;
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
    assert!(
        refused.to_string().contains("no-such-host.invalid:9042: "),
        "{refused}"
    );
}

#[tokio::test]
async fn a_node_that_never_answers_is_given_up() {
    let port = serve(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let refused = refusal(config(port)).await;
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
    assert!(
        refused.to_string().contains("it can be connected to"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_apart() {
    let mut config = config(serve(|mut stream| refuse_passwords(&mut stream)));
    let refused = refusal(config.clone()).await;
    assert!(
        matches!(refused, OpenError::Refused { .. }),
        "none given: {refused}"
    );
    config.credentials = Some(Credentials {
        username: "sluice".to_owned(),
        password: "hunter2".to_owned(),
    });
    let refused = refusal(config).await;
    assert!(matches!(refused, OpenError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("bad credentials"), "{refused}");
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    assert_eq!(refused.class(), Class::Fatal);
}

#[tokio::test]
async fn a_trusted_certificate_of_the_address_is_taken() {
    let authority = Authority::new();
    let port = serve_tls(&authority.issue("node", Ipv4Addr::LOCALHOST), None);
    let refused = refusal(with_tls(port, authority.ca_file(), None)).await;
    // It came as far as the question for a password.
    assert!(matches!(refused, OpenError::Refused { .. }), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_another_address_is_not_taken() {
    let authority = Authority::new();
    let port = serve_tls(&authority.issue("node", Ipv4Addr::new(192, 0, 2, 1)), None);
    let refused = refusal(with_tls(port, authority.ca_file(), None)).await;
    assert!(matches!(refused, OpenError::Tls { .. }), "{refused}");
    assert_eq!(refused.class(), Class::Fatal);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_taken() {
    let [authority, other] = [Authority::new(), Authority::new()];
    let port = serve_tls(&authority.issue("node", Ipv4Addr::LOCALHOST), None);
    let refused = refusal(with_tls(port, other.ca_file(), None)).await;
    assert!(matches!(refused, OpenError::Tls { .. }), "{refused}");
}

#[tokio::test]
async fn our_own_certificate_is_shown_where_one_is_asked_for() {
    let authority = Authority::new();
    let node = authority.issue("node", Ipv4Addr::LOCALHOST);
    let ours = authority.issue("ours", Ipv4Addr::LOCALHOST);
    let port = serve_tls(&node, Some(&authority.ca_file()));
    let without = refusal(with_tls(port, authority.ca_file(), None)).await;
    assert!(!matches!(without, OpenError::Refused { .. }), "{without}");
    let with = refusal(with_tls(port, authority.ca_file(), Some(ours))).await;
    assert!(matches!(with, OpenError::Refused { .. }), "{with}");
}

#[tokio::test]
async fn a_file_that_is_missing_is_a_fault_of_tls() {
    let refused = refusal(with_tls(1, PathBuf::from("/nowhere/ca.pem"), None)).await;
    assert!(matches!(refused, OpenError::Tls { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cassandra_lets_in_who_has_the_password_and_a_certificate() {
    let certificates = Certificates::make();
    let dir = tempfile::tempdir().unwrap();
    let files = certificates.write(dir.path()).unwrap();
    let engine = Cassandra::start_with(&CassandraOptions {
        passwords: true,
        certificates: Some(certificates),
        mutual: true,
        ..CassandraOptions::default()
    });
    let mut config = Config::new(vec![engine.address()], "guarded");
    config.tls = Some(Tls {
        ca_file: Some(files.authority),
        identity: Some((files.client_certificate, files.client_key)),
    });
    let credentials = |password: &str| {
        Some(Credentials {
            username: "cassandra".to_owned(),
            password: password.to_owned(),
        })
    };
    config.credentials = credentials("hunter2");
    let refused = refusal(config.clone()).await;
    assert!(matches!(refused, OpenError::Refused { .. }), "{refused}");
    config.credentials = credentials("cassandra");
    migrate(&config, &Options::new(Replication::Simple(1)))
        .await
        .unwrap();
    let store = Cql::connect(config, Arc::new(|| NOW)).await.unwrap();
    store.ping().await.unwrap();
}
