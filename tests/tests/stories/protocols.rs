//! All four kinds go in over each protocol and come out by search and by id, as they were sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use e2e::client::{Answer, batch};
use e2e::sample::{event, id, protobuf};
use e2e::system::DEADLINE;
use e2e::{Client, Stack, System};
use proto::v1;
use rstest::rstest;
use serde_json::{Value, json};
use tokio_stream::StreamExt;

use e2e::clock::now;

const EVENTS: &str = "/api/v1/ingestion/events";
const BATCH: &str = "/api/v1/ingestion/events/batch";

/// Four events, one of each kind, with numbers from `first` on.
fn four(first: u64) -> Vec<Value> {
    (first..first + 4)
        .map(|number| event(number, now().minus_ms(1000)))
        .collect()
}

async fn over_http(client: &Client, sent: &mut Vec<Value>) {
    for event in four(0) {
        let answer = client.post_json(EVENTS, &event).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (202, &json!("accepted")),
            "{answer:?}"
        );
        assert_eq!(answer.body["id"], event["id"]);
        sent.push(event);
    }
    let array = four(4);
    assert_all_accepted(&client.post_json(BATCH, &json!(array)).await);
    let object = four(8);
    assert_all_accepted(&client.post_json(BATCH, &json!({ "events": object })).await);
    let ndjson = four(12);
    let lines: Vec<String> = ndjson.iter().map(Value::to_string).collect();
    assert_all_accepted(&client.post(BATCH, "application/x-ndjson", lines.join("\n")).await);
    let binary = four(16);
    let body = prost::Message::encode_to_vec(&batch(binary.iter().map(protobuf)));
    assert_all_accepted(&client.post(BATCH, "application/x-protobuf", body).await);
    sent.extend([array, object, ndjson, binary].concat());
}

async fn over_grpc(client: &Client, sent: &mut Vec<Value>) {
    for event in four(20) {
        let request = v1::IngestRequest {
            event: protobuf(&event),
            ..v1::IngestRequest::default()
        };
        let answer = client.ingestion().ingest(request).await.unwrap().into_inner();
        assert_eq!(answer.id, id(&event));
        sent.push(event);
    }
    let events = four(24);
    let answer = client
        .ingestion()
        .ingest_batch(batch(events.iter().map(protobuf)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.accepted, answer.rejected, answer.results.len()),
        (4, 0, 4)
    );
    sent.extend(events);

    let batches: Vec<Vec<Value>> = (0..5).map(|number| four(28 + 4 * number)).collect();
    let requests: Vec<_> = (1..)
        .zip(&batches)
        .map(|(number, events)| v1::IngestStreamRequest {
            number,
            events: events.iter().map(protobuf).collect(),
            ..v1::IngestStreamRequest::default()
        })
        .collect();
    let answers = client
        .ingestion()
        .ingest_stream(tokio_stream::iter(requests))
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<_> = answers.map(Result::unwrap).collect().await;
    assert_eq!(
        answers.iter().map(|answer| answer.number).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert!(
        answers
            .iter()
            .all(|answer| answer.accepted == 4 && answer.results.is_empty())
    );
    sent.extend(batches.concat());
}

fn assert_all_accepted(answer: &Answer) {
    assert_eq!(
        (answer.status, &answer.body["accepted"]),
        (202, &json!(4)),
        "{answer:?}"
    );
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn every_kind_goes_in_over_each_protocol_and_comes_out_as_it_was_sent(#[case] stack: Stack) {
    let mut system = System::start(stack).await;
    let client = system.client().await;
    let mut sent = Vec::new();
    over_http(&client, &mut sent).await;
    over_grpc(&client, &mut sent).await;

    let found = client.search_until("limit=7", sent.len()).await;
    let by_id: BTreeMap<String, &Value> = found.iter().map(|event| (id(event), event)).collect();
    assert_eq!((found.len(), by_id.len()), (sent.len(), sent.len()), "each once");
    assert!(
        found.windows(2).all(|pair| id(&pair[0]) > id(&pair[1])),
        "newest first"
    );
    for event in &sent {
        assert_came_back(event, by_id[&id(event)]);
        let read = client.get(&format!("{EVENTS}/{}", id(event))).await;
        assert_eq!(&&read.body, by_id.get(&id(event)).unwrap());
    }
    for kind in ["api_request", "error", "user_action", "generic"] {
        assert_eq!(
            client.search_all(&format!("kind={kind}")).await.len(),
            sent.len() / 4
        );
    }
    assert!(system.stop().await);
    system.assert_quiet(&[]);
}

/// What was sent is there to the letter; what is new is known by name.
fn assert_came_back(sent: &Value, found: &Value) {
    let mut rest = found.as_object().unwrap().clone();
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(rest.remove(field).as_ref(), Some(value), "{field} of {found}");
    }
    let context = rest.remove("context").unwrap();
    if sent["kind"] == "api_request" {
        assert_eq!(context["route"], "/orders/{number}");
        assert_eq!(context["client"]["browser"], "Firefox");
    }
    let added: Vec<&str> = rest.keys().map(String::as_str).collect();
    assert_eq!(added, ["priority", "received_at", "severity", "timestamp"]);
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_search_with_the_token_of_a_write_sees_it(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    for number in 0..20 {
        let event = event(number, now());
        let token = client.post_json(EVENTS, &event).await.body["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let found = client.search_all(&format!("after={token}")).await;
        assert!(
            found.iter().any(|found| id(found) == id(&event)),
            "write {number}"
        );
        let read = client
            .get(&format!("{EVENTS}/{}?after={token}", id(&event)))
            .await;
        assert_eq!(read.status, 200);
    }
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn grpc_search_and_get_find_what_http_finds(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let answer = client.post_json(BATCH, &json!(four(0))).await;
    let after = answer.body["token"].as_str().unwrap().to_owned();
    let request = v1::SearchRequest {
        q: "service:shop".into(),
        limit: 3,
        after,
        ..v1::SearchRequest::default()
    };
    let page = client.query().search(request.clone()).await.unwrap().into_inner();
    assert_eq!((page.events.len(), page.complete), (3, true));
    let rest = v1::SearchRequest {
        cursor: page.next_cursor,
        ..request
    };
    let rest = client.query().search(rest).await.unwrap().into_inner();
    assert_eq!((rest.events.len(), rest.next_cursor.as_str()), (1, ""));

    let first = page.events[0].event.clone().unwrap();
    let read = v1::GetRequest {
        id: first.id.clone(),
        ..v1::GetRequest::default()
    };
    assert_eq!(
        client
            .query()
            .get(read)
            .await
            .unwrap()
            .into_inner()
            .event
            .unwrap()
            .event,
        Some(first)
    );
    let unknown = v1::GetRequest {
        id: id(&event(99, now())),
        ..v1::GetRequest::default()
    };
    assert_eq!(
        client.query().get(unknown).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_deleted_event_is_never_returned_again_also_after_a_restart(#[case] stack: Stack) {
    let mut system = System::start(stack).await;
    let client = system.client().await;
    let events = four(0);
    // The first is deleted before it is sent at all, the second after it was stored.
    assert_eq!(
        client
            .delete(&format!("{EVENTS}/{}", id(&events[0])))
            .await
            .status,
        204
    );
    let answer = client.post_json(BATCH, &json!(events)).await;
    let token = answer.body["token"].as_str().unwrap().to_owned();
    assert_eq!(client.search_all(&format!("after={token}")).await.len(), 3);
    assert_eq!(
        client
            .delete(&format!("{EVENTS}/{}", id(&events[1])))
            .await
            .status,
        204
    );

    for round in 0..2 {
        let client = system.client().await;
        let found: Vec<String> = client.search_all("").await.iter().map(id).collect();
        assert_eq!(found, [id(&events[3]), id(&events[2])], "round {round}");
        for deleted in &events[..2] {
            assert_eq!(client.get(&format!("{EVENTS}/{}", id(deleted))).await.status, 404);
        }
        // Sent again with the same ids, they stay deleted.
        assert_eq!(client.post_json(BATCH, &json!(events)).await.status, 202);
        system.kill();
        system.restart().await;
    }
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn what_is_sent_again_is_there_once_also_across_a_restart(#[case] stack: Stack) {
    let mut system = System::start(stack).await;
    let mut events = four(0);
    let first: BTreeSet<String> = events.iter().map(id).collect();
    for round in 0..3 {
        // One comes under another id each time.
        let mut renamed = event(7 * round, now().minus_ms(1000));
        renamed["external_id"] = json!("order-7");
        if round == 0 {
            renamed["id"] = events[0]["id"].clone();
        }
        events[0] = renamed;
        let client = system.client().await;
        let answer = client.post_json(BATCH, &json!(events)).await;
        assert_all_accepted(&answer);
        let token = answer.body["token"].as_str().unwrap();
        let begin = Instant::now();
        // The group may still wait for the member that was killed.
        while client.get(&format!("{EVENTS}?after={token}")).await.status != 200 {
            assert!(begin.elapsed() < DEADLINE, "it is not visible in time");
        }
        let found: BTreeSet<String> = client.search_all("").await.iter().map(id).collect();
        assert_eq!(found, first, "round {round}");
        system.kill();
        system.restart().await;
    }
}
