//! Appends that break at the first failure: a producer of its own for each sequence.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::Inner;
use super::appends::{in_flight_bytes, places};
use super::producer::{Kind, Pending, Producer};
use super::results::{Results, Untold};
use crate::port::{Appended, Error, Sequence};
use crate::record::NewRecord;

/// The sequence of the log on Kafka.
pub(super) struct Ordered {
    log: Arc<Inner>,
    producer: Producer,
}

impl Ordered {
    pub(super) async fn open(log: Arc<Inner>) -> Result<Self, Error> {
        let config = log.config.clone();
        let kind = Kind::Sequence { stall: config.stall };
        let made = spawn_blocking(move || Producer::new(&config, kind)).await;
        let producer = made.map_err(|_stopping| Error::Closed)??;
        Ok(Self { log, producer })
    }

    /// Hands all records to the client, or none of them.
    fn begin(&self, records: &[NewRecord]) -> Result<Pending, Error> {
        self.producer.check_open()?;
        if let Some(refusal) = records.iter().find_map(|record| self.log.config.refusal(record)) {
            return Err(refusal);
        }
        let share = self.log.in_flight.reserve(in_flight_bytes(records))?;
        self.producer.send(records, share, |_| None)
    }
}

/// Breaks the sequence of a call whose future is dropped before it is answered.
struct Unanswered<'a>(Option<&'a Producer>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(producer) = self.0 {
            producer.break_off("a call was dropped before it was answered");
        }
    }
}

#[async_trait]
impl Sequence for Ordered {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        if records.is_empty() {
            return Vec::new();
        }
        let pending = match self.begin(&records) {
            Ok(pending) => pending,
            Err(error) => return vec![Err(error); records.len()],
        };
        let to = places(records);
        let mut unanswered = Unanswered(Some(&self.producer));
        let outcomes = pending.answered.await;
        unanswered.0 = None;
        let outcomes = outcomes.unwrap_or_else(|_gone| vec![Err(Error::Closed); to.len()]);
        Results::new(&self.log.metadata, Untold::There)
            .of(&to, outcomes)
            .await
    }

    fn is_broken(&self) -> bool {
        self.producer.check_open().is_err()
    }
}
