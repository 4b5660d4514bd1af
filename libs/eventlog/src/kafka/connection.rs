//! What every client of the brokers has in common: how it connects, what it says, and the names that brokers know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};

use super::config::{Config, Sasl, SaslMechanism, Tls};

/// The first wait before a lost broker is tried again.
const RECONNECT_WAIT_MS: &str = "100";
/// The longest wait before a lost broker is tried again.
const MAX_RECONNECT_WAIT_MS: &str = "1000";
/// A connection that is not made after so long is given up and tried again.
const MAX_CONNECT_WAIT_MS: &str = "5000";
/// How long the cause of a failure explains what fails after it: the client tells the same one again only after 30 s.
const CAUSE_AGE: Duration = Duration::from_mins(1);

/// The settings that every client starts from.
pub(super) fn client_config(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", &config.client_id)
        .set("security.protocol", protocol(config))
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set("socket.connection.setup.timeout.ms", MAX_CONNECT_WAIT_MS)
        .set("reconnect.backoff.ms", RECONNECT_WAIT_MS)
        .set("reconnect.backoff.max.ms", MAX_RECONNECT_WAIT_MS)
        .set("allow.auto.create.topics", "false")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Info);
    if let Some(tls) = &config.security.tls {
        encrypt(&mut client, tls);
    }
    if let Some(sasl) = &config.security.sasl {
        authenticate(&mut client, sasl);
    }
    client
}

fn protocol(config: &Config) -> &'static str {
    match (&config.security.tls, &config.security.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    }
}

fn encrypt(client: &mut ClientConfig, tls: &Tls) {
    let mut path = |key: &str, path: &std::path::Path| {
        client.set(key, path.to_string_lossy());
    };
    match &tls.ca_file {
        Some(ca) => path("ssl.ca.location", ca),
        // Looks where the distributions keep theirs.
        None => path("ssl.ca.location", "probe".as_ref()),
    }
    if let Some((certificate, key)) = &tls.identity {
        path("ssl.certificate.location", certificate);
        path("ssl.key.location", key);
    }
}

fn authenticate(client: &mut ClientConfig, sasl: &Sasl) {
    let mechanism = match sasl.mechanism {
        SaslMechanism::Plain => "PLAIN",
        SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
        SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
    };
    client
        .set("sasl.mechanism", mechanism)
        .set("sasl.username", &sasl.username)
        .set("sasl.password", &sasl.password);
}

/// The names that brokers know: a prefix, and the name that services use.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            prefix: config.prefix.clone(),
        }
    }

    /// What brokers call the topic that services call `name`.
    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What services call the topic that brokers call `wire`; none if it is another system's.
    pub(super) fn topic_of<'a>(&self, wire: &'a str) -> Option<&'a str> {
        wire.strip_prefix(&self.prefix)
    }

    /// What brokers call the group that services call `name`.
    pub(super) fn group(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What brokers call the name that one writer at a time has: its transactional id.
    pub(super) fn writer(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Listens to a client: what it says is for debugging, why it fails is kept to explain what fails because of it.
#[derive(Debug, Default)]
pub(super) struct Listener {
    /// Whether there is a cause: most of the time there is none, and that is known without the lock.
    troubled: AtomicBool,
    cause: Mutex<Option<(Instant, String)>>,
}

impl Listener {
    /// Why the client last could not do something, if that was lately.
    pub(super) fn cause(&self) -> Option<String> {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, reason) = cause.as_ref()?;
        (told.elapsed() < CAUSE_AGE).then(|| reason.clone())
    }

    /// Something worked, so what failed before explains nothing any more.
    pub(super) fn works(&self) {
        if !self.troubled.swap(false, Ordering::Relaxed) {
            return;
        }
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters of it comes as an error, too, and is logged where that is handled.
        tracing::debug!(?level, facility, message, "kafka client says");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client reports an error");
        // That all brokers are down says less than the failure of one.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            let cause = Some((Instant::now(), reason.to_owned()));
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
            self.troubled.store(true, Ordering::Relaxed);
        }
    }
}

impl ConsumerContext for Listener {}
