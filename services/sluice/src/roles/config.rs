//! Settings of the roles. One file may hold those of all: each role reads the whole and uses its part.
//!
//! What is needed by some roles only, such as the pepper, may be missing in the file of another; see
//! [`Config::check_needs_of`].

pub(crate) mod auth;
pub(crate) mod client_tls;
pub(crate) mod cql;
pub(crate) mod kafka;
pub(crate) mod listen;
pub(crate) mod redis;

use anyhow::anyhow;
use chassis::config::{ByteSize, Problem, Span, Validate};
use chassis::telemetry;
use domain::key::Peppers;

use self::auth::Auth;
use self::cql::Cql;
use self::kafka::{Kafka, Mechanism};
use self::listen::Listen;
use self::redis::Redis;
use super::Role;

/// Copies without which the loss of one machine can lose what was acknowledged.
pub(super) const LEAST_REPLICATION: u16 = 3;
pub(super) const LEAST_IN_SYNC: u16 = 2;

chassis::section! {
    /// Settings of the roles.
    pub(crate) struct Config {
        /// Allows what loses data with a machine, such as a single copy, for developers and tests.
        dev: bool = false,
        /// How long a stop may take; what is not done by then is dropped.
        shutdown_grace: Span = Span::from_secs(30),
        /// Logs of this process.
        telemetry: telemetry::Config => quiet_drivers(),
        /// Where the roles listen.
        listen: Listen => Listen::default(),
        /// What keys of the API are checked with.
        auth: Auth => Auth::default(),
        /// Kafka, which has the log.
        kafka: Kafka => Kafka::default(),
        /// Cassandra or ScyllaDB, which has the store.
        cql: Cql => Cql::default(),
        /// Redis, which may be absent.
        redis: Redis => Redis::default(),
        /// Settings of the gateway.
        gateway: gateway::Config => quick_gateway(),
        /// How the gateway reaches query.
        forward: gateway::Forward => gateway::Forward::default(),
        /// Settings of enrichment.
        enrichment: enrichment::Config => enrichment::Config::default(),
        /// Settings of analytics.
        analytics: analytics::Config => analytics::Config::default(),
        /// Settings of retention.
        retention: retention::Config => retention::Config::default(),
        /// Settings of query.
        query: query::Config => query::Config::default(),
    }
}

/// What the driver of the store says of its connections is of no interest to most.
fn quiet_drivers() -> telemetry::Config {
    telemetry::Config {
        level: "info,scylla=warn".to_owned(),
        ..telemetry::Config::default()
    }
}

/// While Kafka is away, producers are told within two seconds.
fn quick_gateway() -> gateway::Config {
    gateway::Config {
        append_deadline: Span::from_ms(1_500),
        ..gateway::Config::default()
    }
}

impl Config {
    /// Refuses a configuration without what this role needs.
    pub(crate) fn check_needs_of(&self, role: Role) -> anyhow::Result<()> {
        if role.checks_keys() {
            self.peppers(role.name())?;
        }
        Ok(())
    }

    /// The peppers that `who` can't do without.
    pub(crate) fn peppers(&self, who: &str) -> anyhow::Result<Peppers> {
        self.auth.peppers()?.ok_or_else(|| {
            anyhow!(
                "auth.pepper: must be set for {who}; it is an id, a blank and a secret of at least 32 bytes"
            )
        })
    }

    fn durability(&self) -> impl Iterator<Item = Problem> {
        let at_least =
            |key: &str, least: u16| Problem::new(key, format!("must be at least {least}, unless `dev`"));
        let rules = [
            ("kafka.replication", self.kafka.replication, LEAST_REPLICATION),
            ("kafka.min_insync", self.kafka.min_insync, LEAST_IN_SYNC),
            (
                "cql.replication_factor",
                self.cql.replication_factor,
                LEAST_REPLICATION,
            ),
        ];
        let is_strict = !self.dev;
        let broken = rules
            .into_iter()
            .filter(move |(_, copies, least)| is_strict && copies < least);
        broken.map(move |(key, _, least)| at_least(key, least))
    }

    fn bounds(&self) -> impl Iterator<Item = Problem> {
        let smallest = |size: ByteSize| self.kafka.in_flight >= size;
        let given_back_in_time = |span: Span| span <= self.kafka.revocation_budget;
        let rules = [
            (
                "kafka.in_flight",
                smallest(self.gateway.request.body),
                "must be at least gateway.request.body, or a large body never fits",
            ),
            (
                "enrichment.drain_within",
                given_back_in_time(self.enrichment.drain_within),
                "must be at most kafka.revocation_budget",
            ),
            (
                "analytics.drain_within",
                given_back_in_time(self.analytics.drain_within),
                "must be at most kafka.revocation_budget",
            ),
            (
                "retention.drain_within",
                given_back_in_time(self.retention.drain_within),
                "must be at most kafka.revocation_budget",
            ),
        ];
        let broken = rules.into_iter().filter(|(_, holds, _)| !holds);
        broken.map(|(key, _, message)| Problem::new(key, message))
    }

    /// A password in the clear is everybody's.
    fn secrecy(&self) -> Option<Problem> {
        let bare = self.kafka.sasl.mechanism == Some(Mechanism::Plain) && !self.kafka.tls.enabled;
        (bare && !self.dev)
            .then(|| Problem::new("kafka.sasl.mechanism", "`plain` needs kafka.tls, unless `dev`"))
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Problem::none_of(self.durability().chain(self.bounds()).chain(self.secrecy()))
    }
}

/// `host:port`, the last colon being the one between.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    is_host.then(|| (host.to_owned(), port))
}

fn is_host_and_port(text: &str) -> bool {
    host_and_port(text).is_some()
}

#[cfg(test)]
mod tests {
    use chassis::config::{Secret, Section};

    use super::*;

    fn problems(config: &Config) -> Vec<String> {
        let mut problems = Vec::new();
        config.check(&mut problems);
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_valid_and_durable() {
        let config = Config::default();
        assert!(problems(&config).is_empty());
        assert_eq!((config.kafka.replication, config.kafka.min_insync), (3, 2));
        assert!(config.gateway.append_deadline < Span::from_secs(2));
    }

    #[test]
    fn one_copy_is_for_developers() {
        let mut config = Config::default();
        config.kafka.replication = 1;
        config.kafka.min_insync = 1;
        config.cql.replication_factor = 1;
        let expected = ["kafka.replication", "kafka.min_insync", "cql.replication_factor"];
        assert_eq!(problems(&config), expected);
        config.dev = true;
        assert!(problems(&config).is_empty());
    }

    #[test]
    fn bounds_that_contradict_each_other_are_refused() {
        let mut config = Config::default();
        config.kafka.in_flight = ByteSize::mib(1);
        config.kafka.revocation_budget = Span::from_secs(1);
        let expected = [
            "kafka.in_flight",
            "enrichment.drain_within",
            "analytics.drain_within",
            "retention.drain_within",
            "kafka.in_flight",
        ];
        assert_eq!(problems(&config), expected);
    }

    #[test]
    fn a_password_is_not_sent_in_the_clear() {
        let mut config = Config::default();
        config.kafka.sasl.mechanism = Some(Mechanism::Plain);
        config.kafka.sasl.username = Some("sluice".to_owned());
        config.kafka.sasl.password = Some(Secret::new("hunter2"));
        assert_eq!(problems(&config), ["kafka.sasl.mechanism"]);
        config.kafka.tls.enabled = true;
        assert!(problems(&config).is_empty());
    }

    #[test]
    fn only_roles_that_check_keys_need_the_pepper() {
        let config = Config::default();
        let refused = config.check_needs_of(Role::Gateway).unwrap_err().to_string();
        assert!(
            refused.contains("auth.pepper") && refused.contains("gateway"),
            "{refused}"
        );
        assert!(config.check_needs_of(Role::Query).is_err());
        assert!(config.check_needs_of(Role::Enrichment).is_ok());
        assert!(config.check_needs_of(Role::Analytics).is_ok());
        assert!(config.check_needs_of(Role::Retention).is_ok());
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(host_and_port("a.b:1"), Some(("a.b".to_owned(), 1)));
        assert_eq!(host_and_port("[::1]:1"), Some(("[::1]".to_owned(), 1)));
        for text in ["", "a", ":1", "a:", "a:0", "a:70000", "http://a:1", "a b:1"] {
            assert!(!is_host_and_port(text), "{text}");
        }
    }
}
