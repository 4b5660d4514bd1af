//! What the client calls back: the outcome of each record, and errors of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Message as _};

use super::Kind;
use crate::kafka::calls::{Calls, Delivered};
use crate::kafka::connection::{Listener, Names};
use crate::kafka::error::Doing;
use crate::metric_definitions as definitions;
use crate::port::Error;
use crate::record::TopicPartition;

/// The calls of a client, and how it is doing.
pub(super) struct Context {
    kind: Kind,
    names: Names,
    listener: Listener,
    calls: Mutex<Calls>,
    /// The client has given up for good.
    fatal: AtomicBool,
}

impl Context {
    pub(super) fn new(kind: Kind, names: Names) -> Self {
        Self {
            kind,
            names,
            listener: Listener::default(),
            calls: Mutex::default(),
            fatal: AtomicBool::new(false),
        }
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.fatal.load(Ordering::Acquire)
    }

    /// Why the client last could not do something.
    pub(super) fn cause(&self) -> Option<String> {
        self.listener.cause()
    }

    /// A record failed. In a sequence nothing may follow it.
    pub(super) fn fail(&self, number: usize, to: &TopicPartition, error: &KafkaError) {
        let doing = Doing {
            verb: "append to",
            to,
        };
        let told = doing.failed(error, self.listener.cause());
        metrics::counter!(definitions::DELIVERY_FAILURES, "topic" => to.topic.to_string()).increment(1);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.fatal.store(true, Ordering::Release);
        }
        let reason = (self.kind != Kind::Independent).then(|| told.to_string());
        let mut calls = self.calls();
        calls.settle(number, Err(told));
        if let Some(reason) = reason {
            close(&mut calls, reason);
        }
    }

    /// Ends a sequence: every call fails, now and later.
    pub(super) fn break_off(&self, reason: String) {
        close(&mut self.calls(), reason);
    }

    /// Breaks a sequence that has waited for too long.
    pub(super) fn check_stall(&self, stall: Duration) {
        let oldest = self.calls().oldest();
        if oldest.is_some_and(|began| began.elapsed() > stall) {
            let cause = self
                .cause()
                .map(|cause| format!(" ({cause})"))
                .unwrap_or_default();
            let stall = stall.as_millis();
            self.break_off(format!("a record was not acknowledged for {stall} ms{cause}"));
        }
    }

    fn partition(&self, message: &BorrowedMessage<'_>) -> TopicPartition {
        let wire = message.topic();
        let topic = self.names.topic_of(wire).unwrap_or(wire);
        TopicPartition::new(topic, message.partition().unsigned_abs())
    }
}

/// Breaks a sequence, unless it is broken.
fn close(calls: &mut Calls, reason: String) {
    if calls.check_open().is_ok() {
        metrics::counter!(definitions::BROKEN_SEQUENCES).increment(1);
        calls.close(Error::Broken { reason });
    }
}

fn delivered(message: &BorrowedMessage<'_>) -> Delivered {
    Delivered {
        offset: u64::try_from(message.offset()).ok(),
        appended_at_ms: message.timestamp().to_millis().unwrap_or_default(),
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.fatal.store(true, Ordering::Release);
            if self.kind != Kind::Independent {
                self.break_off(format!("the kafka client gave up: {reason}"));
            }
        }
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        match result {
            Ok(message) => {
                self.listener.works();
                self.calls().settle(number, Ok(delivered(message)));
            }
            Err((error, message)) => self.fail(number, &self.partition(message), error),
        }
    }
}
