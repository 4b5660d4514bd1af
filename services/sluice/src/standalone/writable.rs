//! Whether log and store still take writes, for readiness: after a failed write they refuse more until they are
//! opened again, while what is stored can still be read.

use std::convert::Infallible;
use std::time::Duration;

use chassis::ops::{Check, Readiness};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
const REFUSES: &str = "takes no writes since one failed; make room on the disk and start the program again";

/// Looks at both from time to time.
pub(super) struct Watch {
    log: eventlog::embedded::Embedded,
    store: store::embedded::Embedded,
    checks: [Check; 2],
}

impl Watch {
    pub(super) fn new(
        log: eventlog::embedded::Embedded,
        store: store::embedded::Embedded,
        readiness: &Readiness,
    ) -> Self {
        let checks = ["log-writes", "store-writes"].map(|name| readiness.register(name));
        Self { log, store, checks }
    }

    /// Keeps the checks true until `shutdown`.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let writable = [self.log.is_writable(), self.store.is_writable()];
            for (check, writable) in self.checks.iter().zip(writable) {
                if writable {
                    check.ready();
                } else {
                    check.not_ready(REFUSES);
                }
            }
        }
        Ok(())
    }
}
