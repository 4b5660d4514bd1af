//! Settings of `sluice standalone`: its own, and those of every role.

use std::net::SocketAddr;

use chassis::config::{ByteSize, Override, Problem, Span, Validate};
use chassis::telemetry;

use crate::cli::Settings;

chassis::section! {
    /// Settings of `sluice standalone`.
    pub(crate) struct Config {
        /// How long a stop may take; what is not done by then is dropped.
        shutdown_grace: Span = Span::from_secs(30),
        /// Logs of this process.
        telemetry: telemetry::Config => quiet_engines(),
        /// Where it listens.
        listen: Listen => Listen::default(),
        /// The embedded log.
        log: Log => Log::default(),
        /// The embedded store.
        store: Store => Store::default(),
        /// Settings of the gateway.
        gateway: gateway::Config => gateway::Config::default(),
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

chassis::section! {
    /// Where it listens. Port 0 takes any free port; `addresses.json` in the data directory tells which.
    pub(crate) struct Listen {
        /// Address of the HTTP interface.
        http: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8400)),
        /// Address of the gRPC interface.
        grpc: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8401)),
        /// Address of `/live`, `/ready` and `/metrics`; it asks for no key.
        ops: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8409)),
    }
}

chassis::section! {
    /// The embedded log.
    pub(crate) struct Log {
        /// Partitions of the topics of events. Can't be changed once the data directory is made.
        partitions: u32 = 4,
        /// How long the log keeps events, at least an hour; the store keeps them by itself. Nothing is removed in the
        /// first ten minutes after a start, so that what was not stored yet gets there.
        keep: Span = Span::from_secs(7 * 24 * 60 * 60),
        /// Bytes of events that may wait for the disk; beyond them events are `unavailable`.
        in_flight: ByteSize = ByteSize::mib(32),
        /// Memory for what was read.
        cache: ByteSize = ByteSize::mib(16),
    }
}

chassis::section! {
    /// The embedded store.
    pub(crate) struct Store {
        /// Memory for what was read.
        cache: ByteSize = ByteSize::mib(32),
    }
}

/// What the storage engine says of its files is of no interest to most.
fn quiet_engines() -> telemetry::Config {
    telemetry::Config {
        level: "info,fjall=warn,lsm_tree=warn".to_owned(),
        ..telemetry::Config::default()
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let body = self.gateway.request.body;
        if self.log.in_flight < body {
            let message =
                format!("must be at least gateway.request.body, {body}, or a large body never fits");
            return Err(vec![Problem::new("log.in_flight", message)]);
        }
        Ok(())
    }
}

impl Validate for Listen {}

impl Validate for Log {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !(1..=1_024).contains(&self.partitions) {
            problems.push(Problem::new("partitions", "must be 1 to 1024"));
        }
        if self.keep < Span::from_secs(60 * 60) {
            problems.push(Problem::new("keep", "must be at least 1h"));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

impl Validate for Store {}

/// The flags that are settings.
pub(crate) fn overrides(settings: &Settings) -> Vec<Override> {
    let given = [
        ("http", settings.http),
        ("grpc", settings.grpc),
        ("ops", settings.ops),
    ];
    let given = given
        .into_iter()
        .filter_map(|(name, address)| Some((name, address?)));
    given
        .map(|(name, address)| {
            Override::new(format!("--{name}"), format!("listen.{name}"), address.to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chassis::config::Section;

    use super::*;

    fn problems(config: &Config) -> Vec<String> {
        let mut problems = Vec::new();
        config.check(&mut problems);
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert!(problems(&Config::default()).is_empty());
    }

    #[test]
    fn bounds_that_contradict_each_other_are_refused() {
        let mut config = Config::default();
        config.log.in_flight = ByteSize::mib(1);
        config.log.partitions = 0;
        config.log.keep = Span::from_secs(1);
        assert_eq!(problems(&config), ["log.in_flight", "log.partitions", "log.keep"]);
    }

    #[test]
    fn flags_win() {
        let settings = Settings {
            http: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..Settings::default()
        };
        let config: Config = chassis::config::load(None, &overrides(&settings)).unwrap();
        assert_eq!(config.listen.http.port(), 0);
        assert_eq!(config.listen.grpc.port(), 8401);
    }
}
