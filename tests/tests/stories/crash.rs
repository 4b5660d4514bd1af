//! `kill -9` at any moment: what was acknowledged is found exactly once, what was not at most once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::sample::{event, id, protobuf};
use e2e::system::DEADLINE;
use e2e::{Client, Stack, System};
use proto::v1;
use rand::{RngExt, SeedableRng};
use rstest::rstest;
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use e2e::clock::now;

const BATCHES: u64 = 50;
const EVENTS_IN_A_BATCH: u64 = 40;
const KILLS: u64 = 10;

/// Sends batches until the stream breaks; notes the numbers that were acknowledged.
async fn stream(client: Client, batches: Vec<(u64, Vec<Value>)>, acknowledged: Arc<Mutex<BTreeSet<u64>>>) {
    let (requests, received) = tokio::sync::mpsc::channel(8);
    let sending = tokio::spawn(async move {
        for (number, events) in batches {
            let events = events.iter().map(protobuf).collect();
            let request = v1::IngestStreamRequest {
                number,
                events,
                ..v1::IngestStreamRequest::default()
            };
            if requests.send(request).await.is_err() {
                return;
            }
            // Spreads the stream over the time in which the kill falls.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    if let Ok(answers) = client
        .ingestion()
        .ingest_stream(ReceiverStream::new(received))
        .await
    {
        let mut answers = answers.into_inner();
        while let Some(Ok(answer)) = answers.next().await {
            assert_eq!(u64::from(answer.accepted), EVENTS_IN_A_BATCH);
            acknowledged.lock().unwrap().insert(answer.number);
        }
    }
    sending.abort();
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn what_was_acknowledged_is_found_exactly_once_after_each_of_ten_kills(#[case] stack: Stack) {
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut system = System::start(stack).await;
    let mut sent: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let mut kills_within_a_stream = 0;
    for round in 0..KILLS {
        let batches: Vec<(u64, Vec<Value>)> = (0..BATCHES)
            .map(|batch| {
                let number = 1 + round * BATCHES + batch;
                let first = number * EVENTS_IN_A_BATCH;
                let events = (first..first + EVENTS_IN_A_BATCH)
                    .map(|number| event(number, now()))
                    .collect();
                (number, events)
            })
            .collect();
        sent.extend(
            batches
                .iter()
                .map(|(number, events)| (*number, events.iter().map(id).collect())),
        );
        let before = acknowledged.lock().unwrap().len();
        let streaming = tokio::spawn(stream(system.client().await, batches, Arc::clone(&acknowledged)));
        tokio::time::sleep(Duration::from_millis(random.random_range(5..150))).await;
        system.kill();
        streaming.await.unwrap();
        let during = acknowledged.lock().unwrap().len() - before;
        kills_within_a_stream += u64::from(during > 0 && during < usize::try_from(BATCHES).unwrap());
        system.restart().await;

        let expected: BTreeSet<String> = acknowledged
            .lock()
            .unwrap()
            .iter()
            .flat_map(|number| sent[number].iter().cloned())
            .collect();
        let all: BTreeSet<String> = sent.values().flatten().cloned().collect();
        let found = found_once_settled(&system).await;
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(distinct.len(), found.len(), "an event is found twice");
        assert!(distinct.is_subset(&all), "an event is found that nobody sent");
        let lost: Vec<_> = expected.difference(&distinct).collect();
        assert!(
            lost.is_empty(),
            "{} of {} acknowledged events are lost",
            lost.len(),
            expected.len()
        );
    }
    assert!(kills_within_a_stream > 0, "no kill fell within a stream");
}

/// Ids that a search finds, once everything is stored that the log has.
async fn found_once_settled(system: &System) -> Vec<String> {
    let client = system.client().await;
    // So many users are in every partition, and each partition is stored in order: what is not acknowledged and
    // in the log all the same is stored before these.
    let last: Vec<Value> = (0..64)
        .map(|user| json!({"kind": "generic", "name": "last", "user_id": format!("last-{user}")}))
        .collect();
    let answer = client
        .post_json("/api/v1/ingestion/events/batch", &json!(last))
        .await;
    let token = answer.body["token"].as_str().unwrap();
    // A search waits a moment for a write; the group may need longer to notice that a member was killed.
    let begin = Instant::now();
    while client
        .get(&format!("/api/v1/ingestion/events?limit=1&after={token}"))
        .await
        .status
        != 200
    {
        assert!(
            begin.elapsed() < DEADLINE,
            "what the log has is not stored in time"
        );
    }
    let found = client.search_all("limit=1000&service=shop").await;
    found.iter().map(id).collect()
}
