//! Signs of life in the control topic, so that a process knows how old its view is, and how many of its kind there are.
//!
//! They are plain appends beside the fenced writer. One that fails or takes long is no trouble: the next one is sent
//! all the same, and the age of the view tells the rest.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::ops::Check;
use chassis::random::Random;
use domain::control::{Entity, Heartbeat, Record};
use domain::time::Millis;
use eventlog::{Headers, Log, NewRecord};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::follower::partition;
use crate::view::View;

/// How often a heartbeat is sent.
pub const BEAT_EVERY: Duration = Duration::from_secs(2);
/// How often the age of the view is told.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Heartbeats of dead processes that are removed at once.
const MAX_BURIED: usize = 16;

/// Sends the heartbeats of one process.
pub struct Heart {
    log: Arc<dyn Log>,
    view: View,
    process: Box<str>,
    role: Box<str>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Heart {
    pub(crate) fn new(
        log: Arc<dyn Log>,
        view: View,
        process: Box<str>,
        role: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            log,
            view,
            process,
            role: role.into(),
            clock,
            random,
        }
    }

    /// Beats until `shutdown`, and tells the check whether the view may be trusted.
    pub async fn run(self, check: Check, shutdown: CancellationToken) {
        let beating = self.beat_on();
        let looking = self.look(&check);
        shutdown
            .run_until_cancelled(async { tokio::join!(beating, looking) })
            .await;
        let gone = Record::Removed(Entity::Heartbeat(self.process.clone()));
        let _ = timeout(BEAT_EVERY, self.append(vec![gone])).await;
    }

    async fn beat_on(&self) {
        let mut ticks = interval(BEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let nonce = self.nonce();
            let beat = Record::Heartbeat(Heartbeat {
                process: self.process.clone(),
                role: self.role.clone(),
                nonce,
                sent_at: Millis::from_ms(self.clock.now_ms()),
            });
            let buried = self.view.gone(MAX_BURIED).into_iter().map(Entity::Heartbeat);
            self.view.freshness().sending(nonce);
            // Nobody waits for it: it shows in what is read. One that hangs must not keep the next one back.
            let _ = timeout(
                BEAT_EVERY,
                self.append(std::iter::once(beat).chain(buried.map(Record::Removed)).collect()),
            )
            .await;
        }
    }

    async fn look(&self, check: &Check) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.view.freshness().check() {
                Ok(()) => check.ready(),
                Err(stale) => check.not_ready(&stale.to_string()),
            }
        }
    }

    async fn append(&self, records: Vec<Record>) {
        let records = records.iter().filter_map(to_log).collect();
        let failed = self.log.append(records).await.into_iter().find_map(Result::err);
        if let Some(error) = failed {
            tracing::debug!(%error, "heartbeat was not written");
        }
    }

    fn nonce(&self) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }
}

/// A record as the log takes it; none for what is unknown.
pub(crate) fn to_log(record: &Record) -> Option<NewRecord> {
    let (key, value) = record.log_key().zip(record.log_value())?;
    Some(NewRecord {
        to: partition(),
        key: key.into(),
        value: value.into(),
        headers: Headers::new(),
    })
}

/// A name for the life of a process: 16 random bytes in hexadecimal.
pub(crate) fn process_name(random: &dyn Random) -> Box<str> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes)).into()
}

impl fmt::Debug for Heart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heart")
            .field("process", &self.process)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
