//! Reads the control topic, in order and without end, and folds it.
//!
//! A record that does not decode ends it, and so the process: a view that skips records is not to be trusted.
//! Trouble with the log that may pass is waited out; the view stays as it is meanwhile.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::control::{Record, State};
use domain::topic;
use eventlog::{Class, Log, TopicPartition};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::view::{Publisher, View};

const READ_BYTES: usize = 1024 * 1024;
const READ_WAIT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The reader of the control topic, one in each process.
pub struct Follower {
    log: Arc<dyn Log>,
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
    /// Reads all that the topic has now.
    pub async fn start(log: Arc<dyn Log>) -> Result<Self, Error> {
        let partitions = log.partitions(topic::CONTROL).await?;
        if partitions != 1 {
            return Err(Error::Partitions { partitions });
        }
        let bounds = log.bounds(&partition()).await?;
        let (publisher, view) = Publisher::new(State::default(), bounds.start);
        let mut follower = Self {
            log,
            state: State::default(),
            next: bounds.start,
            publisher,
            view,
        };
        while follower.next < bounds.end && follower.advance().await? {}
        follower.publish();
        Ok(follower)
    }

    /// What has been read; it goes on changing while the follower runs.
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Follows the topic until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while let Some(advanced) = shutdown.run_until_cancelled(self.advance()).await {
            match advanced {
                Ok(true) => self.publish(),
                Ok(false) => {}
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

    /// Folds the next records in; `false` where nothing came. Cancel-safe: it changes nothing before it has them.
    async fn advance(&mut self) -> Result<bool, Error> {
        let read = self
            .log
            .read(&partition(), self.next, READ_BYTES, READ_WAIT)
            .await?;
        for record in &read.records {
            let decoded = Record::decode(&record.key, &record.value).map_err(|source| Error::BadRecord {
                offset: record.offset,
                source,
            })?;
            self.state.apply(decoded);
            self.next = record.offset + 1;
        }
        // Behind the records there may be offsets that hold none.
        let moved = !read.records.is_empty() || self.next < read.next;
        self.next = read.next;
        Ok(moved)
    }

    fn publish(&self) {
        self.publisher.publish(self.state.clone(), self.next);
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
