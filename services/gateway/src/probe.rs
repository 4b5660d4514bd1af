//! Whether the log answers, asked from time to time, so that readiness is known also where nobody sends events.

use std::sync::Arc;
use std::time::Duration;

use chassis::ops::Check;
use domain::source::Lane;
use domain::topic;
use eventlog::{Log, TopicPartition};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the log and tells the check.
pub(crate) struct Probe {
    log: Arc<dyn Log>,
    check: Check,
}

impl Probe {
    pub(crate) fn new(log: Arc<dyn Log>, check: Check) -> Self {
        Self { log, check }
    }

    /// Keeps the check true until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let partition = TopicPartition::new(topic::accepted(Lane::Standard), 0);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            match timeout(PATIENCE, self.log.bounds(&partition)).await {
                Ok(Ok(_)) => self.check.ready(),
                Ok(Err(error)) => self.check.not_ready(&error.to_string()),
                Err(_elapsed) => self.check.not_ready("log does not answer"),
            }
        }
    }
}
