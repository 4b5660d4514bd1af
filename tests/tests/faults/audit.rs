//! What log, store, search and statistics have, compared with what producers know.

mod counts;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::cursor::Order;
use domain::id::IdRange;
use domain::record::Enriched;
use domain::source::Lane;
use domain::tenant::TenantId;
use domain::topic;
use e2e::Client;
use e2e::sample::id;
use e2e::system::DEADLINE;
use eventlog::kafka::{self, Kafka};
use eventlog::{Log, Record, TopicPartition};
use serde_json::{Value, json};
use store::Events;
use store::cql::{self, Cql};

use crate::ground::Ground;
use crate::load::Known;

const READ_BYTES: usize = 1 << 20;

/// Waits until everything is stored that the log has, and compares. Every role must be running.
pub(crate) async fn nothing_is_lost_doubled_or_invented(ground: &Ground, known: &Known) {
    let (sent, acknowledged) = (known.sent(), known.acknowledged());
    assert!(
        acknowledged.len() > 500,
        "only {} events were acknowledged",
        acknowledged.len()
    );

    let token = last_writes(ground).await;
    let found = found_after(ground, &token).await;
    let ids: Vec<String> = found.iter().map(id).collect();
    compare("a search", &ids, &sent, &acknowledged);
    let stored = stored(ground).await;
    compare("the store", &stored, &sent, &acknowledged);
    let fates = fates(ground).await;
    compare("the enriched topic", &fates, &sent, &acknowledged);
    counts::are_those_of(ground, &found, &token).await;
    println!(
        "{} sent, {} acknowledged, {} refused calls, {} found, {} stored, {} enriched",
        sent.len(),
        acknowledged.len(),
        known.refusals(),
        found.len(),
        stored.len(),
        fates.len()
    );
}

fn compare(what: &str, ids: &[String], sent: &BTreeSet<String>, acknowledged: &BTreeSet<String>) {
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(distinct.len(), ids.len(), "{what} has an event twice");
    let lost: Vec<_> = acknowledged.difference(&distinct).take(5).collect();
    assert!(
        lost.is_empty(),
        "{what} lacks acknowledged events, such as {lost:?}"
    );
    let invented: Vec<_> = distinct.difference(sent).take(5).collect();
    assert!(
        invented.is_empty(),
        "{what} has events that nobody sent, such as {invented:?}"
    );
}

/// The token of a write to every partition, behind all that was written before.
async fn last_writes(ground: &Ground) -> String {
    let client = ground.client().await;
    // So many users are in every partition, and each partition is stored in order.
    let last: Vec<Value> = (0..64)
        .map(|user| json!({"kind": "generic", "name": "last", "user_id": format!("last-{user}")}))
        .collect();
    let begin = std::time::Instant::now();
    loop {
        let answer = client
            .post_json("/api/v1/ingestion/events/batch", &json!(last))
            .await;
        if answer.body["accepted"] == json!(last.len()) {
            return answer.body["token"].as_str().unwrap().to_owned();
        }
        assert!(begin.elapsed() < DEADLINE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The answer once that write is visible: it waits a moment by itself, but after an outage more is on its way than fits
/// a moment.
async fn get_after(client: &Client, path: &str, token: &str) -> Value {
    let begin = std::time::Instant::now();
    loop {
        let answer = client.get(&format!("{path}&after={token}")).await;
        if answer.status == 200 {
            return answer.body;
        }
        assert!(
            begin.elapsed() < 2 * DEADLINE,
            "what the log has is not in {path} in time: {answer:?}"
        );
    }
}

/// The events that a search finds, once everything is stored that the log has.
async fn found_after(ground: &Ground, token: &str) -> Vec<Value> {
    let client = ground.client().await;
    get_after(&client, "/api/v1/ingestion/events?limit=1", token).await;
    client.search_all("limit=1000&service=shop").await
}

/// Ids of all rows.
async fn stored(ground: &Ground) -> Vec<String> {
    let config = cql::Config::new(vec![ground.cassandra.address()], ground.system.keyspace());
    let store = Cql::connect(config, std::sync::Arc::new(e2e::clock::now))
        .await
        .unwrap();
    let tenant = TenantId::parse("demo").unwrap();
    let now = e2e::clock::now();
    let mut range = Some(IdRange::of_times(now.minus_ms(3_600_000), now.plus_ms(3_600_000)));
    let mut ids = Vec::new();
    while let Some(rest) = range {
        let scan = store.ids(&tenant, rest, Order::OldestFirst, 1_000).await.unwrap();
        let events = store.fetch(&tenant, &scan.ids, now).await.unwrap();
        ids.extend(
            events
                .iter()
                .filter(|event| is_of_the_load(event))
                .map(|event| event.event.id.to_string()),
        );
        range = scan.next;
    }
    ids
}

fn is_of_the_load(event: &Enriched) -> bool {
    event.event.service.as_deref() == Some("shop")
}

/// Ids of the first fates of all origins, as every reader of the enriched topic sees them. An event that its producer
/// sent again has two origins, and only the first is an event.
///
/// In every prefix of a partition there is each origin up to the greatest, and at the end there are all.
async fn fates(ground: &Ground) -> Vec<String> {
    let config = kafka::Config {
        prefix: ground.system.topic_prefix(),
        ..kafka::Config::new(ground.kafka.address())
    };
    let log = Kafka::connect(config).unwrap();
    let partitions = log.partitions(topic::enriched(Lane::Standard)).await.unwrap();
    let mut ids = Vec::new();
    let mut repeated = 0;
    for partition in 0..partitions {
        let enriched = TopicPartition::new(topic::enriched(Lane::Standard), partition);
        let accepted = TopicPartition::new(topic::accepted(Lane::Standard), partition);
        let mut first: BTreeMap<u64, Record> = BTreeMap::new();
        let mut next_origin = log.bounds(&accepted).await.unwrap().start;
        for record in read_all(&log, &enriched).await {
            let origin = origin(&record);
            if origin < next_origin {
                repeated += 1;
                continue;
            }
            assert_eq!(
                origin, next_origin,
                "{enriched} has a gap before offset {}",
                record.offset
            );
            next_origin += 1;
            first.insert(origin, record);
        }
        assert_eq!(
            next_origin,
            log.bounds(&accepted).await.unwrap().end,
            "{enriched} lacks the last fates"
        );
        let events = first.into_values().filter(|record| !record.value.is_empty());
        let events = events.map(|record| proto::record::decode_enriched(record.value).unwrap());
        ids.extend(
            events
                .filter(is_of_the_load)
                .map(|event| event.event.id.to_string()),
        );
    }
    println!("{repeated} fates were written again");
    ids
}

async fn read_all(log: &Kafka, partition: &TopicPartition) -> Vec<Record> {
    let bounds = log.bounds(partition).await.unwrap();
    let mut records: Vec<Record> = Vec::new();
    let mut next = bounds.start;
    while next < bounds.end {
        let read = log
            .read(partition, next, READ_BYTES, Duration::from_secs(5))
            .await
            .unwrap();
        assert!(read.next > next, "there is more to read");
        next = read.next;
        records.extend(read.records);
    }
    records
}

fn origin(record: &Record) -> u64 {
    let digits = record.header(topic::HEADER_ORIGIN).expect("a fate has an origin");
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}
