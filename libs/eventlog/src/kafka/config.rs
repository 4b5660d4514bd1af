//! Settings of the adapter. `check`: what can't be meant.

mod check;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Put before the name of every topic, group and writer (its transactional id), so that several systems share a cluster. May be empty.
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
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::record::TopicPartition;

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
