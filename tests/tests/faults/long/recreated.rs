//! Topics that are deleted and made anew under the same names: refused with a clear error, never skipped in
//! silence; and taken as a new generation when the operator says so.

use std::time::{Duration, Instant};

use domain::source::Lane;
use domain::topic;
use e2e::clock::now;
use e2e::distributed::Role;
use e2e::sample::{event, id};
use e2e::system::{DEADLINE, addresses_of};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ground::Ground;
use crate::load::Load;

const BATCH: &str = "/api/v1/ingestion/events/batch";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn topics_made_anew_are_refused_until_they_are_a_new_generation() {
    let mut ground = Ground::start().await;
    let load = Load::start(addresses_of(ground.system.gateway()), ground.system.demo_key());
    load.progresses(1_000).await;
    let known = load.stop().await;
    crate::audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
    assert!(ground.system.stop_all().await);

    delete_topics(&ground).await;
    ground.system.run(&["migrate"]);
    // The new topics grow beyond what was stored of the old ones.
    for role in [Role::Query, Role::Gateway, Role::Enrichment] {
        let index = ground.system.index(role);
        ground.system.spawn(index).await;
    }
    let client = ground.client_once_ready().await;
    let mut sent = Vec::new();
    for batch in 0..60_u64 {
        let events: Vec<Value> = (0..100)
            .map(|number| event((1 << 41) + batch * 100 + number, now()))
            .collect();
        let answer = client.post_json(BATCH, &json!(events)).await;
        assert_eq!(answer.body["accepted"], json!(100), "{answer:?}");
        sent.extend(events.iter().map(id));
    }

    let retention = ground.system.index(Role::Retention);
    ground.system.process(retention).spawn();
    let status = ground.system.process(retention).ended().await;
    assert!(!status.success(), "retention went on in other topics");
    let log = ground.system.process(retention).log();
    assert!(
        log.contains("made anew") && log.contains("sluice migrate --new-generation"),
        "{log}"
    );

    // The operator takes the loss of what was not stored, and says that these topics are new ones.
    ground.system.stop_all().await;
    ground.system.run(&["migrate", "--new-generation"]);
    ground.system.start_all().await;
    let client = ground.client().await;
    let begin = Instant::now();
    loop {
        let found: Vec<String> = client
            .search_all("limit=1000&service=shop")
            .await
            .iter()
            .map(id)
            .collect();
        let known: std::collections::BTreeSet<&String> = found.iter().collect();
        assert_eq!(known.len(), found.len(), "an event is found twice");
        if sent.iter().all(|id| known.contains(id)) {
            break;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "what is in the new topics is not stored"
        );
        sleep(Duration::from_millis(200)).await;
    }
}

async fn delete_topics(ground: &Ground) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", ground.kafka.address())
        .create()
        .unwrap();
    let prefix = ground.system.topic_prefix();
    let names = [topic::accepted(Lane::Standard), topic::enriched(Lane::Standard)]
        .map(|name| format!("{prefix}{name}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for deleted in admin.delete_topics(&names, &AdminOptions::new()).await.unwrap() {
        deleted.unwrap();
    }
    // A deletion is told before it is done everywhere.
    let begin = Instant::now();
    loop {
        let metadata = admin
            .inner()
            .fetch_metadata(None, Duration::from_secs(5))
            .unwrap();
        if !metadata
            .topics()
            .iter()
            .any(|topic| names.contains(&topic.name()))
        {
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "the topics are still there");
    }
}
