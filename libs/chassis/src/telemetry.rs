//! What a process tells about itself: log lines on stderr and metrics for Prometheus.
//!
//! [`init`] installs both for the whole process. Calling it again, as tests do, changes nothing and gives the
//! same metrics. Nothing is sent anywhere: logs go to stderr, metrics are rendered when somebody asks.

mod buckets;
mod logs;
mod metrics;
mod process;

pub use logs::Format;
pub use metrics::Metrics;
#[cfg(test)]
pub(crate) use metrics::build as build_metrics;

use crate::config::{Problem, Validate};
use std::io::Write;
use std::sync::Mutex;

crate::section! {
    /// Logs of this process.
    pub struct Config {
        /// Which log lines are written: a level, or a list such as `info,gateway=debug` of levels by module.
        level: String = "info".to_owned(),
        /// Form of a log line: `text` or `json`.
        format: Format = Format::Text,
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        match logs::filter(&self.level) {
            Ok(_) => Ok(()),
            Err(error) => Err(vec![Problem::new(
                "level",
                format!("is no filter for log lines: {error}"),
            )]),
        }
    }
}

/// Telemetry could not be started; nothing is logged or counted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level is no filter.
    #[error("`telemetry.level` is no filter for log lines")]
    Level(#[source] tracing_subscriber::filter::ParseError),
    /// Something else in this process installed a subscriber for log lines first.
    #[error("log lines go elsewhere already")]
    Logs(#[source] tracing_subscriber::util::TryInitError),
    /// The recorder of metrics could not be built.
    #[error("metrics can't be recorded")]
    Buckets(#[source] metrics_exporter_prometheus::BuildError),
    /// Something else in this process installed a recorder first.
    #[error("metrics are recorded elsewhere already: {0}")]
    Recorder(String),
    /// The thread that tidies the metrics could not be started.
    #[error("the thread for metrics can't be started")]
    Upkeep(#[source] std::io::Error),
}

/// The running telemetry of this process.
#[derive(Clone, Debug)]
pub struct Telemetry {
    metrics: Metrics,
}

static STARTED: Mutex<Option<Telemetry>> = Mutex::new(None);

/// Starts logs and metrics for the whole process; the first call's configuration holds.
pub fn init(config: &Config) -> Result<Telemetry, Error> {
    let mut started = STARTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(telemetry) = &*started {
        return Ok(telemetry.clone());
    }
    logs::install(config)?;
    let telemetry = Telemetry {
        metrics: metrics::install()?,
    };
    *started = Some(telemetry.clone());
    Ok(telemetry)
}

impl Telemetry {
    /// The metrics of this process, to be served.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Hands over what is still buffered; called last, on every path out of `main`.
    pub fn flush(&self) {
        // Nobody is left to be told that stderr is closed.
        let _ = std::io::stderr().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_init_changes_nothing() {
        let first = init(&Config::default()).unwrap();
        let second = init(&Config {
            format: Format::Json,
            ..Config::default()
        })
        .unwrap();
        ::metrics::counter!("chassis_tests_total").increment(2);
        for telemetry in [first, second] {
            assert!(telemetry.metrics().render().contains("chassis_tests_total 2"));
            telemetry.flush();
        }
    }

    #[test]
    fn a_level_that_is_no_filter_is_a_problem_of_its_key() {
        let config = Config {
            level: "gateway=loud".to_owned(),
            ..Config::default()
        };
        assert_eq!(config.validate().unwrap_err()[0].key, "level");
        for level in ["info", "warn,gateway=debug", "off"] {
            assert!(
                Config {
                    level: level.to_owned(),
                    ..Config::default()
                }
                .validate()
                .is_ok(),
                "{level}"
            );
        }
    }
}
