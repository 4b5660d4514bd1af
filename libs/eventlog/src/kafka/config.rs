//! Settings of the adapter.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use super::ConnectError;
use crate::port::Error;
use crate::record::NewRecord;

/// Bytes that a batch of several records may have.
pub(super) const MAX_BATCH_BYTES: usize = 1_000_000;
/// What a batch takes beside its records.
const BATCH_OVERHEAD_BYTES: usize = 4 << 10;
/// What a record takes on the wire beside its bytes, at most.
const RECORD_FRAME_BYTES: usize = 64;
const HEADER_FRAME_BYTES: usize = 16;

/// Settings of the log on Kafka. [`Config::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where brokers are first asked for: `host:port`, with commas between.
    pub brokers: String,
    /// How this process is named in the logs and quotas of the brokers.
    pub client_id: String,
    /// Put before the name of every topic and group, so that several systems share a cluster. May be empty.
    pub prefix: String,
    /// How connections are protected.
    pub security: Security,
    /// Bytes that may wait for their acknowledgement (32 MiB): those of the records, and 64 for each. A call with
    /// more than that never fits.
    pub max_in_flight_bytes: usize,
    /// Bytes of one record (2 MiB): key, value and headers, 64, and 16 for each header. Topics are made to take it.
    pub max_record_bytes: usize,
    /// How long a record of [`Log::append`](crate::Log::append) is tried to be delivered before it fails (5 s).
    pub delivery_timeout: Duration,
    /// A sequence that waits for its oldest acknowledgement for so long is broken (30 s).
    pub stall: Duration,
    /// How long other calls wait for the brokers before they fail as unavailable (5 s).
    pub request_timeout: Duration,
    /// Bytes that one delivery to a consumer may have (256 KiB). One larger record is delivered alone.
    pub delivery_bytes: usize,
    /// Bytes that are fetched ahead of a consumer, over all its partitions (8 MiB).
    pub fetch_ahead_bytes: usize,
    /// A member of a group that the brokers do not hear for so long loses its partitions (10 s).
    pub session_timeout: Duration,
    /// How long a member may take to give back a revoked partition (10 s).
    pub revocation_budget: Duration,
}

/// How connections are protected.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Encryption; none sends everything in the clear.
    pub tls: Option<Tls>,
    /// Who we are; none is anonymous, or known by the certificate.
    pub sasl: Option<Sasl>,
}

/// Encryption of connections.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates in PEM that brokers' are checked against; none takes those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate in PEM, with its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A name and a password.
#[derive(Clone)]
pub struct Sasl {
    /// How the password is proven.
    pub mechanism: SaslMechanism,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// As it is; use it with TLS only.
    Plain,
    /// By a challenge, with SHA-256.
    ScramSha256,
    /// By a challenge, with SHA-512.
    ScramSha512,
}

impl Config {
    /// Defaults for these brokers.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: "sluice".to_owned(),
            prefix: String::new(),
            security: Security::default(),
            max_in_flight_bytes: 32 << 20,
            max_record_bytes: 2 << 20,
            delivery_timeout: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            request_timeout: Duration::from_secs(5),
            delivery_bytes: 256 << 10,
            fetch_ahead_bytes: 8 << 20,
            session_timeout: Duration::from_secs(10),
            revocation_budget: Duration::from_secs(10),
        }
    }

    /// Bytes of the largest batch that is ever sent. A topic has to take it.
    pub(super) fn max_batch_bytes(&self) -> usize {
        self.max_record_bytes.max(MAX_BATCH_BYTES) + BATCH_OVERHEAD_BYTES
    }

    /// Why this record is not taken, whatever else is appended.
    pub(super) fn refusal(&self, record: &NewRecord) -> Option<Error> {
        let bytes = record.bytes() + RECORD_FRAME_BYTES + HEADER_FRAME_BYTES * record.headers.len();
        let max_bytes = self.max_record_bytes;
        (bytes > max_bytes).then_some(Error::RecordTooLarge { bytes, max_bytes })
    }

    /// Refuses settings that can't be meant.
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let rules = [
            (
                self.brokers.split(',').all(is_address),
                format!(
                    "brokers must be host:port, with commas between, not {:?}",
                    self.brokers
                ),
            ),
            (
                !self.client_id.is_empty() && self.client_id.chars().all(valid),
                format!(
                    "client_id must be made of a-z A-Z 0-9 . _ -, not {:?}",
                    self.client_id
                ),
            ),
            (
                self.prefix.len() <= MAX_PREFIX_BYTES && self.prefix.chars().all(valid),
                format!(
                    "prefix must be at most {MAX_PREFIX_BYTES} of a-z A-Z 0-9 . _ -, not {:?}",
                    self.prefix
                ),
            ),
            (
                (MIN_RECORD_BYTES..=MAX_RECORD_BYTES).contains(&self.max_record_bytes),
                format!("max_record_bytes must be {MIN_RECORD_BYTES} to {MAX_RECORD_BYTES}"),
            ),
            (
                (self.max_record_bytes..=MAX_IN_FLIGHT_BYTES).contains(&self.max_in_flight_bytes),
                format!("max_in_flight_bytes must be max_record_bytes to {MAX_IN_FLIGHT_BYTES}"),
            ),
            (
                (1..=MAX_IN_FLIGHT_BYTES).contains(&self.delivery_bytes),
                format!("delivery_bytes must be 1 to {MAX_IN_FLIGHT_BYTES}"),
            ),
            (
                (1..=MAX_IN_FLIGHT_BYTES).contains(&self.fetch_ahead_bytes),
                format!("fetch_ahead_bytes must be 1 to {MAX_IN_FLIGHT_BYTES}"),
            ),
        ];
        if let Some((_, reason)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(ConnectError { reason });
        }
        let spans = [
            ("delivery_timeout", self.delivery_timeout, MAX_TIMEOUT),
            ("stall", self.stall, MAX_TIMEOUT),
            ("request_timeout", self.request_timeout, MAX_REQUEST_TIMEOUT),
            ("session_timeout", self.session_timeout, MAX_TIMEOUT),
            ("revocation_budget", self.revocation_budget, MAX_TIMEOUT),
        ];
        for (name, span, max) in spans {
            if !(MIN_TIMEOUT..=max).contains(&span) {
                return Err(ConnectError {
                    reason: format!("{name} must be {MIN_TIMEOUT:?} to {max:?}, not {span:?}"),
                });
            }
        }
        self.security.tls.as_ref().map_or(Ok(()), Tls::check)
    }
}

impl Tls {
    /// The client does not say which file it could not read.
    fn check(&self) -> Result<(), ConnectError> {
        let identity = self
            .identity
            .iter()
            .flat_map(|(certificate, key)| [certificate, key]);
        for path in self.ca_file.iter().chain(identity) {
            File::open(path).map_err(|error| ConnectError {
                reason: format!("{}: {error}", path.display()),
            })?;
        }
        Ok(())
    }
}

/// Names of topics have at most 249 bytes; ours have at most 200 of them.
const MAX_PREFIX_BYTES: usize = 49;
const MIN_RECORD_BYTES: usize = 1 << 10;
const MAX_RECORD_BYTES: usize = 64 << 20;
const MAX_IN_FLIGHT_BYTES: usize = 1 << 30;
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_hours(1);
/// The client takes no more.
const MAX_REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.trim().rsplit_once(':') else {
        return false;
    };
    !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::record::TopicPartition;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::new("localhost:9092");
        config.check().unwrap();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused_by_name() {
        for brokers in [
            "",
            "localhost",
            "localhost:",
            ":9092",
            "localhost:0",
            "a:1,,b:2",
            "a:1,b",
        ] {
            assert!(refused(|config| config.brokers = brokers.to_owned()).contains("brokers"));
        }
        assert!(refused(|config| config.client_id = String::new()).contains("client_id"));
        assert!(refused(|config| config.prefix = "a b".to_owned()).contains("prefix"));
        assert!(refused(|config| config.prefix = "a".repeat(50)).contains("prefix"));
        assert!(refused(|config| config.max_record_bytes = 0).contains("max_record_bytes"));
        assert!(refused(|config| config.max_in_flight_bytes = 1 << 20).contains("max_in_flight_bytes"));
        assert!(refused(|config| config.fetch_ahead_bytes = 0).contains("fetch_ahead_bytes"));
        assert!(refused(|config| config.stall = Duration::ZERO).contains("stall"));
        assert!(
            refused(|config| config.request_timeout = Duration::from_hours(1)).contains("request_timeout")
        );
    }

    #[test]
    fn several_brokers_and_addresses_in_brackets_are_taken() {
        for brokers in ["a:1,b:2", "a:1, b:2", "[::1]:9092", "SSL://kafka.internal:9093"] {
            Config::new(brokers).check().unwrap();
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let mut config = Config::new("localhost:9092");
        config.security.sasl = Some(Sasl {
            mechanism: SaslMechanism::ScramSha512,
            username: "sluice".to_owned(),
            password: "tell-nobody".to_owned(),
        });
        let shown = format!("{config:?}");
        assert!(
            shown.contains("sluice") && !shown.contains("tell-nobody"),
            "{shown}"
        );
    }

    #[test]
    fn frames_count_for_the_size_of_a_record() {
        let config = Config {
            max_record_bytes: 1_024,
            ..Config::new("localhost:9092")
        };
        let mut record = NewRecord {
            to: TopicPartition::new("events", 0),
            key: Bytes::from_static(b"key"),
            value: Bytes::from(vec![0; 1_024 - 3 - 64]),
            headers: Vec::new(),
        };
        assert!(config.refusal(&record).is_none());
        record.headers.push(("".into(), Bytes::new()));
        let refusal = config.refusal(&record);
        assert!(matches!(
            refusal,
            Some(Error::RecordTooLarge {
                bytes: 1_040,
                max_bytes: 1_024
            })
        ));
    }
}
