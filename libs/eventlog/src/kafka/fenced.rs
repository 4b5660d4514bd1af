//! Appends under a name that has one writer at a time: a transactional producer of its own for each holder.
//!
//! The brokers keep the name (its transactional id) and fence whoever had it before. A call is one transaction.
//! `transactions`: the thread that runs them, because the client blocks; `deliveries`: what became of the records.
//!
//! A call takes at most twice the request timeout, and as long again where it has to be aborted. One whose future is
//! dropped goes on to its end, and the next one waits for that.

mod deliveries;
mod transactions;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::transactions::{Order, Transactions};
use super::Inner;
use super::appends::in_flight_bytes;
use super::results::{Results, Untold};
use crate::port::{Appended, Error, Fenced};
use crate::record::{NewRecord, TopicPartition};

/// Longest name, so that the id of it is one that the brokers take.
const MAX_NAME_BYTES: usize = 200;

/// The right to append under a name of the log on Kafka.
pub(super) struct Held {
    log: Arc<Inner>,
    /// Gone with the holder: that is what ends the thread, and with it the client.
    orders: SyncSender<Order>,
}

impl Held {
    /// Takes the name. The client is made and ends on a thread of its own.
    pub(super) async fn take(log: Arc<Inner>, name: &str) -> Result<Self, Error> {
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
            let reason = format!("a name has 1 to {MAX_NAME_BYTES} bytes, not {}", name.len());
            return Err(Error::Unavailable { reason });
        }
        let (taken, told) = oneshot::channel();
        let orders = Transactions::start(log.config.clone(), name.to_owned(), taken)?;
        told.await.unwrap_or(Err(Error::Closed))?;
        Ok(Self { log, orders })
    }

    /// Why nothing of these records can be appended.
    async fn check(&self, records: &[NewRecord]) -> Result<(), Error> {
        if let Some(refusal) = records.iter().find_map(|record| self.log.config.refusal(record)) {
            return Err(refusal);
        }
        for run in records.chunk_by(|one, next| one.to == next.to) {
            self.log.metadata.check(&run[0].to).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Fenced for Held {
    async fn append(&mut self, records: Vec<NewRecord>) -> Result<Vec<Appended>, Error> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.check(&records).await?;
        let share = self.log.in_flight.reserve(in_flight_bytes(&*records))?;
        let (answer, answered) = oneshot::channel();
        let records: Arc<[NewRecord]> = records.into();
        let order = Order {
            records: records.clone(),
            share,
            answer,
        };
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => Error::Unavailable {
                reason: "calls that were given up are still under way".to_owned(),
            },
            TrySendError::Disconnected(_) => Error::Closed,
        })?;
        let outcomes = answered.await.unwrap_or(Err(Error::Closed))?;
        let to: Vec<TopicPartition> = records.iter().map(|record| record.to.clone()).collect();
        Results::new(&self.log.metadata, Untold::There)
            .of(&to, outcomes)
            .await
            .into_iter()
            .collect()
    }
}
