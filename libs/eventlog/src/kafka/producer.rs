//! One client that appends, and the thread that takes its acknowledgements.
//!
//! There are two kinds. Independent records are tried for the delivery timeout; a failed one fails alone. A sequence
//! tries for ever and breaks at the first failure or stall: then the client is taken away under the lock that every
//! append of it holds, what it still has is thrown away, and nothing more is sent.
//!
//! The idempotent client keeps the records of a partition in order and single through every repetition. It gives up
//! for good on some errors of the brokers; then the calls fail, and the owner makes another producer.
//!
//! Using one never waits for the brokers. Dropping one lets independent records go out, for a while.

mod context;
mod settings;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use self::context::Context;
pub(super) use self::settings::for_transactions;
use super::calls::Outcome;
use super::config::Config;
use super::connection::Names;
use super::error::Doing;
use crate::in_flight::Share;
use crate::port::Error;
use crate::record::{Headers, NewRecord};

/// How long the thread waits for an acknowledgement before it looks after everything else.
const TICK: Duration = Duration::from_millis(50);
/// How long what a dropped producer was given may take to go out.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of a runtime waits for a dropped producer: the flush, and what the client takes to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(7);

type Client = BaseProducer<Context>;

/// What a producer does about failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Records fail alone, after the delivery timeout.
    Independent,
    /// Nothing is sent behind a failure; a record that waits for longer than this is one.
    Sequence {
        /// The longest wait.
        stall: Duration,
    },
}

/// One client that appends.
pub(super) struct Producer {
    kind: Kind,
    shared: Arc<Shared>,
    context: Arc<Context>,
    /// Ends when the thread has.
    thread: Mutex<Option<Receiver<()>>>,
}

/// What the producer shares with its thread.
struct Shared {
    /// Gone when nothing more is sent.
    client: Mutex<Option<Arc<Client>>>,
    closing: AtomicBool,
}

impl Shared {
    fn client(&self) -> MutexGuard<'_, Option<Arc<Client>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call whose records are on their way.
pub(super) struct Pending {
    first: usize,
    /// Their outcomes, in the order of the records.
    pub(super) answered: oneshot::Receiver<Vec<Outcome>>,
}

impl Producer {
    /// Makes the client. Blocks for moments: it reads certificates and starts threads.
    pub(super) fn new(config: &Config, kind: Kind) -> Result<Self, Error> {
        let client: Client = settings::for_producer(config, kind)
            .create_with_context(Context::new(kind, Names::new(config)))
            .map_err(|error| no_client(&error.to_string()))?;
        let client = Arc::new(client);
        let context = client.context().clone();
        let shared = Arc::new(Shared {
            client: Mutex::new(Some(client.clone())),
            closing: AtomicBool::new(false),
        });
        let (alive, thread) = sync_channel(0);
        let poller = Poller {
            kind,
            client,
            context: context.clone(),
            shared: shared.clone(),
        };
        let ended = Ended {
            context: context.clone(),
            _alive: alive,
        };
        let run = move || {
            let _ended = ended;
            poller.run();
        };
        thread::Builder::new()
            .name("kafka-producer".to_owned())
            .spawn(run)
            .map_err(|error| no_client(&error.to_string()))?;
        Ok(Self {
            kind,
            shared,
            context,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Whether the client has given up, so that every call will fail.
    pub(super) fn is_fatal(&self) -> bool {
        self.context.is_fatal()
    }

    /// Why no call is taken any more, if none is.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.context.calls().check_open()
    }

    /// Hands the records to the client, but those that are refused already. Does not wait.
    pub(super) fn send(
        &self,
        records: &[NewRecord],
        share: Share,
        refused: impl Fn(&NewRecord) -> Option<Error>,
    ) -> Result<Pending, Error> {
        let guard = self.shared.client();
        let client = guard.clone();
        // The records of a sequence go in the order of its calls, and none after it was broken.
        let turn = (self.kind != Kind::Independent).then_some(guard);
        let mut calls = self.context.calls();
        let (first, answered) = calls.begin(records.len(), share, Instant::now())?;
        drop(calls);
        // Taken away after the calls were closed, or because they are about to be.
        let client = client.ok_or(Error::Closed)?;
        let mut wire = Wire::default();
        for (number, record) in (first..).zip(records) {
            if let Some(error) = refused(record) {
                self.context.calls().settle(number, Err(error));
            } else if let Err(error) = produce(&client, wire.of(self.context.names(), record), record, number)
            {
                self.context.fail(number, &record.to, &error);
                if turn.is_some() {
                    break;
                }
            }
        }
        Ok(Pending { first, answered })
    }

    /// Answers a call now, with an error for the records that are still on their way.
    pub(super) fn give_up(&self, pending: &Pending, doing: Doing<'_, impl Display>) {
        let error = doing.failed_with(RDKafkaErrorCode::MessageTimedOut, self.context.cause());
        self.context.calls().give_up(pending.first, &error);
    }

    /// Ends a sequence.
    pub(super) fn break_off(&self, reason: &str) {
        self.context.break_off(reason.to_owned());
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = thread else { return };
        let wait = move || thread.recv_timeout(CLOSE_TIMEOUT);
        match tokio::runtime::Handle::try_current() {
            // The end of a runtime waits for what blocks on it; nothing else does.
            Ok(runtime) => drop(runtime.spawn_blocking(wait)),
            Err(_) => drop(wait()),
        }
    }
}

pub(super) fn no_client(reason: &str) -> Error {
    Error::Unavailable {
        reason: format!("can't make a kafka client: {reason}"),
    }
}

/// The topic of the record before, as brokers call it: most calls are to one topic.
#[derive(Default)]
pub(super) struct Wire {
    topic: Option<(Arc<str>, String)>,
}

impl Wire {
    /// What brokers call the topic of this record.
    pub(super) fn of(&mut self, names: &Names, record: &NewRecord) -> &str {
        let known = self.topic.take().filter(|(topic, _)| *topic == record.to.topic);
        let (_, wire) = self
            .topic
            .insert(known.unwrap_or_else(|| (record.to.topic.clone(), names.topic(&record.to.topic))));
        wire
    }
}

/// Hands a record to the client, which reports it by its number. An empty value goes as null: that is what removes
/// a key from a compacted topic, and is read as empty everywhere.
pub(super) fn produce<C: ProducerContext<DeliveryOpaque = usize>>(
    client: &BaseProducer<C>,
    topic: &str,
    record: &NewRecord,
    number: usize,
) -> Result<(), KafkaError> {
    let partition = i32::try_from(record.to.partition)
        .map_err(|_too_large| KafkaError::MessageProduction(RDKafkaErrorCode::UnknownPartition))?;
    let mut message = BaseRecord::with_opaque_to(topic, number)
        .partition(partition)
        .key(&*record.key);
    if !record.value.is_empty() {
        message = message.payload(&*record.value);
    }
    if !record.headers.is_empty() {
        message = message.headers(headers(&record.headers));
    }
    client.send(message).map_err(|(error, _message)| error)
}

fn headers(headers: &Headers) -> OwnedHeaders {
    let room = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(room, |list, (key, value)| {
        list.insert(Header {
            key,
            value: Some(&**value),
        })
    })
}

/// The thread that takes acknowledgements.
struct Poller {
    kind: Kind,
    client: Arc<Client>,
    context: Arc<Context>,
    shared: Arc<Shared>,
}

impl Poller {
    fn run(self) {
        while !self.shared.closing.load(Ordering::Acquire) && self.context.calls().check_open().is_ok() {
            self.client.poll(TICK);
            if let Kind::Sequence { stall } = self.kind {
                self.context.check_stall(stall);
            }
        }
        self.take_client_away();
        match self.kind {
            Kind::Independent => {
                if let Err(error) = self.client.flush(FLUSH_TIMEOUT) {
                    tracing::warn!(%error, "records were still on their way when the log was closed");
                }
            }
            // What is on its way counts as failed, which ends the client for good before it sends anything more.
            Kind::Sequence { .. } => self.client.purge(PurgeConfig::default().queue().inflight()),
        }
    }

    /// Afterwards this thread is the only one that has the client.
    fn take_client_away(&self) {
        drop(self.shared.client().take());
        while Arc::strong_count(&self.client) > 1 {
            self.client.poll(Duration::from_millis(1));
        }
    }
}

/// Goes after the client, even if the thread panics: nobody takes acknowledgements any more.
struct Ended {
    context: Arc<Context>,
    _alive: SyncSender<()>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.context.calls().end();
    }
}
