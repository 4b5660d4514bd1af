//! The thread of one holder of a name, with its client: one transaction after the other.
//!
//! A transaction that fails before its commit is aborted, so that readers do not wait for the brokers to do it. Once
//! the commit was asked for, only the brokers know: an error then never says that nothing was appended, and ends the
//! client, for whoever takes the name has the brokers finish what was begun.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use super::deliveries::Deliveries;
use crate::in_flight::Share;
use crate::kafka::calls::Outcome;
use crate::kafka::config::Config;
use crate::kafka::connection::Names;
use crate::kafka::error::{Doing, code};
use crate::kafka::producer::{Wire, for_transactions, no_client, produce};
use crate::port::Error;
use crate::record::NewRecord;

/// How often the client is listened to while it has nothing to do.
const LISTEN_EVERY: Duration = Duration::from_secs(1);
/// How long it takes until a commit is asked for again.
const PAUSE: Duration = Duration::from_millis(50);
/// Calls that may wait: those whose futures were dropped, and one more.
const MAX_ORDERS: usize = 4;

/// One call.
pub(super) struct Order {
    pub(super) records: Arc<[NewRecord]>,
    /// Given back when the client holds nothing of the call any more.
    pub(super) share: Share,
    pub(super) answer: oneshot::Sender<Result<Vec<Outcome>, Error>>,
}

/// The client of one holder.
pub(super) struct Transactions {
    client: BaseProducer<Deliveries>,
    names: Names,
    name: String,
    /// How long the brokers may take for each step.
    patience: Duration,
    /// Why nothing is appended any more.
    dead: Option<Error>,
}

impl Transactions {
    /// Starts the thread, which takes the name, tells so, and works until nobody can give it orders.
    pub(super) fn start(
        config: Arc<Config>,
        name: String,
        taken: oneshot::Sender<Result<(), Error>>,
    ) -> Result<SyncSender<Order>, Error> {
        let (orders, given) = sync_channel(MAX_ORDERS);
        let run = move || match Self::take(&config, name) {
            Ok(transactions) => {
                // Nobody listens to a call that was dropped; the orders have ended with it.
                let _ = taken.send(Ok(()));
                transactions.run(&given);
            }
            Err(error) => {
                let _ = taken.send(Err(error));
            }
        };
        thread::Builder::new()
            .name("kafka-fenced".to_owned())
            .spawn(run)
            .map_err(|error| no_client(&error.to_string()))?;
        Ok(orders)
    }

    /// Has the brokers end what holders before have under way, and refuse them from now on.
    fn take(config: &Config, name: String) -> Result<Self, Error> {
        let names = Names::new(config);
        let client: BaseProducer<Deliveries> = for_transactions(config, &names.writer(&name))
            .create_with_context(Deliveries::default())
            .map_err(|error| no_client(&error.to_string()))?;
        let transactions = Self {
            client,
            names,
            name,
            patience: config.request_timeout,
            dead: None,
        };
        match transactions.client.init_transactions(transactions.patience) {
            Ok(()) => Ok(transactions),
            Err(error) => {
                // What the client says of its connections is in its queue.
                transactions.client.poll(Duration::ZERO);
                Err(transactions.failed("take the name", &error))
            }
        }
    }

    fn run(mut self, given: &Receiver<Order>) {
        loop {
            match given.recv_timeout(LISTEN_EVERY) {
                Ok(Order {
                    records,
                    share,
                    answer,
                }) => {
                    let appended = self.append(&records);
                    drop(share);
                    // Nobody listens to a call that was dropped.
                    let _ = answer.send(appended);
                }
                Err(RecvTimeoutError::Timeout) => self.listen(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn listen(&self) {
        self.client.poll(Duration::ZERO);
    }

    /// All records or none of them.
    fn append(&mut self, records: &[NewRecord]) -> Result<Vec<Outcome>, Error> {
        if let Some(error) = &self.dead {
            return Err(error.clone());
        }
        if let Err(error) = self.send(records) {
            let told = self.give_up(&error);
            return Err(self.abort(told));
        }
        self.commit()?;
        Ok(self.client.context().take().into_iter().map(Ok).collect())
    }

    /// Begins a transaction, and has the brokers take the records.
    fn send(&self, records: &[NewRecord]) -> Result<(), KafkaError> {
        self.client.context().expect(records.len());
        self.client.begin_transaction()?;
        let mut wire = Wire::default();
        for (number, record) in records.iter().enumerate() {
            produce(&self.client, wire.of(&self.names, record), record, number)?;
        }
        self.client.flush(self.patience)?;
        match self.client.context().failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Commits, or says that it is not known whether it did.
    fn commit(&mut self) -> Result<(), Error> {
        let until = Instant::now() + self.patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Err(error) = self.client.commit_transaction(left) else {
                self.client.context().listener.works();
                return Ok(());
            };
            match Step::after(&error) {
                Step::Again if Instant::now() + PAUSE < until => thread::park_timeout(PAUSE),
                Step::Abort => {
                    let told = self.failed("append under", &error);
                    self.abort(told.clone());
                    return Err(told);
                }
                Step::Again | Step::Never => return Err(self.doubt(&error)),
            }
        }
    }

    /// Ends the client, whose records may be there or not.
    fn doubt(&mut self, error: &KafkaError) -> Error {
        let told = self.failed("tell whether it has appended under", error);
        self.dead = Some(if self.is_fenced(error) {
            self.fenced()
        } else {
            broken(&told)
        });
        told
    }

    /// What an error before the commit means. Nothing was appended, and nothing will be.
    fn give_up(&mut self, error: &KafkaError) -> Error {
        if !self.is_fenced(error) {
            return self.failed("append under", error);
        }
        let fenced = self.fenced();
        self.dead = Some(fenced.clone());
        fenced
    }

    /// Takes the transaction back, unless the client is dead. If that can't be done now, the brokers do it when it is
    /// too old, or when somebody takes the name.
    fn abort(&mut self, told: Error) -> Error {
        if self.dead.is_some() {
            return told;
        }
        let until = Instant::now() + self.patience;
        self.client.purge(PurgeConfig::default().queue());
        // The client reports the records while it is asked to flush, and aborts when it has none left.
        let aborted = self.client.flush(self.patience).and_then(|()| {
            let left = until.saturating_duration_since(Instant::now());
            self.client.abort_transaction(left.max(PAUSE))
        });
        match aborted {
            Ok(()) => told,
            Err(error) if self.is_fenced(&error) => {
                let fenced = self.fenced();
                self.dead = Some(fenced.clone());
                fenced
            }
            Err(error) => {
                tracing::warn!(name = self.name, %error, "transaction is left to the brokers to abort");
                self.dead = Some(broken(&told));
                told
            }
        }
    }

    fn fenced(&self) -> Error {
        Error::Fenced {
            name: self.name.clone(),
        }
    }

    /// Whether somebody else has the name: what the brokers said now, or what the client has died of.
    fn is_fenced(&self, error: &KafkaError) -> bool {
        let died = self.client.client().fatal_error().map(|(code, _)| code);
        died.into_iter().chain(code(error)).any(is_fence)
    }

    fn failed(&self, verb: &'static str, error: &KafkaError) -> Error {
        let to = &self.name;
        let doing = Doing { verb, to };
        // The reason of a client that has died is the one that it died of.
        match self.client.client().fatal_error() {
            Some((code, _)) => doing.failed_with(code, self.client.context().listener.cause()),
            None => doing.failed(error, self.client.context().listener.cause()),
        }
    }
}

/// What to do after a commit that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Ask again.
    Again,
    /// Take the transaction back: the brokers have not been asked to commit.
    Abort,
    /// Nothing helps.
    Never,
}

impl Step {
    fn after(error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) if error.is_fatal() => Self::Never,
            KafkaError::Transaction(error) if error.is_retriable() => Self::Again,
            KafkaError::Transaction(error) if error.txn_requires_abort() => Self::Abort,
            _ => Self::Never,
        }
    }
}

/// Whether the code says that the brokers know a newer holder, or have ended this one.
fn is_fence(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch
    )
}

fn broken(told: &Error) -> Error {
    Error::Broken {
        reason: format!("the name has to be taken anew: {told}"),
    }
}
