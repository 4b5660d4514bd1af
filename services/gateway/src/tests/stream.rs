//! Streams over gRPC: many batches under way, answers in order, and every way in which a stream ends.

use std::time::Duration;

use chassis::config::ByteSize;
use domain::key::KeyId;
use proto::v1;
use proto::v1::ingestion_client::IngestionClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use super::harness::{Fault, House, PATIENCE, within};
use super::unary::{connect, event, keyed};
use crate::Config;

struct Open {
    batches: mpsc::Sender<v1::IngestStreamRequest>,
    answers: Streaming<v1::IngestStreamResponse>,
}

impl Open {
    async fn new(house: &House) -> Self {
        let mut client = IngestionClient::new(connect(house).await);
        let (batches, queue) = mpsc::channel(1);
        let request = keyed(&house.keys.ingest, ReceiverStream::new(queue));
        let answers = within(client.ingest_stream(request)).await.unwrap().into_inner();
        Self { batches, answers }
    }

    async fn send(&self, number: u64, events: usize) {
        self.send_batch(batch(number, events)).await;
    }

    async fn send_batch(&self, batch: v1::IngestStreamRequest) {
        within(self.batches.send(batch)).await.unwrap();
    }

    async fn next(&mut self) -> Result<Option<v1::IngestStreamResponse>, Status> {
        within(self.answers.message()).await
    }

    async fn answer(&mut self) -> v1::IngestStreamResponse {
        self.next().await.unwrap().unwrap()
    }

    async fn end(&mut self) -> Status {
        self.next().await.unwrap_err()
    }
}

fn batch(number: u64, events: usize) -> v1::IngestStreamRequest {
    let events = (0..events)
        .map(|index| event(&format!("{number}-{index}")))
        .collect();
    v1::IngestStreamRequest {
        number,
        events,
        ..v1::IngestStreamRequest::default()
    }
}

/// A batch of one event that has its own id.
fn with_id(number: u64) -> v1::IngestStreamRequest {
    use prost::Message;
    let id =
        domain::id::EventId::made(domain::time::Millis::from_ms(super::harness::NOW_MS), [9; 10]).to_string();
    let body = v1::event::Body::Generic(v1::Generic { name: "a".to_owned() });
    let event = v1::Event {
        id,
        body: Some(body),
        ..v1::Event::default()
    };
    v1::IngestStreamRequest {
        number,
        events: vec![event.encode_to_vec().into()],
        ..v1::IngestStreamRequest::default()
    }
}

#[tokio::test]
async fn many_batches_are_under_way_and_answered_in_order() {
    let house = House::new().await;
    let mut open = Open::new(&house).await;
    house.log.set(Fault::Hang);
    for number in 1..=10 {
        open.send(number, 3).await;
    }
    house.begun(10).await;
    house.log.set(Fault::None);
    for number in 1..=10 {
        let answer = open.answer().await;
        assert_eq!((answer.number, answer.accepted), (number, 3));
        assert!(!answer.token.is_empty());
    }
    drop(open.batches);
    assert!(within(open.answers.message()).await.unwrap().is_none());
    assert_eq!(house.events().await.len(), 30);
    house.stop().await;
}

#[tokio::test]
async fn events_of_one_key_are_in_the_log_in_the_order_of_the_stream() {
    let house = House::new().await;
    let mut open = Open::new(&house).await;
    for number in 0..50 {
        open.send(number, 2).await;
    }
    for number in 0..50 {
        assert_eq!(open.answer().await.number, number);
    }
    let names: Vec<_> = house
        .events()
        .await
        .into_iter()
        .map(|(_, _, accepted)| accepted.event.body)
        .collect();
    let expected: Vec<_> = (0..50)
        .flat_map(|number| (0..2).map(move |index| format!("{number}-{index}")))
        .collect();
    let names: Vec<_> = names
        .into_iter()
        .map(|body| match body {
            domain::event::Body::Generic(body) => body.name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, expected);
    house.stop().await;
}

#[tokio::test]
async fn an_answer_lists_only_what_the_producer_can_not_know() {
    let house = House::new().await;
    let mut open = Open::new(&house).await;
    open.send_batch(with_id(1)).await;
    assert_eq!(open.answer().await.results, []);
    let mut mixed = with_id(2);
    mixed.events.extend([
        event("made"),
        bytes::Bytes::from_static(b"\xff"),
        mixed.events[0].clone(),
    ]);
    open.send_batch(mixed).await;
    let answer = open.answer().await;
    assert_eq!((answer.accepted, answer.duplicates, answer.rejected), (2, 1, 1));
    let told: Vec<_> = answer
        .results
        .iter()
        .map(|verdict| (verdict.index, verdict.status()))
        .collect();
    let expected = [
        (1, v1::VerdictStatus::Accepted),
        (2, v1::VerdictStatus::Invalid),
        (3, v1::VerdictStatus::Duplicate),
    ];
    assert_eq!(told, expected);
    house.log.set(Fault::Full);
    open.send_batch(with_id(3)).await;
    let answer = open.answer().await;
    assert_eq!(answer.results[0].status(), v1::VerdictStatus::Unavailable);
    assert_eq!(answer.token, "");
    house.stop().await;
}

#[tokio::test]
async fn numbers_that_do_not_ascend_end_the_stream_after_the_answers() {
    let house = House::new().await;
    for second in [7, 6] {
        let mut open = Open::new(&house).await;
        open.send(7, 1).await;
        open.send(second, 1).await;
        assert_eq!(open.answer().await.number, 7);
        let status = open.end().await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status
                .message()
                .starts_with(&format!("batch {second} came after batch 7")),
            "{status}"
        );
    }
    house.stop().await;
}

#[tokio::test]
async fn a_batch_that_breaks_the_protocol_ends_the_stream() {
    let house = House::new().await;
    let keyed = v1::IngestStreamRequest {
        idempotency_key: "a b".to_owned(),
        ..batch(1, 1)
    };
    for (bad, reason) in [(batch(1, 1_001), "too_many_events"), (keyed, "invalid_request")] {
        let mut open = Open::new(&house).await;
        open.send_batch(bad).await;
        let status = open.end().await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, reason);
    }
    assert!(house.events().await.is_empty());
    house.stop().await;
}

#[tokio::test]
async fn an_empty_batch_is_answered() {
    let house = House::new().await;
    let mut open = Open::new(&house).await;
    open.send(1, 0).await;
    assert_eq!(
        open.answer().await,
        v1::IngestStreamResponse {
            number: 1,
            ..v1::IngestStreamResponse::default()
        }
    );
    house.stop().await;
}

#[tokio::test]
async fn a_producer_that_does_not_read_its_answers_is_not_read() {
    let by_batches = |config: &mut Config| config.stream.batches = 4;
    let by_bytes = |config: &mut Config| config.stream.bytes = ByteSize::kib(512);
    // Four wait behind the one whose answer is next.
    assert_eq!(read_of_a_silent_producer(by_batches).await, 5);
    assert_eq!(read_of_a_silent_producer(by_bytes).await, 1);
}

/// How many batches of 1,000 events are read of a producer that takes no answer.
async fn read_of_a_silent_producer(change: impl FnOnce(&mut Config)) -> usize {
    let house = House::with(change).await;
    let open = Open::new(&house).await;
    house.log.set(Fault::Hang);
    let sent = async {
        for number in 0.. {
            open.batches.send(batch(number, 1_000)).await.unwrap();
        }
    };
    // Until the transport holds all it may of what is not read.
    let stuck = tokio::time::timeout(Duration::from_secs(1), sent).await;
    assert!(stuck.is_err());
    let begun = *house.log.begun.borrow();
    house.log.set(Fault::None);
    drop(open);
    house.stop().await;
    begun
}

#[tokio::test]
async fn a_drain_ends_streams_after_the_answers_to_what_was_taken() {
    let house = House::new().await;
    let mut open = Open::new(&house).await;
    house.log.set(Fault::Hang);
    open.send(1, 1).await;
    open.send(2, 1).await;
    house.begun(2).await;
    house.shutdown.cancel();
    house.log.set(Fault::None);
    assert_eq!(open.answer().await.number, 1);
    assert_eq!(open.answer().await.number, 2);
    let status = open.end().await;
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("connect again"), "{status}");
    house.stop().await;
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams() {
    let house = House::new().await;
    let mut open = Open::new(&house).await;
    open.send(1, 1).await;
    assert_eq!(open.answer().await.number, 1);
    let id = KeyId::parse(&house.keys.ingest[4..16]).unwrap();
    house
        .writer
        .revoke_key(&control::By::operator("test"), &id)
        .await
        .unwrap();
    open.send(2, 1).await;
    assert_eq!(open.end().await.code(), Code::Unauthenticated);
    house.stop().await;
}

#[tokio::test]
async fn too_many_streams_are_refused() {
    let house = House::with(|config: &mut Config| config.stream.open = 1).await;
    let open = Open::new(&house).await;
    let mut client = IngestionClient::new(connect(&house).await);
    let request = keyed(
        &house.keys.ingest,
        tokio_stream::pending::<v1::IngestStreamRequest>(),
    );
    let status = within(client.ingest_stream(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    drop(open);
    // The place is free again once the server has seen the end.
    let freed = async {
        loop {
            let request = keyed(
                &house.keys.ingest,
                tokio_stream::pending::<v1::IngestStreamRequest>(),
            );
            if client.ingest_stream(request).await.is_ok() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.unwrap();
    house.stop().await;
}
