//! Appending independent records: one producer for all calls, made when it is first needed and again when it gave up.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::calls::Outcome;
use super::config::Config;
use super::error::Doing;
use super::metadata::Metadata;
use super::producer::{Kind, Pending, Producer};
use super::results::{Results, Untold};
use crate::in_flight::{InFlight, RECORD_OVERHEAD_BYTES};
use crate::port::{Appended, Error};
use crate::record::{NewRecord, TopicPartition};

/// Appends independent records.
pub(super) struct Appends {
    config: Arc<Config>,
    in_flight: InFlight,
    metadata: Arc<Metadata>,
    producer: Mutex<Option<Arc<Producer>>>,
}

impl Appends {
    pub(super) fn new(config: Arc<Config>, in_flight: InFlight, metadata: Arc<Metadata>) -> Self {
        Self {
            config,
            in_flight,
            metadata,
            producer: Mutex::default(),
        }
    }

    /// One result for each record, in order, within the delivery timeout.
    pub(super) async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        if records.is_empty() {
            return Vec::new();
        }
        let begun = self.begin(&records).await;
        let to = places(records);
        let outcomes = match begun {
            Ok((producer, pending)) => self.wait(&producer, pending, &to).await,
            Err(error) => Err(error),
        };
        let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error); to.len()]);
        Results::new(&self.metadata, Untold::Doubtful)
            .of(&to, outcomes)
            .await
    }

    async fn begin(&self, records: &[NewRecord]) -> Result<(Arc<Producer>, Pending), Error> {
        let refusal = |record: &NewRecord| self.config.refusal(record);
        let bytes = in_flight_bytes(records.iter().filter(|record| refusal(record).is_none()));
        let producer = self.producer().await?;
        let share = self.in_flight.reserve(bytes)?;
        let pending = producer.send(records, share, refusal)?;
        Ok((producer, pending))
    }

    async fn wait(
        &self,
        producer: &Producer,
        mut pending: Pending,
        to: &[TopicPartition],
    ) -> Result<Vec<Outcome>, Error> {
        if let Ok(answered) = timeout(self.config.delivery_timeout, &mut pending.answered).await {
            return answered.map_err(|_gone| Error::Closed);
        }
        // The client itself looks for what is too old once a second only.
        if let Some(to) = to.first() {
            producer.give_up(
                &pending,
                Doing {
                    verb: "append to",
                    to,
                },
            );
        }
        pending.answered.await.map_err(|_gone| Error::Closed)
    }

    /// The producer, unless the one that was has given up: then a new one.
    async fn producer(&self) -> Result<Arc<Producer>, Error> {
        let mut current = self.producer.lock().await;
        if let Some(producer) = current.as_ref() {
            if !producer.is_fatal() {
                return Ok(producer.clone());
            }
            tracing::warn!("kafka client has given up appending, a new one takes over");
        }
        let config = self.config.clone();
        let made = spawn_blocking(move || Producer::new(&config, Kind::Independent)).await;
        let producer = Arc::new(made.map_err(|_stopping| Error::Closed)??);
        *current = Some(producer.clone());
        Ok(producer)
    }
}

/// Where the records go. What they hold is the client's by now.
pub(super) fn places(records: Vec<NewRecord>) -> Vec<TopicPartition> {
    records.into_iter().map(|record| record.to).collect()
}

/// Bytes that these records take while they wait for their acknowledgement.
pub(super) fn in_flight_bytes<'a>(records: impl IntoIterator<Item = &'a NewRecord>) -> usize {
    records.into_iter().fold(0, |bytes: usize, record| {
        bytes
            .saturating_add(record.bytes())
            .saturating_add(RECORD_OVERHEAD_BYTES)
    })
}
