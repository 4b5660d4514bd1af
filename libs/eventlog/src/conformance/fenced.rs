//! Appends under a name that has one writer at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{DEADLINE, Fixture, QUIET, append, numbered, offsets, read_all, record, within};
use crate::port::{Appended, Class, Error, Fenced, Log, Read};
use crate::record::{NewRecord, TopicPartition};

const NAME: &str = "writer";

impl Fixture {
    fn compacted(&self) -> TopicPartition {
        TopicPartition::new(self.compacted.as_str(), 0)
    }

    /// The same record for both topics.
    fn pair(&self, value: &str) -> Vec<NewRecord> {
        let value = value.to_owned();
        vec![
            record(&self.partition(0), value.clone()),
            record(&self.compacted(), value),
        ]
    }
}

async fn fence(log: &dyn Log, name: &str) -> Box<dyn Fenced> {
    within(log.fence(name)).await.expect("the name can be taken")
}

async fn append_as(writer: &mut dyn Fenced, records: Vec<NewRecord>) -> Vec<Appended> {
    within(writer.append(records))
        .await
        .expect("the log takes the records")
}

async fn values(log: &dyn Log, partition: &TopicPartition) -> Vec<Bytes> {
    let records = read_all(log, partition, 0).await;
    records.into_iter().map(|record| record.value).collect()
}

/// A call may go to several topics; each record has its place, and each partition the order given.
pub async fn call_of_a_writer_keeps_its_order_over_topics(fixture: Fixture) {
    let mut writer = fence(&*fixture.log, NAME).await;
    let (one, other) = (fixture.partition(1), fixture.compacted());
    assert_eq!(append_as(&mut *writer, Vec::new()).await, []);
    let mut appended: BTreeMap<TopicPartition, Vec<u64>> = BTreeMap::new();
    for call in 0..3 {
        let to = |n| if n % 2 == 0 { &one } else { &other };
        let records: Vec<NewRecord> = (0..20).map(|n| record(to(n), format!("{call} {n:02}"))).collect();
        let places = records.iter().map(|record| record.to.clone());
        let results = append_as(&mut *writer, records.clone()).await;
        assert_eq!(results.len(), 20);
        for (place, result) in places.zip(results) {
            appended.entry(place).or_default().push(result.offset);
        }
    }
    for partition in [one, other] {
        let read = read_all(&*fixture.log, &partition, 0).await;
        assert_eq!(offsets(&read), appended[&partition]);
        assert!(read.is_sorted_by(|one, next| one.value < next.value));
    }
}

/// Whoever takes the name is the only one who appends under it.
pub async fn older_holder_of_a_name_appends_nothing(fixture: Fixture) {
    let mut first = fence(&*fixture.log, NAME).await;
    append_as(&mut *first, fixture.pair("first")).await;
    let another = (fixture.another)(&fixture.log);
    let mut second = fence(&*another, NAME).await;
    for _ in 0..2 {
        let error = within(first.append(fixture.pair("late"))).await;
        let error = error.expect_err("somebody else has the name");
        assert!(
            matches!(&error, Error::Fenced { name } if name == NAME),
            "{error:?}"
        );
        assert_eq!(error.class(), Class::Transient);
    }
    append_as(&mut *second, fixture.pair("second")).await;
    let mut third = fence(&*fixture.log, NAME).await;
    assert!(within(second.append(fixture.pair("late"))).await.is_err());
    append_as(&mut *third, fixture.pair("third")).await;
    for partition in [fixture.partition(0), fixture.compacted()] {
        assert_eq!(values(&*another, &partition).await, ["first", "second", "third"]);
    }
}

/// Writers of different names do not know of each other.
pub async fn names_have_writers_of_their_own(fixture: Fixture) {
    let mut one = fence(&*fixture.log, NAME).await;
    let mut other = fence(&*fixture.log, "other").await;
    append_as(&mut *one, fixture.pair("one")).await;
    append_as(&mut *other, fixture.pair("other")).await;
    append_as(&mut *one, fixture.pair("one again")).await;
    assert_eq!(
        values(&*fixture.log, &fixture.compacted()).await,
        ["one", "other", "one again"]
    );
}

/// A record that can't be taken keeps the others of its call out, and the writer goes on.
pub async fn refused_call_of_a_writer_appends_nothing(fixture: Fixture) {
    let mut writer = fence(&*fixture.log, NAME).await;
    let unknown = TopicPartition::new(fixture.topic.as_str(), super::PARTITIONS);
    let large = record(&fixture.partition(2), vec![0; fixture.max_record_bytes]);
    for (bad, class) in [
        (large, Class::Poison),
        (record(&unknown, "unknown"), Class::Fatal),
    ] {
        let mut records = fixture.pair("refused");
        records.push(bad);
        let error = within(writer.append(records)).await;
        assert_eq!(error.expect_err("one can't be taken").class(), class);
    }
    let bytes = fixture.max_record_bytes / 2;
    let records = numbered(
        &fixture.partition(0),
        fixture.max_in_flight_bytes / bytes + 1,
        bytes,
    );
    let error = within(writer.append(records)).await;
    assert!(matches!(error, Err(Error::Full { .. })), "{error:?}");
    append_as(&mut *writer, fixture.pair("taken")).await;
    for partition in [fixture.partition(0), fixture.compacted()] {
        assert_eq!(values(&*fixture.log, &partition).await, ["taken"]);
    }
}

/// A partition shows a call whole, however it is written.
pub async fn readers_see_a_call_of_a_writer_whole(fixture: Fixture) {
    const CALLS: usize = 10;
    const RECORDS: usize = 12;
    let mut writer = fence(&*fixture.log, NAME).await;
    let (to, bytes) = (fixture.partition(0), fixture.max_record_bytes / 2);
    let records = numbered(&to, RECORDS, bytes);
    let writing = tokio::spawn(async move {
        for _ in 0..CALLS {
            append_as(&mut *writer, records.clone()).await;
        }
    });
    let mut seen = 0;
    while seen < CALLS * RECORDS {
        seen = read_to_the_end(&*fixture.log, &to).await;
        assert_eq!(seen % RECORDS, 0, "a part of a call is seen");
    }
    within(writing).await.expect("the writer finishes");
}

/// How many records there are up to where a reader sees the end. The bounds of a log may already tell of a call that
/// no reader sees yet.
async fn read_to_the_end(log: &dyn Log, partition: &TopicPartition) -> usize {
    let (mut next, mut count) = (0, 0);
    loop {
        let read = within(log.read(partition, next, 64 << 10, Duration::from_millis(1))).await;
        let read = read.expect("the log can be read");
        if read.records.is_empty() && read.next == next {
            return count;
        }
        (next, count) = (read.next, count + read.records.len());
    }
}

/// Reading on gets to the end, and reading in front of it works, whatever offsets hold no record.
pub async fn reading_on_gets_to_the_end_behind_a_writer(fixture: Fixture) {
    let to = fixture.partition(0);
    let mut writer = fence(&*fixture.log, NAME).await;
    for call in 0..3 {
        append_as(&mut *writer, numbered(&to, 2, call)).await;
    }
    let end = fixture.log.bounds(&to).await.expect("bounds").end;
    for from in 0..=end {
        let (mut next, mut count) = (from, 0);
        while next < end {
            // It never waits where it has something to tell.
            let read = within(fixture.log.read(&to, next, 1, 10 * DEADLINE)).await;
            let read = read.expect("every offset up to the end can be read");
            assert!(read.next > next, "{} after {next}", read.next);
            assert!(read.records.iter().all(|record| record.offset >= next));
            (next, count) = (read.next, count + read.records.len());
        }
        assert_eq!(next, end);
        let later = read_all(&*fixture.log, &to, 0).await;
        assert_eq!(count, later.iter().filter(|record| record.offset >= from).count());
    }
    let nothing = Read {
        records: Vec::new(),
        next: end,
    };
    for wait in [Duration::ZERO, QUIET] {
        let read = within(fixture.log.read(&to, end, 1, wait)).await;
        assert_eq!(read.expect("the end can be read"), nothing);
    }
    let above = within(fixture.log.read(&to, end + 1, 1, Duration::ZERO)).await;
    assert!(matches!(above, Err(Error::OffsetOutOfRange { .. })), "{above:?}");
}

/// The record that removes a key is read with an empty value, by whoever appended it.
pub async fn removal_of_a_key_is_read_as_an_empty_value(fixture: Fixture) {
    let to = fixture.compacted();
    let mut writer = fence(&*fixture.log, NAME).await;
    append_as(&mut *writer, vec![record(&to, "value")]).await;
    append_as(&mut *writer, vec![record(&to, "")]).await;
    append(&*fixture.log, vec![record(&to, "again"), record(&to, "")]).await;
    let read = read_all(&*fixture.log, &to, 0).await;
    let values: Vec<&[u8]> = read.iter().map(|record| &*record.value).collect();
    assert_eq!(values, [&b"value"[..], b"", b"again", b""]);
    assert!(
        read.iter()
            .all(|record| record.key == "key" && record.headers.len() == 1)
    );
}

/// What several processes append without a name is there in its order beside what the writer appends.
pub async fn plain_appends_go_on_beside_a_writer(fixture: Fixture) {
    const CALLS: usize = 30;
    let to = fixture.partition(0);
    let mut writer = fence(&*fixture.log, NAME).await;
    let plain: Vec<JoinHandle<()>> = ["a", "b"]
        .map(|name| {
            let (log, to) = ((fixture.another)(&fixture.log), to.clone());
            tokio::spawn(async move {
                for call in 0..CALLS {
                    append(&*log, vec![record(&to, format!("{name}{call:02}"))]).await;
                }
            })
        })
        .into();
    for call in 0..CALLS {
        append_as(&mut *writer, vec![record(&to, format!("w{call:02}"))]).await;
    }
    for plain in plain {
        within(plain).await.expect("it finishes");
    }
    let values = values(&*fixture.log, &to).await;
    assert_eq!(values.len(), 3 * CALLS);
    for name in [b'a', b'b', b'w'] {
        let own = values.iter().filter(|value| value[0] == name);
        assert!(own.is_sorted(), "{values:?}");
    }
}

/// Taking a name from a writer that is at work leaves each of its calls whole or not there, and nothing comes later.
pub async fn name_is_taken_from_a_writer_at_work(fixture: Fixture) {
    let another = (fixture.another)(&fixture.log);
    for round in 0..3 {
        let name = format!("writer {round}");
        let mut first = fence(&*fixture.log, &name).await;
        let (done, mut acknowledged) = watch::channel(0);
        let (one, other) = (fixture.partition(0), fixture.compacted());
        let at_work = tokio::spawn(async move {
            for call in 1.. {
                let value = format!("{round} {call:04}");
                let records = vec![record(&one, value.clone()), record(&other, value)];
                match first.append(records).await {
                    Ok(_) => done.send_replace(call),
                    Err(Error::Fenced { .. }) => break,
                    // Whether this one is there is not known; the next one is refused.
                    Err(error) => {
                        assert_eq!(error.class(), Class::Transient);
                        continue;
                    }
                };
            }
        });
        within(acknowledged.wait_for(|done| *done > 5))
            .await
            .expect("the writer is at work");
        let mut second = fence(&*another, &name).await;
        let fenced: Vec<usize> = both(&fixture, &another, round).await;
        append_as(&mut *second, fixture.pair("second")).await;
        within(at_work).await.expect("the writer is told");
        let acknowledged = *acknowledged.borrow();
        assert!(fenced.len() >= acknowledged, "{fenced:?} of {acknowledged}");
        assert!(fenced.is_sorted_by(|one, next| one + 1 == *next), "{fenced:?}");
        assert_eq!(both(&fixture, &another, round).await, fenced);
    }
}

/// The calls of a round, of which both topics have the same.
async fn both(fixture: &Fixture, log: &Arc<dyn Log>, round: usize) -> Vec<usize> {
    let mut calls = Vec::new();
    for partition in [fixture.partition(0), fixture.compacted()] {
        let values = values(&**log, &partition).await;
        let prefix = format!("{round} ");
        let number = |value: &Bytes| {
            let text = std::str::from_utf8(value).expect("values are texts");
            text.strip_prefix(&prefix)?.parse::<usize>().ok()
        };
        calls.push(values.iter().filter_map(number).collect::<Vec<usize>>());
    }
    assert_eq!(calls[0], calls[1], "a call is there in part");
    calls.swap_remove(0)
}
