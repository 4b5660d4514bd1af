//! Appending and reading.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{
    DEADLINE, Fixture, QUIET, append, next, numbered, offsets, read_all, record, take_share, within,
};
use crate::port::{Bounds, Class, Error, Notice, Read};
use crate::record::{NewRecord, TopicPartition};

/// Key, value, headers, offset and append time are read as they were given, in order.
pub async fn records_are_read_as_they_were_appended(fixture: Fixture) {
    let to = fixture.partition(1);
    let records: Vec<NewRecord> = (0..50_u8)
        .map(|number| NewRecord {
            to: to.clone(),
            key: Bytes::from(vec![number; usize::from(number % 5)]),
            value: Bytes::from(vec![number; usize::from(number)]),
            headers: (0..number % 3)
                .map(|n| ("name".into(), Bytes::from(vec![n])))
                .collect(),
        })
        .collect();
    let appended = append(&*fixture.log, records.clone()).await;
    let read = read_all(&*fixture.log, &to, 0).await;
    assert_eq!(read.len(), records.len());
    for ((read, record), appended) in read.iter().zip(&records).zip(&appended) {
        assert_eq!(
            (read.offset, read.appended_at_ms),
            (appended.offset, appended.appended_at_ms)
        );
        assert_eq!(
            (&read.key, &read.value, &read.headers),
            (&record.key, &record.value, &record.headers)
        );
    }
}

/// One call to several partitions gives each record its own result; per partition they ascend.
pub async fn offsets_ascend_within_a_call(fixture: Fixture) {
    let records = (0..40)
        .map(|n| record(&fixture.partition(n % 3), n.to_string()))
        .collect();
    let appended = append(&*fixture.log, records).await;
    for partition in 0..3 {
        let of_partition: Vec<u64> = appended
            .iter()
            .skip(partition)
            .step_by(3)
            .map(|appended| appended.offset)
            .collect();
        let expected: Vec<u64> = (0..of_partition.len() as u64).collect();
        assert_eq!(of_partition, expected);
    }
}

/// Calls that run at the same time interleave, each in its own order, and nothing is lost.
pub async fn concurrent_appenders_lose_nothing(fixture: Fixture) {
    let to = fixture.partition(0);
    let mut appenders = JoinSet::new();
    for appender in 0..8 {
        let (log, to) = (fixture.log.clone(), to.clone());
        appenders.spawn(async move {
            for call in 0..10 {
                let records = (0..20)
                    .map(|n| record(&to, format!("{appender} {:03}", call * 20 + n)))
                    .collect();
                append(&*log, records).await;
            }
        });
    }
    while let Some(done) = appenders.join_next().await {
        done.expect("an appender finishes");
    }
    let read = read_all(&*fixture.log, &to, 0).await;
    assert_eq!(offsets(&read), (0..1_600).collect::<Vec<u64>>());
    for appender in 0..8 {
        let prefix = format!("{appender} ");
        let own: Vec<_> = read
            .iter()
            .map(|r| r.value.clone())
            .filter(|v| v.starts_with(prefix.as_bytes()))
            .collect();
        assert_eq!(own.len(), 200);
        assert!(own.is_sorted(), "records of one appender keep their order");
    }
}

/// A call without records is answered without results.
pub async fn an_empty_call_has_no_results(fixture: Fixture) {
    assert!(within(fixture.log.append(Vec::new())).await.is_empty());
}

/// At the end, a read waits and wakes as soon as there is a record.
pub async fn read_waits_for_the_next_record(fixture: Fixture) {
    let to = fixture.partition(2);
    append(&*fixture.log, vec![record(&to, "first")]).await;
    let (log, from) = (fixture.log.clone(), to.clone());
    let reader = tokio::spawn(async move { log.read(&from, 1, 1 << 20, 2 * DEADLINE).await });
    append(&*fixture.log, vec![record(&to, "second")]).await;
    let read = within(reader)
        .await
        .expect("the reader finishes")
        .expect("the log can be read");
    assert_eq!(read.records[0].value, "second");
}

/// A read that waits for nothing ends empty, and not before its time.
pub async fn read_gives_up_when_nothing_comes(fixture: Fixture) {
    let started = Instant::now();
    let read = within(fixture.log.read(&fixture.partition(0), 0, 1 << 20, QUIET)).await;
    let nothing = Read {
        records: Vec::new(),
        next: 0,
    };
    assert_eq!(read.expect("the log can be read"), nothing);
    assert!(started.elapsed() >= QUIET);
}

/// Reading above the end is refused; reading at the end is not.
pub async fn read_outside_of_the_bounds_is_out_of_range(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 3, 0)).await;
    let at_end = within(fixture.log.read(&to, 3, 1 << 20, Duration::ZERO)).await;
    let nothing = Read {
        records: Vec::new(),
        next: 3,
    };
    assert_eq!(at_end.expect("the end can be read"), nothing);
    let above = within(fixture.log.read(&to, 4, 1 << 20, Duration::ZERO)).await;
    let error = above.expect_err("nothing is above the end");
    assert!(
        matches!(
            error,
            Error::OffsetOutOfRange {
                offset: 4,
                start: 0,
                end: 3,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.class(), Class::Fatal);
}

/// A read gives about as much as was asked for, and one record if that is more.
pub async fn read_keeps_to_its_bytes_but_gives_one(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 20, 1_000)).await;
    let small = within(fixture.log.read(&to, 5, 1, Duration::ZERO))
        .await
        .expect("the log can be read");
    assert_eq!((offsets(&small.records), small.next), (vec![5], 6));
    let some = within(fixture.log.read(&to, 0, 5_000, Duration::ZERO))
        .await
        .expect("the log can be read");
    assert!(
        (1..=5).contains(&some.records.len()),
        "{} records",
        some.records.len()
    );
}

/// An empty partition has equal bounds; the end moves with each record.
pub async fn bounds_follow_the_appends(fixture: Fixture) {
    let to = fixture.partition(3);
    assert_eq!(
        fixture.log.bounds(&to).await.expect("bounds"),
        Bounds { start: 0, end: 0 }
    );
    append(&*fixture.log, numbered(&to, 7, 0)).await;
    assert_eq!(
        fixture.log.bounds(&to).await.expect("bounds"),
        Bounds { start: 0, end: 7 }
    );
    let other = fixture.log.bounds(&fixture.partition(0)).await.expect("bounds");
    assert_eq!(other, Bounds { start: 0, end: 0 });
}

/// What does not exist is refused by every call, for good.
pub async fn unknown_partition_is_refused(fixture: Fixture) {
    let Fixture { log, topic, .. } = &fixture;
    assert_eq!(
        log.partitions(topic).await.expect("the topic is there"),
        super::PARTITIONS
    );
    let unknown = TopicPartition::new(topic.as_str(), super::PARTITIONS);
    let mut results = within(log.append(vec![
        record(&unknown, "lost"),
        record(&fixture.partition(0), "kept"),
    ]))
    .await;
    assert!(results.pop().expect("a result per record").is_ok());
    let error = results
        .pop()
        .expect("a result per record")
        .expect_err("there is no such partition");
    assert!(matches!(error, Error::UnknownPartition { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Fatal);
    assert!(log.bounds(&unknown).await.is_err());
    assert!(log.read(&unknown, 0, 1, Duration::ZERO).await.is_err());
    assert!(log.partitions("no-such-topic").await.is_err());
    assert!(log.consumer(&fixture.group, &["no-such-topic"]).await.is_err());
}

/// A record that is too large fails alone.
pub async fn too_large_record_is_poison_and_the_others_go_on(fixture: Fixture) {
    let to = fixture.partition(0);
    let large = vec![0; fixture.max_record_bytes];
    let records = vec![record(&to, "before"), record(&to, large), record(&to, "after")];
    let results = within(fixture.log.append(records)).await;
    let error = results[1].clone().expect_err("the record is too large");
    assert_eq!(error.class(), Class::Poison);
    assert!(results[0].is_ok() && results[2].is_ok());
    let values: Vec<_> = read_all(&*fixture.log, &to, 0)
        .await
        .into_iter()
        .map(|r| r.value)
        .collect();
    assert_eq!(values, ["before", "after"]);
}

/// A call that does not fit is refused whole, at once, and takes no room.
pub async fn full_buffer_is_refused_at_once(fixture: Fixture) {
    let to = fixture.partition(0);
    let bytes = fixture.max_record_bytes / 2;
    let records = numbered(&to, fixture.max_in_flight_bytes / bytes + 1, bytes);
    for result in within(fixture.log.append(records)).await {
        let error = result.expect_err("the call does not fit");
        assert!(matches!(error, Error::Full { .. }), "{error:?}");
        assert_eq!(error.class(), Class::Transient);
    }
    assert_eq!(fixture.log.bounds(&to).await.expect("bounds").end, 0);
    append(&*fixture.log, numbered(&to, 2, bytes)).await;
}

/// What was acknowledged is there after the log was closed and opened, and offsets go on.
pub async fn acknowledged_records_survive_reopening(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 100, 100)).await;
    let before = read_all(&*fixture.log, &to, 0).await;
    let Fixture { log, reopen, .. } = fixture;
    let log = within(reopen(log)).await;
    assert_eq!(read_all(&*log, &to, 0).await, before);
    let appended = append(&*log, vec![record(&to, "next")]).await;
    assert_eq!(appended[0].offset, 100);
}

/// What a group has committed is there after the log was closed and opened.
pub async fn commits_survive_reopening(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 10, 0)).await;
    let mut consumer = fixture.consumer().await;
    take_share(&mut *consumer, 4).await;
    within(consumer.commit(&to, 6))
        .await
        .expect("the commit is taken");
    drop(consumer);
    let Fixture {
        log,
        reopen,
        topic,
        group,
        ..
    } = fixture;
    let log: Arc<_> = within(reopen(log)).await;
    let mut consumer = log
        .consumer(&group, &[&topic])
        .await
        .expect("a consumer can join");
    let share = take_share(&mut *consumer, 4).await;
    assert!(share.contains(&(to.clone(), Some(6))), "{share:?}");
    let Notice::Records(from, records) = next(&mut *consumer).await else {
        panic!("expected records")
    };
    assert_eq!((from, records[0].offset), (to, 6));
    let others: HashSet<_> = share.iter().filter_map(|(_, committed)| *committed).collect();
    assert_eq!(others, HashSet::from([6]));
}
