//! Whether this process should be given work, as said by its components.

use crate::lifecycle::Shutdown;
use serde::Serialize;
use std::ops::Not;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const STARTING: &str = "starting";
const GONE: &str = "its component is gone";
const DRAINING: &str = "draining";

/// The checks of a process: ready when every one is that decides, and never while draining. A cheap handle.
#[derive(Clone, Debug)]
pub struct Readiness {
    checks: Arc<watch::Sender<Vec<CheckReport>>>,
    drain: CancellationToken,
}

/// A component's own check, not ready until told otherwise and once more when it is dropped.
///
/// Checks are never removed, so a component registers once in its life.
#[derive(Debug)]
pub struct Check {
    checks: Arc<watch::Sender<Vec<CheckReport>>>,
    index: usize,
}

/// What `/ready` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether work is welcome.
    pub ready: bool,
    /// Each check, in the order of registration, and `drain` while draining.
    pub checks: Vec<CheckReport>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The component.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Why it is not; empty when it is.
    pub detail: String,
    /// Whether it only informs: work is welcome also where it is not ready.
    #[serde(skip_serializing_if = "Not::not")]
    pub informational: bool,
}

impl Readiness {
    /// No checks yet; not ready once `shutdown` drains.
    pub fn new(shutdown: &Shutdown) -> Self {
        Self {
            checks: Arc::new(watch::Sender::new(Vec::new())),
            drain: shutdown.drain.clone(),
        }
    }

    /// Adds a check that decides, not ready at first.
    pub fn register(&self, name: impl Into<String>) -> Check {
        self.add(name.into(), false)
    }

    /// Adds a check of something that work can do without: it is shown and decides nothing.
    pub fn register_informational(&self, name: impl Into<String>) -> Check {
        self.add(name.into(), true)
    }

    fn add(&self, name: String, informational: bool) -> Check {
        let check = CheckReport {
            name,
            ready: false,
            detail: STARTING.to_owned(),
            informational,
        };
        let mut index = 0;
        self.checks.send_modify(|checks| {
            index = checks.len();
            checks.push(check);
        });
        Check {
            checks: Arc::clone(&self.checks),
            index,
        }
    }

    /// The state of every check now.
    pub fn report(&self) -> Report {
        let mut checks = self.checks.borrow().clone();
        if self.drain.is_cancelled() {
            checks.push(CheckReport {
                name: "drain".to_owned(),
                ready: false,
                detail: DRAINING.to_owned(),
                informational: false,
            });
        }
        Report {
            ready: are_ready(&checks),
            checks,
        }
    }

    /// Waits until every check that is registered and decides is ready.
    pub async fn wait(&self) {
        // It can't fail: the sender lives as long as `self`.
        let _ = self.checks.subscribe().wait_for(|checks| are_ready(checks)).await;
    }
}

fn are_ready(checks: &[CheckReport]) -> bool {
    checks.iter().all(|check| check.ready || check.informational)
}

impl Check {
    /// From now on ready.
    pub fn ready(&self) {
        self.set(true, "");
    }

    /// From now on not ready, for this reason.
    pub fn not_ready(&self, reason: &str) {
        self.set(false, reason);
    }

    fn set(&self, ready: bool, detail: &str) {
        self.checks.send_if_modified(|checks| {
            let check = &mut checks[self.index];
            if check.ready == ready && check.detail == detail {
                return false;
            }
            check.ready = ready;
            detail.clone_into(&mut check.detail);
            true
        });
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.not_ready(GONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[test]
    fn it_is_ready_when_every_check_is() {
        let readiness = Readiness::new(&Shutdown::new());
        assert!(readiness.report().ready);
        let (log, store) = (readiness.register("log"), readiness.register("store"));
        log.ready();
        assert!(!readiness.report().ready);
        store.ready();
        assert!(readiness.report().ready);
        log.not_ready("no leader");
        let report = readiness.report();
        assert!(!report.ready);
        assert_eq!(report.checks[0].detail, "no leader");
        assert_eq!(report.checks[1].detail, "");
    }

    #[tokio::test]
    async fn a_check_that_informs_is_shown_and_decides_nothing() {
        let readiness = Readiness::new(&Shutdown::new());
        let (log, reads) = (
            readiness.register("log"),
            readiness.register_informational("query"),
        );
        log.ready();
        reads.not_ready("query is away");
        let report = readiness.report();
        assert!(report.ready);
        assert_eq!(
            (report.checks[1].ready, &*report.checks[1].detail),
            (false, "query is away")
        );
        readiness.wait().await;
        log.not_ready("no leader");
        reads.ready();
        assert!(!readiness.report().ready);
    }

    #[test]
    fn a_dropped_check_is_not_ready() {
        let readiness = Readiness::new(&Shutdown::new());
        let check = readiness.register("log");
        check.ready();
        drop(check);
        assert_eq!(readiness.report().checks[0].detail, GONE);
    }

    #[test]
    fn it_is_not_ready_while_draining() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(&shutdown);
        shutdown.drain.cancel();
        let report = readiness.report();
        assert!(!report.ready);
        assert_eq!(report.checks[0].name, "drain");
    }

    #[tokio::test]
    async fn waiting_ends_when_the_last_check_is_ready() {
        let readiness = Readiness::new(&Shutdown::new());
        let (log, store) = (readiness.register("log"), readiness.register("store"));
        log.ready();
        assert!(timeout(Duration::ZERO, readiness.wait()).await.is_err());
        store.ready();
        readiness.wait().await;
    }
}
