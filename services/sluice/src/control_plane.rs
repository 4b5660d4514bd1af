//! What a process knows of tenants and keys: the control topic in memory, and what is made from it.

use std::sync::Arc;

use chassis::clock::{self, Clock};
use chassis::lifecycle::Tasks;
use chassis::ops::Check;
use chassis::random::{self, Random};
use control::{Follower, Heart, View, Writer};
use domain::key::Peppers;
use domain::seal::Sealer;
use domain::time::Millis;
use edge::Access;
use eventlog::Log;

/// Tenants and keys as of now, and the means to check and to change them.
pub(crate) struct ControlPlane {
    log: Arc<dyn Log>,
    /// Shows tenants and keys.
    pub(crate) view: View,
    /// Tells who calls.
    pub(crate) access: Access,
    /// Seals cursors and tokens.
    pub(crate) sealer: Arc<Sealer>,
    /// What keys are checked with.
    pub(crate) peppers: Arc<Peppers>,
    /// The wall clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes keys, ids and nonces.
    pub(crate) random: Arc<dyn Random>,
}

impl ControlPlane {
    /// Made from a view whose follower is running.
    pub(crate) fn new(log: Arc<dyn Log>, view: View, peppers: Arc<Peppers>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(clock::System);
        Self {
            access: Access::new(view.clone(), peppers.clone(), clock.clone()),
            sealer: Arc::new(Sealer::new(&peppers)),
            random: Arc::new(random::System),
            log,
            view,
            peppers,
            clock,
        }
    }

    /// Follows the control topic of a log that other processes share, from where it was read to, as the tasks `control`
    /// and `heart`. What is known gets old unless the log is heard, which the check tells.
    pub(crate) fn beating(
        log: Arc<dyn Log>,
        (follower, heart): (Follower, Heart),
        peppers: Arc<Peppers>,
        tasks: &Tasks,
        check: Check,
    ) -> Self {
        let plane = Self::new(log, follower.view(), peppers);
        tasks.attend("control", follower.run(tasks.shutdown().abort.clone()));
        let drain = tasks.shutdown().drain.clone();
        tasks.spawn("heart", async move {
            heart.run(check, drain).await;
            Ok::<(), control::Error>(())
        });
        plane
    }

    /// Reads the control topic of a log within this process to its end, and follows it from then on as the task
    /// `control`.
    pub(crate) async fn follow(
        log: Arc<dyn Log>,
        peppers: Arc<Peppers>,
        tasks: &Tasks,
    ) -> Result<Self, control::Error> {
        let follower = Follower::start(log.clone()).await?;
        let plane = Self::new(log, follower.view(), peppers);
        // Through the drain: changes that are under way wait until the view has them.
        tasks.attend("control", follower.run(tasks.shutdown().abort.clone()));
        Ok(plane)
    }

    /// Changes tenants, keys and limits.
    pub(crate) fn writer(&self) -> Writer {
        let (log, view, peppers) = (self.log.clone(), self.view.clone(), self.peppers.clone());
        Writer::new(log, view, peppers, self.clock.clone(), self.random.clone())
    }

    /// The present time.
    pub(crate) fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }
}
