//! Reads the control topic, in order and without end, and folds it.
//!
//! A record that does not decode ends it, and so the process: a view that skips records is not to be trusted.
//! Trouble with the log that may pass is waited out; the view stays as it is meanwhile, and gets old.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::random::Random;
use domain::control::{Entity, Record, State};
use domain::time::Millis;
use domain::topic;
use eventlog::{Class, Log, TopicPartition};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::freshness::Freshness;
use crate::heart::{Heart, process_name};
use crate::view::{Publisher, View};

const READ_BYTES: usize = 1024 * 1024;
const READ_WAIT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The reader of the control topic, one in each process.
pub struct Follower {
    log: Arc<dyn Log>,
    /// This process, as its heartbeats call it.
    process: Box<str>,
    role: Box<str>,
    state: State,
    next: u64,
    publisher: Publisher,
    view: View,
}

/// The one partition of the control topic.
pub(crate) fn partition() -> TopicPartition {
    TopicPartition::new(topic::CONTROL, 0)
}

impl Follower {
    /// Reads all that the topic has now. The view never gets old: for a log within this process, and for commands.
    pub async fn start(log: Arc<dyn Log>) -> Result<Self, Error> {
        Self::read_all(log, Box::default(), "", Freshness::unbounded()).await
    }

    /// Reads all that the topic has now. The view gets old unless the heart beats.
    pub async fn start_with_heart(
        log: Arc<dyn Log>,
        role: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<(Self, Heart), Error> {
        let process = process_name(&*random);
        // Whole as of its begin: what is read is at least what was there then.
        let freshness = Freshness::with_heart();
        let follower = Self::read_all(Arc::clone(&log), process.clone(), role, freshness).await?;
        let heart = Heart::new(log, follower.view(), process, role, clock, random);
        Ok((follower, heart))
    }

    async fn read_all(
        log: Arc<dyn Log>,
        process: Box<str>,
        role: &str,
        freshness: Freshness,
    ) -> Result<Self, Error> {
        let partitions = log.partitions(topic::CONTROL).await?;
        if partitions != 1 {
            return Err(Error::Partitions { partitions });
        }
        let bounds = log.bounds(&partition()).await?;
        let (publisher, view) = Publisher::new(State::default(), bounds.start, freshness);
        let mut follower = Self {
            log,
            process,
            role: role.into(),
            state: State::default(),
            next: bounds.start,
            publisher,
            view,
        };
        while follower.next < bounds.end {
            follower.advance().await?;
        }
        follower.publisher.show(follower.state.clone());
        Ok(follower)
    }

    /// What has been read; it goes on changing while the follower runs.
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Follows the topic until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while let Some(advanced) = shutdown.run_until_cancelled(self.advance_and_show()).await {
            match advanced {
                Ok(()) => {}
                Err(error) if error.class() == Class::Transient => {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "control topic can't be read");
                    let _ = shutdown.run_until_cancelled(sleep(pause)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                    continue;
                }
                Err(error) => return Err(error),
            }
            pause = FIRST_PAUSE;
        }
        Ok(())
    }

    async fn advance_and_show(&mut self) -> Result<(), Error> {
        if self.advance().await? {
            self.publisher.show(self.state.clone());
        }
        // Whoever waits for this finds the state there.
        self.publisher.reach(self.next);
        Ok(())
    }

    /// Folds the next records in, and tells whether the state has changed. Cancel-safe: it changes nothing before it
    /// has them.
    async fn advance(&mut self) -> Result<bool, Error> {
        let read = self
            .log
            .read(&partition(), self.next, READ_BYTES, READ_WAIT)
            .await?;
        let mut has_changed = false;
        for record in &read.records {
            let decoded = Record::decode(&record.key, &record.value).map_err(|source| Error::BadRecord {
                offset: record.offset,
                source,
            })?;
            has_changed |= self.fold(decoded, Millis::from_ms(record.appended_at_ms));
            self.next = record.offset + 1;
        }
        self.next = self.next.max(read.next);
        Ok(has_changed)
    }

    fn fold(&mut self, record: Record, appended_at: Millis) -> bool {
        match record {
            Record::Heartbeat(beat) => {
                if beat.process == self.process {
                    self.view.freshness().heard(beat.nonce);
                }
                self.publisher
                    .hear(&self.role, |processes| processes.apply(beat, appended_at));
                false
            }
            Record::Removed(Entity::Heartbeat(process)) => {
                self.publisher
                    .hear(&self.role, |processes| processes.remove(&process));
                false
            }
            Record::Unknown => false,
            record => {
                self.state.apply(record);
                true
            }
        }
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
