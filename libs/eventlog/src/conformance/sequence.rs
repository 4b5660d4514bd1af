//! Sequences of appends.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::{Fixture, append, numbered, read_all, record, within};
use crate::port::{Appended, Class, Error, Sequence};
use crate::record::{NewRecord, TopicPartition};

type Call<'a> = Pin<Box<dyn Future<Output = Vec<Result<Appended, Error>>> + Send + 'a>>;

impl Fixture {
    async fn sequence(&self) -> Arc<dyn Sequence> {
        within(self.log.sequence())
            .await
            .expect("a sequence can be opened")
    }

    async fn values(&self, partition: &TopicPartition) -> Vec<Bytes> {
        let records = read_all(&*self.log, partition, 0).await;
        records.into_iter().map(|record| record.value).collect()
    }
}

/// Begins a call: polls it once. Its results, if it has them already.
async fn begin(call: &mut Call<'_>) -> Option<Vec<Result<Appended, Error>>> {
    tokio::select! {
        biased;
        results = call => Some(results),
        () = ready(()) => None,
    }
}

fn texts(to: &TopicPartition, values: &[&'static str]) -> Vec<NewRecord> {
    values.iter().map(|value| record(to, *value)).collect()
}

fn is_prefix(values: &[Bytes], of: &[&str]) -> bool {
    values.len() <= of.len() && values.iter().zip(of).all(|(value, text)| *value == *text)
}

async fn refused(sequence: &dyn Sequence, to: &TopicPartition) -> Error {
    let mut results = within(sequence.append(texts(to, &["never"]))).await;
    let result = results.pop().expect("a result per record");
    result.expect_err("the sequence is broken")
}

/// Calls that run at the same time are appended in the order in which they began.
pub async fn sequence_keeps_the_order_of_its_calls(fixture: Fixture) {
    let to = fixture.partition(0);
    let sequence = fixture.sequence().await;
    let expected: Vec<String> = (0..1_000).map(|number: u32| number.to_string()).collect();
    let mut calls: Vec<Call<'_>> = Vec::new();
    for part in expected.chunks(10) {
        let records = part.iter().map(|text| record(&to, text.clone())).collect();
        calls.push(sequence.append(records));
        let call = calls.last_mut().expect("it was just pushed");
        if let Some(results) = begin(call).await {
            *call = Box::pin(ready(results));
        }
    }
    let mut offsets = Vec::new();
    for call in calls {
        let results = within(call).await.into_iter();
        offsets.extend(results.map(|result| result.expect("the sequence holds").offset));
    }
    assert_eq!(offsets, (0..1_000).collect::<Vec<u64>>());
    assert_eq!(fixture.values(&to).await, expected);
    assert!(!sequence.is_broken());
}

/// A call to several partitions gives each record its own result, and each partition its order.
pub async fn sequence_spans_partitions(fixture: Fixture) {
    let sequence = fixture.sequence().await;
    let records = (0..300_u32).map(|n| record(&fixture.partition(n % 3), (n / 3).to_string()));
    let results = within(sequence.append(records.collect())).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    for number in 0..3 {
        assert_eq!(fixture.values(&fixture.partition(number)).await, expected);
    }
    assert!(within(sequence.append(Vec::new())).await.is_empty());
}

/// A call with a record that is too large, or that does not fit, appends nothing and breaks nothing.
pub async fn sequence_goes_on_after_a_refusal(fixture: Fixture) {
    let to = fixture.partition(0);
    let sequence = fixture.sequence().await;
    let large = vec![
        record(&to, "before"),
        record(&to, vec![0; fixture.max_record_bytes]),
        record(&to, "after"),
    ];
    for result in within(sequence.append(large)).await {
        let error = result.expect_err("a record is too large");
        assert!(matches!(error, Error::RecordTooLarge { .. }), "{error:?}");
    }
    let bytes = fixture.max_record_bytes / 2;
    let many = numbered(&to, fixture.max_in_flight_bytes / bytes + 1, bytes);
    for result in within(sequence.append(many)).await {
        let error = result.expect_err("the call does not fit");
        assert!(matches!(error, Error::Full { .. }), "{error:?}");
    }
    assert!(!sequence.is_broken());
    let results = within(sequence.append(texts(&to, &["first", "second"]))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(fixture.values(&to).await, ["first", "second"]);
}

/// After a failure nothing more is appended, and another sequence goes on.
pub async fn broken_sequence_appends_nothing_more(fixture: Fixture) {
    let to = fixture.partition(0);
    let sequence = fixture.sequence().await;
    let results = within(sequence.append(texts(&to, &["a", "b"]))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let nowhere = TopicPartition::new(fixture.topic.as_str(), super::PARTITIONS);
    let records = vec![record(&to, "c"), record(&nowhere, "lost"), record(&to, "d")];
    let results = within(sequence.append(records)).await;
    assert!(results[1].is_err(), "{results:?}");
    assert!(sequence.is_broken());
    refused(&*sequence, &to).await;
    refused(&*sequence, &fixture.partition(1)).await;

    let values = fixture.values(&to).await;
    assert!(
        values.len() >= 2 && is_prefix(&values, &["a", "b", "c", "d"]),
        "{values:?}"
    );
    let other = fixture.sequence().await;
    assert!(within(other.append(texts(&to, &["next"]))).await[0].is_ok());
    assert!(!other.is_broken());
    assert_eq!(fixture.values(&to).await.len(), values.len() + 1);
    assert_eq!(fixture.values(&fixture.partition(1)).await, [""; 0]);
}

/// Whoever drops a call does not know how far it came, so nothing may follow it.
pub async fn dropped_call_breaks_the_sequence(fixture: Fixture) {
    let to = fixture.partition(0);
    let sequence = fixture.sequence().await;
    append(&*fixture.log, texts(&to, &["a"])).await;
    let mut call: Call<'_> = sequence.append(texts(&to, &["b", "c"]));
    assert!(begin(&mut call).await.is_none(), "nothing is durable at once");
    drop(call);
    assert!(sequence.is_broken());
    assert_eq!(refused(&*sequence, &to).await.class(), Class::Transient);
    // What was on its way may arrive, before what comes later.
    append(&*fixture.log, texts(&to, &["end"])).await;
    let mut values = fixture.values(&to).await;
    values.retain(|value| value != "end");
    assert!(is_prefix(&values, &["a", "b", "c"]), "{values:?}");
}

/// The same for a call that has begun behind another one: what is behind it would leave a gap.
pub async fn dropped_call_in_the_queue_breaks_the_sequence(fixture: Fixture) {
    let to = fixture.partition(0);
    let sequence = fixture.sequence().await;
    let mut first: Call<'_> = sequence.append(texts(&to, &["a"]));
    assert!(begin(&mut first).await.is_none(), "nothing is durable at once");
    let mut second: Call<'_> = sequence.append(texts(&to, &["b"]));
    assert!(begin(&mut second).await.is_none(), "nothing is durable at once");
    drop(second);
    assert!(sequence.is_broken());
    let results = within(first).await;
    refused(&*sequence, &to).await;
    let values = fixture.values(&to).await;
    assert!(is_prefix(&values, &["a", "b"]), "{values:?}");
    assert!(
        results[0].is_err() || !values.is_empty(),
        "an acknowledged record is there"
    );
}
