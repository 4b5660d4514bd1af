//! What became of the records of a transaction, as the client reports them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::{ClientContext, Message as _};

use crate::kafka::calls::Delivered;
use crate::kafka::connection::Listener;

/// The records of the transaction under way, by their number in it.
#[derive(Default)]
pub(super) struct Deliveries {
    pub(super) listener: Listener,
    reports: Mutex<Vec<Option<Report>>>,
}

/// What the client said of a record.
type Report = Result<Delivered, KafkaError>;

impl Deliveries {
    /// Expects so many records, and forgets those before. Late reports of earlier transactions must be over.
    pub(super) fn expect(&self, count: usize) {
        let mut reports = self.reports();
        reports.clear();
        reports.resize(count, None);
    }

    /// Why the first of those failed that did.
    pub(super) fn failure(&self) -> Option<KafkaError> {
        let reports = self.reports();
        let failed = |report: &Option<Report>| report.as_ref()?.as_ref().err().cloned();
        reports.iter().find_map(failed)
    }

    /// Takes the reports of a transaction that is committed: each of its records is there.
    pub(super) fn take(&self) -> Vec<Delivered> {
        self.reports().drain(..).flatten().flatten().collect()
    }

    fn reports(&self) -> MutexGuard<'_, Vec<Option<Report>>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let report = match result {
            Ok(message) => Ok(Delivered {
                offset: u64::try_from(message.offset()).ok(),
                appended_at_ms: message.timestamp().to_millis().unwrap_or_default(),
            }),
            Err((error, _message)) => Err(error.clone()),
        };
        if let Some(slot) = self.reports().get_mut(number) {
            *slot = Some(report);
        }
    }
}
