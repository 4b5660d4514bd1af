//! Settings of Kafka, which has the log.

use chassis::config::{ByteSize, Problem, Secret, Span, Validate};
use eventlog::kafka;
use serde::{Deserialize, Serialize};

use super::client_tls::ClientTls;

chassis::section! {
    /// Kafka, which has the log.
    pub(crate) struct Kafka {
        /// Brokers that are asked first: `host:port`, with commas between.
        brokers: String = "127.0.0.1:9092".to_owned(),
        /// Put before the name of every topic and group, so that several systems share a cluster.
        prefix: String = String::new(),
        /// Partitions of the topics of events, as `sluice migrate` makes them. Can't be changed afterwards.
        partitions: u32 = 12,
        /// Brokers that have a copy of each record, as `sluice migrate` makes topics. At least 3, unless `dev`.
        replication: u16 = 3,
        /// Copies without which nothing is acknowledged. At least 2, unless `dev`.
        min_insync: u16 = 2,
        /// How long Kafka keeps events, at least an hour; the store keeps them by itself.
        keep: Span = Span::from_secs(7 * 24 * 60 * 60),
        /// Bytes that may wait for their acknowledgement; beyond them events are `unavailable`.
        in_flight: ByteSize = ByteSize::mib(32),
        /// The largest record.
        record: ByteSize = ByteSize::mib(2),
        /// Bytes that are fetched ahead, over all partitions of this process.
        fetch_ahead: ByteSize = ByteSize::mib(8),
        /// How long a record is tried to be delivered before it fails.
        delivery_timeout: Span = Span::from_secs(5),
        /// How long other calls wait for the brokers.
        request_timeout: Span = Span::from_secs(5),
        /// A process that the brokers do not hear for so long loses its partitions to others.
        session_timeout: Span = Span::from_secs(10),
        /// How long a process may take to give back a partition that goes to another one.
        revocation_budget: Span = Span::from_secs(10),
        /// Encryption of connections to the brokers.
        tls: ClientTls => ClientTls::default(),
        /// Who we are to the brokers.
        sasl: Sasl => Sasl::default(),
    }
}

chassis::section! {
    /// Who we are to the brokers.
    pub(crate) struct Sasl {
        /// How the password is proven: `plain`, `scram-sha-256` or `scram-sha-512`. Without it we are anonymous, or
        /// known by our certificate.
        mechanism: Option<Mechanism> = None,
        /// The name.
        username: Option<String> = None,
        /// The password, or `{ file = "..." }`.
        password: Option<Secret> = None,
    }
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mechanism {
    /// As it is.
    #[serde(rename = "plain")]
    Plain,
    /// By a challenge, with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// By a challenge, with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

impl From<Mechanism> for kafka::SaslMechanism {
    fn from(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::ScramSha256 => Self::ScramSha256,
            Mechanism::ScramSha512 => Self::ScramSha512,
        }
    }
}

impl Kafka {
    /// The same for the adapter. `client_id` names this process to the brokers.
    pub(crate) fn adapter(&self, client_id: &str) -> kafka::Config {
        kafka::Config {
            client_id: client_id.to_owned(),
            prefix: self.prefix.clone(),
            security: kafka::Security {
                tls: self.tls.enabled.then(|| kafka::Tls {
                    ca_file: self.tls.ca.clone(),
                    identity: self.tls.identity(),
                }),
                sasl: self.sasl.adapter(),
            },
            max_in_flight_bytes: self.in_flight.as_usize(),
            max_record_bytes: self.record.as_usize(),
            fetch_ahead_bytes: self.fetch_ahead.as_usize(),
            delivery_timeout: self.delivery_timeout.duration(),
            request_timeout: self.request_timeout.duration(),
            session_timeout: self.session_timeout.duration(),
            revocation_budget: self.revocation_budget.duration(),
            ..kafka::Config::new(self.brokers.as_str())
        }
    }

    fn bounds(&self) -> [(&'static str, bool, &'static str); 9] {
        let seconds = |span: Span, least: u64, most: u64| {
            (Span::from_secs(least)..=Span::from_secs(most)).contains(&span)
        };
        let bytes = |size: ByteSize, least: u64, most: u64| (least..=most).contains(&size.as_u64());
        let (mib, gib) = (1 << 20, 1 << 30);
        [
            (
                "partitions",
                (1..=1_024).contains(&self.partitions),
                "must be 1 to 1024",
            ),
            (
                "keep",
                self.keep >= Span::from_secs(60 * 60),
                "must be at least 1h",
            ),
            (
                "in_flight",
                bytes(self.in_flight, self.record.as_u64(), gib),
                "must be `record` to 1GiB",
            ),
            (
                "record",
                bytes(self.record, mib, 64 * mib),
                "must be 1MiB to 64MiB",
            ),
            (
                "fetch_ahead",
                bytes(self.fetch_ahead, mib, gib),
                "must be 1MiB to 1GiB",
            ),
            (
                "delivery_timeout",
                seconds(self.delivery_timeout, 1, 300),
                "must be 1s to 5m",
            ),
            (
                "request_timeout",
                seconds(self.request_timeout, 1, 60),
                "must be 1s to 1m",
            ),
            (
                "session_timeout",
                seconds(self.session_timeout, 1, 300),
                "must be 1s to 5m",
            ),
            (
                "revocation_budget",
                seconds(self.revocation_budget, 1, 300),
                "must be 1s to 5m",
            ),
        ]
    }
}

impl Validate for Kafka {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !self.brokers.split(',').all(super::is_host_and_port) {
            problems.push(Problem::new(
                "brokers",
                "must be `host:port`, with commas between",
            ));
        }
        if !is_prefix(&self.prefix) {
            problems.push(Problem::new("prefix", "must be at most 49 of a-z A-Z 0-9 . _ -"));
        }
        let out_of_bounds = self.bounds().into_iter().filter(|(_, holds, _)| !holds);
        problems.extend(out_of_bounds.map(|(key, _, allowed)| Problem::new(key, allowed)));
        if self.replication == 0 {
            problems.push(Problem::new("replication", "must be at least 1"));
        }
        if !(1..=self.replication.max(1)).contains(&self.min_insync) {
            problems.push(Problem::new("min_insync", "must be 1 to `replication`"));
        }
        Problem::none_of(problems)
    }
}

/// What Kafka allows in names of topics; it takes 249 bytes in all, of which ours need 200.
fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= 49 && text.bytes().all(allowed)
}

impl Sasl {
    fn adapter(&self) -> Option<kafka::Sasl> {
        let Self {
            mechanism,
            username,
            password,
        } = self;
        Some(kafka::Sasl {
            mechanism: (*mechanism)?.into(),
            username: username.clone()?,
            password: password.as_ref()?.reveal().to_owned(),
        })
    }
}

impl Validate for Sasl {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let given = [
            ("mechanism", self.mechanism.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
        ];
        if given.iter().all(|(_, is_given)| !is_given) {
            return Ok(());
        }
        let missing = given.into_iter().filter(|(_, is_given)| !is_given);
        Problem::none_of(
            missing.map(|(key, _)| Problem::new(key, "must be given with the other keys of `sasl`")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(section: &impl Validate) -> Vec<String> {
        let found = section.validate().err().unwrap_or_default();
        found.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert!(problems(&Kafka::default()).is_empty());
    }

    #[test]
    fn what_kafka_could_not_take_is_refused_with_its_key() {
        let kafka = Kafka {
            brokers: "a:1,b".to_owned(),
            prefix: "a/".to_owned(),
            partitions: 0,
            keep: Span::from_secs(1),
            record: ByteSize::kib(1),
            replication: 1,
            session_timeout: Span::default(),
            ..Kafka::default()
        };
        let expected = [
            "brokers",
            "prefix",
            "partitions",
            "keep",
            "record",
            "session_timeout",
            "min_insync",
        ];
        assert_eq!(problems(&kafka), expected);
    }

    #[test]
    fn half_of_a_login_is_refused() {
        let sasl = Sasl {
            username: Some("sluice".to_owned()),
            ..Sasl::default()
        };
        assert_eq!(problems(&sasl), ["mechanism", "password"]);
    }

    #[test]
    fn the_adapter_gets_what_is_set() {
        let kafka = Kafka {
            prefix: "a.".to_owned(),
            in_flight: ByteSize::mib(7),
            sasl: Sasl {
                mechanism: Some(Mechanism::ScramSha512),
                username: Some("sluice".to_owned()),
                password: Some(Secret::new("hunter2")),
            },
            ..Kafka::default()
        };
        let adapter = kafka.adapter("sluice-gateway");
        assert_eq!(
            (adapter.brokers.as_str(), adapter.prefix.as_str()),
            ("127.0.0.1:9092", "a.")
        );
        assert_eq!(adapter.max_in_flight_bytes, 7 << 20);
        let sasl = adapter.security.sasl.unwrap();
        assert_eq!(sasl.mechanism, kafka::SaslMechanism::ScramSha512);
        assert_eq!(sasl.password, "hunter2");
        assert!(adapter.security.tls.is_none());
    }
}
