//! Producers that send until they are told to stop, and note what was acknowledged to them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::Client;
use e2e::client::batch;
use e2e::clock::now;
use e2e::sample::{event, id, protobuf};
use e2e::system::Addresses;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const EVENTS_IN_A_BATCH: u64 = 40;
/// Keeps the machine busy and leaves it able to do the rest.
const PAUSE: Duration = Duration::from_millis(40);
/// A call that hangs on a dead process is given up.
const PATIENCE: Duration = Duration::from_secs(4);
const BATCH: &str = "/api/v1/ingestion/events/batch";

/// What producers know.
#[derive(Default)]
pub(crate) struct Known {
    sent: Mutex<BTreeSet<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
    numbers: AtomicU64,
    refusals: AtomicU64,
}

impl Known {
    /// Ids that were sent, whatever came of it.
    pub(crate) fn sent(&self) -> BTreeSet<String> {
        self.sent.lock().unwrap().clone()
    }

    /// Ids that were acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Calls of which nothing was acknowledged.
    pub(crate) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    fn next_batch(&self) -> Vec<Value> {
        let first = self.numbers.fetch_add(EVENTS_IN_A_BATCH, Ordering::Relaxed);
        let events: Vec<Value> = (first..first + EVENTS_IN_A_BATCH)
            .map(|number| event(number, now()))
            .collect();
        self.sent.lock().unwrap().extend(events.iter().map(id));
        events
    }

    fn acknowledge(&self, ids: impl IntoIterator<Item = String>) {
        self.acknowledged.lock().unwrap().extend(ids);
    }
}

/// Producers that are running.
pub(crate) struct Load {
    pub(crate) known: Arc<Known>,
    stop: CancellationToken,
    producers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts one producer over HTTP, one over gRPC, and one that sends everything twice.
    pub(crate) fn start(addresses: Addresses, key: &str) -> Self {
        let (known, stop) = (Arc::new(Known::default()), CancellationToken::new());
        let producers = [(false, false), (true, false), (true, true)].map(|(over_grpc, twice)| {
            let producer = Producer {
                addresses,
                key: key.to_owned(),
                over_grpc,
                twice,
                known: Arc::clone(&known),
            };
            tokio::spawn(producer.run(stop.clone()))
        });
        Self {
            known,
            stop,
            producers: producers.into(),
        }
    }

    /// Ends the producers, and returns what they know.
    pub(crate) async fn stop(self) -> Arc<Known> {
        self.stop.cancel();
        for producer in self.producers {
            producer.await.unwrap();
        }
        self.known
    }

    /// Waits until so many more events are acknowledged.
    pub(crate) async fn progresses(&self, events: usize) {
        let count = || self.known.acknowledged.lock().unwrap().len();
        let wanted = count() + events;
        let begin = tokio::time::Instant::now();
        while count() < wanted {
            assert!(
                begin.elapsed() < e2e::system::DEADLINE,
                "nothing is acknowledged any more"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

struct Producer {
    addresses: Addresses,
    key: String,
    over_grpc: bool,
    /// Whether what was acknowledged is sent once more.
    twice: bool,
    known: Arc<Known>,
}

impl Producer {
    async fn run(self, stop: CancellationToken) {
        let mut unanswered: Vec<Value> = Vec::new();
        let mut client = None;
        while !stop.is_cancelled() {
            tokio::time::sleep(PAUSE).await;
            // What was not acknowledged is sent again with the same ids, as a producer should.
            let events = if unanswered.is_empty() {
                self.known.next_batch()
            } else {
                std::mem::take(&mut unanswered)
            };
            if client.is_none() {
                client = Client::connect(self.addresses, &self.key).await.ok();
            }
            let accepted = match &client {
                Some(client) => self.send_in_time(client, &events).await,
                None => None,
            };
            let accepted = accepted.unwrap_or_default();
            if accepted.is_empty() {
                self.known.refusals.fetch_add(1, Ordering::Relaxed);
                client = None;
            }
            unanswered = events
                .into_iter()
                .filter(|event| !accepted.contains(&id(event)))
                .collect();
            self.known.acknowledge(accepted);
        }
    }

    async fn send_in_time(&self, client: &Client, events: &[Value]) -> Option<BTreeSet<String>> {
        let send = || tokio::time::timeout(PATIENCE, self.send(client, events));
        let accepted = send().await.ok().flatten();
        if self.twice && accepted.is_some() {
            // Whatever comes of it.
            drop(send().await);
        }
        accepted
    }

    /// Ids that were acknowledged; none where the call failed.
    async fn send(&self, client: &Client, events: &[Value]) -> Option<BTreeSet<String>> {
        let accepted: Vec<bool> = if self.over_grpc {
            let request = batch(events.iter().map(protobuf));
            let answer = client.ingestion().ingest_batch(request).await.ok()?.into_inner();
            answer
                .results
                .iter()
                .map(|result| result.status == ACCEPTED)
                .collect()
        } else {
            let answer = client.try_post_json(BATCH, &json!(events)).await?;
            let results = answer.body["results"].as_array()?.clone();
            results
                .iter()
                .map(|result| result["status"] == "accepted")
                .collect()
        };
        let ids = events.iter().zip(accepted).filter(|(_, accepted)| *accepted);
        Some(ids.map(|(event, _)| id(event)).collect())
    }
}

const ACCEPTED: i32 = proto::v1::VerdictStatus::Accepted as i32;
